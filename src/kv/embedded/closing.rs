//! Waits until an environment has closed.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Lets a thread wait until LMDB has closed.
#[derive(Clone, Default)]
pub(super) struct Closing(Arc<(Mutex<bool>, Condvar)>);

impl Closing {
    /// Waits up to `limit`; returns whether it has closed.
    pub(super) fn wait_timeout(&self, limit: Duration) -> bool {
        let (is_over, changed) = &*self.0;
        let is_over = is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(is_over, limit, |is_over| !*is_over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Signals the closing when it is dropped.
#[derive(Default)]
pub(super) struct ClosingOnDrop(Closing);

impl ClosingOnDrop {
    /// Something to wait on.
    pub(super) fn closing(&self) -> Closing {
        self.0.clone()
    }
}

impl Drop for ClosingOnDrop {
    fn drop(&mut self) {
        let (is_over, changed) = &*self.0.0;
        *is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }
}
