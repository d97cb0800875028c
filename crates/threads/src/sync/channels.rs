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

/// Many senders, one receiver, so many values in between.
pub(crate) mod mpsc {
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::task::{Poll, Waker};

    use super::{Cell, wake};
    use crate::sync::{block_on, point};

    /// No channel holds more here, whatever it was made for, so that senders wait for room.
    const CAPACITY_MAX: usize = 3;

    struct Channel<T> {
        queue: VecDeque<T>,
        capacity: usize,
        senders: usize,
        is_received: bool,
        waiting: Vec<Waker>,
    }

    pub(crate) struct Sender<T>(Cell<Channel<T>>);
    pub(crate) struct Receiver<T>(Cell<Channel<T>>);

    /// The receiver is gone.
    #[derive(Debug)]
    pub(crate) struct SendError<T>(pub(crate) T);

    /// Nothing is there now.
    #[derive(Debug)]
    pub(crate) struct TryRecvError;

    pub(crate) fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let capacity = capacity.min(CAPACITY_MAX);
        let channel =
            Channel { queue: VecDeque::new(), capacity, senders: 1, is_received: true, waiting: Vec::new() };
        let channel = Cell::new(channel);
        (Sender(channel.clone()), Receiver(channel))
    }

    impl<T> Sender<T> {
        pub(crate) async fn send(&self, value: T) -> Result<(), SendError<T>> {
            point();
            let mut value = Some(value);
            let sent = poll_fn(|context| {
                self.0.with(|channel| {
                    if !channel.is_received {
                        return Poll::Ready(false);
                    }
                    if channel.queue.len() >= channel.capacity {
                        channel.waiting.push(context.waker().clone());
                        return Poll::Pending;
                    }
                    channel.queue.extend(value.take());
                    wake(&mut channel.waiting);
                    Poll::Ready(true)
                })
            })
            .await;
            match (sent, value) {
                (false, Some(value)) => Err(SendError(value)),
                _ => Ok(()),
            }
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            point();
            self.0.with(|channel| {
                channel.senders -= 1;
                wake(&mut channel.waiting);
            });
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn try_recv(&mut self) -> Result<T, TryRecvError> {
            point();
            self.0.with(|channel| {
                let value = channel.queue.pop_front();
                wake(&mut channel.waiting);
                value.ok_or(TryRecvError)
            })
        }

        pub(crate) fn blocking_recv(&mut self) -> Option<T> {
            point();
            block_on(poll_fn(|context| {
                self.0.with(|channel| match channel.queue.pop_front() {
                    Some(value) => {
                        wake(&mut channel.waiting);
                        Poll::Ready(Some(value))
                    }
                    None if channel.senders == 0 => Poll::Ready(None),
                    None => {
                        channel.waiting.push(context.waker().clone());
                        Poll::Pending
                    }
                })
            }))
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            point();
            let left = self.0.with(|channel| {
                channel.is_received = false;
                wake(&mut channel.waiting);
                std::mem::take(&mut channel.queue)
            });
            drop(left);
        }
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
