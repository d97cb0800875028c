//! Which points a policy keeps.

use std::collections::BTreeSet;

use crate::types::{HistoryPolicy, Txid};

/// Goes through the points of an actor from the newest to the oldest, and says which of them stay.
#[derive(Debug)]
pub struct Thinning {
    policy: Option<HistoryPolicy>,
    now_ms: u64,
    /// Points that stay in any case: the head, those that are pinned, and those on which a later line builds.
    held: BTreeSet<Txid>,
    /// The tier and the stretch of the last point that a tier has kept.
    last: Option<(usize, u64)>,
}

impl Thinning {
    /// Without a policy, only what is held stays.
    pub fn new(policy: Option<HistoryPolicy>, now_ms: u64, held: BTreeSet<Txid>) -> Self {
        Self { policy, now_ms, held, last: None }
    }

    /// Whether the next older point stays.
    pub fn keeps(&mut self, txid: Txid, time_ms: u64) -> bool {
        let by_policy = self.policy_keeps(time_ms);
        by_policy || self.held.contains(&txid)
    }

    fn policy_keeps(&mut self, time_ms: u64) -> bool {
        let Some(policy) = &self.policy else { return false };
        let age = self.now_ms.saturating_sub(time_ms);
        if age < policy.keep_all_ms {
            return true;
        }
        let tier = policy.then.iter().position(|tier| age < tier.for_ms);
        let Some(tier) = tier else { return false };
        // Stretches are those of the clock, so that the same point stays however often this is asked.
        let place = (tier, time_ms / policy.then[tier].every_ms);
        let first = self.last != Some(place);
        self.last = Some(place);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::HistoryTier;

    #[test]
    fn the_last_point_of_each_stretch_stays_and_the_held_ones() {
        let tier = |every_ms, for_ms| HistoryTier { every_ms, for_ms };
        let policy = HistoryPolicy::checked(100, vec![tier(50, 300), tier(200, 700)]).unwrap();
        let held = BTreeSet::from([Txid(33)]);
        let mut thinning = Thinning::new(Some(policy), 1_000, held);
        // One point each 10 ms: the txid is a tenth of the time.
        let kept: Vec<u64> = (1..=100).rev().filter(|txid| thinning.keeps(Txid(*txid), txid * 10)).collect();
        let all: Vec<u64> = (91..=100).rev().collect();
        let thinned: Vec<u64> = kept.iter().copied().filter(|txid| *txid <= 90).collect();
        assert_eq!(kept[..10], all);
        assert_eq!(thinned, [90, 89, 84, 79, 74, 70, 59, 39, 33]);
    }

    #[test]
    fn the_same_points_stay_when_it_is_done_again_later() {
        let policy = HistoryPolicy::checked(0, vec![HistoryTier { every_ms: 100, for_ms: 1_000 }]).unwrap();
        let mut left: Vec<u64> = (0..100).map(|number| number * 7).rev().collect();
        for now in [700, 750, 900, 1_100] {
            let mut thinning = Thinning::new(Some(policy.clone()), now, BTreeSet::new());
            left.retain(|time| thinning.keeps(Txid(*time), *time));
        }
        let mut at_once = Thinning::new(Some(policy), 1_100, BTreeSet::new());
        let expected: Vec<u64> = (0..100)
            .map(|number| number * 7)
            .rev()
            .filter(|time| at_once.keeps(Txid(*time), *time))
            .collect();
        assert_eq!(left, expected);
    }
}
