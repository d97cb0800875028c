//! The fence: compares what a caller holds with what the store says.

use crate::codec::{Fence, FenceState, Head};
use crate::planted::{self, Bug};
use crate::types::{Generation, Meta, Origin, PageSize, Token, Txid};

use super::cleanup::PendingCleanup;

/// What a caller holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The generation that its start returned.
    pub generation: Generation,
    /// The head that it builds on; `None` accepts any head.
    pub head_txid: Option<Txid>,
    /// The token that its start drew, if it knows. In a store that was set back to an older copy, generations and heads
    /// come again, and tokens do not.
    pub owner: Option<Token>,
}

impl Held {
    /// A generation and a head, of whichever start.
    pub fn numbers(generation: Generation, head_txid: Option<Txid>) -> Self {
        Self { generation, head_txid, owner: None }
    }
}

/// Why a request writes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The actor was never started, or it was deleted.
    NotFound,
    /// Not the current generation, or not the current head.
    Fenced {
        /// What the caller named.
        held: Held,
        /// The store's generation.
        current: Generation,
        /// The store's head.
        current_head_txid: Txid,
    },
    /// The pages and the database have different page sizes.
    PageSize {
        /// The size of the given pages.
        given: PageSize,
        /// The size of the database's pages.
        current: PageSize,
    },
    /// An import of v1 data is unfinished, and it is not the caller's.
    Migrating,
    /// This cleanup must be done first; then the same request is decided again.
    CleanupPending(PendingCleanup),
    /// The stage is no longer open, although generation and head are unchanged: another holder of the same
    /// generation has rolled it back.
    StageGone,
    /// Its line shows as many segments as a row holds: it has to be flattened first.
    TooManySegments,
}

/// The fence of an actor that can be read without holding it.
pub fn check_readable(fence: Option<&Fence>) -> Result<&Fence, Refusal> {
    match fence.filter(|fence| fence.state == FenceState::Live) {
        None => Err(Refusal::NotFound),
        // Its pages are not complete yet.
        Some(fence) if fence.origin == Origin::MigratingFromV1 => Err(Refusal::Migrating),
        Some(fence) => Ok(fence),
    }
}

/// Whether the caller still holds what it claims, and is an owner.
pub fn check_fence(fence: Option<&Fence>, head: &Head, held: Held) -> Result<(), Refusal> {
    check_held(fence, head, held)?;
    let migrating = fence.is_some_and(|fence| fence.origin == Origin::MigratingFromV1);
    // Nobody owns the generation of an import: it can be seen, but not used for reads or writes.
    if migrating { Err(Refusal::Migrating) } else { Ok(()) }
}

/// Whether a writer with this token still holds what it claims. Under the generation of an import of v1 data,
/// and in a claimed actor, only the holder of the token may write.
pub fn check_writer(fence: Option<&Fence>, head: &Head, held: Held, token: Token) -> Result<(), Refusal> {
    if let Some(claimed) = fence.filter(|fence| is_claimed_by(fence, token)) {
        return compare(claimed, head, held);
    }
    let imports = |fence: &Fence| fence.origin == Origin::MigratingFromV1 && fence.owner_token == token;
    if fence.is_some_and(imports) { check_held(fence, head, held) } else { check_fence(fence, head, held) }
}

fn check_held(fence: Option<&Fence>, head: &Head, held: Held) -> Result<(), Refusal> {
    match fence.filter(|fence| fence.state == FenceState::Live) {
        Some(fence) => compare(fence, head, held),
        None => Err(Refusal::NotFound),
    }
}

fn compare(fence: &Fence, head: &Head, held: Held) -> Result<(), Refusal> {
    let head_matches =
        held.head_txid.is_none_or(|txid| txid == head.txid) || planted::has(Bug::HeadNotCompared);
    let owner_matches = held.owner.is_none_or(|owner| owner == fence.owner_token);
    let is_owner = fence.generation == held.generation && owner_matches;
    if (is_owner || planted::has(Bug::FenceNotChecked)) && head_matches {
        Ok(())
    } else {
        Err(Refusal::Fenced { held, current: fence.generation, current_head_txid: head.txid })
    }
}

/// The state of an actor for a caller.
pub fn meta(fence: &Fence, head: &Head) -> Meta {
    Meta {
        generation: fence.generation,
        head_txid: head.txid,
        size_pages: head.size_pages,
        page_size: head.page_size,
        created_at_ms: fence.created_at_ms,
        origin: fence.origin,
    }
}

/// Whether this fence is a claim with this token. The tombstone of a deletion carries the deletion's own
/// token.
pub(super) fn is_claimed_by(fence: &Fence, token: Token) -> bool {
    fence.state == FenceState::Deleted && fence.origin == Origin::Native && fence.owner_token == token
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    pub(crate) fn fence(generation: u64) -> Fence {
        Fence {
            generation: Generation(generation),
            owner_token: Token([1; 16]),
            state: FenceState::Live,
            origin: Origin::Native,
            created_at_ms: 5,
            first_generation: Generation(1),
            lease_until_ms: 0,
        }
    }

    pub(crate) fn held(generation: u64, head: u64) -> Held {
        Held::numbers(Generation(generation), Some(Txid(head)))
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{fence, held};
    use super::*;

    #[test]
    fn a_number_that_came_again_is_another_owners() {
        let head = Head { txid: Txid(4), next_txid: Txid(5), ..Head::empty() };
        let owned = |byte| Held { owner: Some(Token([byte; 16])), ..held(3, 4) };
        assert_eq!(check_fence(Some(&fence(3)), &head, owned(1)), Ok(()));
        let refused = check_fence(Some(&fence(3)), &head, owned(2));
        assert!(matches!(refused, Err(Refusal::Fenced { .. })), "{refused:?}");
    }

    #[test]
    fn only_the_current_generation_at_the_current_head_passes() {
        let head = Head { txid: Txid(7), next_txid: Txid(8), ..Head::empty() };
        assert_eq!(check_fence(Some(&fence(3)), &head, held(3, 7)), Ok(()));
        assert_eq!(check_fence(Some(&fence(3)), &head, Held { head_txid: None, ..held(3, 0) }), Ok(()));
        for wrong in [held(2, 7), held(4, 7), held(3, 6), held(3, 8)] {
            let refusal = check_fence(Some(&fence(3)), &head, wrong).unwrap_err();
            let expected =
                Refusal::Fenced { held: wrong, current: Generation(3), current_head_txid: Txid(7) };
            assert_eq!(refusal, expected);
        }
    }

    #[test]
    fn the_generation_of_an_import_is_for_the_import_alone() {
        let migrating = Fence { origin: Origin::MigratingFromV1, ..fence(3) };
        let head = Head::empty();
        assert_eq!(check_fence(Some(&migrating), &head, held(3, 0)), Err(Refusal::Migrating));
        assert_eq!(check_writer(Some(&migrating), &head, held(3, 0), Token([1; 16])), Ok(()));
        let other = check_writer(Some(&migrating), &head, held(3, 0), Token([2; 16]));
        assert_eq!(other, Err(Refusal::Migrating));
        // A holder of another generation gets that error first: it is fenced for good.
        let fenced = check_fence(Some(&migrating), &head, held(2, 0));
        assert!(matches!(fenced, Err(Refusal::Fenced { .. })), "{fenced:?}");
    }

    #[test]
    fn a_claimed_actor_is_there_for_nobody_but_the_one_who_claims_it() {
        let claimed = Fence { state: FenceState::Deleted, ..fence(3) };
        let head = Head::empty();
        assert_eq!(check_writer(Some(&claimed), &head, held(3, 0), Token([1; 16])), Ok(()));
        let other = check_writer(Some(&claimed), &head, held(3, 0), Token([2; 16]));
        assert_eq!(other, Err(Refusal::NotFound));
        assert_eq!(check_fence(Some(&claimed), &head, held(3, 0)), Err(Refusal::NotFound));
        let fenced = check_writer(Some(&claimed), &head, held(2, 0), Token([1; 16]));
        assert!(matches!(fenced, Err(Refusal::Fenced { .. })), "{fenced:?}");
    }

    #[test]
    fn who_holds_nothing_reads_what_is_there_and_whole() {
        let migrating = Fence { origin: Origin::MigratingFromV1, ..fence(3) };
        let deleted = Fence { state: FenceState::Deleted, ..migrating };
        assert_eq!(check_readable(Some(&fence(3))), Ok(&fence(3)));
        assert_eq!(check_readable(Some(&migrating)), Err(Refusal::Migrating));
        assert_eq!(check_readable(Some(&deleted)), Err(Refusal::NotFound));
        assert_eq!(check_readable(None), Err(Refusal::NotFound));
    }

    #[test]
    fn an_actor_that_is_not_there_or_was_deleted_is_not_found() {
        let deleted = Fence { state: FenceState::Deleted, ..fence(3) };
        assert_eq!(check_fence(None, &Head::empty(), held(3, 0)), Err(Refusal::NotFound));
        assert_eq!(check_fence(Some(&deleted), &Head::empty(), held(3, 0)), Err(Refusal::NotFound));
    }
}
