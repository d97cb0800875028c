//! What threads and tasks wait for each other with: locks, atomics, channels, threads.
//!
//! These are those of the standard library and of tokio, under one name. The files that share state between
//! threads take them from here, so that `crates/threads` can compile the same files, unchanged, with a
//! `sync` whose every operation is a point at which a test decides which thread goes on.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
pub(crate) use std::{thread, thread_local};

pub(crate) use futures::executor::block_on;
pub(crate) use tokio::runtime::Handle as Runtime;
pub(crate) use tokio::sync::{Notify, oneshot, watch};
