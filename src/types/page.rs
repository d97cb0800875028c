//! Pages: their numbers, how many there are, and how large one is.

use std::fmt;
use std::num::NonZeroU32;

use super::ArgumentError;

/// The number of a SQLite page, from 1. Page 0 cannot exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNumber(NonZeroU32);

impl PageNumber {
    /// The page with the SQLite header.
    pub const FIRST: Self = Self(NonZeroU32::MIN);
    /// The largest number that the key format can hold.
    pub const LAST: Self = Self(NonZeroU32::MAX);

    /// A page number, or `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// A page number from a caller; page 0 is refused by name.
    pub fn checked(number: u32) -> Result<Self, ArgumentError> {
        Self::new(number)
            .ok_or_else(|| ArgumentError::OutOfRange("page must be from 1 to 4294967295, got 0".to_owned()))
    }

    /// The number as SQLite writes it.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The following page, if the format has one.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for PageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many pages a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PageCount(pub u32);

impl PageCount {
    /// Whether `page` lies inside a database of this size.
    pub fn contains(self, page: PageNumber) -> bool {
        page.get() <= self.0
    }

    /// The first page past the end, if the format has one.
    pub fn first_past_end(self) -> Option<PageNumber> {
        self.0.checked_add(1).and_then(PageNumber::new)
    }
}

/// A run of pages, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRange {
    /// The first page of the run.
    pub first: PageNumber,
    /// The last page of the run, never before `first`.
    pub last: PageNumber,
}

impl PageRange {
    /// The pages of the run in ascending order.
    pub fn pages(self) -> impl Iterator<Item = PageNumber> {
        (self.first.get()..=self.last.get()).filter_map(PageNumber::new)
    }

    /// How many pages the run has.
    pub fn count(self) -> u32 {
        // A run from 1 to 2^32-1 has 2^32-1 pages, so this cannot overflow.
        self.last.get() - self.first.get() + 1
    }

    /// Gathers ascending page numbers into the fewest runs.
    pub fn gather(ascending: impl IntoIterator<Item = PageNumber>) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for page in ascending {
            match runs.last_mut() {
                Some(run) if run.last.next() == Some(page) => run.last = page,
                _ => runs.push(Self { first: page, last: page }),
            }
        }
        runs
    }
}

/// The size of a page in bytes: a power of two from 512 to 65,536 (SQLite file format, section 1.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageSize {
    log2: u8,
}

/// A page size that SQLite does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a page must be a power of two from 512 to 65536 bytes, got {0} bytes")]
pub struct PageSizeError(pub usize);

impl PageSize {
    /// What SQLite uses unless told otherwise: 4,096 bytes.
    pub const DEFAULT: Self = Self { log2: 12 };

    /// The size of `bytes` bytes, if SQLite knows it.
    pub fn new(bytes: usize) -> Result<Self, PageSizeError> {
        if bytes.is_power_of_two() && (512..=65_536).contains(&bytes) {
            let log2 = u8::try_from(bytes.trailing_zeros()).map_err(|_| PageSizeError(bytes))?;
            Ok(Self { log2 })
        } else {
            Err(PageSizeError(bytes))
        }
    }

    /// The size from its base-two logarithm, as rows store it.
    pub fn from_log2(log2: u8) -> Option<Self> {
        (9..=16).contains(&log2).then_some(Self { log2 })
    }

    /// The base-two logarithm: 9 to 16.
    pub fn log2(self) -> u8 {
        self.log2
    }

    /// The size in bytes.
    pub fn bytes(self) -> usize {
        1 << self.log2
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_legal_page_size_and_no_other() {
        let legal: Vec<usize> = (0..=70_000).filter(|&bytes| PageSize::new(bytes).is_ok()).collect();
        assert_eq!(legal, [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]);
        for bytes in legal {
            let size = PageSize::new(bytes).unwrap();
            assert_eq!(PageSize::from_log2(size.log2()), Some(size));
        }
        assert_eq!(PageSize::from_log2(8), None);
        assert_eq!(PageSize::from_log2(17), None);
    }

    #[test]
    fn neighbours_gather_into_runs_up_to_the_last_page() {
        let pages = [1, 2, 3, 7, u32::MAX - 1, u32::MAX].map(|n| PageNumber::new(n).unwrap());
        let runs = PageRange::gather(pages);
        let ends: Vec<(u32, u32)> = runs.iter().map(|run| (run.first.get(), run.last.get())).collect();
        assert_eq!(ends, [(1, 3), (7, 7), (u32::MAX - 1, u32::MAX)]);
        assert_eq!(runs.iter().flat_map(|run| run.pages()).collect::<Vec<_>>(), pages);
    }
}
