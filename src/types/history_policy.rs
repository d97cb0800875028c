//! Which states of the past an actor keeps.

use super::ArgumentError;

/// The most tiers that a policy may have.
pub const HISTORY_TIERS_MAX: usize = 16;

/// Which states of the past are kept: all of them for a while, then fewer and fewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPolicy {
    /// Every commit is kept until it is this old, in milliseconds.
    pub keep_all_ms: u64,
    /// What is kept of older commits: the ages ascend.
    pub then: Vec<HistoryTier>,
}

/// A tier of a policy: commits up to an age, of which the last one of each stretch of time is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryTier {
    /// The length of a stretch, in milliseconds.
    pub every_ms: u64,
    /// The age at which the tier ends, in milliseconds.
    pub for_ms: u64,
}

impl HistoryPolicy {
    /// Checks a policy from a caller.
    pub fn checked(keep_all_ms: u64, then: Vec<HistoryTier>) -> Result<Self, ArgumentError> {
        let invalid = |message: String| Err(ArgumentError::Invalid(message));
        if then.len() > HISTORY_TIERS_MAX {
            return invalid(format!("history.then has {} tiers, at most {HISTORY_TIERS_MAX}", then.len()));
        }
        let mut age = keep_all_ms;
        for (index, tier) in then.iter().enumerate() {
            if tier.every_ms == 0 {
                return invalid(format!("history.then[{index}].every must be above 0"));
            }
            if tier.for_ms <= age {
                return invalid(format!(
                    "history.then[{index}].for is {} ms; it must be above the age at which the tier begins, {age} ms",
                    tier.for_ms
                ));
            }
            age = tier.for_ms;
        }
        Ok(Self { keep_all_ms, then })
    }

    /// The age from which on nothing is kept, in milliseconds.
    pub fn age_max_ms(&self) -> u64 {
        self.then.last().map_or(self.keep_all_ms, |tier| tier.for_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_ascend_and_stretches_have_a_length() {
        let tier = |every_ms, for_ms| HistoryTier { every_ms, for_ms };
        assert!(HistoryPolicy::checked(10, vec![tier(5, 20), tier(10, 40)]).is_ok());
        assert!(HistoryPolicy::checked(0, vec![]).is_ok());
        for (then, told) in [
            (vec![tier(0, 20)], "then[0].every"),
            (vec![tier(5, 10)], "then[0].for is 10 ms"),
            (vec![tier(5, 20), tier(10, 20)], "then[1].for is 20 ms"),
            (vec![tier(1, 99); 17], "17 tiers"),
        ] {
            let refused = HistoryPolicy::checked(10, then).unwrap_err();
            assert!(refused.to_string().contains(told), "{refused}");
        }
    }
}
