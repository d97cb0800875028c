//! Deterministic simulation: processes that start, race, commit, read, import, delete, pause and die around one
//! store, in an order that one seed decides, and an auditor that checks every transaction and every answer.
//! `docs/testing.md` says what it proves and how to replay a seed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a test says what it met")]

mod answers;
mod audit;
mod burst;
mod campaign;
mod client;
mod content;
mod damage;
mod draw;
mod history;
mod ledger;
mod mutants;
mod network;
mod process;
mod scheduler;
mod shadow;
mod simulation;
mod sql_client;
mod stream;
mod world;
