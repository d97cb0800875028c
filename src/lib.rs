//! Baton: a SQLite database for every actor, and never more than one writer.
//!
//! This crate is the Rust half of the npm package `batondb`. Its public surface is the Node.js addon in
//! `src/node`; the modules below are open to the crate's own tests and benches and promise nothing to
//! others. Dependencies point down this list only:
//!
//! - `node`: the addon: checks arguments, spawns, converts
//! - [`database`]: a SQLite database for each actor
//! - [`engine`]: the operations: transactions, retries, lost answers
//! - [`plan`]: the decisions, as pure functions
//! - [`codec`]: keys and values, byte by byte
//! - [`kv`]: ordered key-value backends and their contract
//! - [`types`], [`env`](mod@env), [`metrics`], `sync`: words; the clock and chance; numbers for operators; locks,
//!   channels and threads
//! - `planted`: bugs on purpose, for the tests of the tests; not in a release build
//!
//! `docs/ARCHITECTURE.md` is the map.

mod blocking;
pub mod codec;
pub mod database;
pub mod engine;
pub mod env;
pub mod kv;
pub mod metrics;
mod node;
pub mod plan;
#[cfg(not(feature = "testing"))]
mod planted;
#[cfg(feature = "testing")]
pub mod planted;
mod sync;
pub mod types;
