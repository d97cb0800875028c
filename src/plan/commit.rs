//! Commit: the next head, and resolving a commit whose answer was lost.

use crate::codec::{CommitMark, Fence, Head, RECENT_COMMITS_MAX};
use crate::planted::{self, Bug};
use crate::types::{PageCount, PageNumber, PageRange, PageSize, SEGMENTS_STORED_MAX, Token, Txid};

use super::cleanup::PendingCleanup;
use super::fence::{Held, Refusal, check_fence};
use super::history::{Change, Left, Written, advance};
use super::marks::own_mark;

/// A shrinking commit clears up to this many pages itself, or fewer if one transaction should not delete so
/// many bytes; more are trimmed in bounded steps later.
const TRIM_AT_ONCE_PAGES_MAX: u32 = 1_000;

/// A commit.
#[derive(Debug, Clone, Copy)]
pub struct CommitRequest {
    /// What the caller holds; the commit extends its head.
    pub held: Held,
    /// The size of the database afterwards.
    pub size_pages: PageCount,
    /// The size of the pages written; `None` if there are none.
    pub page_size: Option<PageSize>,
    /// The token of this commit, the same in all its attempts.
    pub token: Token,
    /// The backend's limit for the bytes of pages whose rows one transaction should delete.
    pub freed_bytes: Option<usize>,
    /// The current time, in milliseconds since 1970-01-01 UTC: that of its point, if it leaves one.
    pub now_ms: u64,
    /// Whether the store keeps history by default.
    pub store_keeps: bool,
}

/// What a commit does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitPlan {
    /// Write this head, and the pages at its txid.
    Write {
        /// The new head.
        head: Head,
        /// Remove all rows of pages from this one on.
        clear_from: Option<PageNumber>,
        /// What an actor with history leaves besides.
        left: Option<Box<Left>>,
    },
    /// An earlier attempt has committed at this txid, and its answer was lost.
    AlreadyIn(Txid),
}

/// Decides a commit of the pages that `written` gathers.
pub fn commit(
    fence: Option<&Fence>,
    head: &Head,
    request: &CommitRequest,
    written: impl FnOnce() -> Vec<PageRange>,
) -> Result<CommitPlan, Refusal> {
    if let Some(txid) = own_mark(head, request.token) {
        return Ok(CommitPlan::AlreadyIn(txid));
    }
    check_fence(fence, head, request.held)?;
    check_cleaned_up(head, Some(request.size_pages))?;
    let mut next = head.clone();
    next.page_size = check_page_size(head, request.page_size)?;
    next.txid = head.next_txid;
    next.next_txid = head.next_txid.next();
    next.remember(CommitMark { txid: next.txid, token: request.token });
    let CommitRequest { size_pages, now_ms, store_keeps, .. } = *request;
    if head.history.is_some() || store_keeps {
        let (written, rows_to) = (Written::Pages(written()), size_pages);
        let change = Change { size_pages, written, rows_to, now_ms, store_keeps };
        if let Some(left) = advance(head, &mut next, change) {
            return Ok(CommitPlan::Write { head: next, clear_from: None, left: Some(Box::new(left)) });
        }
    }
    let clear_from = resize(&mut next, head.size_pages, size_pages, request.freed_bytes);
    Ok(CommitPlan::Write { head: next, clear_from, left: None })
}

/// Refuses a head that needs a cleanup before it may move to a database of this size; `None` means that the
/// size is not known yet and may be any.
pub(super) fn check_cleaned_up(head: &Head, size_pages: Option<PageCount>) -> Result<(), Refusal> {
    let segments = head.history.as_ref().map_or(0, |history| history.lineage.below.len());
    if segments >= SEGMENTS_STORED_MAX {
        return Err(Refusal::TooManySegments);
    }
    if let Some(stage) = head.open_stage.filter(|_| !planted::has(Bug::RollbackSkipped)) {
        // Its rows would become visible when the head passes its txid.
        return Err(Refusal::CleanupPending(PendingCleanup::Rollback(stage)));
    }
    if head.untrimmed_above.is_some_and(|trimmed| size_pages.is_none_or(|size| size > trimmed)) {
        // Rows from an earlier, larger size would become visible again.
        return Err(Refusal::CleanupPending(PendingCleanup::Trim));
    }
    Ok(())
}

/// The page size of the database after pages of size `given` were written.
pub(super) fn check_page_size(head: &Head, given: Option<PageSize>) -> Result<PageSize, Refusal> {
    match given {
        Some(given) if head.size_pages == PageCount(0) => Ok(given),
        Some(given) if given != head.page_size => Err(Refusal::PageSize { given, current: head.page_size }),
        _ => Ok(head.page_size),
    }
}

/// Sets the new size of a database whose pages up to `rows_to` may have rows. Returns the first page whose
/// rows the same transaction must clear. If there are too many for one transaction, they are recorded in the
/// head instead.
pub(super) fn resize(
    next: &mut Head,
    rows_to: PageCount,
    size_pages: PageCount,
    freed_bytes: Option<usize>,
) -> Option<PageNumber> {
    let dropped = rows_to.0.saturating_sub(size_pages.0);
    let fit = |bytes: usize| u32::try_from(bytes / next.page_size.bytes()).unwrap_or(u32::MAX);
    let at_once = freed_bytes.map_or(u32::MAX, fit).min(TRIM_AT_ONCE_PAGES_MAX);
    next.size_pages = size_pages;
    if dropped == 0 || planted::has(Bug::ShrinkNotCleared) {
        return None;
    }
    if dropped <= at_once && next.untrimmed_above.is_none() {
        return size_pages.first_past_end();
    }
    let untrimmed = next.untrimmed_above.unwrap_or(size_pages);
    next.untrimmed_above = Some(untrimmed.min(size_pages));
    None
}

/// Whether a commit whose answer was lost took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// It did, at this txid.
    Yes(Txid),
    /// It did not, and the rows that were read make sure that it never will.
    No,
    /// The head has moved on too far to tell.
    Unknown,
}

/// Finds out from the head whether the commit with this token, which extended `base`, took place.
///
/// If it did, it is the first commit after `base`. The head lists its last commits without gaps. So a list
/// that reaches back to `base`, or to the very first commit, either contains it or proves that it did not
/// take place.
pub fn landed(head: &Head, base: Txid, token: Token) -> Landed {
    if let Some(txid) = own_mark(head, token) {
        return Landed::Yes(txid);
    }
    let complete = head.recent.len() < RECENT_COMMITS_MAX;
    let reaches_base = head.recent.first().is_some_and(|oldest| oldest.txid <= base);
    if head.txid <= base || complete || reaches_base { Landed::No } else { Landed::Unknown }
}

/// What became of a commit whose outcome was unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It took place, and created the current head.
    In,
    /// It did not. This head, unchanged, has to be written: an attempt that is still on its way conflicts
    /// with that write, so it never will.
    Out(Head),
}

/// Resolves the commit with this token, on behalf of its holder. `held` is what the commit extended.
pub fn resolve(fence: Option<&Fence>, head: &Head, held: Held, token: Token) -> Result<Resolution, Refusal> {
    if let Some(txid) = own_mark(head, token) {
        // The generation may be over all the same, or another holder of it may have continued from here.
        check_fence(fence, head, Held { head_txid: Some(txid), ..held })?;
        return Ok(Resolution::In);
    }
    check_fence(fence, head, held)?;
    Ok(Resolution::Out(head.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::fence::testing::{fence, held};
    use super::*;
    use crate::codec::OpenStage;

    fn token(byte: u8) -> Token {
        Token([byte; 16])
    }

    fn request(head: u64, size: u32) -> CommitRequest {
        let page_size = Some(PageSize::DEFAULT);
        let size_pages = PageCount(size);
        CommitRequest {
            held: held(1, head),
            size_pages,
            page_size,
            token: token(9),
            freed_bytes: None,
            now_ms: 0,
            store_keeps: false,
        }
    }

    /// A head after `commits` commits of other callers.
    fn head_after(commits: u64, size: u32) -> Head {
        let mut head = Head { size_pages: PageCount(size), ..Head::empty() };
        for number in 1..=commits {
            head.txid = Txid(number);
            head.next_txid = Txid(number + 1);
            head.remember(CommitMark { txid: Txid(number), token: token(0) });
        }
        head
    }

    fn write(head: &Head, request: &CommitRequest) -> (Head, Option<PageNumber>) {
        match commit(Some(&fence(1)), head, request, Vec::new).unwrap() {
            CommitPlan::Write { head, clear_from, .. } => (head, clear_from),
            CommitPlan::AlreadyIn(txid) => panic!("committed before at {txid}"),
        }
    }

    #[test]
    fn a_commit_takes_the_next_txid_even_after_a_stage_wasted_some() {
        let head = Head { next_txid: Txid(9), ..head_after(3, 1) };
        let (next, _) = write(&head, &request(3, 2));
        assert_eq!((next.txid, next.next_txid, next.size_pages), (Txid(9), Txid(10), PageCount(2)));
    }

    #[test]
    fn a_second_commit_on_the_same_head_is_fenced() {
        let (next, _) = write(&head_after(3, 1), &request(3, 1));
        let second = CommitRequest { token: token(8), ..request(3, 1) };
        let refusal = commit(Some(&fence(1)), &next, &second, Vec::new).unwrap_err();
        assert!(matches!(refusal, Refusal::Fenced { current_head_txid: Txid(4), .. }), "{refusal:?}");
    }

    #[test]
    fn the_own_token_is_an_own_success_even_under_a_new_owner() {
        let (next, _) = write(&head_after(3, 1), &request(3, 1));
        for current in [Some(fence(1)), Some(fence(2)), None] {
            assert_eq!(
                commit(current.as_ref(), &next, &request(3, 1), Vec::new),
                Ok(CommitPlan::AlreadyIn(Txid(4)))
            );
        }
    }

    #[test]
    fn the_first_pages_set_the_page_size_and_later_ones_must_match() {
        let large = PageSize::new(65_536).unwrap();
        let with_size = |size| CommitRequest { page_size: size, ..request(0, 1) };
        let (next, _) = write(&Head::empty(), &with_size(Some(large)));
        assert_eq!(next.page_size, large);
        let wrong = CommitRequest { held: held(1, 1), token: token(8), ..request(1, 1) };
        let refusal = commit(Some(&fence(1)), &next, &wrong, Vec::new).unwrap_err();
        assert_eq!(refusal, Refusal::PageSize { given: PageSize::DEFAULT, current: large });
        let (none, _) = write(&next, &CommitRequest { page_size: None, ..wrong });
        assert_eq!(none.page_size, large);
    }

    #[test]
    fn an_open_stage_must_be_rolled_back_before_the_head_moves() {
        let stage = OpenStage { txid: Txid(4), token: token(5), aborted: false };
        let head = Head { open_stage: Some(stage), next_txid: Txid(5), ..head_after(3, 1) };
        let unsettled = Refusal::CleanupPending(PendingCleanup::Rollback(stage));
        assert_eq!(commit(Some(&fence(1)), &head, &request(3, 1), Vec::new), Err(unsettled));
    }

    #[test]
    fn a_small_shrink_clears_at_once_and_a_large_one_is_noted() {
        let (next, clear) = write(&head_after(3, 1_010), &request(3, 10));
        assert_eq!((clear, next.untrimmed_above), (PageNumber::new(11), None));
        let (next, clear) = write(&head_after(3, 1_011), &request(3, 10));
        assert_eq!((clear, next.untrimmed_above), (None, Some(PageCount(10))));
        // If a transaction should not delete so much, fewer pages count as many.
        let bounded = CommitRequest { freed_bytes: Some(5 * 4_096), ..request(3, 10) };
        assert_eq!(write(&head_after(3, 15), &bounded).1, PageNumber::new(11));
        assert_eq!(write(&head_after(3, 16), &bounded).0.untrimmed_above, Some(PageCount(10)));
    }

    #[test]
    fn a_database_grows_again_only_over_trimmed_ground() {
        let head = Head { untrimmed_above: Some(PageCount(10)), ..head_after(3, 10) };
        assert_eq!(
            commit(Some(&fence(1)), &head, &request(3, 11), Vec::new),
            Err(Refusal::CleanupPending(PendingCleanup::Trim))
        );
        // A further shrink, even a small one, lowers the pending mark: its rows are not cleared one by one.
        let (next, clear) = write(&head, &request(3, 5));
        assert_eq!((clear, next.untrimmed_above), (None, Some(PageCount(5))));
        let (next, _) =
            write(&Head { untrimmed_above: Some(PageCount(3)), ..head_after(3, 3) }, &request(3, 2));
        assert_eq!(next.untrimmed_above, Some(PageCount(2)));
    }

    #[test]
    fn a_doubtful_commit_is_in_or_is_kept_out_unless_somebody_else_has_come() {
        let before = head_after(3, 1);
        let (after, _) = write(&before, &request(3, 1));
        let (fence, held) = (Some(fence(1)), held(1, 3));
        assert_eq!(resolve(fence.as_ref(), &after, held, token(9)), Ok(Resolution::In));
        assert_eq!(resolve(fence.as_ref(), &before, held, token(9)), Ok(Resolution::Out(before.clone())));
        let fenced = |head: &Head, generation, token| {
            let fence = super::super::fence::testing::fence(generation);
            matches!(resolve(Some(&fence), head, held, token), Err(Refusal::Fenced { .. }))
        };
        assert!(fenced(&after, 2, token(9)), "a later owner has taken over");
        assert!(fenced(&before, 2, token(9)), "a later owner has taken over");
        assert!(fenced(&after, 1, token(8)), "another holder has committed");
        let (later, _) = write(&after, &CommitRequest { token: token(8), ..request(4, 1) });
        assert!(fenced(&later, 1, token(9)), "another holder has committed on top");
    }

    #[test]
    fn a_lost_commit_is_found_or_disproved_as_long_as_the_head_remembers() {
        // Our commit extended base 5 and did not take place: the list reaches back to 5 up to head 12, but
        // not at 13.
        for (commits, expected) in [(5, Landed::No), (6, Landed::No), (12, Landed::No), (13, Landed::Unknown)]
        {
            assert_eq!(landed(&head_after(commits, 1), Txid(5), token(9)), expected, "head {commits}");
        }
        // A list of every commit that ever took place proves it from the very start.
        assert_eq!(landed(&head_after(7, 1), Txid(0), token(9)), Landed::No);
        assert_eq!(landed(&head_after(8, 1), Txid(0), token(9)), Landed::Unknown);
        let (mut ours, _) = write(&head_after(5, 1), &request(5, 1));
        assert_eq!(landed(&ours, Txid(5), token(9)), Landed::Yes(Txid(6)));
        for number in 7..14 {
            ours.remember(CommitMark { txid: Txid(number), token: token(0) });
        }
        assert_eq!(landed(&ours, Txid(5), token(9)), Landed::Yes(Txid(6)));
    }
}
