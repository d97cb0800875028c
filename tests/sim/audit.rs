//! What must hold of an actor's rows after every single transaction, and of the step from one to the next.
//! Pure functions: they know nothing of who did it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use batondb::codec::{CommitMark, Fence, FenceState, Head, RECENT_COMMITS_MAX};
use batondb::types::{Origin, PageCount, Token};

use crate::shadow::Rows;

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use ensure;

/// How a fence was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// An owner.
    Takeover,
    Deletion,
    /// An import of a file that begins, of an actor that there was not.
    Claim,
    /// An import of v1 data that begins, of an actor that there was not or of an unfinished import.
    Import,
    /// An import that gives up.
    GivingUp,
    /// The reset of an unfinished import.
    Reset,
}

/// A fence that was written with another generation.
#[derive(Debug, Clone, Copy)]
pub struct Raised {
    pub token: Token,
    pub generation: u64,
    pub by: By,
    pub live: bool,
}

/// What changed about a fence.
#[derive(Debug, Clone, Copy)]
pub enum FenceStep {
    Raised(Raised),
    /// An import shows that it lives.
    Renewed,
    /// An import of v1 data has ended.
    Finished,
    /// The actor of a claim is there.
    Arrived,
}

/// What changed about the fence: generations rise by one, and nothing else ever changes it, but for the end of an
/// import (G1, G2).
pub fn fence_step(before: Option<&Fence>, after: Option<&Fence>) -> Result<Option<FenceStep>, String> {
    let Some(after) = after else {
        ensure!(before.is_none(), "a fence vanished");
        return Ok(None);
    };
    if before == Some(after) {
        return Ok(None);
    }
    if let Some(before) = before.filter(|before| before.generation == after.generation) {
        return same_generation(before, after).map(Some);
    }
    let expected = before.map_or(1, |before| before.generation.0 + 1);
    ensure!(after.generation.0 == expected, "the fence went from {before:?} to {after:?}");
    let deleted = after.state == FenceState::Deleted;
    let was = before.filter(|before| before.state == FenceState::Live);
    if let Some(was) = was {
        let kept = (was.origin, was.created_at_ms) == (after.origin, after.created_at_ms);
        ensure!(kept, "a takeover changed more than the owner: {was:?} to {after:?}");
    }
    let migrating = after.origin == Origin::MigratingFromV1;
    let own = was.is_some_and(|was| was.owner_token == after.owner_token);
    let fresh = after.first_generation == after.generation && !migrating;
    ensure!(!deleted || was.is_some() || fresh, "a deletion of nothing: {before:?} to {after:?}");
    let by = match (migrating, deleted) {
        (false, true) if was.is_none() => By::Claim,
        (true, _) if own => By::GivingUp,
        (_, true) => By::Deletion,
        (true, false) if after.lease_until_ms == 0 => By::Reset,
        (true, false) => By::Import,
        (false, false) => By::Takeover,
    };
    let (token, generation) = (after.owner_token, after.generation.0);
    Ok(Some(FenceStep::Raised(Raised { token, generation, by, live: !deleted })))
}

/// Nothing but an import's own end, or the sign that it lives, leaves the generation as it was.
fn same_generation(before: &Fence, after: &Fence) -> Result<FenceStep, String> {
    if before.state == FenceState::Deleted {
        let arrived = Fence { state: FenceState::Live, ..*before };
        let claimed = before.first_generation == before.generation && before.origin == Origin::Native;
        ensure!(claimed && *after == arrived, "the dead came back: {before:?} to {after:?}");
        return Ok(FenceStep::Arrived);
    }
    let imports = before.origin == Origin::MigratingFromV1 && before.state == FenceState::Live;
    ensure!(imports, "a fence changed under its owner: {before:?} to {after:?}");
    let renewed = Fence { lease_until_ms: after.lease_until_ms, ..*before };
    if *after == renewed {
        ensure!(after.lease_until_ms > before.lease_until_ms, "a lease was cut short: {after:?}");
        return Ok(FenceStep::Renewed);
    }
    let finished = Fence { origin: Origin::MigratedFromV1, lease_until_ms: 0, ..*before };
    ensure!(*after == finished, "the end of an import changed more than that: {before:?} to {after:?}");
    Ok(FenceStep::Finished)
}

/// What changed about the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadStep {
    /// Nothing that anybody sees.
    Tidied,
    /// A commit, by its mark. Whether it was staged.
    Committed { mark: CommitMark, staged: bool },
    /// Everything is gone.
    Emptied,
}

/// Txids rise and are never used twice; marks have no gaps; a stage ends as it began (G3, G4, G7).
///
/// A head that comes with a new fence is that of a restore or a fork: it passes the stage of a former owner, whose
/// rows lie between two segments.
pub fn head_step(before: &Head, after: &Head, (deleted, fenced): (bool, bool)) -> Result<HeadStep, String> {
    ensure!(after.next_txid > after.txid, "the next txid is not above the head: {after:?}");
    ensure!(after.next_txid >= before.next_txid, "txids go back: {before:?} to {after:?}");
    if after.txid == before.txid {
        ensure!(after.recent == before.recent, "marks changed without a commit: {before:?} to {after:?}");
        stage_step(before, after)?;
        if deleted {
            let emptied = (after.size_pages, after.untrimmed_above) == (PageCount(0), Some(PageCount(0)));
            // Somebody shows some of its states.
            let emptied = emptied || (after.size_pages == PageCount(0) && after.keeps());
            // What was empty before is left as it is.
            ensure!(
                emptied || (before == after && after.size_pages.0 == 0),
                "a deletion left pages: {after:?}"
            );
            return Ok(HeadStep::Emptied);
        }
        let kept = (before.size_pages, before.page_size) == (after.size_pages, after.page_size);
        ensure!(kept, "the size changed without a commit: {before:?} to {after:?}");
        return Ok(HeadStep::Tidied);
    }
    let staged = before.open_stage.is_some() && !fenced;
    let passed = fenced && after.open_stage == before.open_stage;
    ensure!(after.open_stage.is_none() || passed, "a commit left a stage open: {before:?} to {after:?}");
    match before.open_stage.filter(|_| !fenced) {
        None => {
            ensure!(after.txid == before.next_txid, "a commit took a txid at will: {before:?} to {after:?}");
        }
        Some(stage) => {
            ensure!(stage.txid == after.txid, "the head passed an open stage: {before:?} to {after:?}");
            ensure!(
                !stage.aborted,
                "a stage that is being rolled back was finalized: {before:?} to {after:?}"
            );
        }
    }
    let Some(mark) = after.recent.last().copied() else { return Err("a commit without a mark".to_owned()) };
    let mut expected = before.recent.clone();
    expected.push(mark);
    expected.drain(..expected.len().saturating_sub(RECENT_COMMITS_MAX));
    ensure!(after.recent == expected && mark.txid == after.txid, "marks have gaps: {before:?} to {after:?}");
    Ok(HeadStep::Committed { mark, staged })
}

fn stage_step(before: &Head, after: &Head) -> Result<(), String> {
    match (before.open_stage, after.open_stage) {
        (None, Some(opened)) => {
            let fresh = opened.txid == before.next_txid && after.next_txid == opened.txid.next();
            ensure!(fresh && !opened.aborted, "a stage took a txid that was taken: {before:?} to {after:?}");
        }
        (Some(one), Some(other)) => {
            let same = (one.txid, one.token) == (other.txid, other.token) && (other.aborted || !one.aborted);
            ensure!(same, "one stage became another one: {before:?} to {after:?}");
        }
        (_, None) => {}
    }
    Ok(())
}

/// Rows that nobody sees are noted as debts in the head, so that none of them can ever show (G4).
pub fn cleanups_are_noted(rows: &Rows) -> Result<(), String> {
    let head = rows.head();
    let stage = head.open_stage.map(|stage| stage.txid.0);
    let has_past = head.history.is_some();
    for &(page, Reverse(txid)) in rows.pages.keys() {
        if txid > head.txid.0 {
            ensure!(
                stage == Some(txid),
                "page {page} at {txid} lies above the head without a stage: {head:?}"
            );
        } else if page > head.size_pages.0 && !has_past {
            let noted = head.untrimmed_above.is_some_and(|above| page > above.0);
            ensure!(noted, "page {page} at {txid} lies beyond the size and nobody knows: {head:?}");
        }
    }
    for &(txid, part) in rows.manifests.keys() {
        let named = head.keeps() && rows.past.points.get(&txid).is_some_and(|point| point.in_parts);
        let known = stage == Some(txid) || (txid <= head.txid.0 && (head.unswept || named));
        ensure!(known, "the manifest {txid}/{part} is left and nobody knows: {head:?}");
    }
    let sizes_fit = rows.pages.iter().all(|(&(page, Reverse(txid)), &(size, _))| {
        let hidden = txid > head.txid.0 || page > head.size_pages.0;
        hidden || size == head.page_size || head.unswept || has_past
    });
    ensure!(sizes_fit, "pages of another size than the head's: {head:?}");
    Ok(())
}

/// When everything is tidied up, nothing is left that nobody sees.
pub fn nothing_is_left(rows: &Rows) -> Result<(), String> {
    let head = rows.head();
    let settled = (head.open_stage, head.untrimmed_above, head.unswept) == (None, None, false);
    ensure!(settled, "debts are left: {head:?}");
    ensure!(rows.manifests.is_empty(), "manifests are left: {:?}", rows.manifests);
    let shown: BTreeSet<u32> = rows.pages.keys().map(|(page, _)| *page).collect();
    let beyond = shown.iter().any(|page| *page > head.size_pages.0);
    ensure!(
        rows.pages.len() == shown.len() && !beyond,
        "{} rows of {} pages are stored: {rows:?}",
        rows.pages.len(),
        shown.len()
    );
    ensure!(rows.past.is_empty(), "history is left: {rows:?}");
    Ok(())
}
