//! POINT: a commit of an actor with history. It says what a state of the past was, and which pages have a
//! version between the point before and this one.

use super::error::DecodeError;
use super::reader::Reader;
use super::row::Row;
use super::runs;
use crate::types::{PageCount, PageRange, PageSize};

/// How a state came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointKind {
    /// By a commit.
    Commit,
    /// By a restore.
    Restore,
    /// As the content of a file, of a copy, or of v1 data.
    Import,
    /// By a fork: it is the state of the fork's source.
    Fork,
}

/// A commit that can be read, restored and forked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// When it was committed, in milliseconds since 1970-01-01 UTC; not below that of any earlier point.
    pub time_ms: u64,
    /// The size of the database.
    pub size_pages: PageCount,
    /// The size of a page.
    pub page_size: PageSize,
    /// How the state came about.
    pub kind: PointKind,
    /// Whether manifests under this txid name further pages.
    pub in_parts: bool,
    /// Whether it is being dropped: some of its versions may be gone, so it is no point any more.
    pub dropped: bool,
    /// The pages that may have a version above the point before, and at or below this one: ascending.
    pub runs: Vec<PageRange>,
}

const IN_PARTS: u8 = 1;
const DROPPED: u8 = 2;

impl Row for Point {
    const NAME: &'static str = "point";

    fn write(&self, body: &mut Vec<u8>) {
        body.extend(self.time_ms.to_be_bytes());
        body.extend(self.size_pages.0.to_be_bytes());
        body.push(self.page_size.log2());
        body.push(match self.kind {
            PointKind::Commit => 0,
            PointKind::Restore => 1,
            PointKind::Import => 2,
            PointKind::Fork => 3,
        });
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        body.push(flag(self.in_parts, IN_PARTS) | flag(self.dropped, DROPPED));
        runs::write(&self.runs, body);
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (time_ms, size_pages, page_size) = (body.u64()?, PageCount(body.u32()?), body.page_size()?);
        let kind = match body.u8()? {
            0 => PointKind::Commit,
            1 => PointKind::Restore,
            2 => PointKind::Import,
            3 => PointKind::Fork,
            other => return Err(body.field(format!("kind {other}"))),
        };
        let flags = body.u8()?;
        if flags & !(IN_PARTS | DROPPED) != 0 {
            return Err(body.field(format!("flags {flags:08b}")));
        }
        let (in_parts, dropped) = (flags & IN_PARTS != 0, flags & DROPPED != 0);
        Ok(Self { time_ms, size_pages, page_size, kind, in_parts, dropped, runs: runs::read(body)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::testing::check_row;
    use crate::types::PageNumber;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_point_comes_back_and_damage_does_not_pass(
            time_ms: u64, size: u32, log2 in 9u8..=16, kind in 0..4usize, in_parts: bool, dropped: bool,
            pages in prop::collection::btree_set(1..200u32, 0..9),
        ) {
            let kinds = [PointKind::Commit, PointKind::Restore, PointKind::Import, PointKind::Fork];
            check_row(&Point {
                time_ms,
                size_pages: PageCount(size),
                page_size: PageSize::from_log2(log2).unwrap(),
                kind: kinds[kind],
                in_parts,
                dropped,
                runs: PageRange::gather(pages.into_iter().filter_map(PageNumber::new)),
            });
        }
    }
}
