//! Takeover: who becomes the next owner.

use crate::codec::{Fence, FenceState};
use crate::planted::{self, Bug};
use crate::types::{Generation, Origin, Token};

use super::migrate::is_of_an_import;

/// A start.
#[derive(Debug, Clone, Copy)]
pub struct TakeoverRequest {
    /// The generation first seen by this start; 0 if there was none. If it is higher later, somebody else has
    /// raised it during this start.
    pub noted: Generation,
    /// The token of this start, the same in all its attempts.
    pub token: Token,
    /// The current time, for a new actor.
    pub now_ms: u64,
}

/// What a start does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeoverPlan {
    /// Write this fence: the generation is the caller's.
    Win(Fence),
    /// An earlier attempt of this same start has won, and its answer was lost.
    AlreadyWon(Fence),
    /// Somebody else has raised the generation meanwhile.
    Lost(Fence),
    /// An import of v1 data is unfinished.
    MigrationIncomplete,
}

/// Whether somebody may own a live actor at its generation. Neither an import of v1 data that was finished is an owner
/// to lose against, nor a restore or a fork.
pub fn is_owned(fence: &Fence) -> bool {
    !is_of_an_import(fence) && (fence.owner_token != Token::NOBODY || planted::has(Bug::LostToNobody))
}

/// Decides a start.
pub fn takeover(fence: Option<&Fence>, request: TakeoverRequest) -> TakeoverPlan {
    let fresh = |generation: Generation| Fence {
        generation,
        owner_token: request.token,
        state: FenceState::Live,
        origin: Origin::Native,
        created_at_ms: request.now_ms,
        first_generation: generation,
        lease_until_ms: 0,
    };
    match fence {
        None => TakeoverPlan::Win(fresh(Generation::NONE.next())),
        // A deletion is not an owner to lose against: the start comes after it.
        Some(fence) if fence.state == FenceState::Deleted => {
            TakeoverPlan::Win(fresh(fence.generation.next()))
        }
        Some(fence) if fence.owner_token == request.token => TakeoverPlan::AlreadyWon(*fence),
        Some(fence) if fence.origin == Origin::MigratingFromV1 && !planted::has(Bug::ImportIgnored) => {
            TakeoverPlan::MigrationIncomplete
        }
        Some(fence) if fence.generation > request.noted && is_owned(fence) => TakeoverPlan::Lost(*fence),
        Some(fence) => TakeoverPlan::Win(Fence {
            generation: fence.generation.next(),
            owner_token: request.token,
            ..*fence
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fence::testing::fence;
    use super::*;

    fn start(noted: u64) -> TakeoverRequest {
        TakeoverRequest { noted: Generation(noted), token: Token([9; 16]), now_ms: 77 }
    }

    #[test]
    fn the_first_owner_has_generation_1() {
        let TakeoverPlan::Win(won) = takeover(None, start(0)) else { panic!("nobody else is there") };
        assert_eq!((won.generation, won.created_at_ms), (Generation(1), 77));
    }

    #[test]
    fn a_win_raises_the_generation_and_keeps_the_rest() {
        let TakeoverPlan::Win(won) = takeover(Some(&fence(4)), start(4)) else {
            panic!("nobody came between")
        };
        assert_eq!(won, Fence { generation: Generation(5), owner_token: Token([9; 16]), ..fence(4) });
    }

    #[test]
    fn a_generation_above_the_noted_one_is_a_lost_race() {
        assert_eq!(takeover(Some(&fence(5)), start(4)), TakeoverPlan::Lost(fence(5)));
        // A race of first starts: there was no actor, and now there is an owner.
        assert_eq!(takeover(Some(&fence(1)), start(0)), TakeoverPlan::Lost(fence(1)));
    }

    #[test]
    fn the_own_token_is_an_own_success_whatever_the_generation() {
        let own = Fence { owner_token: Token([9; 16]), ..fence(5) };
        assert_eq!(takeover(Some(&own), start(4)), TakeoverPlan::AlreadyWon(own));
    }

    #[test]
    fn an_import_under_way_refuses_the_start() {
        let migrating = Fence { origin: Origin::MigratingFromV1, ..fence(4) };
        assert_eq!(takeover(Some(&migrating), start(4)), TakeoverPlan::MigrationIncomplete);
    }

    #[test]
    fn an_import_is_no_owner_to_lose_against() {
        let finished = Fence { origin: Origin::MigratedFromV1, first_generation: Generation(5), ..fence(5) };
        let TakeoverPlan::Win(won) = takeover(Some(&finished), start(0)) else { panic!("nobody owns it") };
        assert_eq!((won.generation, won.origin), (Generation(6), Origin::MigratedFromV1));
        assert_eq!(
            takeover(Some(&won), TakeoverRequest { token: Token([8; 16]), ..start(5) }),
            TakeoverPlan::Lost(won)
        );
    }

    #[test]
    fn a_restore_is_no_owner_to_lose_against() {
        let restored = Fence { owner_token: Token::NOBODY, ..fence(5) };
        let TakeoverPlan::Win(won) = takeover(Some(&restored), start(4)) else { panic!("nobody owns it") };
        assert_eq!((won.generation, won.owner_token), (Generation(6), Token([9; 16])));
    }

    #[test]
    fn a_deleted_actor_starts_afresh_above_all_earlier_generations() {
        let deleted = Fence { state: FenceState::Deleted, ..fence(8) };
        let TakeoverPlan::Win(won) = takeover(Some(&deleted), start(3)) else {
            panic!("a deletion is no owner")
        };
        assert_eq!((won.generation, won.state, won.created_at_ms), (Generation(9), FenceState::Live, 77));
        assert_eq!(won.first_generation, Generation(9), "it is another life of the same id");
    }
}
