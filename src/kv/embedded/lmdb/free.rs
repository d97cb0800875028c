//! The list of free pages: which commit has freed which pages.
//!
//! LMDB keeps it in a table of its own, from which we may only read: the number of a commit, and the pages
//! that it freed. A write transaction takes pages from the oldest records, as far as no reader can still see
//! their former content, and writes a partly used record again. A record that does not fit one page takes
//! several consecutive pages.

use super::table::{Range, Table};
use super::{Result, Txn};

const NUMBER_BYTES: usize = size_of::<usize>();

/// What one commit has freed.
pub(crate) struct Freed<'t> {
    /// The commit.
    pub txn: usize,
    key: &'t [u8],
    /// The number of pages, then their numbers; unused room may follow.
    numbers: &'t [u8],
}

impl<'t> Freed<'t> {
    fn of((key, value): (&'t [u8], &'t [u8])) -> Self {
        Self { txn: numbers(key).next().unwrap_or_default(), key, numbers: value }
    }

    /// The record's key, in the map.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only there it is of use"))]
    pub(super) fn key(&self) -> &'t [u8] {
        self.key
    }

    /// How many of these pages are left.
    pub(crate) fn len(&self) -> usize {
        numbers(self.numbers).next().unwrap_or_default()
    }

    /// Their numbers, in descending order.
    pub(crate) fn pages(&self) -> impl Iterator<Item = usize> + 't {
        numbers(self.numbers).skip(1).take(self.len())
    }

    /// The pages that the record itself occupies.
    #[cfg(feature = "testing")]
    pub(crate) fn record_pages(&self, page_bytes: usize) -> usize {
        self.numbers.len().div_ceil(page_bytes)
    }
}

/// The list, the oldest commit first.
pub(crate) struct FreeList<'t>(Range<'t>);

impl<'t> FreeList<'t> {
    /// As a reader sees it; LMDB does not show it to a write transaction.
    pub(crate) fn of(txn: &'t Txn<'_>) -> Result<Self> {
        Table::FREE.range_from(txn, &[]).map(Self)
    }

    /// What one commit has freed, if any of it is left.
    pub(crate) fn freed_by(txn: &'t Txn<'_>, commit: usize) -> Result<Option<Freed<'t>>> {
        let mut from = Self(Table::FREE.range_from(txn, &bytes_of(commit))?);
        Ok(from.next().transpose()?.filter(|freed| freed.txn == commit))
    }
}

impl<'t> Iterator for FreeList<'t> {
    type Item = Result<Freed<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map(Freed::of))
    }
}

/// LMDB writes numbers in the machine's byte order.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.chunks_exact(NUMBER_BYTES).map(number)
}

#[expect(clippy::host_endian_bytes, reason = "LMDB's own form")]
fn bytes_of(number: usize) -> [u8; NUMBER_BYTES] {
    number.to_ne_bytes()
}

#[expect(clippy::host_endian_bytes, reason = "LMDB's own form")]
pub(super) fn number(bytes: &[u8]) -> usize {
    usize::from_ne_bytes(bytes.try_into().expect("chunks have this length"))
}
