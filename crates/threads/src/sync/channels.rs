//! Channels with the names and rules of tokio's.

use std::sync::{Arc, PoisonError};
use std::task::Waker;

/// Wakes everybody; who has nothing to do goes back to sleep.
fn wake(waiting: &mut Vec<Waker>) {
    for waker in waiting.drain(..) {
        waker.wake();
    }
}

/// Plain data that no other thread sees between two points.
struct Cell<T>(Arc<std::sync::Mutex<T>>);

impl<T> Cell<T> {
    fn new(value: T) -> Self {
        Self(Arc::new(std::sync::Mutex::new(value)))
    }

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Clone for Cell<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// One value.
pub(crate) mod oneshot {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::{Cell, wake};
    use crate::sync::point;

    struct Channel<T> {
        value: Option<T>,
        is_over: bool,
        waiting: Vec<Waker>,
    }

    pub(crate) struct Sender<T>(Cell<Channel<T>>);
    pub(crate) struct Receiver<T>(Cell<Channel<T>>);

    /// The sender is gone without a word.
    #[derive(Debug)]
    pub(crate) struct RecvError;

    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let channel = Cell::new(Channel { value: None, is_over: false, waiting: Vec::new() });
        (Sender(channel.clone()), Receiver(channel))
    }

    impl<T> Sender<T> {
        /// Takes the value, whether somebody waits for it or not.
        pub(crate) fn send(self, value: T) -> Result<(), T> {
            point();
            self.0.with(|channel| channel.value = Some(value));
            Ok(())
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            point();
            self.0.with(|channel| {
                channel.is_over = true;
                wake(&mut channel.waiting);
            });
        }
    }

    impl<T> Future for Receiver<T> {
        type Output = Result<T, RecvError>;

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            self.0.with(|channel| match channel.value.take() {
                Some(value) => Poll::Ready(Ok(value)),
                None if channel.is_over => Poll::Ready(Err(RecvError)),
                None => {
                    channel.waiting.push(context.waker().clone());
                    Poll::Pending
                }
            })
        }
    }
}

/// A value that is watched. Here it never changes: those who watch wait for the end of the sender.
pub(crate) mod watch {
    use std::future::poll_fn;
    use std::marker::PhantomData;
    use std::task::{Poll, Waker};

    use super::{Cell, wake};
    use crate::sync::point;

    struct Channel {
        is_over: bool,
        waiting: Vec<Waker>,
    }

    pub(crate) struct Sender<T>(Cell<Channel>, PhantomData<T>);
    pub(crate) struct Receiver<T>(Cell<Channel>, PhantomData<T>);

    /// The sender is gone.
    #[derive(Debug)]
    pub(crate) struct RecvError;

    impl<T> Sender<T> {
        pub(crate) fn new(_: T) -> Self {
            Self(Cell::new(Channel { is_over: false, waiting: Vec::new() }), PhantomData)
        }

        pub(crate) fn subscribe(&self) -> Receiver<T> {
            Receiver(self.0.clone(), PhantomData)
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            point();
            self.0.with(|channel| {
                channel.is_over = true;
                wake(&mut channel.waiting);
            });
        }
    }

    impl<T> Receiver<T> {
        pub(crate) async fn changed(&mut self) -> Result<(), RecvError> {
            point();
            poll_fn(|context| {
                self.0.with(|channel| {
                    if channel.is_over {
                        return Poll::Ready(Err(RecvError));
                    }
                    channel.waiting.push(context.waker().clone());
                    Poll::Pending
                })
            })
            .await
        }
    }
}
