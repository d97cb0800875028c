//! A queue with one reader, which is woken only when the first item arrives.

use std::collections::VecDeque;
use std::sync::PoisonError;

use crate::sync::{Mutex, MutexGuard};

/// A queue that any thread fills and one reader empties.
pub(super) struct WakeQueue<T>(Mutex<VecDeque<T>>);

impl<T> Default for WakeQueue<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> WakeQueue<T> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item. Returns whether the reader has to be woken: once woken, it takes items until it gets
    /// fewer than it asked for.
    pub(super) fn put(&self, item: T) -> bool {
        let mut waiting = self.lock();
        waiting.push_back(item);
        waiting.len() == 1
    }

    /// Takes up to `count` items in the order in which they arrived.
    pub(super) fn take(&self, count: usize) -> Vec<T> {
        let mut waiting = self.lock();
        let count = count.min(waiting.len());
        waiting.drain(..count).collect()
    }
}
