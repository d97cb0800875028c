//! Waits for the client's futures.
//!
//! `FdbFuture::poll` of the `foundationdb` crate (0.11) looks for its result *before* it takes the waker of this poll, and
//! not again behind it. A result that comes in between wakes the waker of the poll before. If that is another one, because
//! the task has made its first step on another thread, nobody hears of the result: the client tells of it once. The
//! task would wait for ever, and no time limit ends that.

use std::future::poll_fn;
use std::task::Poll;

use futures::future::FutureExt;

/// Waits for a future of the client. It is asked twice: when it looks for its result the second time, it has the
/// waker already, so a result that came in between is found, and a later one wakes that waker.
pub(super) async fn heard<T>(mut future: impl Future<Output = T> + Unpin) -> T {
    poll_fn(|context| match future.poll_unpin(context) {
        Poll::Pending => future.poll_unpin(context),
        ready @ Poll::Ready(_) => ready,
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    use super::*;

    /// Looks for its result as the client's futures do. The result comes during one of the polls, between the look and
    /// the change of the waker.
    struct LooksFirst {
        comes_in: usize,
        polls: usize,
        has_come: bool,
        waker: Option<Waker>,
    }

    impl Future for LooksFirst {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if self.has_come {
                return Poll::Ready(());
            }
            if self.polls == self.comes_in {
                self.has_come = true;
                if let Some(before) = self.waker.take() {
                    before.wake();
                }
            }
            self.polls += 1;
            self.waker = Some(context.waker().clone());
            Poll::Pending
        }
    }

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether a task hears of the result that makes its first step elsewhere.
    fn is_heard(future: impl Future<Output = ()>) -> bool {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let elsewhere = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        elsewhere.is_ready()
            || future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
            || woken.0.load(Ordering::SeqCst) > 0
    }

    #[test]
    fn a_result_is_heard_of_whenever_it_comes() {
        let result = |comes_in| LooksFirst { comes_in, polls: 0, has_come: false, waker: None };
        assert!(!is_heard(result(1)), "the client loses it");
        for comes_in in 0..4 {
            assert!(is_heard(heard(result(comes_in))), "poll {comes_in}");
        }
    }
}
