//! The import of v1 data: who may begin one, who may reset one, and what an actor is during an import.
//!
//! An import reserves the actor: its fence says "migrating", with a generation and a token of its own, so
//! that nobody starts the actor and only this import writes. It writes a stage, which is opened together with
//! the reservation, so nothing is visible before the end.
//!
//! The lease is a courtesy between importers, measured by their clocks. The fence protects the first import
//! from a second one: beginning again raises the generation.

use crate::codec::{Fence, FenceState, Head, OpenStage};
use crate::planted::{self, Bug};
use crate::types::{Generation, Origin, Token};

use super::commit::check_cleaned_up;

/// How long an import without a sign of life keeps others from beginning again, in milliseconds.
pub const IMPORT_LEASE_MS: u64 = 60_000;

/// The beginning of an import.
#[derive(Debug, Clone, Copy)]
pub struct ImportRequest {
    /// The token of this import, the same in all its attempts.
    pub token: Token,
    /// The current time, in milliseconds since 1970-01-01 UTC.
    pub now_ms: u64,
    /// Whether a stage is opened at once.
    pub stage: bool,
    /// The generation to which an earlier attempt wanted to raise the fence; its answer may have been lost.
    pub tried: Option<Generation>,
}

/// What the beginning of an import does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportPlan {
    /// Write this fence. If no cleanup is pending and a stage is wanted, also write the head with the stage.
    Begin(Fence, Option<(Head, OpenStage)>),
    /// An earlier attempt has begun it, and its answer was lost.
    AlreadyBegun(Fence, Option<OpenStage>),
    /// An import was finished before.
    Finished(Fence),
    /// The actor was started without an import, and has its own data.
    Native,
    /// Another import has a stage open, within its lease.
    Running,
    /// Somebody has intervened between two attempts: an earlier attempt may have taken effect, and may be
    /// over by now.
    Displaced,
}

/// Decides the beginning of an import.
pub fn begin_import(fence: Option<&Fence>, head: &Head, request: ImportRequest) -> ImportPlan {
    let live = fence.filter(|fence| fence.state == FenceState::Live);
    match live {
        Some(fence) if fence.origin == Origin::Native => ImportPlan::Native,
        Some(fence) if fence.origin == Origin::MigratedFromV1 => ImportPlan::Finished(*fence),
        Some(fence) if fence.owner_token == request.token => {
            let own = head.open_stage.filter(|stage| stage.token == request.token && !stage.aborted);
            ImportPlan::AlreadyBegun(*fence, own)
        }
        Some(fence) if is_running(fence, head, request.now_ms) => ImportPlan::Running,
        _ if fence.is_some_and(|fence| request.tried.is_some_and(|tried| fence.generation >= tried))
            && !planted::has(Bug::ImportRepeated) =>
        {
            ImportPlan::Displaced
        }
        _ => {
            let generation = fence.map_or(Generation::NONE, |fence| fence.generation).next();
            let begun = Fence {
                generation,
                owner_token: request.token,
                state: FenceState::Live,
                origin: Origin::MigratingFromV1,
                created_at_ms: live.map_or(request.now_ms, |fence| fence.created_at_ms),
                // Each import is a new life of the actor, so a finished one is identified by its generation.
                first_generation: generation,
                lease_until_ms: request.now_ms.saturating_add(IMPORT_LEASE_MS),
            };
            let opens = request.stage && check_cleaned_up(head, None).is_ok();
            ImportPlan::Begin(begun, opens.then(|| with_stage(head, request.token)))
        }
    }
}

/// Whether somebody else is importing: a stage without a lease belongs to a dead importer, and a lease
/// without a stage has nothing to lose.
fn is_running(fence: &Fence, head: &Head, now_ms: u64) -> bool {
    let has_stage = head.open_stage.is_some_and(|stage| !stage.aborted);
    has_stage && now_ms < fence.lease_until_ms
}

fn with_stage(head: &Head, token: Token) -> (Head, OpenStage) {
    let stage = OpenStage { txid: head.next_txid, token, aborted: false };
    let next = Head { open_stage: Some(stage), next_txid: head.next_txid.next(), ..head.clone() };
    (next, stage)
}

/// The fence with a renewed lease; `None` if it no longer belongs to this import.
pub fn renewed(fence: Option<&Fence>, token: Token, now_ms: u64) -> Option<Fence> {
    let fence = own_import(fence, token)?;
    let lease_until_ms = fence.lease_until_ms.max(now_ms.saturating_add(IMPORT_LEASE_MS));
    Some(Fence { lease_until_ms, ..*fence })
}

/// The fence of an actor whose import is finished.
pub fn migrated(fence: &Fence) -> Fence {
    Fence { origin: Origin::MigratedFromV1, lease_until_ms: 0, ..*fence }
}

/// Whether the current generation belongs to an import, unfinished or finished: it was not raised by anybody
/// who could be an owner.
pub fn is_of_an_import(fence: &Fence) -> bool {
    match fence.origin {
        Origin::Native => false,
        Origin::MigratingFromV1 => true,
        Origin::MigratedFromV1 => fence.generation == fence.first_generation,
    }
}

/// The fence of an actor whose import has given up, as it was before: an actor that did not exist is gone
/// again, and an earlier unfinished import has nothing staged. `None` if it no longer belongs to this import.
pub fn given_up(fence: Option<&Fence>, token: Token, was_there: bool) -> Option<Fence> {
    let fence = own_import(fence, token)?;
    let state = if was_there { FenceState::Live } else { FenceState::Deleted };
    Some(Fence { generation: fence.generation.next(), state, lease_until_ms: 0, ..*fence })
}

fn own_import(fence: Option<&Fence>, token: Token) -> Option<&Fence> {
    let own = |fence: &&Fence| {
        fence.owner_token == token
            && fence.state == FenceState::Live
            && fence.origin == Origin::MigratingFromV1
    };
    fence.filter(own)
}

/// What a reset of an import does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetPlan {
    /// Write this fence; then roll the stage back.
    Reset(Fence),
    /// An earlier attempt has reset it, and its answer was lost.
    AlreadyReset(Fence),
    /// The import that was first seen is gone, and others have begun again since.
    AlreadyReplaced,
    /// There is no unfinished import with an open stage: change nothing.
    Nothing,
}

/// Decides the reset of an unfinished import. Its lease does not count: the caller owns the actor, and knows
/// that the importer is gone. `tried` is the generation that an earlier attempt found and wanted to reset;
/// its answer may have been lost.
pub fn reset_import(
    fence: Option<&Fence>,
    head: &Head,
    token: Token,
    tried: Option<Generation>,
) -> ResetPlan {
    let Some(fence) = fence else { return ResetPlan::Nothing };
    let imports = fence.state == FenceState::Live && fence.origin == Origin::MigratingFromV1;
    // Each import is a new life of the actor. If it was finished after all, it is still the one that was
    // found.
    let replaced = tried.is_some_and(|found| {
        fence.state == FenceState::Deleted
            || fence.first_generation > found
            || (imports && fence.generation > found)
    });
    if imports && fence.owner_token == token {
        ResetPlan::AlreadyReset(*fence)
    } else if replaced && !planted::has(Bug::ResetRepeated) {
        ResetPlan::AlreadyReplaced
    } else if imports && head.open_stage.is_some() {
        let generation = fence.generation.next();
        ResetPlan::Reset(Fence { generation, owner_token: token, lease_until_ms: 0, ..*fence })
    } else {
        ResetPlan::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::super::fence::testing::fence;
    use super::*;
    use crate::types::{PageCount, Txid};

    const NOW: u64 = 1_000_000;

    fn request(token: u8) -> ImportRequest {
        ImportRequest { token: Token([token; 16]), now_ms: NOW, stage: true, tried: None }
    }

    fn begun(fence: Option<&Fence>, head: &Head, token: u8) -> (Fence, Option<(Head, OpenStage)>) {
        match begin_import(fence, head, request(token)) {
            ImportPlan::Begin(fence, staged) => (fence, staged),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_import_reserves_an_actor_that_is_not_there_and_opens_a_stage() {
        let (reserved, staged) = begun(None, &Head::empty(), 7);
        let (head, stage) = staged.unwrap();
        assert_eq!((reserved.generation, reserved.origin), (Generation(1), Origin::MigratingFromV1));
        assert_eq!((reserved.created_at_ms, reserved.lease_until_ms), (NOW, NOW + IMPORT_LEASE_MS));
        assert_eq!((head.txid, head.open_stage, stage.txid), (Txid(0), Some(stage), Txid(1)));
        let again = begin_import(Some(&reserved), &head, request(7));
        assert_eq!(again, ImportPlan::AlreadyBegun(reserved, Some(stage)));
        // Opened by an earlier attempt, and a rollback has begun since.
        let aborted = Head { open_stage: Some(OpenStage { aborted: true, ..stage }), ..head };
        let again = begin_import(Some(&reserved), &aborted, request(7));
        assert_eq!(again, ImportPlan::AlreadyBegun(reserved, None));
    }

    #[test]
    fn only_a_stage_inside_its_lease_keeps_another_import_from_beginning() {
        let (reserved, staged) = begun(None, &Head::empty(), 7);
        let (head, stage) = staged.unwrap();
        let at = |now_ms| begin_import(Some(&reserved), &head, ImportRequest { now_ms, ..request(8) });
        assert_eq!(at(NOW + IMPORT_LEASE_MS - 1), ImportPlan::Running);
        let ImportPlan::Begin(anew, None) = at(NOW + IMPORT_LEASE_MS) else { panic!("the lease is over") };
        assert_eq!((anew.generation, anew.created_at_ms), (Generation(2), NOW));
        // Nothing staged, or nothing that could be finished.
        assert_eq!(begun(Some(&reserved), &Head::empty(), 8).0.generation, Generation(2));
        let aborted = Head { open_stage: Some(OpenStage { aborted: true, ..stage }), ..head };
        assert_eq!(begun(Some(&reserved), &aborted, 8).1, None, "the rollback comes first");
    }

    #[test]
    fn an_import_that_was_reset_before_its_answer_arrived_does_not_begin_anew() {
        let (reserved, staged) = begun(None, &Head::empty(), 7);
        let again = ImportRequest { tried: Some(reserved.generation), ..request(7) };
        let ResetPlan::Reset(reset) = reset_import(Some(&reserved), &staged.unwrap().0, Token([9; 16]), None)
        else {
            panic!("a stage is open")
        };
        let deleted = Fence { state: FenceState::Deleted, ..reset };
        for since in [reset, deleted] {
            assert_eq!(begin_import(Some(&since), &Head::empty(), again), ImportPlan::Displaced);
        }
        // Nobody has intervened: the attempt has not taken effect.
        assert!(matches!(begin_import(None, &Head::empty(), again), ImportPlan::Begin(..)));
    }

    #[test]
    fn native_and_finished_actors_are_left_alone_and_deleted_ones_are_not_there() {
        let head = Head { txid: Txid(6), next_txid: Txid(9), ..Head::empty() };
        assert_eq!(begin_import(Some(&fence(3)), &head, request(7)), ImportPlan::Native);
        let finished = migrated(&Fence { origin: Origin::MigratingFromV1, ..fence(3) });
        assert_eq!(begin_import(Some(&finished), &head, request(7)), ImportPlan::Finished(finished));
        let deleted = Fence { state: FenceState::Deleted, ..fence(3) };
        let (reserved, staged) = begun(Some(&deleted), &head, 7);
        assert_eq!((reserved.generation, reserved.first_generation), (Generation(4), Generation(4)));
        assert_eq!(staged.unwrap().1.txid, Txid(9), "no txid is given out twice");
        let untrimmed = Head { untrimmed_above: Some(PageCount(0)), ..head };
        assert_eq!(begun(Some(&deleted), &untrimmed, 7).1, None, "rows from before go first");
    }

    #[test]
    fn a_reset_needs_a_stage_and_touches_nothing_else() {
        let reset = |fence: Option<&Fence>, head: &Head| reset_import(fence, head, Token([9; 16]), None);
        let (reserved, staged) = begun(None, &Head::empty(), 7);
        let (head, _) = staged.unwrap();
        assert_eq!(reset(None, &Head::empty()), ResetPlan::Nothing);
        assert_eq!(reset(Some(&reserved), &Head::empty()), ResetPlan::Nothing);
        assert_eq!(reset(Some(&fence(1)), &head), ResetPlan::Nothing, "a native head is never touched");
        assert_eq!(reset(Some(&migrated(&reserved)), &head), ResetPlan::Nothing);
        let ResetPlan::Reset(after) = reset(Some(&reserved), &head) else { panic!("a stage is open") };
        assert_eq!((after.generation, after.lease_until_ms), (Generation(2), 0));
        assert_eq!(reset(Some(&after), &Head::empty()), ResetPlan::AlreadyReset(after));
        // Somebody begins again, and is reset by a call that comes then.
        let (others, staged) = begun(Some(&after), &Head::empty(), 8);
        let (staged, _) = staged.unwrap();
        assert!(matches!(reset(Some(&others), &staged), ResetPlan::Reset(_)));
        // A call whose first attempt has reset the import before leaves the new one alone, even when it is
        // finished.
        let again = |fence: &Fence| reset_import(Some(fence), &staged, Token([9; 16]), Some(Generation(1)));
        for since in [others, migrated(&others), Fence { state: FenceState::Deleted, ..after }] {
            assert_eq!(again(&since), ResetPlan::AlreadyReplaced);
        }
        // The attempt came too late: the import was finished after all.
        let finished = migrated(&reserved);
        assert_eq!(again(&finished), ResetPlan::Nothing);
        assert_eq!(again(&Fence { generation: Generation(2), ..finished }), ResetPlan::Nothing);
    }

    #[test]
    fn giving_up_leaves_the_actor_as_it_was() {
        let (reserved, _) = begun(None, &Head::empty(), 7);
        let own = reserved.owner_token;
        let gone = given_up(Some(&reserved), own, false).unwrap();
        assert_eq!((gone.state, gone.generation), (FenceState::Deleted, Generation(2)));
        let unfinished = given_up(Some(&reserved), own, true).unwrap();
        assert_eq!((unfinished.state, unfinished.origin), (FenceState::Live, Origin::MigratingFromV1));
        for other in [None, Some(&fence(1)), Some(&gone), Some(&migrated(&reserved))] {
            assert_eq!(given_up(other, own, false), None);
            assert_eq!(renewed(other, own, NOW), None);
        }
        let later = renewed(Some(&reserved), own, NOW + 5).unwrap();
        assert_eq!(later.lease_until_ms, NOW + 5 + IMPORT_LEASE_MS);
        assert_eq!(renewed(Some(&later), own, NOW), Some(later), "a clock that went back shortens nothing");
    }
}
