//! The Node.js addon: takes checked arguments, starts the work on the addon's runtime, converts the answer.
//! No rule lives here, and no other module knows Node.
//!
//! `lib/` (JavaScript) stands between this module and users. It checks every argument, names the wrong one,
//! and turns a [`failure`](error::Failure) into a `BatonError` with a stack. So the arguments that reach this
//! module have the right types; the engine refuses whatever else is wrong with them.
//!
//! Every method keeps two rules:
//!
//! - Rust owns the arguments before the method returns. A worker thread can be terminated while its call is
//!   running, and its memory is gone then, whatever references exist.
//! - A method resolves even when it fails: to the result or to a failure. It rejects only if Node-API itself
//!   fails.

mod answer_queue;
mod convert;
mod database;
mod error;
mod history;
mod inspection;
mod logger;
mod metrics;
mod migration;
mod options;
mod points;
mod runtime;
mod status;
mod store;
mod streams;
mod tenants;
mod traceparent;
mod usage;
mod wake_queue;
