//! The integration tests, as one binary, so that the crate is linked once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a test says what it met, and why it was skipped")]

mod basics;
mod bounds;
mod copies;
mod costs;
mod crash;
mod damage;
mod deletions;
#[cfg(unix)]
mod disk;
mod early;
mod faults;
mod foundationdb;
mod free_list;
mod full;
mod health;
mod hints;
mod ids;
mod interleave;
mod kv_embedded;
mod kv_memory;
mod large;
mod lifecycle;
mod metrics;
mod migration;
mod model;
#[cfg(unix)]
mod power;
#[cfg(unix)]
mod private_files;
mod races;
#[cfg(unix)]
mod resources;
#[cfg(unix)]
mod sharing;
mod slices;
mod space;
mod sql;
mod stages;
mod storm;
mod support;
mod tracing;
mod transfer;
mod verify;
