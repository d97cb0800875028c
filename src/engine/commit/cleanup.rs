//! Cleanup: rolls back stages that nobody will finalize, trims pages beyond the database size, and sweeps
//! page versions that a finalized stage has superseded. `plan::cleanup` says when each is due; `step` does
//! the work.
//!
//! Each step is one bounded transaction. It deletes what it found and, when nothing is left, records that in
//! the head. Every step is idempotent, so a kill between two steps or a lost answer does no harm.

mod step;

use std::sync::Arc;

use futures::future::FutureExt;

use crate::codec::{Head, OpenStage};
use crate::engine::error::StoreError;
use crate::engine::retention::thin::{Thinned, thin};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::background::Task;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::{events, metrics};
use crate::plan::{self, PendingCleanup};
use crate::types::Generation;

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
    let is_due = || core.background.may_thin(&actor.id, core.env.elapsed());
    let thin = head.keeps() && head.txid.0.is_multiple_of(COMMITS_A_THINNING) && is_due();
    let thin = thin.then_some(Task::Thin);
    let pending = plan::pending_cleanups(head).map(|pending| Task::CleanUp(generation, pending));
    add(core, actor, pending.chain(thin));
}

/// Starts to drop what an actor's history does not keep.
pub(crate) fn thin_in_background(core: &Arc<Core>, actor: &Actor) {
    add(core, actor, [Task::Thin]);
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
            let while_open = || !self.core.background.is_closing();
            let (generation, pending) = match task {
                Task::CleanUp(generation, pending) => (generation, pending),
                Task::Thin => match self.thin(while_open).await {
                    Ok(thinned) => {
                        for released in thinned.released {
                            thin_in_background(&self.core, &Actor::new(&released));
                        }
                        continue;
                    }
                    Err(error) => {
                        events::thinning_stopped(&self.actor, &error);
                        return;
                    }
                },
            };
            if let Err(error) = clean_up_while(&self.core, &self.actor, generation, pending, while_open).await
            {
                events::cleanup_stopped(&self.actor, generation, pending, &error);
                return;
            }
        }
    }

    async fn thin(&self, while_open: impl Fn() -> bool) -> Result<Thinned, StoreError> {
        let begun = self.core.env.elapsed();
        let thinned = thin(&self.core, &self.actor, while_open).await;
        let now = self.core.env.elapsed();
        self.core.background.rest(&self.actor.id, now, now.saturating_sub(begun));
        thinned
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
