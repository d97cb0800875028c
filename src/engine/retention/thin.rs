//! Thins an actor's history: drops the points that its policy does not keep, removes pins that have expired
//! and lines without points, and ends the history of an actor that keeps none.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{PinKind, Point};
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::{events, metrics};
use crate::kv::{Decision, Isolation, Mutations, ReadFn, RoomUse, TransactionFn, View};
use crate::plan::{self, Thinning};
use crate::planted::{self, Bug};
use crate::types::{ActorId, Segment, Txid};

use super::clearing::clear_below;
use super::dropping::{Before, DropPoints, Group, Step};
use super::rows;
use super::survey::{Look, Survey};

/// Points that are read at once.
const WINDOW: usize = 256;
/// Points that one step drops at most.
const GROUP_MAX: usize = 64;
/// Passes over an actor's points, each of which may make room for the next one.
const PASSES_MAX: usize = 8;

/// What thinning an actor has come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Thinned {
    /// How many points it has dropped.
    pub(crate) dropped: u64,
    /// How many transactions that took.
    pub(crate) steps: u64,
    /// The actors of which something is pinned no longer.
    pub(crate) released: Vec<ActorId>,
}

/// Thins an actor's history, in bounded steps, until nothing is left to do or `goes_on` says so.
pub(crate) async fn thin(
    core: &Core,
    actor: &Actor,
    goes_on: impl Fn() -> bool,
) -> Result<Thinned, StoreError> {
    let begun = core.env.elapsed();
    let (mut thinned, mut has_history) = (Thinned::default(), false);
    for _ in 0..PASSES_MAX {
        let survey = core.read(&Arc::new(Look(actor.clone()))).await?;
        if !goes_on() {
            break;
        }
        if !survey.head.keeps() {
            remove_lines(core, actor, &survey, &mut thinned).await?;
            break;
        }
        has_history = true;
        let mut changed = remove_expired(core, actor, &survey).await?;
        changed |= drop_unkept(core, actor, &survey, &mut thinned, &goes_on).await?;
        changed |= remove_lines(core, actor, &survey, &mut thinned).await?;
        if !changed {
            settle(core, actor, &survey).await?;
            break;
        }
    }
    thinned.released.extend(clear_below(core, actor).await?);
    if has_history {
        let took = metrics::thinned(core, begun);
        events::history::thinned(actor, thinned.dropped, thinned.steps, took);
    }
    Ok(thinned)
}

struct Window {
    actor: Actor,
    to: Txid,
}

impl ReadFn for Window {
    type Output = Vec<(Txid, Point)>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        rows::points(view, &self.actor, (Txid::ZERO, self.to), WINDOW).boxed()
    }
}

/// Goes through all points, from the newest to the oldest. Returns whether one is gone.
async fn drop_unkept(
    core: &Core,
    actor: &Actor,
    survey: &Survey,
    thinned: &mut Thinned,
    goes_on: &impl Fn() -> bool,
) -> Result<bool, StoreError> {
    let now_ms = core.env.now_ms();
    let mut thinning = Thinning::new(survey.policy(core), now_ms, survey.held(now_ms));
    let mut gathering = Gathering { survey, next: None, points: Vec::new() };
    // What was committed since is not known to be held: it may be the head.
    let newest = if planted::has(Bug::SurveyTrusted) { Txid(u64::MAX) } else { survey.head.txid };
    let mut to = Some(newest);
    let mut changed = false;
    while let Some(newest) = to.filter(|_| goes_on()) {
        let window = core.read(&Arc::new(Window { actor: actor.clone(), to: newest })).await?;
        to = window.last().filter(|_| window.len() == WINDOW).map(|(txid, _)| Txid(txid.0 - 1));
        for (txid, point) in &window {
            let kept = thinning.keeps(*txid, point.time_ms) && !point.dropped;
            if let Some(group) = gathering.pass(*txid, kept) {
                changed |= drop_group(core, actor, group, thinned).await?;
            }
        }
    }
    if let Some(group) = gathering.end(None) {
        changed |= drop_group(core, actor, group, thinned).await?;
    }
    Ok(changed)
}

/// Gathers points that are dropped together.
struct Gathering<'s> {
    survey: &'s Survey,
    /// The last point that stays.
    next: Option<Txid>,
    points: Vec<Txid>,
}

impl Gathering<'_> {
    /// The next older point. Returns a group that is complete.
    fn pass(&mut self, txid: Txid, kept: bool) -> Option<Group> {
        let floor = self.survey.floor(txid);
        let same_line = self.points.last().is_some_and(|newer| self.survey.floor(*newer) == floor);
        let complete = kept || !same_line || self.points.len() >= GROUP_MAX;
        let group = if complete { self.end(same_line.then_some(txid)) } else { None };
        if kept {
            self.next = Some(txid);
        } else {
            self.points.push(txid);
        }
        group
    }

    /// The group, before the next older point of its line or the line's beginning.
    fn end(&mut self, older: Option<Txid>) -> Option<Group> {
        let newest = *self.points.first()?;
        let floor = self.survey.floor(newest);
        let next = self.next.filter(|next| self.survey.floor(*next) == floor);
        let before = older.map_or(Before::Floor(floor), Before::Point);
        Some(Group { points: std::mem::take(&mut self.points), before, next })
    }
}

async fn drop_group(
    core: &Core,
    actor: &Actor,
    mut group: Group,
    thinned: &mut Thinned,
) -> Result<bool, StoreError> {
    let mut changed = false;
    while !group.points.is_empty() {
        let (actor, now_ms) = (actor.clone(), core.env.now_ms());
        let step = DropPoints { actor, limits: core.limits, group: group.clone(), now_ms };
        let gone = match core.decide(&Arc::new(step)).await? {
            Step::Gone(count) => count,
            Step::Part => 0,
            Step::Stale => return Ok(changed),
        };
        group.points.drain(..gone);
        core.metrics.history.points_dropped(gone);
        thinned.dropped += gone as u64;
        thinned.steps += 1;
        changed = true;
    }
    Ok(changed)
}

struct RemoveExpired {
    actor: Actor,
    now_ms: u64,
}

impl TransactionFn for RemoveExpired {
    type Output = Vec<PinKind>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let mut mutations = Mutations::new();
            mutations.use_room(RoomUse::Frees);
            let mut pins = rows::all_pins(view, &self.actor, Isolation::Serializable).await?;
            pins.retain(|(_, _, pin)| !pin.holds_at(self.now_ms));
            for (txid, token, _) in &pins {
                mutations.delete(self.actor.keys.pin(*txid, *token));
            }
            let expired = pins.into_iter().map(|(_, _, pin)| pin.kind).collect();
            Ok(Decision::write(mutations, expired))
        }
        .boxed()
    }
}

async fn remove_expired(core: &Core, actor: &Actor, survey: &Survey) -> Result<bool, StoreError> {
    let now_ms = core.env.now_ms();
    if survey.pins.iter().all(|(_, _, pin)| pin.holds_at(now_ms)) {
        return Ok(false);
    }
    let expired = core.decide(&Arc::new(RemoveExpired { actor: actor.clone(), now_ms })).await?;
    expired.iter().filter_map(metrics::of_pin).for_each(|kind| core.metrics.history.pin_expired(kind));
    Ok(!expired.is_empty())
}

/// Removes a line that has no points left, and its pins on other actors.
struct RemoveLine {
    actor: Actor,
    begin: Txid,
}

impl TransactionFn for RemoveLine {
    type Output = Vec<ActorId>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Vec<ActorId>>, Failure>> {
        async move {
            let lines = rows::lines(view, &self.actor, Isolation::Serializable).await?;
            let Some(index) = lines.iter().position(|(begin, _)| *begin == self.begin) else {
                return Ok(Decision::answer(Vec::new()));
            };
            let ends = index.checked_sub(1).map(|newer| Txid(lines[newer].0.0 - 1));
            // The newest line is that of the head.
            let Some(end) = ends else { return Ok(Decision::answer(Vec::new())) };
            if !rows::points(view, &self.actor, (Txid(self.begin.0 - 1), end), 1).await?.is_empty() {
                return Ok(Decision::answer(Vec::new()));
            }
            let mut mutations = Mutations::new();
            mutations.use_room(RoomUse::Frees);
            mutations.delete(self.actor.keys.line(self.begin));
            let (_, line) = &lines[index];
            let others = || lines.iter().enumerate().filter(|(other, _)| *other != index);
            let mut released = Vec::new();
            for segment in &line.below {
                let Some(ancestor) = &segment.actor else { continue };
                let same = |other: &Segment| (&other.actor, other.to) == (&segment.actor, segment.to);
                let used =
                    others().any(|(_, (_, other))| other.pins == line.pins && other.below.iter().any(same));
                if !used {
                    mutations.delete(Actor::new(ancestor).keys.pin(segment.to, line.pins));
                    released.push(ancestor.clone());
                }
            }
            Ok(Decision::write(mutations, released))
        }
        .boxed()
    }
}

async fn remove_lines(
    core: &Core,
    actor: &Actor,
    survey: &Survey,
    thinned: &mut Thinned,
) -> Result<bool, StoreError> {
    let mut changed = false;
    for (index, (begin, _)) in survey.lines.iter().enumerate().skip(1) {
        let end = Txid(survey.lines[index - 1].0.0 - 1);
        let (actor, begin) = (actor.clone(), *begin);
        let look = Arc::new(Window { actor: actor.clone(), to: end });
        let points = core.read(&look).await?;
        if points.first().is_none_or(|(txid, _)| *txid < begin) {
            let released = core.decide(&Arc::new(RemoveLine { actor, begin })).await?;
            changed = true;
            thinned.released.extend(released);
        }
    }
    Ok(changed)
}

/// Ends the history of a live actor that keeps none, if only the state at its head is left.
struct Settle {
    actor: Actor,
    off: bool,
}

impl TransactionFn for Settle {
    type Output = ();
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, Failure>> {
        async move {
            let actor = &self.actor;
            let head = actor.stored_head(view, Isolation::Serializable).await?;
            let Some(head) = head.filter(crate::codec::Head::keeps) else {
                return Ok(Decision::answer(()));
            };
            let pins = rows::all_pins(view, actor, Isolation::Serializable).await?;
            let points = rows::points(view, actor, (Txid::ZERO, head.next_txid), 2).await?;
            // Whoever pins the point has read it with conflict detection.
            let only = matches!(points.as_slice(), [(txid, _)] if *txid == head.txid);
            if !pins.is_empty() || !(only || points.is_empty()) {
                return Ok(Decision::answer(()));
            }
            let mut mutations = Mutations::new();
            mutations.use_room(RoomUse::Frees);
            let mut next = plan::settled(&head, self.off);
            if let [(txid, point)] = points.as_slice() {
                mutations.delete(actor.keys.point(*txid));
                next.unswept |= point.in_parts;
            }
            if !self.off {
                mutations.delete(actor.keys.history());
            }
            if next.history.as_ref().is_none_or(|history| history.lineage.is_whole()) {
                mutations.clear_range(actor.keys.lines_to(Txid(u64::MAX)));
            }
            actor.put_head(&mut mutations, &next);
            Ok(Decision::write(mutations, ()))
        }
        .boxed()
    }
}

async fn settle(core: &Core, actor: &Actor, survey: &Survey) -> Result<(), StoreError> {
    if !survey.is_live || survey.policy(core).is_some() || !survey.pins.is_empty() {
        return Ok(());
    }
    let off = survey.row.as_ref().is_some_and(|row| row.own);
    core.decide(&Arc::new(Settle { actor: actor.clone(), off })).await
}
