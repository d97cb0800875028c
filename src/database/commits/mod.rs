//! Group commit: the sealed transactions of one database on their way to the store.
//!
//! When SQLite commits, its pages are *sealed*: they lie above the durable ones, where the next transaction sees
//! them, and SQLite goes on. One commit of a database is under way at a time. What is sealed meanwhile gathers,
//! and goes together as the next one, so that many transactions share a round trip and a flush.
//!
//! An answer passes a *gate*: it leaves when everything that it can have seen is durable. If a commit fails, all
//! that is sealed is lost, and every answer at the gate is replaced by the error.
//!
//! `layer`, `pending` and `gate` decide and know nothing of threads; `group` has the lock, the engine and the
//! callers; `flight` carries one commit after the other, as a task that `way` moves on. `docs/correctness/database.md` has the argument.

mod flight;
mod gate;
mod group;
mod hurry;
mod layer;
mod loss;
mod pending;
mod way;

pub(crate) use gate::Gated;
pub(crate) use group::{GroupCommit, Outcomes, deliver};
pub(crate) use layer::Layer;
pub(crate) use loss::Lost;
pub(crate) use pending::{Found, Landed, Mark};
