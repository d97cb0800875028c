//! STAGE: the manifest of one part of a stage, which names the pages that the part wrote.

use super::{DecodeError, Reader, Row, runs};
use crate::types::{PageNumber, PageRange};

/// The pages that one part of a stage wrote, as runs, so that they can be rolled back, or their older
/// versions cleared, without a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagePart {
    /// The runs, ascending.
    pub runs: Vec<PageRange>,
}

impl StagePart {
    /// The manifest of these pages, which must ascend.
    pub fn of(ascending: impl IntoIterator<Item = PageNumber>) -> Self {
        Self { runs: PageRange::gather(ascending) }
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
            prop_assert_eq!(part.pages().collect::<Vec<_>>(), pages);
            check_row(&part);
        }
    }
}
