//! The bodies of the fuzz targets, each a function of bytes that panics where something is wrong. cargo-fuzz runs them
//! from `fuzz/`, with bytes that libFuzzer makes up; the tests beside replay its corpora.

pub mod arguments;
pub mod changesets;
pub mod decoders;
pub mod host;
pub mod input;
pub mod plans;
pub mod sql;
#[path = "../../it/sql/values.rs"]
pub mod values;
pub mod vfs;
