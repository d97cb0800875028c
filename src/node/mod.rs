//! The Node.js addon: takes checked arguments, starts the work on the addon's runtime, converts the answer.
//! No rule lives here, and no other module knows Node.
//!
//! `lib/` (JavaScript) stands between this module and users: it checks every argument, names the wrong one,
//! and turns a [`failure`](error::Failure) into a `BatonError` with a stack. What reaches this module is
//! therefore of the right type; whatever else could be wrong with it is the engine's to refuse.
//!
//! Two things that each method keeps to:
//!
//! - Arguments are owned by Rust before the method returns. A worker thread can be terminated while its
//!   call is under way, and its memory is gone then, whatever reference is held to it.
//! - A method resolves, also when it fails: to the result or to a failure. It rejects only where Node-API
//!   itself fails.

mod answer_queue;
mod convert;
mod database;
mod error;
mod inspection;
mod logger;
mod metrics;
mod migration;
mod options;
mod runtime;
mod status;
mod store;
mod streams;
mod tenants;
mod traceparent;
mod wake_queue;
