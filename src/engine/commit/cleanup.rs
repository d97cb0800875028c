//! Cleanup: rolls back stages that nobody will finalize, trims pages beyond the database size, and sweeps
//! page versions that a finalized stage has superseded. `plan::cleanup` says when each is due; `step` does
//! the work.
//!
//! Each step is one bounded transaction. It deletes what it found and, when nothing is left, records that in
//! the head. Every step is idempotent, so a kill between two steps or a lost answer does no harm.

mod step;

use std::sync::Arc;
use std::time::Duration;

use futures::future::FutureExt;

use crate::codec::{Head, OpenStage};
use crate::engine::error::StoreError;
use crate::engine::retention::flatten::{self, Flattened};
use crate::engine::retention::thin::thin;
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::background::Task;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::{events, metrics};
use crate::metrics::FlattenedBy;
use crate::plan::{self, PendingCleanup};
use crate::types::{ActorId, Generation, Txid};

use super::cleanup::step::{Progress, Step};

/// The commits of an actor with history after which it is thinned.
const COMMITS_A_THINNING: u64 = 64;

/// Runs one pending cleanup, as the holder of `generation`. Returns early, without an error, when a later
/// owner has taken over: the caller's own fence check reports that.
pub(crate) async fn clean_up(
    core: &Core,
    actor: &Actor,
    generation: Generation,
    pending: PendingCleanup,
) -> Result<(), StoreError> {
    clean_up_while(core, actor, generation, pending, || true).await
}

/// Starts the cleanup of a head that a commit by the holder of `generation` has just written. The commit
/// itself left no stage open. If a stage is open all the same, another holder is writing it.
pub(crate) fn after_commit(core: &Arc<Core>, actor: &Actor, generation: Generation, head: &Head) {
    in_background(core, actor, generation, &plan::rolled_back(head));
}

/// Starts the cleanup of a head that a takeover to `generation` has just found. If a stage is open, it
/// belongs to a former owner.
pub(crate) fn in_background(core: &Arc<Core>, actor: &Actor, generation: Generation, head: &Head) {
    let is_rested = || core.background.is_rested(&actor.id, core.env.elapsed());
    let thins = head.keeps() && head.txid.0.is_multiple_of(COMMITS_A_THINNING);
    let thin = (thins || plan::is_unsettled(head)) && is_rested();
    let flatten = plan::is_deep(head) && is_rested();
    let pending = plan::pending_cleanups(head).map(|pending| Task::CleanUp(generation, pending));
    let history = thin.then_some(Task::Thin).into_iter().chain(flatten.then_some(Task::Flatten));
    add(core, actor, pending.chain(history));
}

/// Starts to drop what an actor's history does not keep.
pub(crate) fn thin_in_background(core: &Arc<Core>, actor: &Actor) {
    add(core, actor, [Task::Thin]);
}

/// Copies what an actor's line of a txid, or that of its head, shows of others, so that it stands by itself.
pub(crate) async fn flatten(core: &Arc<Core>, id: &ActorId, at: Option<Txid>) -> Result<(), StoreError> {
    let actor = Actor::new(id);
    let flattening = flatten_while(core, &actor, at, FlattenedBy::Call, || true);
    events::history::flatten(core, id, flattening, |flattened| flattened.copied).await.map(|_| ())
}

async fn flatten_while(
    core: &Arc<Core>,
    actor: &Actor,
    at: Option<Txid>,
    by: FlattenedBy,
    goes_on: impl Fn() -> bool,
) -> Result<Flattened, StoreError> {
    let flattened = flatten::flatten(core, actor, at, goes_on).await;
    let flattened = metrics::flattening(core, by, flattened, |flattened| flattened.is_new)?;
    for released in &flattened.released {
        thin_in_background(core, &Actor::new(released));
    }
    Ok(flattened)
}

fn add(core: &Arc<Core>, actor: &Actor, tasks: impl IntoIterator<Item = Task>) {
    if !core.background.add(&actor.id, tasks) {
        return;
    }
    let worker = Worker { core: Arc::clone(core), actor: actor.clone(), ended: false };
    core.env.spawn(worker.run().boxed());
}

async fn clean_up_while(
    core: &Core,
    actor: &Actor,
    generation: Generation,
    pending: PendingCleanup,
    goes_on: impl Fn() -> bool,
) -> Result<(), StoreError> {
    let step = Arc::new(Step { actor: actor.clone(), limits: core.limits, generation, pending });
    let mut steps = 0;
    while goes_on() {
        steps += 1;
        match core.decide(&step).await? {
            Progress::More => {}
            Progress::Done => {
                metrics::cleaned_up(core, pending);
                events::cleaned_up(actor, generation, pending, steps);
                break;
            }
            Progress::Nothing => break,
        }
    }
    Ok(())
}

/// Rolls back a stage whose writer has given up, so that its room is free before the next commit needs it.
pub(crate) fn abandon(core: &Arc<Core>, actor: &Actor, generation: Generation, stage: OpenStage) {
    let head = Head { open_stage: Some(stage), ..Head::empty() };
    in_background(core, actor, generation, &head);
}

/// An actor's worker. However it ends, another worker can start for the actor afterwards.
struct Worker {
    core: Arc<Core>,
    actor: Actor,
    ended: bool,
}

impl Worker {
    async fn run(mut self) {
        while let Some(task) = self.next() {
            let ended = match task {
                Task::CleanUp(generation, pending) => self.clean_up(generation, pending).await,
                Task::Thin => self
                    .thin()
                    .await
                    .inspect_err(|error| events::history::thinning_stopped(&self.actor, error)),
                Task::Flatten => self
                    .flatten()
                    .await
                    .inspect_err(|error| events::history::flattening_stopped(&self.actor, error)),
            };
            if ended.is_err() {
                return;
            }
        }
    }

    async fn clean_up(&self, generation: Generation, pending: PendingCleanup) -> Result<(), StoreError> {
        let while_open = || !self.core.background.is_closing();
        let ended = clean_up_while(&self.core, &self.actor, generation, pending, while_open).await;
        ended.inspect_err(|error| events::cleanup_stopped(&self.actor, generation, pending, error))
    }

    async fn thin(&self) -> Result<(), StoreError> {
        let begun = self.core.env.elapsed();
        let thinned = thin(&self.core, &self.actor, || !self.core.background.is_closing()).await;
        let now = self.core.env.elapsed();
        self.core.background.rest(&self.actor.id, now, now.saturating_sub(begun));
        for released in thinned?.released {
            thin_in_background(&self.core, &Actor::new(&released));
        }
        Ok(())
    }

    async fn flatten(&self) -> Result<(), StoreError> {
        let Self { core, actor, .. } = self;
        let begun = core.env.elapsed();
        let while_open = || !core.background.is_closing();
        let flattened = flatten_while(core, actor, None, FlattenedBy::Background, while_open).await;
        let now = core.env.elapsed();
        // One that fails, as in a full store, is not tried again with each commit.
        core.background.rest(&actor.id, now, Duration::ZERO);
        let Flattened { is_new, copied, .. } = flattened?;
        if is_new {
            events::history::flattened_in_background(actor, copied, now.saturating_sub(begun));
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Task> {
        let task = self.core.background.next(&self.actor.id);
        self.ended = task.is_none();
        task
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.ended {
            self.core.background.give_up(&self.actor.id);
        }
    }
}
