//! Tidying up: rolling back stages that nobody will finalize, trimming rows beyond the size, sweeping
//! versions that a finalized stage has superseded. `plan::settle` says when each is due.
//!
//! Each step is one bounded transaction that deletes what it found and, when nothing is left, notes so in
//! the head. Every step is idempotent, so a kill between two steps and a lost answer cost nothing.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{self, Head, OpenStage, StagePart};
use crate::kv::{Body, Decision, Isolation, KeyRange, Limits, Mutations, Scan, View};
use crate::plan::{self, Debt};
use crate::planted::{self, Bug};
use crate::types::{Generation, PageCount, PageNumber, Txid};

use super::background::Task;
use super::batch::Room;
use super::core::Core;
use super::error::{Failure, StoreError, corrupt};
use super::observe;
use super::rows::Actor;
use super::tally;

/// Manifests dealt with in one step, unless the names of their rows are too long for one transaction.
const PARTS_A_STEP_MAX: usize = 4;
/// Rows trimmed in one step.
const ROWS_A_STEP_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    More,
    Done,
    /// There was nothing to do.
    Nothing,
}

struct Step {
    actor: Actor,
    limits: Limits,
    generation: Generation,
    debt: Debt,
}

impl Body for Step {
    type Output = Progress;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Progress>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            if fence.is_none_or(|fence| fence.generation != self.generation) {
                // The next owner sees the same debts.
                return Ok(Decision::answer(Progress::Nothing));
            }
            match self.debt {
                Debt::Rollback(stage) => match head.open_stage {
                    Some(open) if open.txid == stage.txid => self.roll_back(view, &head, open).await,
                    _ => Ok(Decision::answer(Progress::Nothing)),
                },
                Debt::Trim => match head.untrimmed_above {
                    Some(pages) => self.trim(view, &head, pages).await,
                    None => Ok(Decision::answer(Progress::Nothing)),
                },
                Debt::Sweep if head.unswept => self.sweep(view, &head).await,
                Debt::Sweep => Ok(Decision::answer(Progress::Nothing)),
            }
        }
        .boxed()
    }
}

impl Step {
    /// Deletes the rows that the next manifests name, and the manifests.
    async fn roll_back(
        &self,
        view: &dyn View,
        head: &Head,
        stage: OpenStage,
    ) -> Result<Decision<Progress>, Failure> {
        let keys = &self.actor.keys;
        let (mut mutations, more) = self
            .work_off(view, keys.stage(stage.txid), |mutations, page, txid| {
                mutations.delete_guarded(keys.page(page, txid));
            })
            .await?;
        if more && !stage.doomed && !planted::has(Bug::DoomNotMarked) {
            self.actor.put_head(&mut mutations, &plan::doomed(head));
        }
        Ok(self.end_step(mutations, more, || plan::rolled_back(head)))
    }

    /// Clears the versions that the next manifests' pages have superseded, and the manifests.
    async fn sweep(&self, view: &dyn View, head: &Head) -> Result<Decision<Progress>, Failure> {
        let keys = &self.actor.keys;
        let (mutations, more) = self
            .work_off(view, keys.stages_to(head.txid), |mutations, page, txid| {
                mutations.clear_range_guarded(keys.page_before(page, txid));
            })
            .await?;
        Ok(self.end_step(mutations, more, || plan::swept(head)))
    }

    /// Does something about each page that the next manifests of a range name, and deletes the manifests.
    /// Also answers whether there may be more of them.
    async fn work_off(
        &self,
        view: &dyn View,
        range: KeyRange,
        each: impl Fn(&mut Mutations, PageNumber, Txid),
    ) -> Result<(Mutations, bool), Failure> {
        let parts = self.manifests(view, range).await?;
        let room = Room::new(&self.limits, &self.actor.keys);
        let fit = room.manifests(parts.iter().map(|(_, _, part)| part));
        let mut mutations = Mutations::new();
        for (key, txid, part) in parts.iter().take(fit) {
            part.pages().for_each(|page| each(&mut mutations, page, *txid));
            mutations.delete(key.clone());
        }
        Ok((mutations, parts.len() >= PARTS_A_STEP_MAX || fit < parts.len()))
    }

    /// Deletes the next rows of pages beyond the size that the head notes.
    async fn trim(
        &self,
        view: &dyn View,
        head: &Head,
        pages: PageCount,
    ) -> Result<Decision<Progress>, Failure> {
        let mut mutations = Mutations::new();
        let mut rows = 0;
        // The rows of a trim come with their values, and a backend may have to fetch them.
        let bytes_max = self.limits.read_bytes.unwrap_or(usize::MAX);
        let mut bytes = 0;
        if let Some(first) = pages.first_past_end() {
            let range = self.actor.keys.pages_from(first);
            let mut last = None;
            let mut visit = |key: &[u8], value: &[u8]| {
                rows += 1;
                bytes += key.len() + value.len();
                last = Some(key.to_vec());
                if bytes < bytes_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            view.scan(Scan::snapshot(range.clone()).rows(ROWS_A_STEP_MAX), &mut visit).await?;
            if let Some(last) = last {
                let past = KeyRange::single(last);
                mutations.clear_range_guarded(KeyRange::new(range.start(), past.end()));
            }
        }
        let more = rows >= ROWS_A_STEP_MAX || bytes >= bytes_max;
        Ok(self.end_step(mutations, more, || plan::trimmed(head)))
    }

    /// The next manifests of a range, read with conflict detection: a part that is still on its way to
    /// the store must not slip in behind the last step.
    async fn manifests(
        &self,
        view: &dyn View,
        range: KeyRange,
    ) -> Result<Vec<(Vec<u8>, Txid, StagePart)>, Failure> {
        let mut parts = Vec::new();
        let mut damage = None;
        let mut visit = |key: &[u8], value: &[u8]| {
            let named = self.actor.keys.parse_stage(key);
            match named.and_then(|(txid, _)| Ok((key.to_vec(), txid, codec::decode(key, value)?))) {
                Ok(part) => {
                    parts.push(part);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    damage = Some(corrupt(&self.actor.id, &error));
                    ControlFlow::Break(())
                }
            }
        };
        let scan = Scan::snapshot(range).serializable().rows(PARTS_A_STEP_MAX);
        view.scan(scan, &mut visit).await?;
        match damage {
            Some(error) => Err(Failure::Store(error)),
            None => Ok(parts),
        }
    }

    fn end_step(
        &self,
        mut mutations: Mutations,
        more: bool,
        settled: impl FnOnce() -> Head,
    ) -> Decision<Progress> {
        if more {
            return Decision::write(mutations, Progress::More);
        }
        self.actor.put_head(&mut mutations, &settled());
        Decision::write(mutations, Progress::Done)
    }
}

/// Settles one debt, as the holder of `generation`. Returns early, without an error, when a later owner has
/// taken over: the caller's own fence check tells it so.
pub(crate) async fn settle(
    core: &Core,
    actor: &Actor,
    generation: Generation,
    debt: Debt,
) -> Result<(), StoreError> {
    settle_while(core, actor, generation, debt, || true).await
}

/// Has the debts settled of a head that a commit as the holder of `generation` has just left behind. The
/// commit itself left no stage open; one that is seen all the same belongs to another holder at work.
pub(crate) fn after_commit(core: &Arc<Core>, actor: &Actor, generation: Generation, head: &Head) {
    in_background(core, actor, generation, &plan::rolled_back(head));
}

/// Has the debts settled of a head that a takeover to `generation` has just found. A stage that it sees open
/// is a former owner's.
pub(crate) fn in_background(core: &Arc<Core>, actor: &Actor, generation: Generation, head: &Head) {
    let debts = plan::debts(head).map(|debt| (generation, debt));
    if !core.background.add(&actor.id, debts) {
        return;
    }
    let worker = Worker { core: Arc::clone(core), actor: actor.clone(), ended: false };
    core.env.spawn(worker.run().boxed());
}

async fn settle_while(
    core: &Core,
    actor: &Actor,
    generation: Generation,
    debt: Debt,
    goes_on: impl Fn() -> bool,
) -> Result<(), StoreError> {
    let step = Arc::new(Step { actor: actor.clone(), limits: core.limits, generation, debt });
    let mut steps = 0;
    while goes_on() {
        steps += 1;
        match core.decide(&step).await? {
            Progress::More => {}
            Progress::Done => {
                tally::settled(core, debt);
                observe::settled(actor, generation, debt, steps);
                break;
            }
            Progress::Nothing => break,
        }
    }
    Ok(())
}

/// Rolls a stage back whose writer has given up, so that its room is free before the next commit asks.
pub(crate) fn abandon(core: &Arc<Core>, actor: &Actor, generation: Generation, stage: OpenStage) {
    let head = Head { open_stage: Some(stage), ..Head::empty() };
    in_background(core, actor, generation, &head);
}

/// An actor's worker. However it ends, the actor is free for another one.
struct Worker {
    core: Arc<Core>,
    actor: Actor,
    ended: bool,
}

impl Worker {
    async fn run(mut self) {
        while let Some((generation, debt)) = self.next() {
            let while_open = || !self.core.background.is_closing();
            if let Err(error) = settle_while(&self.core, &self.actor, generation, debt, while_open).await {
                observe::settle_stopped(&self.actor, generation, debt, &error);
                return;
            }
        }
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
