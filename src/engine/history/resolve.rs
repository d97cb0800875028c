//! Which point is meant: by its txid, a time or a name.
//!
//! What is left of an earlier life of an actor is shown if somebody has pinned it. What only its forks hold is nobody
//! else's business: its owner has deleted it.

use std::collections::BTreeSet;

use crate::codec::{Head, Point};
use crate::engine::error::{Failure, StoreError};
use crate::engine::retention::rows::{all_pins, oldest, pins, point, points};
use crate::engine::runtime::actor::Actor;
use crate::kv::{Isolation, View};
use crate::types::Txid;

use super::api::PointRef;

/// The txid that a reference means; `head` is the newest one.
pub(super) async fn resolve(
    view: &dyn View,
    actor: &Actor,
    head: &Head,
    wanted: &PointRef,
    now_ms: u64,
) -> Result<Txid, Failure> {
    match wanted {
        PointRef::Head if head.has_commits() => Ok(head.txid),
        PointRef::Head => {
            Err(not_retained(view, actor, head, "of a database without commits".to_owned()).await?)
        }
        PointRef::Txid(txid) => Ok(*txid),
        PointRef::Time(time_ms) => match last_before(view, actor, head, *time_ms).await? {
            Some(txid) => Ok(txid),
            None => Err(not_retained(view, actor, head, format!("before {time_ms} ms")).await?),
        },
        PointRef::Name(name) => {
            let pins = all_pins(view, actor, Isolation::Snapshot).await?;
            let named = pins.iter().rev().find(|(_, _, pin)| pin.name == *name && pin.holds_at(now_ms));
            match named {
                Some((txid, _, _)) => Ok(*txid),
                None => Err(not_retained(view, actor, head, format!("named {name:?}")).await?),
            }
        }
    }
}

/// The last point at or before a time. The times of points ascend as their txids do.
async fn last_before(
    view: &dyn View,
    actor: &Actor,
    head: &Head,
    time_ms: u64,
) -> Result<Option<Txid>, Failure> {
    let newest = if head.keeps() { head.txid } else { Txid::ZERO };
    let (mut low, mut high, mut last) = (0, newest.0, None);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match points(view, actor, (Txid(low), Txid(middle)), 1).await?.pop() {
            None => low = middle,
            Some((txid, point)) if point.time_ms <= time_ms => {
                if !point.dropped {
                    last = Some(txid);
                }
                low = middle;
            }
            Some((txid, _)) => high = txid.0 - 1,
        }
    }
    match last {
        Some(txid) if txid <= head.born() => Ok(shown_of_earlier_lives(view, actor, txid).await?.pop()),
        last => Ok(last),
    }
}

/// The points of earlier lives, up to this one, that are shown, the oldest first.
async fn shown_of_earlier_lives(view: &dyn View, actor: &Actor, to: Txid) -> Result<Vec<Txid>, Failure> {
    let pins = pins(view, actor, actor.keys.pins(Txid::ZERO, to), Isolation::Snapshot).await?;
    let pinned: BTreeSet<Txid> =
        pins.into_iter().filter(|(_, _, pin)| pin.shows()).map(|(txid, _, _)| txid).collect();
    let mut shown = Vec::new();
    for txid in pinned {
        // A pin that has expired may be all that is left.
        if point(view, actor, txid, Isolation::Snapshot).await?.is_some() {
            shown.push(txid);
        }
    }
    Ok(shown)
}

/// Whether a point that is stored is shown.
pub(super) async fn is_shown(
    view: &dyn View,
    actor: &Actor,
    head: &Head,
    txid: Txid,
) -> Result<bool, Failure> {
    if txid > head.born() {
        return Ok(true);
    }
    let pins = pins(view, actor, actor.keys.pins(txid, txid), Isolation::Snapshot).await?;
    Ok(pins.iter().any(|(_, _, pin)| pin.shows()))
}

/// The error for a state that is not kept.
pub(super) async fn not_retained(
    view: &dyn View,
    actor: &Actor,
    head: &Head,
    wanted: String,
) -> Result<Failure, Failure> {
    let newest = if head.keeps() { head.txid } else { Txid::ZERO };
    let born = head.born();
    let earlier = if born > Txid::ZERO && head.keeps() {
        shown_of_earlier_lives(view, actor, born).await?
    } else {
        Vec::new()
    };
    if let Some(oldest) = earlier.first().copied() {
        return Ok(StoreError::NotRetained { actor: actor.id.clone(), wanted, oldest: Some(oldest) }.into());
    }
    let mut found = oldest(view, actor, (born, newest)).await?;
    while let Some((dropped, _)) = found.as_ref().filter(|(_, point)| point.dropped) {
        found = oldest(view, actor, (*dropped, newest)).await?;
    }
    let oldest = found.map(|(txid, _)| txid);
    Ok(StoreError::NotRetained { actor: actor.id.clone(), wanted, oldest }.into())
}

/// The point at a txid, read with conflict detection, or the error that it is not kept. An actor that keeps
/// nothing has no points: those that a deletion has not cleared yet do not count.
pub(super) async fn kept_point(
    view: &dyn View,
    actor: &Actor,
    head: &Head,
    txid: Txid,
) -> Result<Point, Failure> {
    let found = if head.keeps() { point(view, actor, txid, Isolation::Serializable).await? } else { None };
    match found {
        Some(point) if is_shown(view, actor, head, txid).await? => Ok(point),
        _ => Err(not_retained(view, actor, head, format!("{:016x}", txid.0)).await?),
    }
}
