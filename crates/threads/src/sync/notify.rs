//! Tokio's `Notify`, as far as it is used: everybody who waits is told.

use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use super::point;

#[derive(Default)]
struct State {
    /// How often was told.
    told: u64,
    waiting: Vec<Waker>,
}

/// Tells those who wait.
#[derive(Default)]
pub(crate) struct Notify(std::sync::Mutex<State>);

/// The next time that is told after this was made.
pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    told_before: u64,
}

impl Notify {
    pub(crate) fn notified(&self) -> Notified<'_> {
        point();
        let told_before = self.0.lock().unwrap_or_else(PoisonError::into_inner).told;
        Notified { notify: self, told_before }
    }

    pub(crate) fn notify_waiters(&self) {
        point();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.told += 1;
        for waker in state.waiting.drain(..) {
            waker.wake();
        }
    }
}

impl Notified<'_> {
    /// Tokio's tells whether it is over; it counts from when it was made.
    pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
        self.notify.0.lock().unwrap_or_else(PoisonError::into_inner).told > self.told_before
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.notify.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.told > self.told_before {
            return Poll::Ready(());
        }
        state.waiting.push(context.waker().clone());
        Poll::Pending
    }
}
