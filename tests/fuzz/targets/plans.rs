//! Sequences of decisions on the rows of one actor, carried out on a plain map: takeovers, commits, stages, deletions
//! and what settles their pending, by holders of the current fence and of former ones, with answers that are lost.
//!
//! After each step: generations and heads only rise, no txid is given out twice, nobody but the holder of generation
//! and head has written, and the pages that the head shows are those of the commits that were made.

use std::collections::{BTreeMap, BTreeSet};

use batondb::codec::{Fence, FenceState, Head, OpenStage};
use batondb::plan::{
    CommitPlan, CommitRequest, DeletePlan, DeleteRequest, FinalizeRequest, Held, Landed, PendingCleanup,
    StagePlan, StageRequest, TakeoverPlan, TakeoverRequest, aborted, check_part, commit, delete, finalize,
    landed, open_stage, pending_cleanups, rolled_back, swept, takeover, trimmed,
};
use batondb::types::{Generation, PageCount, PageSize, Token, Txid};

use super::input::Input;

const STEPS_MAX: usize = 200;
/// The pages that are ever written: beside each other, and about 1,000 apart, which is the largest shrink that is
/// cleared at once.
const PAGES: [u32; 10] = [1, 2, 3, 9, 10, 1_001, 1_009, 1_010, 2_009, 2_011];
/// So that a shrink by more than six pages is a pending, where this counts.
const FREED_BYTES: Option<usize> = Some(6 * 4_096);

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut actor = Actor::default();
    for step in 1..=STEPS_MAX {
        if input.is_empty() {
            break;
        }
        let before = (actor.generation(), actor.head());
        actor.step(&mut input, u64::try_from(step).unwrap());
        assert!(actor.generation() >= before.0, "a generation has gone back");
        assert!(actor.head().txid >= before.1.txid, "a head has gone back");
        assert!(actor.head().next_txid >= before.1.next_txid, "txids are given out again");
        actor.check_pages();
    }
}

/// The rows of an actor, and what they should show.
#[derive(Debug, Default)]
struct Actor {
    fence: Option<Fence>,
    head: Option<Head>,
    /// By page and txid: what the page holds, which is the step that wrote it.
    rows: BTreeMap<(u32, Txid), u64>,
    manifests: BTreeMap<Txid, BTreeSet<u32>>,
    shown: BTreeMap<u32, u64>,
    issued: BTreeSet<Txid>,
    /// Former states of the fence and the head, for holders that have not noticed.
    former: Vec<Held>,
    stage: Option<Staged>,
}

/// A stage as its writer has it.
#[derive(Debug, Clone)]
struct Staged {
    held: Held,
    stage: OpenStage,
    pages: BTreeMap<u32, u64>,
}

fn token(step: u64) -> Token {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&step.to_be_bytes());
    Token(bytes)
}

impl Actor {
    fn generation(&self) -> Generation {
        self.fence.map_or(Generation(0), |fence| fence.generation)
    }

    fn head(&self) -> Head {
        self.head.clone().unwrap_or_else(Head::empty)
    }

    fn current(&self) -> Held {
        Held::numbers(self.generation(), Some(self.head().txid))
    }

    /// What a caller holds: mostly what is true, else what once was.
    fn held(&self, input: &mut Input<'_>) -> Held {
        if self.former.is_empty() || !input.one_in(5) { self.current() } else { input.of(&self.former) }
    }

    fn may_write(&self, held: Held) -> bool {
        held == self.current() && self.fence.is_some_and(|fence| fence.state == FenceState::Live)
    }

    fn step(&mut self, input: &mut Input<'_>, step: u64) {
        self.former.push(self.current());
        match input.below(16) {
            0..3 => self.take_over(input, step),
            3..8 => self.commit(input, step),
            8 => self.open_stage(input, step),
            9 => self.write_part(input, step),
            10 => self.finalize(input),
            11..15 => self.settle(),
            _ if input.one_in(3) => self.delete(step),
            _ => {}
        }
    }

    fn take_over(&mut self, input: &mut Input<'_>, step: u64) {
        let noted = Generation(self.generation().0.saturating_sub(input.of(&[0, 0, 0, 1, 9])));
        let request = TakeoverRequest { noted, token: token(step), now_ms: step };
        match takeover(self.fence.as_ref(), request) {
            TakeoverPlan::Win(fence) => {
                assert!(fence.generation > self.generation(), "a takeover that raises nothing");
                self.fence = Some(fence);
                let again = takeover(Some(&fence), request);
                assert_eq!(again, TakeoverPlan::AlreadyWon(fence), "its answer was lost");
            }
            TakeoverPlan::Lost(fence) => {
                assert_eq!(Some(fence), self.fence);
                assert!(fence.generation > noted, "lost against nobody");
            }
            other => panic!("{other:?} of {:?}", self.fence),
        }
    }

    fn issue(&mut self, txid: Txid) {
        assert!(self.issued.last().is_none_or(|last| *last < txid), "{txid} again");
        self.issued.insert(txid);
    }

    fn size(input: &mut Input<'_>) -> PageCount {
        PageCount(input.of(&[0, 1, 3, 9, 10, 11, 1_009, 1_010, 1_011, 2_011, 3_000]))
    }

    fn written(input: &mut Input<'_>, size: PageCount) -> Vec<u32> {
        let chosen = input.below(1 << 10);
        let chosen = PAGES.iter().enumerate().filter(|(index, _)| chosen >> index & 1 == 1);
        chosen.map(|(_, page)| *page).filter(|page| *page <= size.0).collect()
    }

    fn commit(&mut self, input: &mut Input<'_>, step: u64) {
        let (held, size_pages) = (self.held(input), Self::size(input));
        let page_size = input.of(&[Some(PageSize::DEFAULT), None]);
        let freed_bytes = FREED_BYTES.filter(|_| step.is_multiple_of(2));
        let request = CommitRequest {
            held,
            size_pages,
            page_size,
            token: token(step),
            freed_bytes,
            now_ms: 0,
            store_keeps: false,
        };
        let before = self.head();
        let Ok(plan) = commit(self.fence.as_ref(), &before, &request, Vec::new) else { return };
        let CommitPlan::Write { head, clear_from, .. } = plan else { panic!("{plan:?} of a new token") };
        assert!(self.may_write(held), "{held:?} has written");
        self.issue(head.txid);
        for page in Self::written(input, size_pages) {
            self.rows.retain(|(row, txid), _| *row != page || *txid >= head.txid);
            self.rows.insert((page, head.txid), step);
            self.shown.insert(page, step);
        }
        self.made(head.clone(), clear_from.map(batondb::types::PageNumber::get), before.txid, token(step));
        let again = commit(self.fence.as_ref(), &head, &request, Vec::new);
        assert_eq!(again, Ok(CommitPlan::AlreadyIn(head.txid)), "its answer was lost");
    }

    /// A commit has its head: what it cuts off is gone.
    fn made(&mut self, head: Head, clear_from: Option<u32>, base: Txid, token: Token) {
        if let Some(first) = clear_from {
            assert_eq!(first, head.size_pages.0 + 1, "what lies inside the size is cleared");
            self.rows.retain(|(page, _), _| *page < first);
        }
        assert_eq!(landed(&head, base, token), Landed::Yes(head.txid));
        assert!(head.next_txid > head.txid);
        self.shown.retain(|page, _| *page <= head.size_pages.0);
        self.head = Some(head);
    }

    fn open_stage(&mut self, input: &mut Input<'_>, step: u64) {
        let held = self.held(input);
        let size_pages = if input.one_in(2) { None } else { Some(Self::size(input)) };
        let page_size = Some(PageSize::DEFAULT);
        let request = StageRequest { held, size_pages, page_size, token: token(step) };
        let Ok(plan) = open_stage(self.fence.as_ref(), &self.head(), &request) else { return };
        let StagePlan::Open(head, stage) = plan else { panic!("{plan:?} of a new token") };
        assert!(self.may_write(held), "{held:?} has opened a stage");
        self.issue(stage.txid);
        assert_eq!(head.txid, self.head().txid, "a stage that is open is invisible");
        let again = open_stage(self.fence.as_ref(), &head, &request);
        assert_eq!(again, Ok(StagePlan::AlreadyOpen(stage)), "its answer was lost");
        self.head = Some(head);
        self.stage = Some(Staged { held, stage, pages: BTreeMap::new() });
    }

    fn write_part(&mut self, input: &mut Input<'_>, step: u64) {
        let Some(mut staged) = self.stage.clone() else { return };
        if check_part(self.fence.as_ref(), &self.head(), staged.held, staged.stage).is_err() {
            return;
        }
        assert!(self.may_write(staged.held), "{:?} has staged", staged.held);
        let size = PageCount(self.head().untrimmed_above.map_or(u32::MAX, |trimmed| trimmed.0));
        for page in Self::written(input, size) {
            self.rows.insert((page, staged.stage.txid), step);
            self.manifests.entry(staged.stage.txid).or_default().insert(page);
            staged.pages.insert(page, step);
        }
        self.stage = Some(staged);
    }

    fn finalize(&mut self, input: &mut Input<'_>) {
        let Some(staged) = self.stage.clone() else { return };
        let before = self.head();
        let size_pages = Self::size(input);
        if before.untrimmed_above.is_some_and(|trimmed| size_pages > trimmed) {
            // The size was named when the stage was opened, and was refused then.
            return;
        }
        let staged_to = PageCount(staged.pages.last_key_value().map_or(0, |(page, _)| *page));
        let request = FinalizeRequest {
            held: staged.held,
            stage: staged.stage,
            size_pages,
            staged_to,
            page_size: PageSize::DEFAULT,
            rewrites_all: false,
            freed_bytes: FREED_BYTES,
            now_ms: 0,
            store_keeps: false,
        };
        let (head, clear_from) = match finalize(self.fence.as_ref(), &before, &request) {
            Ok(CommitPlan::Write { head, clear_from, .. }) => (head, clear_from),
            Ok(CommitPlan::AlreadyIn(txid)) => return assert_eq!(txid, staged.stage.txid),
            Err(_) => return,
        };
        assert!(self.may_write(staged.held), "{:?} has finalized", staged.held);
        assert_eq!(head.txid, staged.stage.txid);
        self.shown.extend(&staged.pages);
        let clear_from = clear_from.map(batondb::types::PageNumber::get);
        self.made(head.clone(), clear_from, before.txid, staged.stage.token);
        let again = finalize(self.fence.as_ref(), &head, &request);
        assert_eq!(again, Ok(CommitPlan::AlreadyIn(head.txid)), "its answer was lost");
    }

    /// Settles the most pressing pending, wholly or, of a rollback, its first row.
    fn settle(&mut self) {
        let head = self.head();
        let Some(pending) = pending_cleanups(&head).next() else { return };
        let settled = match pending {
            PendingCleanup::Rollback(stage) => {
                let pages = self.manifests.entry(stage.txid).or_default();
                let first = pages.pop_first();
                if let Some(page) = first {
                    self.rows.remove(&(page, stage.txid));
                }
                if pages.is_empty() {
                    self.manifests.remove(&stage.txid);
                    rolled_back(&head)
                } else {
                    aborted(&head)
                }
            }
            PendingCleanup::Trim => {
                let size = head.untrimmed_above.unwrap().0;
                self.rows.retain(|(page, _), _| *page <= size);
                trimmed(&head)
            }
            PendingCleanup::Sweep => {
                for (txid, pages) in std::mem::take(&mut self.manifests) {
                    assert!(txid <= head.txid, "a manifest of a stage that nobody knows");
                    self.rows.retain(|(page, row), _| !pages.contains(page) || *row >= txid);
                }
                swept(&head)
            }
        };
        assert_eq!((settled.txid, settled.size_pages), (head.txid, head.size_pages));
        self.head = Some(settled);
    }

    fn delete(&mut self, step: u64) {
        let life = self.fence.map(|fence| fence.first_generation);
        let request = DeleteRequest { token: token(step), life, held: None, is_pinned: false };
        let other = DeleteRequest { life: Some(Generation(u64::MAX)), ..request };
        let replaced = delete(self.fence.as_ref(), self.head.as_ref(), other);
        assert!(matches!(replaced, DeletePlan::AlreadyReplaced | DeletePlan::Absent), "{replaced:?}");
        match delete(self.fence.as_ref(), self.head.as_ref(), request) {
            DeletePlan::Delete(fence, head) => {
                assert!(fence.generation > self.generation(), "a deletion that fences nobody");
                assert_eq!(
                    delete(Some(&fence), head.as_ref(), request),
                    DeletePlan::AlreadyDeleted(fence),
                    "its answer was lost"
                );
                (self.fence, self.head) = (Some(fence), head);
                self.shown.clear();
            }
            DeletePlan::Absent => {}
            other => panic!("{other:?} of a new token"),
        }
    }

    /// The newest version of each page at or below the head is the one that its last commit wrote.
    fn check_pages(&self) {
        let head = self.head();
        for page in PAGES.into_iter().filter(|page| *page <= head.size_pages.0) {
            let newest = self.rows.range((page, Txid::ZERO)..=(page, head.txid)).next_back();
            assert_eq!(newest.map(|(_, step)| step), self.shown.get(&page), "page {page} of {self:#?}");
        }
    }
}
