//! A restore: a takeover that ends at a new commit, which shows what a point showed.

use crate::codec::{CommitMark, Fence, Head, HeadHistory, Lineage, Pin, PinKind, Point, PointKind};
use crate::planted::{self, Bug};
use crate::types::{SEGMENTS_BELOW_MAX, Token, Txid};

use super::super::fence::{Refusal, check_readable};
use super::segments;

/// How long the state before a restore is kept, in milliseconds: 7 days.
pub const UNDO_PIN_MS: u64 = 7 * 24 * 3_600_000;

/// A restore, the same in all its attempts.
#[derive(Debug, Clone, Copy)]
pub struct RestoreRequest {
    /// The point.
    pub to: Txid,
    /// The token of this restore.
    pub token: Token,
    /// The current time.
    pub now_ms: u64,
}

/// What a restore does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestorePlan {
    /// Write these.
    Write {
        /// Nobody owns the actor from here on.
        fence: Fence,
        /// The new head.
        head: Box<Head>,
        /// The new head's point.
        point: Box<Point>,
        /// What lies below the new line.
        line: Box<Lineage>,
        /// A pin for the head before, under its txid; `None` if that was no state.
        undo: Option<Pin>,
    },
    /// The line of the point has too many segments: it has to be flattened.
    TooDeep,
}

/// Decides a restore to a point and its line. The caller has made sure that no earlier attempt has taken effect. A restore never goes back to the old txid: an owner from
/// before the restore, whose head has that txid, would go on as if nothing had happened.
pub fn restore(
    fence: Option<&Fence>,
    head: &Head,
    (target, line): (&Point, &Lineage),
    request: RestoreRequest,
) -> Result<RestorePlan, Refusal> {
    let fence = check_readable(fence)?;
    let txid = if planted::has(Bug::RestoreKeepsTxid) { request.to } else { head.next_txid };
    let line = Lineage {
        floor: Txid(head.next_txid.0 - 1),
        below: segments(line, request.to, target.size_pages, None),
        pins: line.pins,
    };
    if line.below.len() > SEGMENTS_BELOW_MAX {
        return Ok(RestorePlan::TooDeep);
    }
    let before = head.history.clone().unwrap_or_default();
    let time_ms = request.now_ms.max(before.time_ms);
    let history = HeadHistory {
        keeps: true,
        off: before.off,
        time_ms,
        rows_to: target.size_pages,
        born: before.born,
        lineage: line.clone(),
    };
    let mut next = Head {
        txid,
        next_txid: head.next_txid.next(),
        size_pages: target.size_pages,
        page_size: target.page_size,
        history: Some(Box::new(history)),
        ..head.clone()
    };
    next.remember(CommitMark { txid, token: request.token });
    let fence = Fence { generation: fence.generation.next(), owner_token: Token::NOBODY, ..*fence };
    let point = Point {
        time_ms,
        size_pages: target.size_pages,
        page_size: target.page_size,
        kind: PointKind::Restore,
        in_parts: false,
        dropped: false,
        runs: Vec::new(),
    };
    let undo = Pin {
        kind: PinKind::Undo,
        created_at_ms: request.now_ms,
        expires_at_ms: request.now_ms.saturating_add(UNDO_PIN_MS),
        name: String::new(),
    };
    // An actor that was deleted and made again has nothing to go back to yet.
    let undo = head.has_commits().then_some(undo);
    Ok(RestorePlan::Write { fence, head: Box::new(next), point: Box::new(point), line: Box::new(line), undo })
}
