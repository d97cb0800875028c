//! Who may replace the whole content of an actor: an import of a file, or a copy.
//!
//! An existing actor is taken over. A missing one is *claimed*: its fence becomes a tombstone with a new
//! generation and the token of the claimant. So nobody sees the actor, any start comes later and ends the
//! claim, and only the holder of the token writes. Finalizing its stage makes the actor live. If that never
//! happens, for whatever reason, the actor is what it was before: missing.

use crate::codec::{Fence, FenceState, Head};
use crate::types::{Generation, Origin, Token};

use super::fence::is_claimed_by;
use super::takeover::{TakeoverPlan, TakeoverRequest, takeover};

/// The beginning of an import or a copy.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest {
    /// The generation of the actor when it was first seen; 0 if there was none.
    pub noted: Generation,
    /// The token of this import, the same in all its attempts.
    pub token: Token,
    /// The current time, in milliseconds since 1970-01-01 UTC.
    pub now_ms: u64,
    /// Whether existing pages of the actor may be replaced.
    pub replace: bool,
}

/// What the beginning of an import or a copy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimPlan {
    /// Write this fence: that of a live actor, taken over, or a claim.
    Write(Fence),
    /// An earlier attempt has written it, and its answer was lost.
    Already(Fence),
    /// There are pages, which must not be replaced.
    HasPages,
    /// Somebody else has taken the actor over meanwhile.
    Lost,
    /// An import of v1 data is unfinished.
    MigrationIncomplete,
}

/// Decides the beginning of an import or a copy.
pub fn claim(fence: Option<&Fence>, head: &Head, request: ClaimRequest) -> ClaimPlan {
    let ClaimRequest { noted, token, now_ms, replace } = request;
    let Some(live) = fence.filter(|fence| fence.state == FenceState::Live) else {
        if let Some(own) = fence.filter(|fence| is_claimed_by(fence, token)) {
            return ClaimPlan::Already(*own);
        }
        let generation = fence.map_or(Generation::NONE, |fence| fence.generation).next();
        return ClaimPlan::Write(Fence {
            generation,
            owner_token: token,
            state: FenceState::Deleted,
            origin: Origin::Native,
            created_at_ms: now_ms,
            first_generation: generation,
            lease_until_ms: 0,
        });
    };
    if head.size_pages.0 > 0 && !replace {
        return ClaimPlan::HasPages;
    }
    match takeover(Some(live), TakeoverRequest { noted, token, now_ms }) {
        TakeoverPlan::Win(fence) => ClaimPlan::Write(fence),
        TakeoverPlan::AlreadyWon(fence) => ClaimPlan::Already(fence),
        TakeoverPlan::Lost(_) => ClaimPlan::Lost,
        TakeoverPlan::MigrationIncomplete => ClaimPlan::MigrationIncomplete,
    }
}

/// The fence of a claimed actor once its content is complete; `None` if it was already live.
pub fn arrived(fence: &Fence) -> Option<Fence> {
    (fence.state == FenceState::Deleted).then_some(Fence { state: FenceState::Live, ..*fence })
}

#[cfg(test)]
mod tests {
    use super::super::fence::testing::fence;
    use super::*;
    use crate::types::PageCount;

    fn request(noted: u64) -> ClaimRequest {
        ClaimRequest { noted: Generation(noted), token: Token([9; 16]), now_ms: 77, replace: false }
    }

    fn written(plan: ClaimPlan) -> Fence {
        match plan {
            ClaimPlan::Write(fence) => fence,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_actor_that_is_not_there_is_claimed_and_stays_so() {
        let claimed = written(claim(None, &Head::empty(), request(0)));
        assert_eq!((claimed.generation, claimed.state), (Generation(1), FenceState::Deleted));
        assert_eq!(claim(Some(&claimed), &Head::empty(), request(0)), ClaimPlan::Already(claimed));
        let deleted = Fence { state: FenceState::Deleted, ..fence(8) };
        let claimed = written(claim(Some(&deleted), &Head::empty(), request(0)));
        assert_eq!((claimed.generation, claimed.first_generation), (Generation(9), Generation(9)));
        let live = arrived(&claimed).unwrap();
        assert_eq!(live, Fence { state: FenceState::Live, ..claimed });
        assert_eq!(arrived(&live), None);
    }

    #[test]
    fn a_later_claim_and_a_start_come_after_a_claim() {
        let claimed = written(claim(None, &Head::empty(), request(0)));
        let other = ClaimRequest { token: Token([8; 16]), ..request(0) };
        assert_eq!(written(claim(Some(&claimed), &Head::empty(), other)).generation, Generation(2));
        let start = TakeoverRequest { noted: Generation(0), token: Token([7; 16]), now_ms: 80 };
        let TakeoverPlan::Win(won) = takeover(Some(&claimed), start) else { panic!("nobody owns it") };
        assert_eq!((won.generation, won.state), (Generation(2), FenceState::Live));
        assert!(!is_claimed_by(&won, Token([9; 16])) && !is_claimed_by(&claimed, Token([8; 16])));
        // Its own claim is gone, and somebody else owns the actor.
        assert_eq!(claim(Some(&won), &Head::empty(), request(0)), ClaimPlan::Lost);
    }

    #[test]
    fn a_live_actor_is_taken_over_unless_it_has_pages() {
        let taken = written(claim(Some(&fence(4)), &Head::empty(), request(4)));
        assert_eq!(taken, Fence { generation: Generation(5), owner_token: Token([9; 16]), ..fence(4) });
        let full = Head { size_pages: PageCount(1), ..Head::empty() };
        assert_eq!(claim(Some(&fence(4)), &full, request(4)), ClaimPlan::HasPages);
        let replace = ClaimRequest { replace: true, ..request(4) };
        assert_eq!(written(claim(Some(&fence(4)), &full, replace)), taken);
        assert_eq!(claim(Some(&taken), &full, replace), ClaimPlan::Already(taken));
        assert_eq!(claim(Some(&fence(5)), &full, replace), ClaimPlan::Lost);
        let migrating = Fence { origin: Origin::MigratingFromV1, ..fence(4) };
        assert_eq!(claim(Some(&migrating), &Head::empty(), replace), ClaimPlan::MigrationIncomplete);
    }
}
