//! Key ranges, with named constructors for what they cover.

/// The keys from `start` up to but not including `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Vec<u8>,
}

impl KeyRange {
    /// The keys from `start` up to but not including `end`; none if `end` is not above `start`.
    pub fn new(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: end.into() }
    }

    /// This one key.
    pub fn single(key: impl Into<Vec<u8>>) -> Self {
        let start = key.into();
        let mut end = start.clone();
        end.push(0);
        Self { start, end }
    }

    /// Every key that begins with `prefix`, including the prefix itself. The prefix must contain a byte other
    /// than `0xFF`; otherwise no key bounds it from above.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let start = prefix.into();
        let mut end = start.clone();
        while end.last() == Some(&0xFF) {
            end.pop();
        }
        let last = end.last_mut().expect("a prefix holds a byte other than 0xFF");
        *last += 1;
        Self { start, end }
    }

    /// The first key that may be in the range.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The first key past the range.
    pub fn end(&self) -> &[u8] {
        &self.end
    }

    /// Whether no key can be in the range.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && key < self.end.as_slice()
    }

    /// Whether a key can be in both ranges.
    pub fn intersects(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end && !self.is_empty() && !other.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_prefix_range_holds_exactly_the_keys_with_that_prefix(
            prefix in prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xFE), Just(0xFF)], 1..4)
                .prop_filter("bounded", |bytes| bytes.iter().any(|&byte| byte != 0xFF)),
            key in prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(2), Just(0xFE), Just(0xFF)], 0..6),
        ) {
            prop_assert_eq!(KeyRange::prefix(prefix.clone()).contains(&key), key.starts_with(&prefix));
        }

        #[test]
        fn a_single_range_holds_exactly_its_key(key in prop::collection::vec(0u8..3, 0..4), other in prop::collection::vec(0u8..3, 0..4)) {
            prop_assert_eq!(KeyRange::single(key.clone()).contains(&other), key == other);
        }
    }
}
