//! flatten: copies what a line shows of others into the actor itself, and lets go of them.
//!
//! The copies are written under the txid with which the line begins, below everything that the actor has
//! committed since. So what any point shows stays the same, page by page, and the owner goes on meanwhile.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, try_join_all};

use crate::codec::{self, Head, HeadHistory, Lineage, Point};
use crate::engine::error::{Failure, StoreError, corrupt};
use crate::engine::read::at::At;
use crate::engine::read::rows::{Stored, walk};
use crate::engine::runtime::actor::{Actor, put_row};
use crate::engine::runtime::core::Core;
use crate::engine::runtime::metrics::Rows;
use crate::kv::{Decision, Isolation, Limits, Mutations, RoomUse, Scan, TransactionFn, View};
use crate::plan;
use crate::planted::{self, Bug};
use crate::types::{ActorId, PageCount, PageNumber, PageRange, Txid, runs};

use super::clearing;
use super::release::release;
use super::rows;

/// The bytes of pages that one step copies at most.
const STEP_BYTES_MAX: usize = 512 << 10;

/// One step: copies the next pages, or ends.
struct Step {
    actor: Actor,
    limits: Limits,
    which: Which,
    /// The first page that is still to be copied.
    next: Option<PageNumber>,
    /// What the step before has copied.
    copied: Vec<PageNumber>,
}

/// Which line.
#[derive(Debug, Clone, Copy)]
enum Which {
    /// That of the head.
    Head,
    /// That of this txid.
    Of(Txid),
    /// The one that begins with this txid: the one of which the pages before `next` were copied. Meanwhile a
    /// restore may have begun another one.
    Begun(Txid),
}

enum Progress {
    /// The pages before this one are copied, into the line that begins with this txid.
    To(PageNumber, Txid, Copies),
    /// The line stands by itself. These actors are let go.
    Done(Vec<ActorId>),
    /// It stood by itself already.
    Nothing,
}

/// What a step has copied.
#[derive(Debug, Default)]
struct Copies {
    pages: Vec<PageNumber>,
    rows: Rows,
}

/// What a flattening has come to.
#[derive(Debug, Default)]
pub(crate) struct Flattened {
    /// Whether the line has shown others until now.
    pub(crate) is_new: bool,
    /// The rows that were copied.
    pub(crate) copied: Rows,
    /// The actors whose rows this one held, and no longer does.
    pub(crate) released: Vec<ActorId>,
}

impl TransactionFn for Step {
    type Output = Progress;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Progress>, Failure>> {
        async move {
            let lines = rows::lines(view, &self.actor, Isolation::Serializable).await?;
            let index = lines.iter().position(|(begin, _)| match self.which {
                Which::Head => true,
                Which::Of(txid) => *begin <= txid,
                Which::Begun(txid) => *begin == txid || planted::has(Bug::FlattenedOnward),
            });
            let Some(index) = index.filter(|index| !lines[*index].1.below.is_empty()) else {
                return Ok(Decision::answer(Progress::Nothing));
            };
            let (begin, line) = &lines[index];
            let pages_max = line.below.first().map_or(PageCount(0), |segment| segment.pages_max);
            let left = self.next.map(|first| PageRange { first, last: PageNumber::LAST });
            let left = runs::first_pages(left.as_slice(), pages_max, u64::MAX);
            match left.first() {
                Some(run) => {
                    let newer = index.checked_sub(1).map(|newer| Txid(lines[newer].0.0 - 1));
                    self.copy(view, (*begin, line), newer, *run).await
                }
                None => self.end(view, &lines, index).await,
            }
        }
        .boxed()
    }
}

impl Step {
    async fn copy(
        &self,
        view: &dyn View,
        (begin, line): (Txid, &Lineage),
        end: Option<Txid>,
        run: PageRange,
    ) -> Result<Decision<Progress>, Failure> {
        let actor = &self.actor;
        let mut mutations = Mutations::new();
        let head = actor.stored_head(view, Isolation::Snapshot).await?.unwrap_or_else(Head::empty);
        let newest = end.unwrap_or(head.txid);
        let oldest = rows::oldest(view, actor, (line.floor, newest)).await?.map(|(oldest, _)| oldest);
        if oldest.is_none() && end.is_some() {
            // No state of the line is left: it is about to go.
            return Ok(Decision::answer(Progress::Done(Vec::new())));
        }
        // Nothing of the line itself lies at or below its floor.
        let at = At::line(line, &self.limits);
        let last = run.first.get().saturating_add(255).min(run.last.get());
        let mut run = PageRange { first: run.first, last: PageNumber::new(last).unwrap_or(run.last) };
        let (mut bytes, mut rows) = (0, Vec::new());
        walk(view, actor, run, &at, |stored| {
            if let Stored::Row { page, key, value, .. } = stored
                && bytes < STEP_BYTES_MAX
            {
                bytes += value.len();
                run.last = page;
                let to = actor.keys.page(page, begin);
                let moved = codec::move_row(key, value, &to).map_err(|error| corrupt(&actor.id, &error))?;
                rows.push((page, moved));
            } else if bytes < STEP_BYTES_MAX
                && let Stored::Never(gap) = stored
            {
                run.last = gap.last;
            }
            Ok(())
        })
        .await?;
        let shown = (line.floor, oldest.unwrap_or(head.txid));
        let written = try_join_all(rows.iter().map(|(page, _)| self.has_version(view, *page, shown))).await?;
        let (mut copies, mut passed) = (Copies::default(), self.copied.clone());
        for ((page, value), written) in rows.into_iter().zip(written) {
            // A state of the line shows the copy, unless the page has a version of its own at or below the oldest one.
            if written {
                passed.push(page);
                continue;
            }
            let key = actor.keys.page(page, begin);
            copies.rows = copies.rows.and_row(key.len() + value.len());
            mutations.put_guarded(key, value);
            copies.pages.push(page);
        }
        self.clear_superseded(view, &passed, (begin, &head), &mut mutations).await?;
        if let Some(oldest) = oldest {
            self.name_copies(view, oldest, (run, &copies.pages), &mut mutations).await?;
        }
        let next = run.last.next().unwrap_or(PageNumber::LAST);
        Ok(Decision::write(mutations, Progress::To(next, begin, copies)))
    }

    /// Whether a page has a version of the actor's own above `from`, and at or below `to`.
    async fn has_version(
        &self,
        view: &dyn View,
        page: PageNumber,
        (from, to): (Txid, Txid),
    ) -> Result<bool, Failure> {
        let mut written = false;
        let mut visit = |_: &[u8], _: &[u8]| {
            written = true;
            ControlFlow::Break(())
        };
        let range = self.actor.keys.page_between(page, from, to);
        view.scan(Scan::snapshot(range).rows(1), &mut visit).await?;
        Ok(written)
    }

    /// Clears the copies of pages that an owner without history has rewritten in the meantime. Its commit has cleared
    /// what it found, but the copy may have come just after it: neither conflicts with the other, so that an owner who
    /// commits all the time holds nobody up. Where states are kept, their oldest one shows the copy.
    async fn clear_superseded(
        &self,
        view: &dyn View,
        pages: &[PageNumber],
        (begin, head): (Txid, &Head),
        mutations: &mut Mutations,
    ) -> Result<(), Failure> {
        if head.keeps() || planted::has(Bug::CopiesLeft) {
            return Ok(());
        }
        let newer = (begin, head.txid);
        let rewritten = try_join_all(pages.iter().map(|page| self.has_version(view, *page, newer))).await?;
        for (page, _) in pages.iter().zip(rewritten).filter(|(_, rewritten)| *rewritten) {
            mutations.delete_guarded(self.actor.keys.page(*page, begin));
        }
        Ok(())
    }

    /// Has the oldest point of the line name the copies, so that they are cleared when it is dropped: all pages of the
    /// run, which are few runs in the end. But one that is being dropped has passed on some of its pages, and must not
    /// name them again.
    async fn name_copies(
        &self,
        view: &dyn View,
        oldest: Txid,
        (run, copied): (PageRange, &[PageNumber]),
        mutations: &mut Mutations,
    ) -> Result<(), Failure> {
        let key = self.actor.keys.point(oldest);
        let point: Option<Point> = self.actor.row(view, key.clone(), Isolation::Serializable).await?;
        if let Some(mut point) = point {
            let named = if point.dropped { PageRange::gather(copied.iter().copied()) } else { vec![run] };
            point.runs = runs::union(point.runs.iter().copied().chain(named));
            put_row(mutations, key, &point);
        }
        Ok(())
    }

    /// All pages are copied.
    async fn end(
        &self,
        view: &dyn View,
        lines: &[(Txid, Lineage)],
        index: usize,
    ) -> Result<Decision<Progress>, Failure> {
        let (begin, line) = &lines[index];
        let mut mutations = Mutations::new();
        let alone = Lineage { below: Vec::new(), ..line.clone() };
        put_row(&mut mutations, self.actor.keys.line(*begin), &alone);
        let mut others: Vec<&(Txid, Lineage)> = lines.iter().collect();
        others.remove(index);
        if index == 0
            && let Some(head) = self.actor.stored_head(view, Isolation::Serializable).await?
            && let Some(history) = head.history.clone().filter(|history| history.lineage == *line)
        {
            let off = history.off;
            let history = Box::new(HeadHistory { lineage: alone, ..*history });
            let head = Head { history: Some(history), ..head };
            if head.keeps() {
                self.actor.put_head(&mut mutations, &head);
            } else {
                self.clear_superseded(view, &self.copied, (*begin, &head), &mut mutations).await?;
                // Without points, nobody shows an earlier line any more.
                let settled = plan::settled(&head, off);
                self.actor.put_head(&mut mutations, &settled);
                for (begin, _) in others.drain(..) {
                    mutations.delete(self.actor.keys.line(*begin));
                }
                if settled.history.is_none_or(|history| history.lineage.is_whole()) {
                    mutations.delete(self.actor.keys.line(*begin));
                }
            }
        }
        let released = release(&mut mutations, lines, &others);
        mutations.use_room(RoomUse::Frees);
        Ok(Decision::write(mutations, Progress::Done(released)))
    }
}

/// Flattens the line of a txid, or that of the head, as long as `goes_on` says so. What was copied until then does
/// no harm: the next one copies it again.
pub(crate) async fn flatten(
    core: &Arc<Core>,
    actor: &Actor,
    at: Option<Txid>,
    goes_on: impl Fn() -> bool,
) -> Result<Flattened, StoreError> {
    let (mut which, mut next) = (at.map_or(Which::Head, Which::Of), Some(PageNumber::FIRST));
    let (mut flattened, mut copied) = (Flattened::default(), Vec::new());
    while goes_on() {
        let step = Step { actor: actor.clone(), limits: core.limits, which, next, copied };
        match core.decide(&Arc::new(step)).await? {
            Progress::To(page, begin, copies) => {
                let Rows { pages, bytes } = copies.rows;
                core.metrics.history.flatten_copied(pages, bytes);
                flattened.copied = flattened.copied.plus(copies.rows);
                (which, next, copied) = (Which::Begun(begin), Some(page), copies.pages);
            }
            Progress::Done(released) => {
                (flattened.is_new, flattened.released) = (true, released);
                flattened.released.extend(clearing::clear_below(core, actor).await?);
                break;
            }
            Progress::Nothing => {
                flattened.released.extend(clearing::clear_below(core, actor).await?);
                break;
            }
        }
    }
    Ok(flattened)
}
