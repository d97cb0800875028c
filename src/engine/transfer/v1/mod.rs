//! Imports of v1 data: reserving an actor, finishing or abandoning the import, and resetting an import whose
//! importer is gone. `plan::migrate` decides who may do what; the layer above knows the format of v1 data.

mod begin;
pub(crate) mod files;
mod reset;

pub(crate) use begin::{begin, prepare};
pub(crate) use reset::invalidate;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, try_join};

use crate::codec::{Fence, Head};
use crate::engine::commit::cleanup;
use crate::engine::commit::stage::{End, StageWriter};
use crate::engine::commit::verdict::Committed;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::blocking::blocking;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::events;
use crate::engine::transfer::import::{open_source, stage_batch};
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View};
use crate::metrics::Migration;
use crate::plan::{self, SqliteFile};
use crate::types::{Generation, Meta, PageCount, PageSize};

use self::files::{V1Entry, V1Files};

/// How often an active importer renews its lease: after a third of it.
const RENEW_AFTER: Duration = Duration::from_millis(plan::IMPORT_LEASE_MS / 3);

/// The result of beginning an import.
pub enum V1Begun {
    /// The actor is reserved for this import.
    Import(Box<V1Import>),
    /// An earlier import was finished; there is nothing to do.
    Finished(Meta),
}

/// An import in progress. Until it is finished nobody can start the actor.
///
/// If it is dropped without [`V1Import::finish`] or [`V1Import::give_up`], for example because the process
/// ends, the actor stays reserved, and its next import begins again.
pub struct V1Import {
    core: Arc<Core>,
    actor: Actor,
    fence: Fence,
    /// `None` once it is finished or given up, or a call has failed.
    stage: Option<StageWriter>,
    files: Option<V1Files>,
    /// Whether there was an unfinished import before this one.
    was_there: bool,
    renewed_at: Duration,
}

async fn clean_up_all(
    core: &Core,
    actor: &Actor,
    generation: Generation,
    head: &Head,
) -> Result<(), StoreError> {
    for pending in plan::pending_cleanups(head) {
        cleanup::clean_up(core, actor, generation, pending).await?;
    }
    Ok(())
}

/// From the current fence to the one to write, if any.
type ChangeFence = dyn Fn(Option<&Fence>) -> Option<Fence> + Send + Sync;

/// A change of this import's fence, if the fence is still its own.
struct Change {
    actor: Actor,
    change: Box<ChangeFence>,
}

impl TransactionFn for Change {
    type Output = Option<(Fence, Head)>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            // The head is needed only for its pending cleanups.
            let (fence, head) = try_join(
                self.actor.fence(view, Isolation::Serializable),
                self.actor.stored_head(view, Isolation::Snapshot),
            )
            .await?;
            let Some(changed) = (self.change)(fence.as_ref()) else { return Ok(Decision::answer(None)) };
            let mut mutations = Mutations::with_capacity(1);
            self.actor.put_fence(&mut mutations, &changed);
            // It renews an import or gives one up; none begins here.
            mutations.use_room(RoomUse::Frees);
            Ok(Decision::write(mutations, Some((changed, head.unwrap_or_else(Head::empty)))))
        }
        .boxed()
    }
}

impl V1Import {
    /// Renews the lease, if it is time to.
    async fn keep(&mut self) -> Result<(), StoreError> {
        let now = self.core.env.elapsed();
        if now.saturating_sub(self.renewed_at) < RENEW_AFTER {
            return Ok(());
        }
        let (token, now_ms) = (self.fence.owner_token, self.core.env.now_ms());
        let renew = self.change(move |fence| plan::renewed(fence, token, now_ms)).await?;
        self.renewed_at = now;
        match renew {
            Some(_) => Ok(()),
            None => Err(self.over()),
        }
    }

    /// Takes entries of the actor's key-value store, in any order.
    pub async fn take(&mut self, entries: Vec<V1Entry>) -> Result<(), StoreError> {
        let taken = self.take_entries(entries).await;
        taken.inspect_err(|error| events::migration_failed(&self.actor, error))
    }

    async fn take_entries(&mut self, entries: Vec<V1Entry>) -> Result<(), StoreError> {
        self.keep().await?;
        let mut files = self.files.take().ok_or_else(|| self.over())?;
        let work = move || {
            files.take(&entries)?;
            Ok(files)
        };
        self.files = Some(blocking(&*self.core.env, work).await?);
        Ok(())
    }

    /// Makes the database from the entries the content of the actor, which can be started from then on.
    /// `recover` is called with the database file, to replay the journal beside it and to check that it is
    /// intact.
    pub async fn finish(
        &mut self,
        recover: impl FnOnce(&Path) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Meta, StoreError> {
        let (core, actor) = (Arc::clone(&self.core), self.actor.clone());
        // Boxed, because otherwise the surrounding futures would hold it by value.
        let work = Box::pin(async {
            let ended = self.finish_stage(recover).await;
            ended.map_err(|error| displaced(&actor, error))
        });
        let ended = events::migrate(&core, &actor.id, work).await;
        if ended.is_ok() {
            core.metrics.migrated(Migration::Completed);
        }
        ended
    }

    async fn finish_stage(
        &mut self,
        recover: impl FnOnce(&Path) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Meta, StoreError> {
        let mut files = self.files.take().ok_or_else(|| self.over())?;
        let work = move || {
            let path = files.complete()?;
            recover(&path)?;
            let bytes = path.metadata().map_err(StoreError::from)?.len();
            Ok((files, path, bytes))
        };
        // The files exist as long as this is held.
        let (_files, path, bytes) = blocking(&*self.core.env, work).await?;
        let (mut size_pages, mut page_size) = (PageCount(0), PageSize::DEFAULT);
        if bytes > 0 {
            let source = open_source(&self.core, &path).await?;
            SqliteFile { page_size, size_pages } = source.file;
            let mut left = Some(source);
            while let Some(source) = left {
                self.keep().await?;
                let over = self.over();
                left = stage_batch(self.stage.as_mut().ok_or(over)?, source).await?;
            }
        }
        let stage = self.stage.take().ok_or_else(|| self.over())?;
        let end = End { rewrites_all: true, migrates: true, ..End::new(size_pages, page_size) };
        let Committed { txid, head } = stage.finalize(end).await?;
        let fence = plan::migrated(&self.fence);
        cleanup::after_commit(&self.core, &self.actor, fence.generation, &head);
        // If the answer of the end was lost, the head may belong to a later owner.
        Ok(Meta { head_txid: txid, size_pages, page_size, ..plan::meta(&fence, &head) })
    }

    /// Gives the import up: the actor is again what it was before. Does nothing if the actor no longer
    /// belongs to this import.
    pub async fn give_up(self) -> Result<(), StoreError> {
        self.core.metrics.migrated(Migration::Failed);
        self.undo().await
    }

    async fn undo(mut self) -> Result<(), StoreError> {
        if let Some(stage) = self.stage.take() {
            stage.leave();
        }
        let (token, was_there) = (self.fence.owner_token, self.was_there);
        match self.change(move |fence| plan::given_up(fence, token, was_there)).await? {
            Some((fence, head)) => clean_up_all(&self.core, &self.actor, fence.generation, &head).await,
            None => Ok(()),
        }
    }

    /// The error of a call after the end.
    fn over(&self) -> StoreError {
        StoreError::ConcurrentTakeover { actor: self.actor.id.clone() }
    }

    async fn change(
        &mut self,
        change: impl Fn(Option<&Fence>) -> Option<Fence> + Send + Sync + 'static,
    ) -> Result<Option<(Fence, Head)>, StoreError> {
        let body = Change { actor: self.actor.clone(), change: Box::new(change) };
        self.core.decide(&Arc::new(body)).await
    }
}

/// The error of an import that has lost the actor, however it finds out.
fn displaced(actor: &Actor, error: StoreError) -> StoreError {
    match error {
        StoreError::FenceMismatch { .. }
        | StoreError::NotFound { .. }
        | StoreError::MigrationIncomplete { .. } => {
            StoreError::ConcurrentTakeover { actor: actor.id.clone() }
        }
        other => other,
    }
}
