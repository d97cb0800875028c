//! A commit that LMDB shows and the disk does not have yet: nobody in this process reads it before the disk has
//! it.
//!
//! Commits through the journal are on the disk before LMDB shows them. A commit that is too large for the
//! journal is shown first.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::sync::{Condvar, Mutex};

/// How long a read waits.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The commit, if there is one.
#[derive(Debug, Default)]
pub(in crate::kv::embedded) struct Unsettled {
    /// Its number; 0: none.
    number: AtomicUsize,
    lock: Mutex<()>,
    changed: Condvar,
}

/// Shows the commit when it is dropped.
pub(in crate::kv::embedded) struct Hidden<'u>(Option<&'u Unsettled>);

impl Unsettled {
    /// Hides the commit with this number, which does not exist yet.
    pub(in crate::kv::embedded) fn hide(&self, number: usize) -> Hidden<'_> {
        self.number.store(number, Ordering::SeqCst);
        Hidden(Some(self))
    }

    /// Everything is on the disk.
    pub(in crate::kv::embedded) fn settle(&self) {
        if self.number.swap(0, Ordering::SeqCst) != 0 {
            let _held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.changed.notify_all();
        }
    }

    /// Whether a read of the state of commit `number` has to wait. If so, waits until it has changed; `false`
    /// if that takes too long.
    pub(in crate::kv::embedded) fn wait(&self, number: usize) -> bool {
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let is_hidden = |(): &mut ()| self.is_hidden(number);
        let waited = self.changed.wait_timeout_while(held, WAIT_MAX, is_hidden);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Whether the state of commit `number` may be lost with the power.
    pub(in crate::kv::embedded) fn is_hidden(&self, number: usize) -> bool {
        let hidden = self.number.load(Ordering::SeqCst);
        hidden != 0 && number >= hidden
    }
}

impl Hidden<'_> {
    /// It stays hidden until a checkpoint has it.
    pub(in crate::kv::embedded) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        if let Some(unsettled) = self.0 {
            unsettled.settle();
        }
    }
}
