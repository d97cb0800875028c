//! The integration tests, as one binary, so that the crate is linked once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a test says what it met, and why it was skipped")]

mod backends;
mod commits;
mod foundationdb;
mod history;
mod inspection;
mod ownership;
#[cfg(unix)]
mod sharing;
mod sql;
mod support;
mod survival;
mod transfer;
