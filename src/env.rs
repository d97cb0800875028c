//! What the engine needs from the world besides storage: the time, chance, and waiting.
//!
//! Everything else in the engine is a function of its inputs, so a simulation that owns an [`Env`] and a
//! backend owns every choice.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::future::{BoxFuture, FutureExt};

use crate::blocking::waiting;
use crate::types::Token;

/// The time, chance, waiting, and tasks.
pub trait Env: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01 UTC. Used for labels and leases, never for ordering.
    fn now_ms(&self) -> u64;

    /// The time since some fixed moment, which never goes back: for measuring how long something takes.
    fn elapsed(&self) -> Duration;

    /// 16 bytes that nobody else draws.
    fn token(&self) -> Token;

    /// A number from 0 up to and without `bound` (at least 1), for jitter.
    fn random_below(&self, bound: u64) -> u64;

    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Runs a task beside the caller. It is dropped, unfinished or unbegun, when the process ends.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Does something that blocks, away from the threads on which tasks run. It is not begun, or not finished, when
    /// the process ends.
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>);

    /// Waits for a task's end on a thread that may block, which is none of those on which tasks run.
    fn block_on(&self, task: BoxFuture<'_, ()>);
}

/// The real world: the system's clock and randomness, tokio's timer.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEnv;

impl Env for SystemEnv {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system for the time")]
    fn now_ms(&self) -> u64 {
        let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        elapsed.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system for the time")]
    fn elapsed(&self) -> Duration {
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        BEGINNING.get_or_init(Instant::now).elapsed()
    }

    fn token(&self) -> Token {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has randomness");
        Token(bytes)
    }

    fn random_below(&self, bound: u64) -> u64 {
        // The bias of the remainder is below 2^-32 for the small bounds of a jitter.
        getrandom::u64().expect("the operating system has randomness") % bound.max(1)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // A future that is dropped while its runtime shuts down may have no runtime left. What it wanted
        // done is noted in the store, so it is left to the next owner instead of panicking in a drop.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(task);
        }
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let work = Arc::new(Mutex::new(Some(work)));
            let queued = Arc::clone(&work);
            let take = |work: &Mutex<Option<_>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
            let run = move || {
                if let Some(work) = take(&queued) {
                    work();
                }
            };
            // It panics where no thread can be started, and keeps what it was given. The work is dropped here, which
            // its caller notices.
            if catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(run))).is_err() {
                drop(take(&work));
            }
        }
    }

    fn block_on(&self, mut task: BoxFuture<'_, ()>) {
        let mut waits = None;
        block_on(poll_fn(|context| {
            let step = task.as_mut().poll(context);
            if step.is_pending() {
                waits.get_or_insert_with(waiting::begin);
            }
            step
        }));
    }
}
