//! HISTORY: which states of an actor are kept, and who decided that.

use super::error::DecodeError;
use super::reader::Reader;
use super::row::Row;
use crate::types::{HISTORY_TIERS_MAX, HistoryPolicy, HistoryTier};

/// The policy of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// Whether it was set for this actor; otherwise it is that of the store.
    pub own: bool,
    /// The policy; `None` keeps only what is pinned.
    pub policy: Option<HistoryPolicy>,
}

const OWN: u8 = 1;
const KEEPS: u8 = 2;

impl Row for HistoryRow {
    const NAME: &'static str = "history";

    fn write(&self, body: &mut Vec<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        body.push(flag(self.own, OWN) | flag(self.policy.is_some(), KEEPS));
        if let Some(policy) = &self.policy {
            body.extend(policy.keep_all_ms.to_be_bytes());
            for tier in &policy.then {
                body.extend(tier.every_ms.to_be_bytes());
                body.extend(tier.for_ms.to_be_bytes());
            }
        }
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let flags = body.u8()?;
        if flags & !(OWN | KEEPS) != 0 {
            return Err(body.field(format!("flags {flags:08b}")));
        }
        let policy = if flags & KEEPS != 0 {
            let keep_all_ms = body.u64()?;
            let mut then = Vec::new();
            while !body.is_empty() {
                then.push(HistoryTier { every_ms: body.u64()?, for_ms: body.u64()? });
            }
            if then.len() > HISTORY_TIERS_MAX || then.iter().any(|tier| tier.every_ms == 0) {
                return Err(body.field(format!("tiers {then:?}")));
            }
            Some(HistoryPolicy { keep_all_ms, then })
        } else {
            None
        };
        Ok(Self { own: flags & OWN != 0, policy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::check_row;

    #[test]
    fn a_policy_comes_back_and_damage_does_not_pass() {
        let tier = |every_ms, for_ms| HistoryTier { every_ms, for_ms };
        for then in [vec![], vec![tier(300_000, 7_000_000)], vec![tier(1, 2), tier(3, 4)]] {
            let policy = Some(HistoryPolicy { keep_all_ms: 600_000, then });
            check_row(&HistoryRow { own: true, policy: policy.clone() });
            check_row(&HistoryRow { own: false, policy });
        }
        check_row(&HistoryRow { own: true, policy: None });
    }
}
