//! The rows of an actor's history, read through a view.

use std::ops::ControlFlow;

use crate::codec::{self, HistoryRow, Lineage, Pin, Point, Row};
use crate::engine::error::{Failure, corrupt};
use crate::engine::runtime::actor::Actor;
use crate::kv::{Isolation, KeyRange, Scan, View};
use crate::types::{Token, Txid};

/// The point at a txid, if there is one that can be shown.
pub(crate) async fn point(
    view: &dyn View,
    actor: &Actor,
    txid: Txid,
    isolation: Isolation,
) -> Result<Option<Point>, Failure> {
    let point: Option<Point> = actor.row(view, actor.keys.point(txid), isolation).await?;
    Ok(point.filter(|point| !point.dropped))
}

/// The line of a txid.
pub(crate) async fn line(
    view: &dyn View,
    actor: &Actor,
    txid: Txid,
    isolation: Isolation,
) -> Result<Lineage, Failure> {
    let scan = Scan { isolation, ..Scan::snapshot(actor.keys.lines_to(txid)).rows(1) };
    let found = scan_rows::<Lineage>(view, actor, scan).await?;
    Ok(found.into_iter().next().map(|(_, line)| line).unwrap_or_default())
}

/// All lines, newest first, each with the txid that it begins with.
pub(crate) async fn lines(
    view: &dyn View,
    actor: &Actor,
    isolation: Isolation,
) -> Result<Vec<(Txid, Lineage)>, Failure> {
    let scan = Scan { isolation, ..Scan::snapshot(actor.keys.lines_to(Txid(u64::MAX))) };
    let found = scan_rows::<Lineage>(view, actor, scan).await?;
    let parsed = found.into_iter().map(|(key, line)| Ok((actor.keys.parse_line(&key)?, line)));
    parsed.collect::<Result<_, _>>().map_err(|error| Failure::corrupt(&actor.id, &error))
}

/// The pins of the points in a range.
pub(crate) async fn pins(
    view: &dyn View,
    actor: &Actor,
    range: KeyRange,
    isolation: Isolation,
) -> Result<Vec<(Txid, Token, Pin)>, Failure> {
    let scan = Scan { isolation, ..Scan::snapshot(range) };
    let found = scan_rows::<Pin>(view, actor, scan).await?;
    let parsed = found.into_iter().map(|(key, pin)| {
        let (txid, token) = actor.keys.parse_pin(&key)?;
        Ok((txid, token, pin))
    });
    parsed.collect::<Result<_, _>>().map_err(|error| Failure::corrupt(&actor.id, &error))
}

/// All pins of the actor, whatever they keep.
pub(crate) async fn all_pins(
    view: &dyn View,
    actor: &Actor,
    isolation: Isolation,
) -> Result<Vec<(Txid, Token, Pin)>, Failure> {
    pins(view, actor, actor.keys.pins(Txid::ZERO, Txid(u64::MAX)), isolation).await
}

/// The points above `from` and at or below `to`, newest first, at most `rows_max` (0: all).
pub(crate) async fn points(
    view: &dyn View,
    actor: &Actor,
    (from, to): (Txid, Txid),
    rows_max: usize,
) -> Result<Vec<(Txid, Point)>, Failure> {
    let scan = Scan::snapshot(actor.keys.points(from, to)).rows(rows_max);
    let found = scan_rows::<Point>(view, actor, scan).await?;
    let parsed = found.into_iter().map(|(key, point)| Ok((actor.keys.parse_point(&key)?, point)));
    parsed.collect::<Result<_, _>>().map_err(|error| Failure::corrupt(&actor.id, &error))
}

/// The policy row.
pub(crate) async fn policy(
    view: &dyn View,
    actor: &Actor,
    isolation: Isolation,
) -> Result<Option<HistoryRow>, Failure> {
    actor.row(view, actor.keys.history(), isolation).await
}

async fn scan_rows<R: Row + Send>(
    view: &dyn View,
    actor: &Actor,
    scan: Scan,
) -> Result<Vec<(Vec<u8>, R)>, Failure> {
    let mut found = Vec::new();
    let mut failed = None;
    let mut visit = |key: &[u8], value: &[u8]| match codec::decode::<R>(key, value) {
        Ok(row) => {
            found.push((key.to_vec(), row));
            ControlFlow::Continue(())
        }
        Err(error) => {
            failed = Some(corrupt(&actor.id, &error));
            ControlFlow::Break(())
        }
    };
    view.scan(scan, &mut visit).await?;
    match failed {
        Some(error) => Err(Failure::Store(error)),
        None => Ok(found),
    }
}

/// The oldest point above one txid, and at or below another.
pub(crate) async fn oldest(
    view: &dyn View,
    actor: &Actor,
    (above, to): (Txid, Txid),
) -> Result<Option<(Txid, Point)>, Failure> {
    let (mut low, mut high, mut found) = (above.0, to.0, None);
    while low < high {
        let middle = low + (high - low) / 2;
        match points(view, actor, (Txid(low), Txid(middle)), 1).await?.pop() {
            None if middle == low => {
                let last = points(view, actor, (Txid(low), Txid(high)), 1).await?.pop();
                return Ok(last.or(found));
            }
            None => low = middle,
            Some((txid, point)) => {
                high = txid.0 - 1;
                found = Some((txid, point));
            }
        }
    }
    Ok(found)
}
