//! STAGE: the manifest of one part of a stage. It lists the pages that the part wrote.

use super::error::DecodeError;
use super::reader::Reader;
use super::row::Row;
use super::runs;
use crate::types::{self, PageCount, PageNumber, PageRange};

/// The pages that one part of a stage wrote, as runs, so that they can be rolled back, or their older
/// versions cleared, without a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagePart {
    /// The runs, ascending.
    pub runs: Vec<PageRange>,
}

impl StagePart {
    /// The manifest of these pages, which must be ascending.
    pub fn of(ascending: impl IntoIterator<Item = PageNumber>) -> Self {
        Self { runs: PageRange::gather(ascending) }
    }

    /// The manifest of all but the first pages, if there are any.
    pub fn without_first(&self, pages: usize) -> Option<Self> {
        let pages = u64::try_from(pages).unwrap_or(u64::MAX);
        let first = types::runs::first_pages(&self.runs, PageCount(u32::MAX), pages);
        let rest = types::runs::subtract(&self.runs, &first);
        (!rest.is_empty()).then_some(Self { runs: rest })
    }

    /// The pages, ascending.
    pub fn pages(&self) -> impl Iterator<Item = PageNumber> + '_ {
        self.runs.iter().flat_map(|run| run.pages())
    }
}

impl Row for StagePart {
    const NAME: &'static str = "stage";

    fn write(&self, body: &mut Vec<u8>) {
        runs::write(&self.runs, body);
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { runs: runs::read(body)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::testing::check_row;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_manifest_comes_back_and_damage_does_not_pass(
            pages in prop::collection::btree_set(1..200u32, 0..60),
        ) {
            let pages: Vec<PageNumber> = pages.into_iter().filter_map(PageNumber::new).collect();
            let part = StagePart::of(pages.iter().copied());
            for first in [0, 1, 7, 60, usize::MAX] {
                let rest = part.without_first(first).map_or_else(Vec::new, |rest| rest.pages().collect());
                prop_assert_eq!(&rest, &pages[first.min(pages.len())..]);
            }
            prop_assert_eq!(part.pages().collect::<Vec<_>>(), pages);
            check_row(&part);
        }
    }
}
