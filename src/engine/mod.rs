//! The operations: they open transactions, ask `plan` what to do with the rows they read, write what it says,
//! retry what can be retried, and resolve lost answers. No rule about who may write lives here.
//!
//! [`Engine`] is the facade. Its methods are in `facade/`, and each calls one operation. A folder may use the
//! folders above it in this list, and none below:
//!
//! - `error`, `api`: the vocabulary of requests and answers
//! - `runtime/`: shared by all operations: the backend, retries, background tasks, events, metrics
//! - `read/`: rows and pages of one committed head
//! - `retention/`: the rows of history, and what of it is dropped
//! - `commit/`: commits of any size, stages, and the cleanup after them
//! - `history/`: points, pins, restores, forks, reads of the past
//! - `ownership/`: a start, its preload and its hints; the end of an actor
//! - `transfer/`: files, copies between stores, imports of v1 data
//! - `inspect/`: lists, checks, health

mod api;
mod commit;
mod error;
mod facade;
mod history;
mod inspect;
mod open;
mod ownership;
mod read;
mod retention;
mod runtime;
mod transfer;

pub use crate::codec::{FenceState, HINT_RUNS_MAX, PIN_NAME_BYTES_MAX, PointKind};
pub use crate::kv::Wanted;
pub use crate::plan::{
    ActorRows, Audited, Held, HistoryUsage, PastSummary, Problem, Problems, RowCount, RowKind, Seen, Severity,
};
pub use api::{Caller, Commit, ListRequest, Outcome, PageSet, PageWrite, Preload, Startup};
pub use commit::large::{LargeCommit, LargeCommitWriter};
pub use error::{StoreError, surface};
pub use history::{Forked, Past, PinRequest, PointInfo, PointRef, PointsRequest, Restored};
pub use inspect::survey::{HistorySurvey, SurveyStep};
pub use inspect::verify::{Verification, VerifiedActor, VerifyScope, VerifyStep};
pub use read::peek::Peek;
pub use transfer::copy::{Copied, Copying};
pub use transfer::receive::Receiving;
pub use transfer::scratch::clear_scratch;
pub use transfer::send::{Sending, Sent};
pub use transfer::v1::files::V1Entry;
pub use transfer::v1::{V1Begun, V1Import};

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::env::Env;
use crate::kv::Kv;

use self::runtime::core::Core;

/// One open store.
///
/// Dropping a future of one of these methods does not undo what it has begun: a transaction that was passed
/// to the backend takes effect or not, like one whose answer was lost.
pub struct Engine {
    core: Arc<Core>,
}

impl Engine {
    /// Opens a store, and marks an empty key space as one.
    pub async fn open(kv: Arc<dyn Kv>, env: Arc<dyn Env>) -> Result<Self, StoreError> {
        let core = Core::new(kv, env);
        open::open(&core, true).await?;
        Ok(Self { core })
    }

    /// Opens an existing store.
    pub async fn open_existing(kv: Arc<dyn Kv>, env: Arc<dyn Env>) -> Result<Self, StoreError> {
        let core = Core::new(kv, env);
        open::open(&core, false).await?;
        Ok(Self { core })
    }

    /// Whether another handle refers to the same store, by whatever name it was opened.
    pub fn is_same_store(&self, other: &Engine) -> bool {
        self.core.is_same_store(&other.core)
    }

    /// Waits for one of the engine's futures, on a thread that may block: never a thread that runs tasks of
    /// an async runtime.
    pub fn wait<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        let mut output = None;
        let task = async { output = Some(future.await) };
        self.core.env.block_on(task.boxed());
        output.expect("a future that has ended left its output")
    }

    /// Whether the thread of a caller may commit for all who wait; see [`Kv::is_led`](crate::kv::Kv::is_led).
    pub fn is_led(&self) -> bool {
        self.core.kv.is_led()
    }

    /// Whether reads and commits go over a network.
    pub fn is_remote(&self) -> bool {
        self.core.kv.is_remote()
    }

    /// Runs a task beside the caller, where the engine runs its own.
    pub fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.core.env.spawn(task);
    }

    /// Waits until no cleanup is left in the background.
    pub async fn idle(&self) {
        self.core.background.idle().await;
    }

    /// Stops background work at its next step and closes the backend. Idempotent.
    pub async fn close(&self) {
        self.core.background.begin_closing();
        self.core.background.idle().await;
        self.core.kv.close().await;
    }
}
