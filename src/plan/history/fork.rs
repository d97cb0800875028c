//! A fork: a new actor that shows a point of another one, and goes its own way from there.

use crate::codec::{CommitMark, Fence, FenceState, Head, HeadHistory, Lineage, Point, PointKind};
use crate::types::{ActorId, Generation, Origin, SEGMENTS_BELOW_MAX, Segment, Token, Txid};

use super::super::cleanup::{PendingCleanup, pending_cleanups};
use super::segments;

/// A fork, the same in all its attempts.
#[derive(Debug, Clone)]
pub struct ForkRequest {
    /// The actor that is forked.
    pub source: ActorId,
    /// The point.
    pub at: Txid,
    /// The token of this fork.
    pub token: Token,
    /// The current time.
    pub now_ms: u64,
    /// Whether the fork keeps history.
    pub keeps: bool,
}

/// What a fork does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkPlan {
    /// Write these.
    Write {
        /// The fork's fence. Nobody owns it yet.
        fence: Fence,
        /// The fork's head.
        head: Box<Head>,
        /// Its point, if it keeps history.
        point: Option<Point>,
        /// What lies below its line. It pins each of these segments under its token.
        line: Lineage,
    },
    /// There is an actor of that name.
    Exists,
    /// An earlier life of the actor has left rows: this has to be done first.
    CleanupPending(Generation, PendingCleanup),
    /// The line of the point has too many segments: it has to be flattened.
    TooDeep,
}

/// Decides a fork of a point and its line onto a child with this fence and head. The caller has made sure that no
/// earlier attempt has taken effect.
pub fn fork(
    fence: Option<&Fence>,
    head: &Head,
    (source, line): (&Point, &Lineage),
    request: &ForkRequest,
) -> ForkPlan {
    let generation = match fence {
        Some(fence) if fence.state == FenceState::Live => return ForkPlan::Exists,
        Some(fence) => fence.generation,
        None => Generation::NONE,
    };
    if let Some(pending) = pending_cleanups(head).next() {
        return ForkPlan::CleanupPending(generation, pending);
    }
    let txid = head.next_txid;
    let below: Vec<Segment> = segments(line, request.at, source.size_pages, Some(&request.source));
    if below.len() > SEGMENTS_BELOW_MAX {
        return ForkPlan::TooDeep;
    }
    let line = Lineage { floor: Txid(txid.0 - 1), below, pins: request.token };
    let before = head.history.clone().unwrap_or_default();
    let time_ms = request.now_ms.max(before.time_ms);
    let history = HeadHistory {
        // The points of an earlier life may be pinned.
        keeps: request.keeps || before.keeps,
        off: false,
        time_ms,
        rows_to: source.size_pages,
        born: before.born,
        lineage: line.clone(),
    };
    let point = history.keeps.then(|| Point {
        time_ms,
        size_pages: source.size_pages,
        page_size: source.page_size,
        kind: PointKind::Fork,
        in_parts: false,
        dropped: false,
        runs: Vec::new(),
    });
    let mut next = Head {
        txid,
        next_txid: txid.next(),
        size_pages: source.size_pages,
        page_size: source.page_size,
        history: Some(Box::new(history)),
        ..head.clone()
    };
    next.remember(CommitMark { txid, token: request.token });
    let fence = Fence {
        generation: generation.next(),
        owner_token: Token::NOBODY,
        state: FenceState::Live,
        origin: Origin::Native,
        created_at_ms: request.now_ms,
        first_generation: generation.next(),
        lease_until_ms: 0,
    };
    ForkPlan::Write { fence, head: Box::new(next), point, line }
}
