//! By which those who commit wake the thread that makes checkpoints.

use std::sync::{Arc, PoisonError};

use crate::sync::{Condvar, Mutex};

/// What the thread is asked for.
#[derive(Debug, Default)]
pub(in crate::kv::embedded) struct Asked {
    /// Something was written since the last checkpoint.
    pub is_awake: bool,
    /// A checkpoint is due now.
    pub is_due: bool,
    pub is_closing: bool,
}

/// What the thread and the others share.
#[derive(Debug, Default)]
pub(in crate::kv::embedded) struct Checkpointer {
    pub asked: Arc<(Mutex<Asked>, Condvar)>,
}

impl Checkpointer {
    /// Says that something was written, and whether a checkpoint is due.
    pub(in crate::kv::embedded) fn wake(&self, is_due: bool) {
        let (asked, changed) = &*self.asked;
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !asked.is_awake || (is_due && !asked.is_due);
        asked.is_awake = true;
        asked.is_due |= is_due;
        if is_new {
            changed.notify_one();
        }
    }

    /// Ends the thread soon.
    pub(in crate::kv::embedded) fn stop(&self) {
        let (asked, changed) = &*self.asked;
        asked.lock().unwrap_or_else(PoisonError::into_inner).is_closing = true;
        changed.notify_one();
    }
}
