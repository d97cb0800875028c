//! The pages of sealed transactions, merged: the last image of each page, and the last size.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::planted::{self, Bug};
use crate::types::{PageCount, PageNumber, PageSize};

/// How many pages may be written as zeros because a transaction has cut them off and a later one has grown the
/// database again, so that the store does not show what they held before. Beyond that the two are not merged.
const ZEROS_MAX: usize = 64;

/// One or several transactions.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pages: BTreeMap<PageNumber, Arc<[u8]>>,
    /// The size before the first transaction.
    base: PageCount,
    /// The smallest size since then. Pages beyond it that are not in `pages` read as zeros.
    floor: PageCount,
    /// The size after the last transaction.
    size: PageCount,
    page_size: PageSize,
    transactions: u64,
}

impl Layer {
    /// One transaction that has found the database with `base` pages.
    pub(crate) fn new(
        base: PageCount,
        (size, page_size): (PageCount, PageSize),
        pages: impl IntoIterator<Item = (PageNumber, Box<[u8]>)>,
    ) -> Self {
        let pages = pages.into_iter().map(|(page, bytes)| (page, bytes.into())).collect();
        Self { pages, base, floor: base.min(size), size, page_size, transactions: 1 }
    }

    pub(crate) fn size(&self) -> PageCount {
        self.size
    }

    pub(crate) fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// How many transactions it has.
    pub(super) fn transactions(&self) -> u64 {
        self.transactions
    }

    /// The bytes of its pages.
    pub(super) fn bytes(&self) -> usize {
        self.pages.len() * self.page_size.bytes()
    }

    /// The page, if a transaction has written it.
    pub(super) fn get(&self, page: PageNumber) -> Option<&Arc<[u8]>> {
        self.pages.get(&page)
    }

    /// Whether the page reads as zeros unless it was written: it is new, or was cut off.
    pub(super) fn has_cut(&self, page: PageNumber) -> bool {
        !self.floor.contains(page)
    }

    pub(crate) fn pages(&self) -> &BTreeMap<PageNumber, Arc<[u8]>> {
        &self.pages
    }

    /// Puts a later transaction, or several, on top.
    pub(super) fn merge(&mut self, later: Self) {
        assert!(later.base == self.size, "a transaction extends another one than the last");
        if let Some(first) = later.floor.first_past_end() {
            drop(self.pages.split_off(&first));
        }
        for (page, bytes) in later.pages {
            if planted::has(Bug::OlderImageMerged) && self.pages.contains_key(&page) {
                continue;
            }
            self.pages.insert(page, bytes);
        }
        self.floor = self.floor.min(later.floor);
        self.size = later.size;
        self.page_size = later.page_size;
        self.transactions += later.transactions;
    }

    /// Whether a later transaction on top leaves few enough pages to be written as zeros.
    pub(super) fn merges_well_with(&self, later: &Self) -> bool {
        let (floor, size) = (self.floor.min(later.floor), later.size);
        // What either of them has written needs no zeros; counting a page twice only refuses a little early.
        unwritten(floor, self.base.min(size), |from| later.pages.range(from..)) <= ZEROS_MAX
    }

    /// Writes zeros where the store would show what was there before a transaction has cut it off.
    pub(super) fn write_zeros(&mut self) {
        let last = self.base.min(self.size);
        let zeros: Arc<[u8]> = vec![0; self.page_size.bytes()].into();
        for page in (self.floor.0 + 1..=last.0).filter_map(PageNumber::new) {
            self.pages.entry(page).or_insert_with(|| Arc::clone(&zeros));
        }
    }

    /// Whether there are pages, new or cut off before, that were not written.
    pub(crate) fn has_gaps(&self) -> bool {
        unwritten(self.floor, self.size, |from| self.pages.range(from..)) > 0
    }
}

/// How many pages between two sizes are not in the range that begins behind the smaller one.
fn unwritten<'p, I>(from: PageCount, to: PageCount, written: impl FnOnce(PageNumber) -> I) -> usize
where
    I: Iterator<Item = (&'p PageNumber, &'p Arc<[u8]>)>,
{
    let Some(first) = from.first_past_end().filter(|first| to.contains(*first)) else { return 0 };
    let written = written(first).take_while(|(page, _)| to.contains(**page)).count();
    (to.0 - from.0) as usize - written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u32) -> PageNumber {
        PageNumber::new(number).unwrap()
    }

    /// A transaction that writes pages full of a byte.
    fn layer(base: u32, size: u32, pages: &[(u32, u8)]) -> Layer {
        let page_size = PageSize::new(512).unwrap();
        let pages = pages.iter().map(|(number, byte)| (page(*number), vec![*byte; 512].into()));
        Layer::new(PageCount(base), (PageCount(size), page_size), pages)
    }

    /// The pages as a store would show them that held pages full of 0xEE up to the base.
    fn shown(layer: &Layer) -> Vec<u8> {
        let first = |number: u32| match layer.get(page(number)) {
            Some(bytes) => bytes[0],
            None if layer.base.contains(page(number)) => 0xEE,
            None => 0,
        };
        (1..=layer.size.0).map(first).collect()
    }

    #[test]
    fn the_last_image_and_the_last_size_win() {
        let mut merged = layer(3, 4, &[(1, 1), (4, 1)]);
        merged.merge(layer(4, 5, &[(1, 2), (5, 2)]));
        assert_eq!(shown(&merged), [2, 0xEE, 0xEE, 1, 2]);
        assert_eq!((merged.transactions(), merged.bytes()), (2, 3 * 512));
        assert!(!merged.has_gaps());
    }

    #[test]
    fn what_was_cut_off_and_not_written_again_is_zero() {
        let mut merged = layer(6, 6, &[(1, 1), (5, 1)]);
        merged.merge(layer(6, 3, &[(1, 2)]));
        assert_eq!(shown(&merged), [2, 0xEE, 0xEE]);
        let later = layer(3, 8, &[(1, 3), (4, 3), (8, 3)]);
        assert!(merged.merges_well_with(&later));
        merged.merge(later);
        assert!(merged.has_cut(page(5)) && !merged.has_cut(page(3)) && merged.has_gaps());
        merged.write_zeros();
        // Page 7 lies beyond what the store had, which shows zeros there by itself.
        assert_eq!(shown(&merged), [3, 0xEE, 0xEE, 3, 0, 0, 0, 3]);
        assert!(merged.get(page(6)).is_some() && merged.get(page(7)).is_none());
    }

    #[test]
    fn too_many_zeros_are_not_merged() {
        let mut cut = layer(1_000, 1_000, &[(1, 1)]);
        cut.merge(layer(1_000, 10, &[(1, 1)]));
        assert!(cut.merges_well_with(&layer(10, 11, &[(11, 1)])));
        assert!(cut.merges_well_with(&layer(10, 74, &[])));
        assert!(!cut.merges_well_with(&layer(10, 75, &[])));
        // New pages are zeros anyway.
        assert!(layer(10, 10, &[]).merges_well_with(&layer(10, 9_000, &[])));
    }
}
