//! A lock and a condition, whose waits with a time limit end when the test lets time pass.

use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult};
use std::task::{Poll, Waker};
use std::time::Duration;

use shuttle::rand::Rng;

use super::{block_on, point};

/// A lock.
#[derive(Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

/// A lock that is held.
pub(crate) struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    held: shuttle::sync::MutexGuard<'a, T>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        match self.0.lock() {
            Ok(held) => Ok(MutexGuard { lock: self, held }),
            Err(poison) => Err(PoisonError::new(MutexGuard { lock: self, held: poison.into_inner() })),
        }
    }

    pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(held) => Ok(MutexGuard { lock: self, held }),
            Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
            Err(TryLockError::Poisoned(poison)) => Ok(MutexGuard { lock: self, held: poison.into_inner() }),
        }
    }

    pub(crate) fn get_mut(&mut self) -> LockResult<&mut T> {
        self.0.get_mut()
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.held
    }
}

/// Why a wait is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Notified,
    TimedOut,
}

/// Somebody who waits. Plain data: no other thread runs between two points.
#[derive(Default)]
struct Waiter(std::sync::Mutex<(Option<End>, Option<Waker>)>);

impl Waiter {
    /// Ends the wait, unless it is over.
    fn end(&self, end: End) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_some() {
            return false;
        }
        state.0 = Some(end);
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
        true
    }

    async fn wait(&self) -> End {
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.1 = Some(context.waker().clone());
            state.0.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Those who wait with a time limit, and whether time passes by itself.
#[derive(Default)]
struct Time {
    passes: bool,
    waiting: Vec<Arc<Waiter>>,
}

shuttle::lazy_static! {
    static ref TIME: std::sync::Mutex<Time> = std::sync::Mutex::default();
}

/// Ends the waits whose time limit has begun before.
pub(crate) fn let_time_pass() {
    point();
    let waiting = std::mem::take(&mut TIME.lock().unwrap_or_else(PoisonError::into_inner).waiting);
    for waiter in waiting {
        waiter.end(End::TimedOut);
    }
}

/// From now on whoever waits with a time limit waits in vain: a test that is over says so, and threads end.
pub(crate) fn stop_the_clock_of_waits() {
    TIME.lock().unwrap_or_else(PoisonError::into_inner).passes = true;
    let_time_pass();
}

fn begin_limit(waiter: &Arc<Waiter>) {
    let mut time = TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if time.passes {
        waiter.end(End::TimedOut);
    } else {
        time.waiting.push(Arc::clone(waiter));
    }
}

/// Waits until time has passed.
pub(crate) async fn wait_for_time() {
    let waiter = Arc::new(Waiter::default());
    begin_limit(&waiter);
    waiter.wait().await;
}

/// Whether a wait ended with its time.
pub(crate) struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

/// A condition to wait for.
#[derive(Default)]
pub(crate) struct Condvar(std::sync::Mutex<Vec<Arc<Waiter>>>);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notify_one(&self) {
        point();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whom the operating system would take is not ours to know.
        while !waiting.is_empty() {
            let index = shuttle::rand::thread_rng().gen_range(0..waiting.len());
            if waiting.swap_remove(index).end(End::Notified) {
                return;
            }
        }
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let waiter = Arc::new(Waiter::default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&waiter));
        let lock = guard.lock;
        drop(guard);
        block_on(waiter.wait());
        lock.lock()
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let waiter = Arc::new(Waiter::default());
        begin_limit(&waiter);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&waiter));
        let lock = guard.lock;
        drop(guard);
        let end = block_on(waiter.wait());
        let timed_out = WaitTimeoutResult(end == End::TimedOut);
        match lock.lock() {
            Ok(guard) => Ok((guard, timed_out)),
            Err(poison) => Err(PoisonError::new((poison.into_inner(), timed_out))),
        }
    }
}
