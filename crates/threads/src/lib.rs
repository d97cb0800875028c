//! Baton's shared state under a scheduler that tries the orders in which threads can run.
//!
//! The files that share state between threads are borrowed from the main crate as they are, with `#[path]`.
//! What they name as `crate::sync` is here a set of locks, channels and threads that belong to
//! [shuttle](https://docs.rs/shuttle): each operation on them is a point at which its scheduler picks who goes
//! on. What they name besides is the main crate's, or a stand-in that watches them: `kv::embedded` has a disk
//! in memory that fails and counts in place of LMDB, `database` a session that notes who runs in place of
//! SQLite.
//!
//! `check` has the scenarios, and `tests/` runs each of them many times. Known limits: counts of references
//! (`Arc`, `Weak`) are no points, all atomics are sequentially consistent, and there are no spurious wake-ups.

#![expect(dead_code, reason = "the borrowed files have more than the scenarios need")]

#[path = "../../../src/blocking/mod.rs"]
mod blocking;
pub mod check;
mod database;
mod engine;
mod kv;
mod metrics;
mod node;
mod plan;
#[path = "../../../src/planted.rs"]
mod planted;
mod sync;
mod types;

mod env {
    pub(crate) use batondb::env::Env;
}
