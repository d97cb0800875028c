//! Transactions and reads as values. A backend runs them without knowing the types of their answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use super::{Kv, KvError, Mutations, View};

/// What a transaction function decided: the writes to make (none for a refusal or a mere answer), and the
/// answer for the caller once they are made.
#[derive(Debug)]
pub struct Decision<T> {
    /// The writes, applied together.
    pub mutations: Mutations,
    /// The caller's answer, delivered only if the writes took place.
    pub output: T,
}

impl<T> Decision<T> {
    /// An answer without writes.
    pub fn answer(output: T) -> Self {
        Self { mutations: Mutations::new(), output }
    }

    /// An answer with its writes.
    pub fn write(mutations: Mutations, output: T) -> Self {
        Self { mutations, output }
    }
}

/// Whether the caller of a transaction still wants it; see [`TransactionFn::is_wanted`]. May be called from
/// any thread.
pub type Wanted = Arc<dyn Fn(Duration) -> bool + Send + Sync>;

/// A transaction function: reads that end in a decision. It may be executed again from the start.
pub trait TransactionFn: Send + Sync + 'static {
    /// The answer.
    type Output: Send + 'static;
    /// Why there is no answer. A transaction function that fails writes nothing.
    type Error: From<KvError> + Send + 'static;

    /// Reads and decides.
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Self::Error>>;

    /// Whether its first execution may read a state that is a little older than the call, which saves round
    /// trips. Its serializable reads are checked when it commits, as always. If it decides to write nothing,
    /// or the reads no longer hold, it is executed again on the newest state. Not for a transaction function
    /// that keeps notes of what it saw first.
    fn may_begin_on_a_recent_state(&self) -> bool {
        false
    }

    /// Whether its caller still wants it, although other processes have kept the store from beginning one for so
    /// long. Where transactions queue, one that is not wanted any more before its turn is not begun, and returns
    /// [`KvError::Unavailable`].
    fn is_wanted(&self, _waited: Duration) -> bool {
        true
    }
}

/// Reads against one state, without writes.
pub trait ReadFn: Send + Sync + 'static {
    /// The answer.
    type Output: Send + 'static;
    /// Why there is no answer.
    type Error: From<KvError> + Send + 'static;

    /// Reads.
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Self::Error>>;
}

/// A [`TransactionFn`] as a backend sees it: something that turns a view into writes.
pub trait TransactionRunner: Send + Sync {
    /// Executes the transaction function and returns its writes; one that failed has none.
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations>;

    /// See [`TransactionFn::may_begin_on_a_recent_state`].
    fn may_begin_on_a_recent_state(&self) -> bool {
        false
    }

    /// See [`TransactionFn::is_wanted`].
    fn is_wanted(&self, _waited: Duration) -> bool {
        true
    }
}

/// A [`ReadFn`] as a backend sees it.
pub trait ReadRunner: Send + Sync {
    /// Executes the read function.
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, ()>;
}

/// A function, and the place where its last execution leaves the answer.
struct Attempt<B, T, E> {
    body: Arc<B>,
    answer: Mutex<Option<Result<T, E>>>,
}

impl<B, T, E> Attempt<B, T, E> {
    fn new(body: &Arc<B>) -> Arc<Self> {
        Arc::new(Self { body: Arc::clone(body), answer: Mutex::new(None) })
    }

    fn leave(&self, answer: Result<T, E>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn take(&self) -> Result<T, E> {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        answer.expect("a backend that answers Ok has executed the body")
    }
}

impl<B: TransactionFn> TransactionRunner for Attempt<B, B::Output, B::Error> {
    fn may_begin_on_a_recent_state(&self) -> bool {
        self.body.may_begin_on_a_recent_state()
    }

    fn is_wanted(&self, waited: Duration) -> bool {
        self.body.is_wanted(waited)
    }

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        async move {
            match self.body.run(view).await {
                Ok(Decision { mutations, output }) => {
                    self.leave(Ok(output));
                    mutations
                }
                Err(error) => {
                    self.leave(Err(error));
                    Mutations::new()
                }
            }
        }
        .boxed()
    }
}

impl<B: ReadFn> ReadRunner for Attempt<B, B::Output, B::Error> {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, ()> {
        async move { self.leave(self.body.run(view).await) }.boxed()
    }
}

/// Runs `body` as one transaction on `kv`: at most one decision takes effect, and nothing is retried here.
pub async fn transact<B: TransactionFn>(kv: &dyn Kv, body: &Arc<B>) -> Result<B::Output, B::Error> {
    let attempt = Attempt::new(body);
    kv.run(Arc::clone(&attempt) as Arc<dyn TransactionRunner>).await?;
    attempt.take()
}

/// Runs `body` against one committed state of `kv`.
pub async fn read<B: ReadFn>(kv: &dyn Kv, body: &Arc<B>) -> Result<B::Output, B::Error> {
    let attempt = Attempt::new(body);
    kv.read(Arc::clone(&attempt) as Arc<dyn ReadRunner>).await?;
    attempt.take()
}
