//! The operations: they open transactions, ask `plan` what to do with what was read, write what it says,
//! retry what can be retried and resolve lost answers. No rule about who may write lives here.
//!
//! [`Engine`] is the facade; each file is one operation.

mod actor_walk;
mod attempts;
mod background;
mod batch;
mod claim;
mod commit;
mod copy;
mod core;
mod delete;
mod early;
mod error;
mod export;
mod files;
mod health;
mod hints;
mod import;
mod inspect;
mod large_commit;
mod list;
mod migrate;
mod observe;
mod open;
mod pages;
mod partial;
mod peek;
mod preload;
mod read;
mod receive;
mod resolve;
mod rows;
mod scratch;
mod send;
mod settle;
mod slices;
mod stage;
mod startup;
mod tally;
mod v1_files;
mod verify;

pub use crate::codec::{FenceState, HINT_RUNS_MAX};
pub use crate::kv::Wanted;
pub use crate::plan::{ActorRows, Audited, Problem, Problems, RowCount, RowKind, Seen, Severity};
pub use copy::{Copied, Copying};
pub use error::{StoreError, surface};
pub use large_commit::{LargeCommit, LargeCommitWriter};
pub use migrate::{V1Begun, V1Import};
pub use peek::Peek;
pub use receive::Receiving;
pub use scratch::clear_scratch;
pub use send::{Sending, Sent};
pub use v1_files::V1Entry;
pub use verify::{Verification, VerifiedActor, VerifyScope, VerifyStep};

use std::path::Path;
use std::sync::Arc;

use futures::future::FutureExt;

use self::core::Core;
use self::rows::Actor;
use crate::env::Env;
use crate::kv::Kv;
use crate::plan::{Held, PreloadRequest};
use crate::types::{ActorId, Generation, Meta, PageCount, PageNumber, PageRange, PageSize, Token, Txid};

/// Which pages the answer to a start carries.
#[derive(Debug, Clone, Default)]
pub struct Preload {
    /// Single pages.
    pub pages: Vec<PageNumber>,
    /// Runs of pages as `(start, end)`, `end` exclusive.
    pub ranges: Vec<(u32, u32)>,
    /// Whether the pages come too that earlier owners noted with [`Engine::store_hints`], as far as
    /// `bytes_max` has room after the pages and ranges.
    pub hints: bool,
    /// At most this many bytes of pages; page 1 is always there.
    pub bytes_max: u64,
}

/// Pages of one committed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSet {
    /// The head that all pages come from.
    pub head_txid: Txid,
    /// The size of each page.
    pub page_size: PageSize,
    /// The page numbers, ascending.
    pub pages: Vec<PageNumber>,
    /// The pages one after the other, in the order of `pages`.
    pub data: Vec<u8>,
}

impl PageSet {
    fn empty(head_txid: Txid, page_size: PageSize) -> Self {
        Self { head_txid, page_size, pages: Vec::new(), data: Vec::new() }
    }

    /// The bytes of a page, if it is in the set.
    pub fn get(&self, page: PageNumber) -> Option<&[u8]> {
        let index = self.pages.binary_search(&page).ok()?;
        self.data.chunks_exact(self.page_size.bytes()).nth(index)
    }
}

/// Whether a start raised the generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This call did.
    Won,
    /// Another call did, while this one was under way.
    Lost,
}

/// The answer to a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// Whether this call raised the generation.
    pub outcome: Outcome,
    /// The state of the actor, the current generation included.
    pub meta: Meta,
    /// The preloaded pages; none when lost.
    pub pages: PageSet,
    /// The stored hints, ascending; none when lost or not asked for.
    pub hints: Vec<PageRange>,
}

/// A page to write.
#[derive(Debug, Clone)]
pub struct PageWrite<'a> {
    /// Its number.
    pub page: PageNumber,
    /// Its bytes: exactly one page.
    pub data: &'a [u8],
}

/// Changes to commit.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The generation held.
    pub generation: Generation,
    /// The head that the changes extend.
    pub head_txid: Txid,
    /// The size of the database afterwards.
    pub size_pages: PageCount,
    /// The changed pages, in any order, each once.
    pub pages: Vec<PageWrite<'a>>,
}

/// Which actors to list.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Only ids that begin with this.
    pub prefix: String,
    /// Only ids above this one, in byte order.
    pub after: Option<String>,
    /// At most this many; `None` is all.
    pub limit: Option<usize>,
}

/// One opened store.
///
/// Dropping a future of one of these methods does not undo what it has begun: a transaction that was handed
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

    /// Opens a store that is there already.
    pub async fn open_existing(kv: Arc<dyn Kv>, env: Arc<dyn Env>) -> Result<Self, StoreError> {
        let core = Core::new(kv, env);
        open::open(&core, false).await?;
        Ok(Self { core })
    }

    /// Takes an actor over and brings its first pages along; a call that lost the race against another one
    /// gets the current state and no pages.
    pub async fn load_startup(&self, actor: &ActorId, preload: &Preload) -> Result<Startup, StoreError> {
        // Boxed, as in `commit`.
        let started = Box::pin(startup::load_startup(&self.core, actor, preload_request(preload)?));
        observe::startup(&self.core, actor, started).await
    }

    /// Reads pages of one committed head as the holder of `generation`; those beyond the size are left out.
    /// `head_txid`: the head that the pages must come from; `None` is the current one. On a backend that keeps
    /// states for a limited time, an answer that outlasts one begins again when the head moves, and ends as
    /// unavailable when that happens each time.
    pub async fn get_pages(
        &self,
        actor: &ActorId,
        generation: Generation,
        head_txid: Option<Txid>,
        pages: &[PageNumber],
    ) -> Result<PageSet, StoreError> {
        let read = read::get_pages(&self.core, actor, Held { generation, head_txid }, pages);
        observe::read(&self.core, actor, generation, tally::reading(&self.core, read)).await
    }

    /// Commits changes of any size at once. The pages are copied before the first wait.
    pub async fn commit(&self, actor: &ActorId, commit: Commit<'_>) -> Result<Txid, StoreError> {
        self.commit_while(None, actor, commit).await
    }

    /// As [`commit`](Self::commit), as long as the caller wants it: called off while it queues, it ends with
    /// [`StoreError::Unavailable`], and nothing was written.
    pub async fn commit_while(
        &self,
        wanted: Option<Wanted>,
        actor: &ActorId,
        commit: Commit<'_>,
    ) -> Result<Txid, StoreError> {
        let bytes = commit.pages.iter().map(|write| write.data.len()).sum();
        let request = (commit.generation, commit.pages.len(), bytes);
        // Boxed, since what is around it would carry it about by value.
        let committed = Box::pin(commit::commit(&self.core, Actor::for_caller(actor, wanted), commit));
        tally::committing(&self.core, observe::commit(&self.core, actor, request, committed).await)
    }

    /// Finds out what became of a commit that ended with [`StoreError::CommitUnknown`] and left its token there: the
    /// state that it made, or `None` if it did not take place and never will. `generation` and `head_txid` are what
    /// the commit named.
    pub async fn resolve_commit(
        &self,
        actor: &ActorId,
        generation: Generation,
        head_txid: Txid,
        token: Token,
    ) -> Result<Option<Meta>, StoreError> {
        let held = Held { generation, head_txid: Some(head_txid) };
        let resolved = resolve::resolve_commit(&self.core, actor, held, token);
        tally::resolving(&self.core, observe::resolve(&self.core, actor, generation, resolved).await)
    }

    /// Begins a commit whose pages come in pieces and whose size is known at its end only: for transactions
    /// that outgrow memory.
    pub async fn begin_large_commit(
        &self,
        actor: &ActorId,
        request: LargeCommit,
    ) -> Result<LargeCommitWriter, StoreError> {
        self.begin_large_commit_while(None, actor, request).await
    }

    /// As [`begin_large_commit`](Self::begin_large_commit), as long as the caller wants it; see
    /// [`commit_while`](Self::commit_while).
    pub async fn begin_large_commit_while(
        &self,
        wanted: Option<Wanted>,
        actor: &ActorId,
        request: LargeCommit,
    ) -> Result<LargeCommitWriter, StoreError> {
        let actor = Actor::for_caller(actor, wanted);
        tally::told(&self.core, large_commit::begin(&self.core, &actor, request).await)
    }

    /// Notes the pages that the next start should bring along, as the holder of `generation`: at most 256
    /// runs, ascending without overlap. They replace the ones noted before; none removes those.
    pub async fn store_hints(
        &self,
        actor: &ActorId,
        generation: Generation,
        hints: &[PageRange],
    ) -> Result<(), StoreError> {
        tally::told(&self.core, hints::store(&self.core, actor, generation, hints).await)
    }

    /// The state of an actor, if it exists.
    pub async fn stat(&self, actor: &ActorId) -> Result<Option<Meta>, StoreError> {
        read::stat(&self.core, actor).await
    }

    /// Looks at an actor that somebody else may own, and changes nothing: its state, and with it those of `pages`
    /// that lie inside its size, as many of the first ones as fit one read. No pages come where generation and
    /// head are the ones in `known`.
    pub async fn peek(
        &self,
        actor: &ActorId,
        known: Option<(Generation, Txid)>,
        pages: &[PageNumber],
    ) -> Result<Peek, StoreError> {
        peek::peek(&self.core, actor, known, pages).await
    }

    /// The actors of the store, in the byte order of their ids.
    pub async fn list(&self, request: &ListRequest) -> Result<Vec<ActorId>, StoreError> {
        list::list(&self.core, request).await
    }

    /// Deletes an actor; `false` if there is none. Generations go on rising if it is made again.
    pub async fn delete(&self, actor: &ActorId) -> Result<bool, StoreError> {
        tally::deleting(&self.core, delete::delete(&self.core, actor).await)
    }

    /// Takes an actor over and makes a SQLite file its content. An actor that has pages is refused unless
    /// `replace` is set.
    pub async fn import_from(&self, actor: &ActorId, file: &Path, replace: bool) -> Result<Meta, StoreError> {
        tally::importing(&self.core, import::import_from(&self.core, actor, file, replace).await)
    }

    /// Writes an actor's database to a file, whole or not at all. On a backend that keeps states for a limited
    /// time, it begins again when the head moves, and ends as unavailable when that happens each time.
    pub async fn export_to(&self, actor: &ActorId, file: &Path) -> Result<Meta, StoreError> {
        tally::exporting(&self.core, export::export_to(&self.core, actor, file, true).await)
    }

    /// Reserves an actor for an import of v1 data, whose stage is open from then on. An actor that was started
    /// without one is refused, and so is one of which another import has a stage open inside its lease.
    pub async fn begin_v1_import(&self, actor: &ActorId) -> Result<V1Begun, StoreError> {
        migrate::begin(&self.core, actor).await
    }

    /// Reserves an actor for an import of v1 data that is to come, with nothing staged.
    pub async fn prepare_v1_migration(&self, actor: &ActorId) -> Result<Meta, StoreError> {
        migrate::prepare(&self.core, actor).await
    }

    /// Resets an unfinished import of v1 data that has a stage open, whatever its lease; `false`, and nothing is
    /// changed, if there is none.
    pub async fn invalidate_v1_migration(&self, actor: &ActorId) -> Result<bool, StoreError> {
        migrate::invalidate(&self.core, actor).await
    }

    /// Whether another handle is on the same store, by whatever name it was opened.
    pub fn is_same_store(&self, other: &Engine) -> bool {
        self.core.is_same_store(&other.core)
    }

    /// Begins to copy an actor to another store, which takes it over there; one that is not there yet is seen by nobody
    /// before all of it is. An actor that has pages there is refused unless `replace` is set, and so is the store itself
    /// as the target. Generations and txids begin anew.
    pub async fn begin_copy(
        &self,
        actor: &ActorId,
        target: &Engine,
        replace: bool,
    ) -> Result<Copying, StoreError> {
        copy::begin(&self.core, &target.core, actor, replace).await
    }

    /// What is stored of an actor, also of a deleted or damaged one; `None` where there is nothing.
    pub async fn inspect(&self, actor: &ActorId) -> Result<Option<Audited>, StoreError> {
        inspect::inspect(&self.core, actor).await
    }

    /// Begins to check every row.
    pub fn verify(&self, scope: VerifyScope) -> Verification {
        Verification::new(&self.core, scope)
    }

    /// Waits for one of its futures, on a thread that may block: none of those on which an async runtime runs tasks.
    pub fn wait<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        let mut output = None;
        let task = async { output = Some(future.await) };
        self.core.env.block_on(task.boxed());
        output.expect("a future that has ended left its output")
    }

    /// Waits until nothing is left to tidy up in the background.
    pub async fn idle(&self) {
        self.core.background.idle().await;
    }

    /// Ends background work at its next step and closes the backend. Idempotent.
    pub async fn close(&self) {
        self.core.background.begin_closing();
        self.core.background.idle().await;
        self.core.kv.close().await;
    }
}

fn preload_request(preload: &Preload) -> Result<PreloadRequest, StoreError> {
    let mut ranges = Vec::with_capacity(preload.ranges.len());
    for &(start, end) in &preload.ranges {
        let first = PageNumber::checked(start)?;
        if end < start {
            let message = format!("a preload range must not end before it starts, got {start} to {end}");
            return Err(StoreError::OutOfRange(message));
        }
        if let Some(last) = PageNumber::new(end - 1).filter(|last| *last >= first) {
            ranges.push(PageRange { first, last });
        }
    }
    let Preload { ref pages, hints, bytes_max, .. } = *preload;
    Ok(PreloadRequest { pages: pages.clone(), ranges, hints, bytes_max })
}
