//! The embedded backend: the contract, and what only it has.

mod batches;
mod conformance;
mod opening;
mod processes;
mod support;
mod values;
