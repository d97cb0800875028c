//! Tells who shares out threads what one of them does: that it waits, so that another one may run meanwhile, and that
//! it will soon have time, so that no other one has to be woken.

use std::cell::RefCell;
use std::sync::Arc;

use crate::sync::thread_local;

/// Shares out threads.
pub(crate) trait Watcher: Send + Sync {
    /// This thread waits from here on.
    fn waits(&self);

    /// It goes on.
    fn goes_on(&self);

    /// It will have ended its work in some microseconds.
    fn has_time_soon(&self);
}

thread_local! {
    static WATCHER: RefCell<Option<Arc<dyn Watcher>>> = const { RefCell::new(None) };
}

/// From here on, `watcher` is told when this thread waits.
pub(crate) fn tell(watcher: Option<Arc<dyn Watcher>>) {
    drop(WATCHER.with(|told| told.replace(watcher)));
}

/// This thread will have ended its work in some microseconds.
pub(crate) fn has_time_soon() {
    let watcher = WATCHER.with(|told| told.borrow().clone());
    if let Some(watcher) = watcher {
        watcher.has_time_soon();
    }
}

/// This thread waits until what is returned is dropped.
pub(crate) fn begin() -> Waits {
    let watcher = WATCHER.with(|told| told.borrow().clone());
    if let Some(watcher) = &watcher {
        watcher.waits();
    }
    Waits(watcher)
}

/// A thread that waits.
pub(crate) struct Waits(Option<Arc<dyn Watcher>>);

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(watcher) = &self.0 {
            watcher.goes_on();
        }
    }
}
