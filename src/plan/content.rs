//! Compares the pages of two databases by one number for each run of pages, instead of the pages themselves.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::types::{PageNumber, PageRange};

/// How many pages share a number: the resolution at which a difference is found.
const PAGES_A_NUMBER: u32 = 256;

/// The pages of a database, in whatever order they were seen. A page of zeros counts as one that was never
/// written, which reads the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content(BTreeMap<u32, u128>);

impl Content {
    /// Adds a page; each page only once.
    pub fn note(&mut self, page: PageNumber, data: &[u8]) {
        if data.iter().any(|byte| *byte != 0) {
            let index = (page.get() - 1) / PAGES_A_NUMBER;
            *self.0.entry(index).or_default() ^= xxh3_128_with_seed(data, u64::from(page.get()));
        }
    }

    /// Adds pages that were seen elsewhere.
    pub fn join(&mut self, other: Self) {
        for (index, number) in other.0 {
            *self.0.entry(index).or_default() ^= number;
        }
    }

    /// The first group of pages that contains a difference.
    pub fn difference(&self, other: &Self) -> Option<PageRange> {
        let differs = |index: &&u32| self.0.get(*index) != other.0.get(*index);
        let index = self.0.keys().chain(other.0.keys()).filter(differs).min()?;
        let first = index * PAGES_A_NUMBER;
        let last = first.saturating_add(PAGES_A_NUMBER);
        Some(PageRange { first: PageNumber::new(first + 1)?, last: PageNumber::new(last)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u32) -> PageNumber {
        PageNumber::new(number).unwrap()
    }

    fn content(pages: &[(u32, u8)]) -> Content {
        let mut content = Content::default();
        for (number, byte) in pages {
            content.note(page(*number), &[*byte; 512]);
        }
        content
    }

    #[test]
    fn the_same_pages_in_any_order_and_any_parts_are_the_same() {
        let all = content(&[(1, 1), (2, 2), (300, 3), (u32::MAX, 4)]);
        assert_eq!(all.difference(&content(&[(u32::MAX, 4), (300, 3), (2, 2), (1, 1)])), None);
        let mut parts = content(&[(300, 3), (1, 1)]);
        parts.join(content(&[(2, 2), (u32::MAX, 4)]));
        assert_eq!(all.difference(&parts), None);
        assert_eq!(all.difference(&content(&[(1, 1), (2, 2), (7, 0), (300, 3), (u32::MAX, 4)])), None);
    }

    #[test]
    fn a_difference_is_told_by_its_pages() {
        let all = content(&[(1, 1), (2, 2), (300, 3)]);
        let range = |first, last| Some(PageRange { first: page(first), last: page(last) });
        // Changed, swapped, missing, one too many.
        assert_eq!(all.difference(&content(&[(1, 1), (2, 9), (300, 3)])), range(1, 256));
        assert_eq!(all.difference(&content(&[(2, 1), (1, 2), (300, 3)])), range(1, 256));
        assert_eq!(all.difference(&content(&[(1, 1), (2, 2)])), range(257, 512));
        let more = content(&[(1, 1), (2, 2), (300, 3), (u32::MAX, 1)]);
        assert_eq!(all.difference(&more).unwrap().last, page(u32::MAX));
    }
}
