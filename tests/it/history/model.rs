//! What the oracle knows of each actor: every state in full.

use std::collections::BTreeMap;

use batondb::types::{ActorId, HistoryPolicy, HistoryTier};

/// The size of a page.
pub const PAGE: usize = 512;

/// xorshift64*: the same schedule for the same seed.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % bound
    }

    pub fn of<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let index = usize::try_from(self.below(from.len().max(1) as u64)).unwrap();
        from.get(index).cloned()
    }
}

/// A state in full: the tag of each page; 0 is a page of zeros.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    pub pages: Vec<u64>,
}

#[derive(Debug, Default)]
pub struct Actor {
    pub live: bool,
    pub generation: u64,
    pub head: u64,
    pub now: Copy,
    /// Every state that there ever was, by its txid.
    pub copies: BTreeMap<u64, Copy>,
    /// The pins that users have set.
    pub pins: BTreeMap<String, u64>,
    pub policy: Option<HistoryPolicy>,
}

pub fn id(name: &str) -> ActorId {
    ActorId::new(name).unwrap()
}

pub fn page_bytes(tag: u64, page: u32) -> Vec<u8> {
    if tag == 0 {
        return vec![0; PAGE];
    }
    let mut bytes = Vec::with_capacity(PAGE);
    let mut word = tag.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(page);
    while bytes.len() < PAGE {
        bytes.extend(word.to_be_bytes());
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(tag);
    }
    bytes
}

pub fn policies() -> [Option<HistoryPolicy>; 4] {
    let tier = |every_ms, for_ms| HistoryTier { every_ms, for_ms };
    [
        None,
        Some(HistoryPolicy { keep_all_ms: 200, then: vec![] }),
        Some(HistoryPolicy { keep_all_ms: 100, then: vec![tier(50, 400), tier(200, 2_000)] }),
        Some(HistoryPolicy { keep_all_ms: 1_000_000, then: vec![] }),
    ]
}
