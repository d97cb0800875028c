//! An environment whose clock a test moves, and whose background tasks it runs or drops.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use batondb::env::Env;
use batondb::types::Token;
use futures::future::{BoxFuture, FutureExt};

/// A clock that stands still until it is moved, and tokens that are numbers.
#[derive(Clone, Default)]
pub struct Clock {
    now_ms: Arc<AtomicU64>,
    drawn: Arc<AtomicU64>,
    spawned: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
}

impl Clock {
    /// At this time, in milliseconds since 1970-01-01 UTC.
    pub fn at(now_ms: u64) -> Self {
        let clock = Self::default();
        clock.now_ms.store(now_ms, Ordering::SeqCst);
        clock
    }

    pub fn now(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    /// Runs what waits in the background, and what that adds.
    pub async fn run_background(&self) {
        loop {
            let tasks = std::mem::take(&mut *self.spawned.lock().unwrap());
            if tasks.is_empty() {
                return;
            }
            for task in tasks {
                task.await;
            }
        }
    }

    /// Drops what waits in the background, as the end of a process does.
    pub fn drop_background(&self) {
        self.spawned.lock().unwrap().clear();
    }

    pub fn advance(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Env for Clock {
    fn now_ms(&self) -> u64 {
        self.now()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now())
    }

    fn token(&self) -> Token {
        let mut token = [0; 16];
        token[8..].copy_from_slice(&(self.drawn.fetch_add(1, Ordering::SeqCst) + 1).to_be_bytes());
        Token(token)
    }

    fn random_below(&self, _: u64) -> u64 {
        0
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        futures::future::ready(()).boxed()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.spawned.lock().unwrap().push(task);
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }

    fn block_on(&self, task: BoxFuture<'_, ()>) {
        futures::executor::block_on(task);
    }
}
