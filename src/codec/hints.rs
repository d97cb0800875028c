//! HINTS: the pages that are worth loading when the actor starts.

use super::error::DecodeError;
use super::reader::Reader;
use super::row::Row;
use super::runs;
use crate::types::runs::in_order;
use crate::types::{ArgumentError, PageRange};

/// The maximum number of runs in a row of hints, so that a start reads a small row.
pub const HINT_RUNS_MAX: usize = 256;

/// Pages that an owner needed soon after its start. Advice only: a start works without them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hints {
    runs: Vec<PageRange>,
}

impl Hints {
    /// Hints of these runs, which must ascend without overlap; at most [`HINT_RUNS_MAX`].
    pub fn new(runs: Vec<PageRange>) -> Result<Self, ArgumentError> {
        if runs.len() > HINT_RUNS_MAX {
            let message = format!("hints have at most {HINT_RUNS_MAX} ranges, got {}", runs.len());
            return Err(ArgumentError::OutOfRange(message));
        }
        if !in_order(&runs) {
            return Err(ArgumentError::Invalid("hints must ascend without overlap".to_owned()));
        }
        Ok(Self { runs })
    }

    /// The runs, ascending.
    pub fn runs(&self) -> &[PageRange] {
        &self.runs
    }

    /// The runs, ascending.
    pub fn into_runs(self) -> Vec<PageRange> {
        self.runs
    }
}

impl Row for Hints {
    const NAME: &'static str = "hints";

    fn write(&self, body: &mut Vec<u8>) {
        runs::write(&self.runs, body);
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let runs = runs::read(body)?;
        Self::new(runs).map_err(|error| body.field(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::testing::check_row;
    use crate::codec::{decode, encode};
    use crate::types::PageNumber;

    fn single(number: u32) -> PageRange {
        let page = PageNumber::new(number).unwrap();
        PageRange { first: page, last: page }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn hints_come_back_and_damage_does_not_pass(pages in prop::collection::btree_set(1..200u32, 0..60)) {
            let pages = pages.into_iter().filter_map(PageNumber::new);
            check_row(&Hints::new(PageRange::gather(pages)).unwrap());
        }
    }

    #[test]
    fn what_is_too_long_or_out_of_order_is_no_row() {
        let most: Vec<PageRange> = (1..=256).map(|number| single(2 * number)).collect();
        check_row(&Hints::new(most.clone()).unwrap());
        let too_many = [most, vec![single(1_000)]].concat();
        let backwards = vec![PageRange { first: single(4).first, last: single(3).last }];
        for runs in [too_many, vec![single(2), single(1)], vec![single(2), single(2)], backwards] {
            assert!(Hints::new(runs.clone()).is_err(), "{runs:?}");
            // Created without the checks of the constructor.
            let value = encode(b"key", &Hints { runs });
            let refused = decode::<Hints>(b"key", &value).unwrap_err();
            assert!(matches!(refused, DecodeError::Field { row: "hints", .. }), "{refused}");
        }
    }
}
