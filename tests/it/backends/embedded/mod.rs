//! The embedded backend: the contract, and what only it has.

#![expect(clippy::unwrap_used, reason = "clippy only knows test functions as tests, not their helpers")]

mod batches;
mod checkpoints;
mod conformance;
mod opening;
mod processes;
mod support;
mod values;
