//! Lists points, and finds the one of a time or a name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{FenceState, Point};
use crate::engine::error::{Failure, StoreError};
use crate::engine::retention::rows;
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::kv::{Isolation, ReadFn, View};
use crate::types::{ActorId, Txid, runs};

use super::api::{PointInfo, PointRef, PointsRequest};
use super::resolve;

/// Points that are read at once.
const CHUNK: usize = 500;

fn info(txid: Txid, point: &Point, names: Vec<String>) -> PointInfo {
    let pages = (!point.in_parts).then(|| runs::count(&point.runs));
    let Point { time_ms, kind, size_pages, page_size, .. } = *point;
    PointInfo { txid, time_ms, kind, pages, size_pages, page_size, names }
}

struct Chunk {
    actor: Actor,
    above: Txid,
    to: Txid,
    rows_max: usize,
    now_ms: u64,
}

impl ReadFn for Chunk {
    /// The points, and the txid of the last row if there may be more.
    type Output = (Vec<PointInfo>, Option<Txid>);
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let Self { actor, above, to, rows_max, now_ms } = self;
            let (fence, head) = actor.fence_and_head(view, Isolation::Snapshot).await?;
            if fence.is_none() {
                return Err(StoreError::NotFound { actor: actor.id.clone() }.into());
            }
            if !head.keeps() {
                return Ok((Vec::new(), None));
            }
            let points = rows::points(view, actor, (*above, *to), *rows_max).await?;
            let (Some((newest, _)), Some((oldest, _))) = (points.first(), points.last()) else {
                return Ok((Vec::new(), None));
            };
            let more = (points.len() == *rows_max).then_some(*oldest);
            let range = actor.keys.pins(*oldest, *newest);
            let mut names: BTreeMap<Txid, Vec<String>> = BTreeMap::new();
            let pins = rows::pins(view, actor, range, Isolation::Snapshot).await?;
            let shown = pins.iter().filter(|(_, _, pin)| pin.shows()).map(|(txid, _, _)| *txid);
            let shown: BTreeSet<Txid> = shown.collect();
            for (txid, _, pin) in pins {
                if pin.holds_at(*now_ms) && !pin.name.is_empty() {
                    names.entry(txid).or_default().push(pin.name);
                }
            }
            // One that is being dropped cannot be read any more.
            let points = points.into_iter().filter(|(_, point)| !point.dropped);
            // What only forks hold of an earlier life is theirs.
            let points = points.filter(|(txid, _)| *txid > head.born() || shown.contains(txid));
            let points =
                points.map(|(txid, point)| info(txid, &point, names.remove(&txid).unwrap_or_default()));
            Ok((points.collect(), more))
        }
        .boxed()
    }
}

/// The points of an actor, newest first. Each chunk is consistent in itself.
pub(crate) async fn points(
    core: &Core,
    id: &ActorId,
    request: &PointsRequest,
) -> Result<Vec<PointInfo>, StoreError> {
    let limit = request.limit.unwrap_or(usize::MAX);
    let above = Txid(request.from.map_or(0, |from| from.0.saturating_sub(1)));
    let mut to = request.to.unwrap_or(Txid(u64::MAX));
    let mut found: Vec<PointInfo> = Vec::new();
    while found.len() < limit && to > above {
        let rows_max = CHUNK.min(limit - found.len());
        let now_ms = core.env.now_ms();
        let chunk = Chunk { actor: Actor::new(id), above, to, rows_max, now_ms };
        let (points, more) = core.read(&Arc::new(chunk)).await?;
        found.extend(points);
        let Some(last) = more else { break };
        to = Txid(last.0 - 1);
    }
    Ok(found)
}

struct Find {
    actor: Actor,
    at: PointRef,
    now_ms: u64,
}

impl ReadFn for Find {
    type Output = PointInfo;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<PointInfo, Failure>> {
        async move {
            let Self { actor, at, now_ms } = self;
            let (fence, head) = actor.fence_and_head(view, Isolation::Snapshot).await?;
            let live = fence.is_some_and(|fence| fence.state == FenceState::Live);
            if fence.is_none() || (!live && *at == PointRef::Head) {
                return Err(StoreError::NotFound { actor: actor.id.clone() }.into());
            }
            let txid = resolve::resolve(view, actor, &head, at, *now_ms).await?;
            let point = resolve::kept_point(view, actor, &head, txid).await?;
            let pins = rows::pins(view, actor, actor.keys.pins(txid, txid), Isolation::Snapshot).await?;
            let names = pins.into_iter().filter(|(_, _, pin)| pin.holds_at(*now_ms) && !pin.name.is_empty());
            Ok(info(txid, &point, names.map(|(_, _, pin)| pin.name).collect()))
        }
        .boxed()
    }
}

/// The point that a reference means.
pub(crate) async fn find(core: &Core, id: &ActorId, at: PointRef) -> Result<PointInfo, StoreError> {
    core.read(&Arc::new(Find { actor: Actor::new(id), at, now_ms: core.env.now_ms() })).await
}
