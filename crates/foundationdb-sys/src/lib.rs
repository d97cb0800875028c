//! FoundationDB's C API (version 730) without linking it: the functions of `libfdb_c` are looked up in a library that is
//! loaded at run time, so that a program which uses them starts on machines that have no FoundationDB client.
//!
//! It stands in for the `foundationdb-sys` of crates.io below the `foundationdb` crate, with the same names: what that
//! crate uses is here, and nothing else. [`load`] comes first. The declarations follow `fdb_c.h` of FoundationDB 7.3
//! (Apache-2.0, <https://apple.github.io/foundationdb/api-c.html>).

#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]

mod api;
mod ending;
mod load;
mod options;
mod versions;

pub use api::*;
pub use ending::keep_out;
pub use load::{LoadError, Loaded, Search, client_version, load, loaded};
pub use options::*;
