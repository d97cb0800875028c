//! Stages: a commit too large for one transaction, written in parts and made visible by one small step.

use crate::codec::{CommitMark, Fence, Head, OpenStage};
use crate::types::{PageCount, PageSize, Token, Txid};

use super::commit::{CommitPlan, CommitRequest, check_cleaned_up, check_page_size, resize};
use super::fence::{Held, Refusal, check_writer};
use super::history::{Change, Written, advance};
use super::marks::own_mark;

/// The opening of a stage.
#[derive(Debug, Clone, Copy)]
pub struct StageRequest {
    /// What the caller holds; the stage extends its head.
    pub held: Held,
    /// The size of the database afterwards; `None` while the caller does not know it.
    pub size_pages: Option<PageCount>,
    /// The size of the pages to be written; `None` if every page is written, which may change the page size.
    pub page_size: Option<PageSize>,
    /// The token of this commit, the same in all its attempts.
    pub token: Token,
}

impl From<CommitRequest> for StageRequest {
    fn from(CommitRequest { held, size_pages, page_size, token, .. }: CommitRequest) -> Self {
        Self { held, size_pages: Some(size_pages), page_size, token }
    }
}

/// What opening a stage does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StagePlan {
    /// Write this head; the stage is open.
    Open(Head, OpenStage),
    /// An earlier attempt has opened it, and its answer was lost.
    AlreadyOpen(OpenStage),
}

/// Decides the opening of a stage for a commit. It uses a txid for good, whatever becomes of the stage.
pub fn open_stage(fence: Option<&Fence>, head: &Head, request: &StageRequest) -> Result<StagePlan, Refusal> {
    check_writer(fence, head, request.held, request.token)?;
    if let Some(stage) = head.open_stage.filter(|stage| stage.token == request.token && !stage.aborted) {
        return Ok(StagePlan::AlreadyOpen(stage));
    }
    check_page_size(head, request.page_size)?;
    check_cleaned_up(head, request.size_pages)?;
    let stage = OpenStage { txid: head.next_txid, token: request.token, aborted: false };
    let next = Head { open_stage: Some(stage), next_txid: head.next_txid.next(), ..head.clone() };
    Ok(StagePlan::Open(next, stage))
}

/// Whether a part of this stage may still be written.
pub fn check_part(fence: Option<&Fence>, head: &Head, held: Held, stage: OpenStage) -> Result<(), Refusal> {
    check_writer(fence, head, held, stage.token)?;
    if head.open_stage == Some(stage) { Ok(()) } else { Err(Refusal::StageGone) }
}

/// The end of a stage.
#[derive(Debug, Clone, Copy)]
pub struct FinalizeRequest {
    /// What the caller holds; the stage extends its head.
    pub held: Held,
    /// The stage.
    pub stage: OpenStage,
    /// The size of the database afterwards.
    pub size_pages: PageCount,
    /// Pages up to this one may have rows of the stage, even if the database ends before.
    pub staged_to: PageCount,
    /// The size of the pages written.
    pub page_size: PageSize,
    /// Whether the stage wrote every page of the database, so that it may change the page size.
    pub rewrites_all: bool,
    /// The backend's limit for the bytes of pages whose rows one transaction should delete.
    pub freed_bytes: Option<usize>,
    /// The current time, in milliseconds since 1970-01-01 UTC: that of its point, if it leaves one.
    pub now_ms: u64,
    /// Whether the store keeps history by default.
    pub store_keeps: bool,
}

/// Decides the end of a stage: all of it becomes visible at once.
pub fn finalize(
    fence: Option<&Fence>,
    head: &Head,
    request: &FinalizeRequest,
) -> Result<CommitPlan, Refusal> {
    if let Some(txid) = own_mark(head, request.stage.token) {
        return Ok(CommitPlan::AlreadyIn(txid));
    }
    check_part(fence, head, request.held, request.stage)?;
    let page_size = if request.rewrites_all {
        request.page_size
    } else {
        check_page_size(head, Some(request.page_size))?
    };
    let txid: Txid = request.stage.txid;
    let mut next = Head { txid, page_size, open_stage: None, unswept: true, ..head.clone() };
    next.remember(CommitMark { txid, token: request.stage.token });
    let FinalizeRequest { size_pages, staged_to, now_ms, store_keeps, rewrites_all, .. } = *request;
    let written = if rewrites_all { Written::All } else { Written::InParts };
    let change = Change { size_pages, written, rows_to: staged_to, now_ms, store_keeps };
    if let Some(left) = advance(head, &mut next, change) {
        return Ok(CommitPlan::Write { head: next, clear_from: None, left: Some(Box::new(left)) });
    }
    // Pages staged beyond the size must go, like those that a shrink cuts off.
    let rows_to = head.size_pages.max(staged_to);
    let clear_from = resize(&mut next, rows_to, size_pages, request.freed_bytes);
    Ok(CommitPlan::Write { head: next, clear_from, left: None })
}

#[cfg(test)]
mod tests {
    use super::super::cleanup::PendingCleanup;
    use super::super::fence::testing::{fence, held};
    use super::*;
    use crate::types::PageNumber;

    fn request() -> StageRequest {
        StageRequest {
            held: held(1, 3),
            size_pages: Some(PageCount(50)),
            page_size: Some(PageSize::DEFAULT),
            token: Token([9; 16]),
        }
    }

    fn head() -> Head {
        Head { txid: Txid(3), next_txid: Txid(4), size_pages: PageCount(20), ..Head::empty() }
    }

    fn open() -> (Head, OpenStage) {
        match open_stage(Some(&fence(1)), &head(), &request()).unwrap() {
            StagePlan::Open(head, stage) => (head, stage),
            StagePlan::AlreadyOpen(stage) => panic!("open before: {stage:?}"),
        }
    }

    fn end(stage: OpenStage) -> FinalizeRequest {
        FinalizeRequest {
            held: held(1, 3),
            stage,
            size_pages: PageCount(50),
            staged_to: PageCount(50),
            page_size: PageSize::DEFAULT,
            rewrites_all: false,
            freed_bytes: None,
            now_ms: 0,
            store_keeps: false,
        }
    }

    #[test]
    fn an_open_stage_keeps_the_head_and_takes_a_txid_for_good() {
        let (staged, stage) = open();
        assert_eq!((staged.txid, staged.next_txid, stage.txid), (Txid(3), Txid(5), Txid(4)));
        assert_eq!(staged.size_pages, PageCount(20));
        assert_eq!(open_stage(Some(&fence(1)), &staged, &request()), Ok(StagePlan::AlreadyOpen(stage)));
    }

    #[test]
    fn somebody_elses_open_stage_is_rolled_back_first() {
        let (staged, stage) = open();
        let other = StageRequest { token: Token([8; 16]), ..request() };
        let unsettled = Refusal::CleanupPending(PendingCleanup::Rollback(stage));
        assert_eq!(open_stage(Some(&fence(1)), &staged, &other), Err(unsettled));
    }

    #[test]
    fn finalizing_moves_the_head_to_the_stage_and_leaves_a_sweep_to_do() {
        let (staged, stage) = open();
        let plan = finalize(Some(&fence(1)), &staged, &end(stage)).unwrap();
        let CommitPlan::Write { head: next, clear_from: None, .. } = plan else { panic!("{plan:?}") };
        assert_eq!((next.txid, next.next_txid, next.size_pages), (Txid(4), Txid(5), PageCount(50)));
        assert!(next.unswept && next.open_stage.is_none());
        // After a lost answer an attempt finds its own success, even after a new owner has taken over.
        assert_eq!(finalize(Some(&fence(2)), &next, &end(stage)), Ok(CommitPlan::AlreadyIn(Txid(4))));
    }

    #[test]
    fn a_stage_that_was_rolled_back_or_fenced_can_neither_grow_nor_end() {
        let (staged, stage) = open();
        let rolled_back = Head { open_stage: None, ..staged.clone() };
        assert_eq!(check_part(Some(&fence(1)), &rolled_back, held(1, 3), stage), Err(Refusal::StageGone));
        assert_eq!(finalize(Some(&fence(1)), &rolled_back, &end(stage)), Err(Refusal::StageGone));
        let aborted = super::super::cleanup::aborted(&staged);
        assert_eq!(check_part(Some(&fence(1)), &aborted, held(1, 3), stage), Err(Refusal::StageGone));
        assert_eq!(finalize(Some(&fence(1)), &aborted, &end(stage)), Err(Refusal::StageGone));
        assert!(matches!(
            check_part(Some(&fence(2)), &staged, held(1, 3), stage),
            Err(Refusal::Fenced { .. })
        ));
        assert!(matches!(finalize(Some(&fence(2)), &staged, &end(stage)), Err(Refusal::Fenced { .. })));
    }

    #[test]
    fn what_is_staged_beyond_the_size_is_cleared_at_once_or_noted() {
        let (staged, stage) = open();
        // Smaller and larger than the head's 20 pages; up to 1,000 rows are cleared at once.
        for (size, staged_to, expected) in [
            (50, 51, (PageNumber::new(51), None)),
            (50, 1_050, (PageNumber::new(51), None)),
            (50, 1_051, (None, Some(PageCount(50)))),
            (10, 0, (PageNumber::new(11), None)),
            (10, 1_011, (None, Some(PageCount(10)))),
            (0, u32::MAX, (None, Some(PageCount(0)))),
        ] {
            let (size_pages, staged_to) = (PageCount(size), PageCount(staged_to));
            let request = FinalizeRequest { size_pages, staged_to, ..end(stage) };
            let plan = finalize(Some(&fence(1)), &staged, &request).unwrap();
            let CommitPlan::Write { head: next, clear_from, .. } = plan else { panic!("{plan:?}") };
            assert_eq!((clear_from, next.untrimmed_above), expected, "{size} pages, staged to {staged_to:?}");
            assert_eq!(next.size_pages, size_pages);
        }
    }

    #[test]
    fn a_stage_of_unknown_size_opens_only_on_trimmed_ground() {
        let untrimmed = Head { untrimmed_above: Some(PageCount(60)), ..head() };
        let unknown = StageRequest { size_pages: None, ..request() };
        let refused = Err(Refusal::CleanupPending(PendingCleanup::Trim));
        assert_eq!(open_stage(Some(&fence(1)), &untrimmed, &unknown), refused);
        // A stage that stays below the untrimmed rows does not have to wait for them.
        assert!(open_stage(Some(&fence(1)), &untrimmed, &request()).is_ok());
        assert!(open_stage(Some(&fence(1)), &head(), &unknown).is_ok());
    }

    #[test]
    fn only_a_full_rewrite_changes_the_page_size() {
        let small_pages = StageRequest { page_size: PageSize::new(512).ok(), ..request() };
        let refused = open_stage(Some(&fence(1)), &head(), &small_pages);
        assert!(matches!(refused, Err(Refusal::PageSize { .. })), "{refused:?}");
        let (staged, stage) = open();
        let small = FinalizeRequest { page_size: PageSize::new(512).unwrap(), ..end(stage) };
        assert!(matches!(finalize(Some(&fence(1)), &staged, &small), Err(Refusal::PageSize { .. })));
        let rewrite = FinalizeRequest { rewrites_all: true, ..small };
        let plan = finalize(Some(&fence(1)), &staged, &rewrite).unwrap();
        assert!(matches!(plan, CommitPlan::Write { head, .. } if head.page_size.bytes() == 512));
    }
}
