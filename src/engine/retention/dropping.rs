//! Drops points that follow each other, in one bounded transaction that reads everything that could keep
//! them.

use std::ops::ControlFlow;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{self, Point, StagePart};
use crate::engine::error::{Failure, corrupt};
use crate::engine::runtime::actor::{Actor, put_row};
use crate::kv::{Decision, Isolation, KeyRange, Limits, Mutations, RoomUse, Scan, TransactionFn, View};
use crate::plan::{self, Dropped};
use crate::planted::{self, Bug};
use crate::types::{PageCount, PageRange, Txid, runs};

use super::rows;
use super::survey::line_ends;

/// The most pages whose versions one step clears, unless they are more bytes than a transaction should free.
const PAGES_A_STEP_MAX: usize = 500;
/// The most runs that a point names itself; more become a manifest.
const RUNS_MAX: usize = 500;

/// Points of one line, newest first, without a kept one among them.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// The points.
    pub(super) points: Vec<Txid>,
    /// The point before the oldest of them, or where the line begins.
    pub(super) before: Before,
    /// The next point of the line, if there is one.
    pub(super) next: Option<Txid>,
}

/// What comes before a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// A point.
    Point(Txid),
    /// The versions above this txid belong to the line, which begins with the group.
    Floor(Txid),
}

impl Before {
    fn txid(self) -> Txid {
        match self {
            Self::Point(txid) | Self::Floor(txid) => txid,
        }
    }
}

/// What a step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// This many of the newest points are gone.
    Gone(usize),
    /// A part of the newest point is gone.
    Part,
    /// Something has changed: the points have to be looked at again.
    Stale,
}

pub(super) struct DropPoints {
    pub(super) actor: Actor,
    pub(super) limits: Limits,
    pub(super) group: Group,
    pub(super) now_ms: u64,
}

/// A point with the pages that it names.
struct Loaded {
    txid: Txid,
    point: Point,
    /// Its manifests, as far as they are looked at.
    parts: Vec<(Vec<u8>, u32, StagePart)>,
    pages: Vec<PageRange>,
}

impl TransactionFn for DropPoints {
    type Output = Step;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Step>, Failure>> {
        async move {
            let Group { points, before, next } = &self.group;
            if self.is_held(view).await? {
                return Ok(Decision::answer(Step::Stale));
            }
            // A point that is being dropped has passed pages on: it goes first.
            if let Before::Point(txid) = before
                && self.load(view, *txid, false).await?.is_none_or(|before| before.point.dropped)
            {
                return Ok(Decision::answer(Step::Stale));
            }
            let next = match next {
                None => None,
                Some(next) => match self.load(view, *next, true).await? {
                    Some(next) if !next.point.dropped => Some(next),
                    _ => return Ok(Decision::answer(Step::Stale)),
                },
            };
            let mut loaded = Vec::new();
            let mut pages = 0;
            for txid in points {
                let Some(point) = self.load(view, *txid, true).await? else {
                    return Ok(Decision::answer(Step::Stale));
                };
                pages += usize::try_from(runs::count(&point.pages)).unwrap_or(usize::MAX);
                if pages > self.pages_max(point.point.page_size.bytes()) && !loaded.is_empty() {
                    break;
                }
                loaded.push(point);
            }
            let froms = self.froms(view, &loaded).await?;
            Ok(self.drop(&loaded, &froms, next))
        }
        .boxed()
    }
}

impl DropPoints {
    /// Whether a pin or a line holds one of the points. Read with conflict detection, so that none of them
    /// comes in between.
    async fn is_held(&self, view: &dyn View) -> Result<bool, Failure> {
        let points = &self.group.points;
        let (Some(newest), Some(oldest)) = (points.first(), points.last()) else { return Ok(true) };
        let range = self.actor.keys.pins(*oldest, *newest);
        let guarded = |bug| if planted::has(bug) { Isolation::Snapshot } else { Isolation::Serializable };
        let pins = rows::pins(view, &self.actor, range, guarded(Bug::PinsPassed)).await?;
        let pinned = pins.iter().any(|(txid, _, pin)| pin.holds_at(self.now_ms) && points.contains(txid));
        let lines = rows::lines(view, &self.actor, guarded(Bug::LinesPassed)).await?;
        let built_on = line_ends(&lines).any(|end| points.contains(&end));
        Ok((pinned && !planted::has(Bug::PinIgnored)) || built_on)
    }

    async fn load(&self, view: &dyn View, txid: Txid, with_pages: bool) -> Result<Option<Loaded>, Failure> {
        let key = self.actor.keys.point(txid);
        let point: Option<Point> = self.actor.row(view, key, Isolation::Serializable).await?;
        let Some(point) = point else { return Ok(None) };
        let parts = if with_pages && point.in_parts { self.parts(view, txid).await? } else { Vec::new() };
        let pages = point.runs.iter().chain(parts.iter().flat_map(|(_, _, part)| &part.runs)).copied();
        let pages = runs::union(pages);
        Ok(Some(Loaded { txid, point, parts, pages }))
    }

    async fn parts(&self, view: &dyn View, txid: Txid) -> Result<Vec<(Vec<u8>, u32, StagePart)>, Failure> {
        let (mut parts, mut failed) = (Vec::new(), None);
        let mut visit = |key: &[u8], value: &[u8]| {
            let named = self.actor.keys.parse_stage(key);
            match named.and_then(|(_, part)| Ok((key.to_vec(), part, codec::decode(key, value)?))) {
                Ok(part) => {
                    parts.push(part);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(corrupt(&self.actor.id, &error));
                    ControlFlow::Break(())
                }
            }
        };
        view.scan(Scan::snapshot(self.actor.keys.stage(txid)), &mut visit).await?;
        match failed {
            Some(error) => Err(Failure::Store(error)),
            None => Ok(parts),
        }
    }

    /// For each of these first points of the group the txid above which its versions begin: that of the next older
    /// point that is not being dropped.
    async fn froms(&self, view: &dyn View, loaded: &[Loaded]) -> Result<Vec<Txid>, Failure> {
        let mut from = self.group.before.txid();
        for older in &self.group.points[loaded.len()..] {
            let point = self.load(view, *older, false).await?;
            if point.is_some_and(|older| !older.point.dropped) || planted::has(Bug::PartsForgotten) {
                from = *older;
                break;
            }
        }
        let mut froms = Vec::with_capacity(loaded.len());
        for point in loaded.iter().rev() {
            froms.push(from);
            if !point.point.dropped || planted::has(Bug::PartsForgotten) {
                from = point.txid;
            }
        }
        froms.reverse();
        Ok(froms)
    }

    fn pages_max(&self, page_bytes: usize) -> usize {
        let key_bytes = self.actor.keys.page(crate::types::PageNumber::FIRST, Txid::ZERO).len();
        let by_keys = self.limits.transaction_bytes / 2 / (2 * key_bytes + 1);
        let by_bytes = self.limits.freed_bytes.map_or(usize::MAX, |bytes| bytes / page_bytes);
        PAGES_A_STEP_MAX.min(by_keys).min(by_bytes).max(1)
    }

    /// Drops whole points, or the first pages of a single large one.
    fn drop(&self, loaded: &[Loaded], froms: &[Txid], next: Option<Loaded>) -> Decision<Step> {
        let mut mutations = Mutations::new();
        mutations.use_room(RoomUse::Frees);
        let ([first, ..], [from, ..]) = (loaded, froms) else { return Decision::answer(Step::Stale) };
        let pages_max = self.pages_max(first.point.page_size.bytes());
        let is_large = runs::count(&first.pages) > pages_max as u64;
        let (points, step) = if is_large {
            let taken = runs::first_pages(&first.pages, PageCount(u32::MAX), pages_max as u64);
            self.put_rest(&mut mutations, first, &taken);
            (vec![(first.txid, *from, taken)], Step::Part)
        } else {
            for point in loaded {
                mutations.delete(self.actor.keys.point(point.txid));
                for (key, _, _) in &point.parts {
                    mutations.delete(key.clone());
                }
            }
            let points = loaded.iter().zip(froms);
            let points = points.map(|(point, from)| (point.txid, *from, point.pages.clone()));
            (points.collect(), Step::Gone(loaded.len()))
        };
        let named = next.as_ref().map(|next| next.pages.as_slice());
        let Dropped { cleared, moved } = plan::drop_points(&points, named);
        for versions in cleared {
            for page in versions.runs.iter().flat_map(|run| run.pages()) {
                let range: KeyRange = self.actor.keys.page_between(page, versions.from, versions.to);
                mutations.clear_range_guarded(range);
            }
        }
        if let Some(next) = next {
            self.put_next(&mut mutations, next, &moved);
        }
        Decision::write(mutations, step)
    }

    /// What is left of a large point. It is no point any more: some of its versions are gone.
    fn put_rest(&self, mutations: &mut Mutations, first: &Loaded, taken: &[PageRange]) {
        let point =
            Point { dropped: true, runs: runs::subtract(&first.point.runs, taken), ..first.point.clone() };
        put_row(mutations, self.actor.keys.point(first.txid), &point);
        for (key, _, part) in &first.parts {
            let rest = runs::subtract(&part.runs, taken);
            if rest.is_empty() {
                mutations.delete(key.clone());
            } else if rest != part.runs {
                put_row(mutations, key.clone(), &StagePart { runs: rest });
            }
        }
    }

    /// The next point names what has been moved to it. It is written in any case: another step that has read
    /// it conflicts.
    fn put_next(&self, mutations: &mut Mutations, next: Loaded, moved: &[PageRange]) {
        let Loaded { txid, mut point, parts, .. } = next;
        point.runs = runs::union(point.runs.iter().chain(moved).copied());
        if point.runs.len() > RUNS_MAX {
            let number = parts.iter().map(|(_, number, _)| number + 1).max().unwrap_or(0);
            let part = StagePart { runs: std::mem::take(&mut point.runs) };
            put_row(mutations, self.actor.keys.stage_part(txid, number), &part);
            point.in_parts = true;
        }
        put_row(mutations, self.actor.keys.point(txid), &point);
    }
}
