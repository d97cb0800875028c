//! One step of a cleanup: a transaction that deletes a bounded number of rows.

use std::ops::ControlFlow;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{self, Head, OpenStage, StagePart};
use crate::engine::commit::batch::Room;
use crate::engine::error::{Failure, corrupt};
use crate::engine::runtime::actor::{Actor, put_row};
use crate::kv::{Decision, Isolation, KeyRange, Limits, Mutations, RoomUse, Scan, TransactionFn, View};
use crate::plan::{self, PendingCleanup};
use crate::planted::{self, Bug};
use crate::types::{Generation, PageCount, Txid};

/// Manifests handled in one step, unless the keys of their rows are too long for one transaction, or they
/// name more rows than one transaction should delete.
const PARTS_A_STEP_MAX: usize = 4;
/// Rows trimmed in one step, unless they are more than one transaction should delete.
const ROWS_A_STEP_MAX: usize = 1_000;

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It did a part of the work.
    More,
    /// It did all remaining work.
    Done,
    /// There was nothing to do.
    Nothing,
}

/// What to do with the pages of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Delete the rows that it wrote.
    RollBack,
    /// Clear older ones.
    Sweep,
}

/// A step, performed by the holder of `generation`.
pub(crate) struct Step {
    pub(crate) actor: Actor,
    pub(crate) limits: Limits,
    pub(crate) generation: Generation,
    pub(crate) pending: PendingCleanup,
}

impl TransactionFn for Step {
    type Output = Progress;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Progress>, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Serializable).await?;
            if fence.is_none_or(|fence| fence.generation != self.generation) {
                // The next owner sees the same pending cleanup.
                return Ok(Decision::answer(Progress::Nothing));
            }
            match self.pending {
                PendingCleanup::Rollback(stage) => match head.open_stage {
                    Some(open) if open.txid == stage.txid => self.roll_back(view, &head, open).await,
                    _ => Ok(Decision::answer(Progress::Nothing)),
                },
                PendingCleanup::Trim => match head.untrimmed_above {
                    Some(pages) => self.trim(view, &head, pages).await,
                    None => Ok(Decision::answer(Progress::Nothing)),
                },
                PendingCleanup::Sweep if head.unswept => self.sweep(view, &head).await,
                PendingCleanup::Sweep => Ok(Decision::answer(Progress::Nothing)),
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
        let range = self.actor.keys.stage(stage.txid);
        let (mut mutations, more) = self.work_off(view, head, range, Work::RollBack).await?;
        if more && !stage.aborted && !planted::has(Bug::AbortNotMarked) {
            self.actor.put_head(&mut mutations, &plan::aborted(head));
        }
        Ok(self.end_step(mutations, more, || plan::rolled_back(head)))
    }

    /// Clears the versions that the next manifests' pages have superseded, and the manifests.
    async fn sweep(&self, view: &dyn View, head: &Head) -> Result<Decision<Progress>, Failure> {
        let range = self.actor.keys.stages_to(head.txid);
        let (mutations, more) = self.work_off(view, head, range, Work::Sweep).await?;
        Ok(self.end_step(mutations, more, || plan::swept(head)))
    }

    /// Deletes rows of each page that the next manifests of a range name, and the manifests. A manifest that
    /// names more rows than one step should delete keeps the rest. Also returns whether there may be more
    /// manifests.
    async fn work_off(
        &self,
        view: &dyn View,
        head: &Head,
        range: KeyRange,
        work: Work,
    ) -> Result<(Mutations, bool), Failure> {
        let parts = self.manifests(view, range).await?;
        let room = Room::new(&self.limits, &self.actor.keys);
        let fit = room.manifests(parts.iter().map(|(_, _, part)| part));
        let mut mutations = Mutations::new();
        let mut left = self.rows_a_step(head);
        for (key, txid, part) in parts.iter().take(fit) {
            let mut done = 0;
            for page in part.pages() {
                let older = self.actor.keys.page_before(page, *txid, head.floor());
                let rows = self.count(view, work, &older).await?;
                if rows > left && !mutations.is_empty() {
                    break;
                }
                left = left.saturating_sub(rows);
                done += 1;
                match work {
                    Work::RollBack => mutations.delete_guarded(self.actor.keys.page(page, *txid)),
                    Work::Sweep => mutations.clear_range_guarded(older),
                }
            }
            match part.without_first(done) {
                None => mutations.delete(key.clone()),
                Some(rest) => {
                    if done > 0 {
                        put_row(&mut mutations, key.clone(), &rest);
                    }
                    return Ok((mutations, true));
                }
            }
        }
        Ok((mutations, parts.len() >= PARTS_A_STEP_MAX || fit < parts.len()))
    }

    /// How many rows belong to a page, if it matters how many rows a transaction deletes.
    async fn count(&self, view: &dyn View, work: Work, older: &KeyRange) -> Result<usize, Failure> {
        if work == Work::RollBack || self.limits.freed_bytes.is_none() {
            return Ok(1);
        }
        let mut rows = 0;
        let mut visit = |_: &[u8], _: &[u8]| {
            rows += 1;
            ControlFlow::Continue(())
        };
        view.scan(Scan::snapshot(older.clone()), &mut visit).await?;
        Ok(rows)
    }

    /// How many rows one step may delete, given their size in bytes.
    fn rows_a_step(&self, head: &Head) -> usize {
        let fit = |bytes: usize| (bytes / head.page_size.bytes()).max(1);
        self.limits.freed_bytes.map_or(usize::MAX, fit)
    }

    /// Deletes the next rows of pages beyond the size that the head records.
    async fn trim(
        &self,
        view: &dyn View,
        head: &Head,
        pages: PageCount,
    ) -> Result<Decision<Progress>, Failure> {
        let mut mutations = Mutations::new();
        if pages == PageCount(0) && self.clear_points(view, head, &mut mutations).await? {
            return Ok(self.end_step(mutations, true, || plan::trimmed(head)));
        }
        let mut rows = 0;
        let rows_max = self.rows_a_step(head).min(ROWS_A_STEP_MAX);
        // A trim reads rows with their values, and a backend may have to fetch them.
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
            view.scan(Scan::snapshot(range.clone()).rows(rows_max), &mut visit).await?;
            if let Some(last) = last {
                let past = KeyRange::single(last);
                mutations.clear_range_guarded(KeyRange::new(range.start(), past.end()));
            }
        }
        let more = rows >= rows_max || bytes >= bytes_max;
        Ok(self.end_step(mutations, more, || plan::trimmed(head)))
    }

    /// Removes points of a deleted actor, before the versions that they show. Returns whether it may have left some.
    async fn clear_points(
        &self,
        view: &dyn View,
        head: &Head,
        mutations: &mut Mutations,
    ) -> Result<bool, Failure> {
        let range = self.actor.keys.points(Txid::ZERO, head.next_txid);
        let mut last = None;
        let mut rows = 0;
        let mut visit = |key: &[u8], _: &[u8]| {
            rows += 1;
            last = Some(key.to_vec());
            ControlFlow::Continue(())
        };
        view.scan(Scan::snapshot(range.clone()).rows(ROWS_A_STEP_MAX), &mut visit).await?;
        if let Some(last) = last {
            mutations.clear_range(KeyRange::new(range.start(), KeyRange::single(last).end()));
        }
        Ok(rows >= ROWS_A_STEP_MAX)
    }

    /// The next manifests of a range, read with conflict detection: a part that is still on its way to the
    /// store must not slip in after the last step.
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
        cleaned_up: impl FnOnce() -> Head,
    ) -> Decision<Progress> {
        mutations.use_room(RoomUse::Frees);
        if more {
            return Decision::write(mutations, Progress::More);
        }
        self.actor.put_head(&mut mutations, &cleaned_up());
        Decision::write(mutations, Progress::Done)
    }
}
