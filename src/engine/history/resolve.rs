//! Which point is meant: by its txid, a time or a name.

use crate::codec::{Head, Point};
use crate::engine::error::{Failure, StoreError};
use crate::engine::retention::rows::{all_pins, oldest, point, points};
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
    Ok(last)
}

/// The error for a state that is not kept.
pub(super) async fn not_retained(
    view: &dyn View,
    actor: &Actor,
    head: &Head,
    wanted: String,
) -> Result<Failure, Failure> {
    let newest = if head.keeps() { head.txid } else { Txid::ZERO };
    let mut found = oldest(view, actor, (Txid::ZERO, newest)).await?;
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
        Some(point) => Ok(point),
        None => Err(not_retained(view, actor, head, format!("{:016x}", txid.0)).await?),
    }
}
