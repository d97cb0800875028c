//! Deletion: the actor is gone at once, its rows are deleted in bounded steps, its generation stays.

use crate::codec::{Fence, FenceState, Head, HeadHistory, Lineage};
use crate::planted::{self, Bug};
use crate::types::{Generation, PageCount, Token, Txid};

use super::fence::{Held, Refusal, check_fence};

/// What a deletion does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeletePlan {
    /// Write this fence and, if there was a head, this one.
    Delete(Fence, Option<Head>),
    /// An earlier attempt has deleted it, and its answer was lost.
    AlreadyDeleted(Fence),
    /// The actor was deleted, by an earlier attempt or by somebody else, and has been created again.
    AlreadyReplaced,
    /// There is nothing to delete.
    Absent,
    /// Only the owner may delete it, and the caller is not, or no longer, the owner.
    Refused(Refusal),
}

/// A deletion, the same in all its attempts.
#[derive(Debug, Clone, Copy)]
pub struct DeleteRequest {
    /// The token of this deletion.
    pub token: Token,
    /// The life of the actor that was first seen, identified by its first generation.
    pub life: Option<Generation>,
    /// What the caller holds, if it may delete the actor only as its owner.
    pub held: Option<Held>,
    /// Whether somebody holds a state of the actor: a fork, or a pin that a user has set.
    pub is_pinned: bool,
}

/// Decides a deletion. The fence stays as a tombstone with a raised generation, so that no owner from before
/// the deletion can write into an actor that is created again under the same id.
///
/// An attempt whose answer was lost may have taken effect, and others may have created the actor again since.
/// What they wrote is not what this caller wanted to delete.
pub fn delete(fence: Option<&Fence>, head: Option<&Head>, request: DeleteRequest) -> DeletePlan {
    let DeleteRequest { token, life, held, is_pinned } = request;
    match fence {
        None => DeletePlan::Absent,
        Some(fence)
            if life.is_some_and(|life| fence.first_generation != life)
                && !planted::has(Bug::DeletionRepeated) =>
        {
            DeletePlan::AlreadyReplaced
        }
        Some(fence) if fence.state == FenceState::Deleted && fence.owner_token == token => {
            DeletePlan::AlreadyDeleted(*fence)
        }
        Some(fence) if fence.state == FenceState::Deleted => DeletePlan::Absent,
        Some(live) => {
            let owned = head.map_or_else(Head::empty, Clone::clone);
            if let Some(Err(refusal)) = held.map(|held| check_fence(fence, &owned, held)) {
                return DeletePlan::Refused(refusal);
            }
            let tombstone = Fence {
                generation: live.generation.next(),
                owner_token: token,
                state: FenceState::Deleted,
                ..*live
            };
            let emptied = head.map(|head| if is_pinned { hidden(head) } else { emptied(head) });
            DeletePlan::Delete(tombstone, emptied)
        }
    }
}

/// The head of an actor whose rows all go.
fn emptied(head: &Head) -> Head {
    Head {
        size_pages: PageCount(0),
        untrimmed_above: Some(PageCount(0)),
        // The manifests of its points go, too.
        unswept: head.unswept || head.history.is_some(),
        history: None,
        ..head.clone()
    }
}

/// The head of an actor of which others still show states. Its next life begins above all of its rows.
fn hidden(head: &Head) -> Head {
    let born = Txid(head.next_txid.0 - 1);
    let lineage = Lineage { floor: born, ..Lineage::default() };
    let history = head.history.clone().map(|history| {
        Box::new(HeadHistory { off: false, rows_to: PageCount(0), born, lineage, ..*history })
    });
    Head { size_pages: PageCount(0), history, ..head.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::fence::testing::fence;
    use super::*;

    fn request(token: u8, life: Option<u64>) -> DeleteRequest {
        DeleteRequest { token: Token([token; 16]), life: life.map(Generation), held: None, is_pinned: false }
    }

    #[test]
    fn a_deletion_raises_the_generation_and_keeps_the_txids() {
        let head = Head { txid: Txid(6), next_txid: Txid(9), size_pages: PageCount(5), ..Head::empty() };
        let plan = delete(Some(&fence(3)), Some(&head), request(4, None));
        let DeletePlan::Delete(tombstone, Some(emptied)) = plan else { panic!("{plan:?}") };
        assert_eq!((tombstone.generation, tombstone.state), (Generation(4), FenceState::Deleted));
        assert_eq!(
            (emptied.next_txid, emptied.size_pages, emptied.untrimmed_above),
            (Txid(9), PageCount(0), Some(PageCount(0)))
        );
        let again = delete(Some(&tombstone), Some(&emptied), request(4, Some(1)));
        assert_eq!(again, DeletePlan::AlreadyDeleted(tombstone));
        assert_eq!(delete(Some(&tombstone), Some(&emptied), request(5, None)), DeletePlan::Absent);
        assert_eq!(delete(None, None, request(5, None)), DeletePlan::Absent);
    }

    #[test]
    fn what_was_made_since_is_left_alone() {
        let made_again = Fence { first_generation: Generation(5), ..fence(7) };
        let plan = delete(Some(&made_again), None, request(4, Some(1)));
        assert_eq!(plan, DeletePlan::AlreadyReplaced);
        let plan = delete(Some(&made_again), None, request(4, Some(5)));
        assert!(matches!(plan, DeletePlan::Delete(..)), "{plan:?}");
    }

    #[test]
    fn only_the_owner_deletes_as_the_owner() {
        let head = Head { txid: Txid(6), ..Head::empty() };
        let as_owner = |generation, txid: Option<u64>| DeleteRequest {
            held: Some(Held::numbers(Generation(generation), txid.map(Txid))),
            ..request(4, None)
        };
        for held in [as_owner(3, None), as_owner(3, Some(6))] {
            let plan = delete(Some(&fence(3)), Some(&head), held);
            let DeletePlan::Delete(tombstone, Some(_)) = plan else { panic!("{plan:?}") };
            // Its answer was lost: what it holds is outdated because of its own deletion.
            assert_eq!(delete(Some(&tombstone), Some(&head), held), DeletePlan::AlreadyDeleted(tombstone));
        }
        for held in [as_owner(2, None), as_owner(4, None), as_owner(3, Some(5))] {
            let plan = delete(Some(&fence(3)), Some(&head), held);
            assert!(matches!(plan, DeletePlan::Refused(Refusal::Fenced { .. })), "{plan:?}");
        }
        let deleted = Fence { state: FenceState::Deleted, ..fence(3) };
        assert_eq!(delete(Some(&deleted), Some(&head), as_owner(2, None)), DeletePlan::Absent);
    }
}
