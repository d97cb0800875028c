//! Deletion: the actor is gone at once, its rows follow in bounded steps, its generation stays.

use crate::codec::{Fence, FenceState, Head};
use crate::types::{PageCount, Token};

/// What a deletion does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeletePlan {
    /// Write this fence and, where there was a head, this one.
    Delete(Fence, Option<Head>),
    /// An earlier attempt has deleted it, and its answer was lost.
    AlreadyDeleted(Fence),
    /// There is nothing to delete.
    Absent,
}

/// Decides a deletion. The fence stays as a tombstone with a raised generation, so that no owner from before
/// the deletion can write into an actor that is made again under the same id.
pub fn delete(fence: Option<&Fence>, head: Option<&Head>, token: Token) -> DeletePlan {
    match fence {
        None => DeletePlan::Absent,
        Some(fence) if fence.state == FenceState::Deleted && fence.owner_token == token => {
            DeletePlan::AlreadyDeleted(*fence)
        }
        Some(fence) if fence.state == FenceState::Deleted => DeletePlan::Absent,
        Some(fence) => {
            let tombstone = Fence {
                generation: fence.generation.next(),
                owner_token: token,
                state: FenceState::Deleted,
                ..*fence
            };
            let emptied = head.map(|head| Head {
                size_pages: PageCount(0),
                untrimmed_above: Some(PageCount(0)),
                ..head.clone()
            });
            DeletePlan::Delete(tombstone, emptied)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fence::testing::fence;
    use super::*;
    use crate::types::{Generation, Txid};

    #[test]
    fn a_deletion_raises_the_generation_and_keeps_the_txids() {
        let head = Head { txid: Txid(6), next_txid: Txid(9), size_pages: PageCount(5), ..Head::empty() };
        let plan = delete(Some(&fence(3)), Some(&head), Token([4; 16]));
        let DeletePlan::Delete(tombstone, Some(emptied)) = plan else { panic!("{plan:?}") };
        assert_eq!((tombstone.generation, tombstone.state), (Generation(4), FenceState::Deleted));
        assert_eq!(
            (emptied.next_txid, emptied.size_pages, emptied.untrimmed_above),
            (Txid(9), PageCount(0), Some(PageCount(0)))
        );
        let again = delete(Some(&tombstone), Some(&emptied), Token([4; 16]));
        assert_eq!(again, DeletePlan::AlreadyDeleted(tombstone));
        assert_eq!(delete(Some(&tombstone), Some(&emptied), Token([5; 16])), DeletePlan::Absent);
        assert_eq!(delete(None, None, Token([5; 16])), DeletePlan::Absent);
    }
}
