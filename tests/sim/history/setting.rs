//! What a seed decides about history.

use batondb::types::{HistoryPolicy, HistoryTier};

use crate::draw::Draw;

/// Nothing of it in most seeds.
#[derive(Debug, Clone, Default)]
pub struct PastSetting {
    /// Whether there is history at all.
    pub is_on: bool,
    /// What the stores keep by default.
    pub policy: Option<HistoryPolicy>,
    /// Actors that forks are made as, besides the others.
    pub forks: u32,
    pub habits: PastHabits,
}

/// What callers do about the past.
#[derive(Debug, Clone, Copy)]
pub struct PastHabits {
    /// How often they do something about it, in a thousand operations.
    pub share: u64,
    /// The actors from this one on are made by forks only.
    pub forks_from: usize,
    /// Two things that they do more often than the rest, most of them to the first actor: what goes wrong needs two at
    /// once.
    pub most: [Favourite; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Favourite {
    Anything,
    Pins,
    Restores,
    Forks,
    Flattening,
    Thinning,
    Deletions,
}

/// Policies that keep everything, next to nothing, and something in between.
pub fn policies() -> [HistoryPolicy; 4] {
    let tier = |every_ms, for_ms| HistoryTier { every_ms, for_ms };
    [
        HistoryPolicy { keep_all_ms: 1 << 50, then: vec![] },
        HistoryPolicy { keep_all_ms: 0, then: vec![] },
        HistoryPolicy { keep_all_ms: 300, then: vec![] },
        HistoryPolicy { keep_all_ms: 100, then: vec![tier(100, 4_000), tier(2_000, 90_000)] },
    ]
}

impl Default for PastHabits {
    fn default() -> Self {
        Self { share: 0, forks_from: usize::MAX, most: [Favourite::Anything; 2] }
    }
}

impl PastSetting {
    /// What a seed has of it: nothing, in most of them.
    pub fn new(seed: u64) -> Self {
        if Draw::new(!seed).in_1000(250) { Self::some(seed) } else { Self::default() }
    }

    /// History of which hardly anything is kept, and much of these two.
    pub fn of(seed: u64, most: [Favourite; 2]) -> Self {
        let mut past = Self { policy: Some(policies()[1].clone()), ..Self::some(seed) };
        (past.habits.share, past.habits.most) = (500, most);
        past
    }

    /// History in any case. Draws from a source of its own: seeds without history go as they did before there was any.
    pub fn some(seed: u64) -> Self {
        let mut draw = Draw::new(!seed).fork();
        let policy = draw.in_1000(800).then(|| policies()[draw.index(4)].clone());
        let pairs = [
            [Favourite::Anything; 2],
            [Favourite::Restores, Favourite::Flattening],
            [Favourite::Restores, Favourite::Thinning],
            [Favourite::Forks, Favourite::Deletions],
            [Favourite::Forks, Favourite::Flattening],
            [Favourite::Forks, Favourite::Thinning],
            [Favourite::Pins, Favourite::Thinning],
            [Favourite::Flattening, Favourite::Thinning],
        ];
        let most = draw.of(&pairs);
        let habits = PastHabits { share: draw.of(&[150, 300, 500]), most, ..PastHabits::default() };
        Self { is_on: true, policy, forks: draw.between(1, 2), habits }
    }
}
