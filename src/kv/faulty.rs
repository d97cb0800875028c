//! A backend that fails on purpose: wraps another backend and makes chosen operations conflict, lose their
//! answers, wait, or fail. For tests only.
//!
//! A function of the operation's number (from 1, transactions and reads counted together) decides the faults,
//! so a test can script them and a simulation can draw them from its seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use tokio::sync::{Semaphore, watch};

use super::{
    Concurrency, Finding, Identity, Kv, KvError, Limits, Mutations, ReadRunner, Status, TransactionRunner,
    Usage, View,
};
use crate::env::Env;

/// What goes wrong with one operation, and what the caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The transaction function runs and its writes are discarded: [`KvError::Conflict`]. A read succeeds.
    Conflict,
    /// The transaction function runs and its writes are discarded: [`KvError::UnknownOutcome`]. A read
    /// succeeds.
    LostBefore,
    /// The writes take place: [`KvError::UnknownOutcome`]. A read succeeds.
    LostAfter,
    /// Nothing happens: [`KvError::Unavailable`].
    Unavailable,
    /// Nothing happens: [`KvError::Full`].
    Full,
    /// Nothing happens: [`KvError::TooOld`].
    TooOld,
    /// Nothing happens: [`KvError::Busy`].
    Busy,
    /// The operation begins after a pause.
    DelayBefore(Duration),
    /// The operation takes place and its answer is delayed.
    DelayAfter(Duration),
    /// The operation begins once [`FaultyKv::release`] is called.
    HoldBefore,
    /// The transaction function runs, and its writes wait until [`FaultyKv::release`] is called. A read waits before
    /// it begins. Only for a backend on which others commit meanwhile.
    HoldWrites,
}

/// Which operation is about to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Its number, from 1.
    pub number: u64,
    /// Whether it may write.
    pub writes: bool,
}

/// Decides the fault of an operation; `None` for no fault.
pub type Script = dyn Fn(Operation) -> Option<Fault> + Send + Sync;

/// Wraps a backend.
pub struct FaultyKv {
    inner: Arc<dyn Kv>,
    env: Arc<dyn Env>,
    script: Box<Script>,
    operations: AtomicU64,
    holds: Arc<Holds>,
}

/// What is held.
struct Holds {
    /// How many operations were held so far.
    held: watch::Sender<u64>,
    released: Semaphore,
}

impl Holds {
    async fn wait(&self) {
        self.held.send_modify(|held| *held += 1);
        self.released.acquire().await.expect("the semaphore is never closed").forget();
    }
}

impl FaultyKv {
    /// Wraps `inner`; `script` decides.
    pub fn new(
        inner: Arc<dyn Kv>,
        env: Arc<dyn Env>,
        script: impl Fn(Operation) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            env,
            script: Box::new(script),
            operations: AtomicU64::new(0),
            holds: Arc::new(Holds { held: watch::Sender::new(0), released: Semaphore::new(0) }),
        }
    }

    /// Waits until `count` operations were held, now or before.
    pub async fn held(&self, count: u64) {
        let mut held = self.holds.held.subscribe();
        held.wait_for(|held| *held >= count).await.expect("this backend owns the other end");
    }

    /// Lets one held operation begin.
    pub fn release(&self) {
        self.holds.released.add_permits(1);
    }

    /// How many operations have begun.
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::SeqCst)
    }

    async fn begin(&self, writes: bool) -> Result<Option<Fault>, KvError> {
        let number = self.operations.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = (self.script)(Operation { number, writes });
        match fault {
            Some(Fault::Unavailable) => {
                Err(KvError::Unavailable { detail: format!("fault at operation {number}") })
            }
            Some(Fault::Full) => Err(KvError::Full { detail: format!("fault at operation {number}") }),
            Some(Fault::TooOld) => Err(KvError::TooOld),
            Some(Fault::Busy) => Err(KvError::Busy { detail: format!("fault at operation {number}") }),
            Some(Fault::DelayBefore(pause)) => {
                self.env.sleep(pause).await;
                Ok(None)
            }
            Some(Fault::HoldBefore) => {
                self.holds.wait().await;
                Ok(None)
            }
            other => Ok(other),
        }
    }
}

/// Runs a transaction function for its reads and discards its writes.
struct WithoutWrites(Arc<dyn TransactionRunner>);

impl TransactionRunner for WithoutWrites {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        async move {
            self.0.run(view).await;
            Mutations::new()
        }
        .boxed()
    }
}

/// Runs a transaction function and holds its writes.
struct HeldWrites(Arc<dyn TransactionRunner>, Arc<Holds>);

impl TransactionRunner for HeldWrites {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        async move {
            let mutations = self.0.run(view).await;
            self.1.wait().await;
            mutations
        }
        .boxed()
    }
}

fn lost() -> KvError {
    KvError::UnknownOutcome { detail: "the answer was lost".to_owned() }
}

impl Kv for FaultyKv {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn concurrency(&self) -> Concurrency {
        self.inner.concurrency()
    }

    fn identity(&self) -> Option<Identity> {
        self.inner.identity()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            match self.begin(true).await? {
                None => self.inner.run(body).await,
                Some(Fault::Conflict) => {
                    self.inner.run(Arc::new(WithoutWrites(body))).await?;
                    Err(KvError::Conflict)
                }
                Some(Fault::LostBefore) => {
                    self.inner.run(Arc::new(WithoutWrites(body))).await?;
                    Err(lost())
                }
                Some(Fault::LostAfter) => {
                    self.inner.run(body).await?;
                    Err(lost())
                }
                Some(Fault::HoldWrites) => {
                    self.inner.run(Arc::new(HeldWrites(body, Arc::clone(&self.holds)))).await
                }
                Some(Fault::DelayAfter(pause)) => {
                    let answer = self.inner.run(body).await;
                    self.env.sleep(pause).await;
                    answer
                }
                Some(
                    Fault::Unavailable
                    | Fault::Full
                    | Fault::TooOld
                    | Fault::Busy
                    | Fault::DelayBefore(_)
                    | Fault::HoldBefore,
                ) => unreachable!("begin has dealt with it"),
            }
        }
        .boxed()
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            let fault = self.begin(false).await?;
            if fault == Some(Fault::HoldWrites) {
                self.holds.wait().await;
            }
            let answer = self.inner.read(body).await;
            if let Some(Fault::DelayAfter(pause)) = fault {
                self.env.sleep(pause).await;
            }
            answer
        }
        .boxed()
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    fn waiting(&self) -> u64 {
        self.inner.waiting()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, KvError>> {
        self.inner.status()
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<Finding>, KvError>> {
        self.inner.check()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
