//! Rows of any size in LMDB values of at most [`STORED_BYTES_MAX`] bytes.
//!
//! LMDB gives a value above about 2,000 bytes a page of its own, and a value larger than a page *consecutive*
//! pages. In a file with holes, the search for consecutive pages costs more than everything else together
//! (24,000 commits a second fell to 165 with values of 10,000 bytes). So no stored value needs more than one
//! page.
//!
//! ```text
//! rows    key           -> further parts: u8, the first bytes of the value (all of them if there are no parts)
//! parts   key part: u8  -> the bytes that follow, part 1 first
//! ```
//!
//! All parts but the last are full, so the shape of a row follows from its length alone. The suffix of a
//! part's key has a fixed width, so different rows never share a part. But the parts of `"a"` and of
//! `"a\x01"` interleave: parts are only ever reached through their row, never by range.

use bytes::Bytes;

use super::errors::kv_error;
use super::lmdb::{LmdbError, Range, Table, Txn, WriteTxn};
use crate::kv::{KeyRange, KvError, Mutation, Mutations, Scan, Visitor};

/// The largest LMDB value ever written.
pub(super) const STORED_BYTES_MAX: usize = 4_000;
/// What fits besides the byte that counts the parts.
const FIRST_BYTES_MAX: usize = STORED_BYTES_MAX - 1;
/// The largest value of a row, the same on every backend.
pub(super) const VALUE_BYTES_MAX: usize = 100_000;
/// The largest key of a row. LMDB takes 1,982 bytes with pages of 4 KiB; the engine needs about 600.
pub(super) const KEY_BYTES_MAX: usize = 1_024;

/// LMDB's overhead for an entry besides key and value: its header, and its slot in the page.
pub(super) const ENTRY_BYTES: usize = 10;
/// The smallest page that operating systems use.
const PAGE_BYTES_MIN: usize = 4_096;

// The number of parts is a byte.
const _: () = assert!((VALUE_BYTES_MAX - FIRST_BYTES_MAX).div_ceil(STORED_BYTES_MAX) < 256);

/// The two tables that hold rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tables {
    /// One entry per row.
    pub(super) rows: Table,
    /// What did not fit there.
    pub(super) parts: Table,
}

impl Tables {
    /// The value of `key`.
    pub(super) fn get(self, txn: &Txn<'_>, key: &[u8]) -> Result<Option<Bytes>, KvError> {
        if !can_exist(key) {
            return Ok(None);
        }
        let Some(stored) = self.rows.get(txn, key).map_err(kv_error)? else {
            return Ok(None);
        };
        match row(key, stored)? {
            (0, whole) => Ok(Some(Bytes::copy_from_slice(whole))),
            (parts, first) => {
                let value = assemble(key, parts, first, |part_key| self.parts.get(txn, part_key))?;
                Ok(Some(value.into()))
            }
        }
    }

    /// Shows the rows of a range to `visitor`; a value that is not split is borrowed from the map.
    pub(super) fn scan(self, txn: &Txn<'_>, scan: &Scan, visitor: &mut Visitor<'_>) -> Result<(), KvError> {
        if scan.range.is_empty() {
            return Ok(());
        }
        let (start, end) = (scan.range.start(), scan.range.end());
        let rows = self.rows.range(txn, start, Some(end)).map_err(kv_error)?;
        let rows_max = if scan.rows_max == 0 { usize::MAX } else { scan.rows_max };
        let mut parts_in_order = PartsInOrder { parts: self.parts, txn, ahead: None };
        for entry in rows.take(rows_max) {
            let (key, stored) = entry.map_err(kv_error)?;
            let flow = match row(key, stored)? {
                (0, whole) => visitor(key, whole),
                (parts, first) => {
                    visitor(key, &assemble(key, parts, first, |part_key| parts_in_order.get(part_key))?)
                }
            };
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Makes one write, and returns how many pages of their own the replaced or deleted rows have freed.
    /// After an error the transaction may contain half of the write and must be aborted.
    pub(super) fn apply(self, txn: &mut WriteTxn<'_>, mutation: &Mutation) -> Result<usize, KvError> {
        match mutation {
            Mutation::Put { key, value, .. } => self.put(txn, key, value),
            Mutation::Delete { key, .. } => self.delete(txn, key),
            Mutation::ClearRange { range, .. } => self.clear(txn, range),
        }
    }

    /// Makes the writes of a decision; as [`apply`](Self::apply).
    pub(super) fn apply_all(self, txn: &mut WriteTxn<'_>, mutations: Mutations) -> Result<usize, KvError> {
        mutations.into_iter().map(|mutation| self.apply(txn, &mutation)).sum()
    }

    fn put(self, txn: &mut WriteTxn<'_>, key: &[u8], value: &[u8]) -> Result<usize, KvError> {
        let (first, rest) = value.split_at(value.len().min(FIRST_BYTES_MAX));
        let parts = rest.chunks(STORED_BYTES_MAX);
        let parts_after = u8::try_from(parts.len()).expect("the size was checked before the transaction");
        let entry_bytes = 1 + first.len();
        let fill = |space: &mut [u8]| {
            space[0] = parts_after;
            space[1..].copy_from_slice(first);
        };
        // Most rows are new, and are written by the same descent that finds that out.
        let before = self.rows.get_or_put(txn, key, entry_bytes, fill).map_err(kv_error)?;
        let (parts_before, freed) = match before {
            None => (0, 0),
            Some(stored) => {
                let (parts_before, _) = row(key, stored)?;
                let freed = pages_of(key, stored.len(), parts_before);
                self.rows.put(txn, key, entry_bytes, fill).map_err(kv_error)?;
                (parts_before, freed)
            }
        };
        let mut part_key = PartKey::new(key);
        for (number, part) in (1..).zip(parts) {
            let fill = |space: &mut [u8]| space.copy_from_slice(part);
            self.parts.put(txn, part_key.part(number), part.len(), fill).map_err(kv_error)?;
        }
        self.delete_parts(txn, key, parts_after + 1, parts_before)?;
        Ok(freed)
    }

    fn delete(self, txn: &mut WriteTxn<'_>, key: &[u8]) -> Result<usize, KvError> {
        if !can_exist(key) {
            return Ok(0);
        }
        let shape =
            |stored: &[u8]| row(key, stored).map(|(parts, _)| (parts, pages_of(key, stored.len(), parts)));
        let Some(deleted) = self.rows.delete(txn, key, shape).map_err(kv_error)? else { return Ok(0) };
        let (parts, freed) = deleted?;
        self.delete_parts(txn, key, 1, parts)?;
        Ok(freed)
    }

    fn clear(self, txn: &mut WriteTxn<'_>, range: &KeyRange) -> Result<usize, KvError> {
        if range.is_empty() {
            return Ok(0);
        }
        // A cursor cannot read one database while another one changes, so the split rows are collected first.
        let (mut split, mut freed) = (Vec::new(), 0);
        let (start, end) = (range.start(), range.end());
        for entry in self.rows.range(txn, start, Some(end)).map_err(kv_error)? {
            let (key, stored) = entry.map_err(kv_error)?;
            let (parts, _) = row(key, stored)?;
            freed += pages_of(key, stored.len(), parts);
            if parts > 0 {
                split.push((key.to_vec(), parts));
            }
        }
        self.rows.delete_range(txn, start, end, usize::MAX).map_err(kv_error)?;
        split.iter().try_for_each(|(key, parts)| self.delete_parts(txn, key, 1, *parts))?;
        Ok(freed)
    }

    /// Deletes the parts `from` to `through`, both inclusive.
    fn delete_parts(self, txn: &mut WriteTxn<'_>, key: &[u8], from: u8, through: u8) -> Result<(), KvError> {
        if from > through {
            return Ok(());
        }
        let mut part_key = PartKey::new(key);
        for number in from..=through {
            self.parts.delete(txn, part_key.part(number), |_| ()).map_err(kv_error)?;
        }
        Ok(())
    }
}

/// The parts of rows in ascending order. The parts of neighbouring rows are adjacent, so the next part needed
/// is nearly always the next one there, without another descent from the root.
struct PartsInOrder<'t> {
    parts: Table,
    txn: &'t Txn<'t>,
    ahead: Option<Range<'t>>,
}

impl<'t> PartsInOrder<'t> {
    fn get(&mut self, part_key: &[u8]) -> Result<Option<&'t [u8]>, LmdbError> {
        if let Some((key, part)) = self.ahead.as_mut().and_then(Iterator::next).transpose()?
            && key == part_key
        {
            return Ok(Some(part));
        }
        let mut ahead = self.parts.range_from(self.txn, part_key)?;
        let found = ahead.next().transpose()?;
        self.ahead = Some(ahead);
        Ok(found.filter(|(key, _)| *key == part_key).map(|(_, part)| part))
    }
}

/// The complete value of a split row; `part_of` finds a part by its key.
fn assemble<'t>(
    key: &[u8],
    parts: u8,
    first: &[u8],
    mut part_of: impl FnMut(&[u8]) -> Result<Option<&'t [u8]>, LmdbError>,
) -> Result<Vec<u8>, KvError> {
    let mut value = Vec::with_capacity(FIRST_BYTES_MAX + usize::from(parts) * STORED_BYTES_MAX);
    value.extend_from_slice(first);
    let mut part_key = PartKey::new(key);
    for number in 1..=parts {
        let part = part_of(part_key.part(number)).map_err(kv_error)?.unwrap_or_default();
        let full = part.len() == STORED_BYTES_MAX;
        let fits = full || (number == parts && !part.is_empty() && part.len() < STORED_BYTES_MAX);
        if !fits {
            let length = part.len();
            return Err(damaged(key, &format!("part {number} of {parts} has {length} bytes")));
        }
        value.extend_from_slice(part);
    }
    Ok(value)
}

/// Refuses what the store cannot hold, before a transaction is touched.
pub(super) fn check(mutation: &Mutation) -> Result<(), KvError> {
    let Mutation::Put { key, value, .. } = mutation else {
        // A key that no row can have does not exist, so there is nothing to delete.
        return Ok(());
    };
    let (what, bytes, bytes_max) = if key.len() > KEY_BYTES_MAX {
        ("key", key.len(), KEY_BYTES_MAX)
    } else if value.len() > VALUE_BYTES_MAX {
        ("value", value.len(), VALUE_BYTES_MAX)
    } else if key.is_empty() {
        return Err(KvError::Invalid { detail: "the embedded store has no row with an empty key".into() });
    } else {
        return Ok(());
    };
    Err(KvError::TooLarge { detail: format!("a {what} of {bytes} bytes; the limit is {bytes_max}") })
}

/// Whether LMDB gives an entry with this many bytes of key and value a page of its own: smaller ones share a
/// page.
pub(super) fn has_own_page(bytes: usize, page_bytes: usize) -> bool {
    const PAGE_HEADER_BYTES: usize = 16;
    bytes + ENTRY_BYTES > (page_bytes - PAGE_HEADER_BYTES) / 2
}

/// The number of pages that only this row and its parts occupy. The last part is usually short: what a SQLite
/// page has beyond a multiple of 4,000 bytes.
fn pages_of(key: &[u8], stored_bytes: usize, parts: u8) -> usize {
    let entry = usize::from(has_own_page(key.len() + stored_bytes, PAGE_BYTES_MIN));
    entry + usize::from(parts.saturating_sub(1))
}

/// Whether a row can have this key. LMDB treats other keys as errors, although "not found" is correct.
fn can_exist(key: &[u8]) -> bool {
    !key.is_empty() && key.len() <= KEY_BYTES_MAX
}

/// Splits a stored row into the number of further parts and its own bytes.
fn row<'v>(key: &[u8], stored: &'v [u8]) -> Result<(u8, &'v [u8]), KvError> {
    match stored.split_first() {
        Some((&0, whole)) if whole.len() <= FIRST_BYTES_MAX => Ok((0, whole)),
        Some((&parts, first)) if parts > 0 && first.len() == FIRST_BYTES_MAX => Ok((parts, first)),
        Some(_) | None => Err(damaged(key, &format!("its entry has {} bytes", stored.len()))),
    }
}

fn damaged(key: &[u8], how: &str) -> KvError {
    KvError::Corrupt { detail: format!("row \"{}\": {how}", key.escape_ascii()) }
}

/// The keys of one row's parts, in one buffer.
struct PartKey(Vec<u8>);

impl PartKey {
    fn new(key: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(key.len() + 1);
        bytes.extend_from_slice(key);
        bytes.push(0);
        Self(bytes)
    }

    fn part(&mut self, number: u8) -> &[u8] {
        *self.0.last_mut().expect("the number has its place") = number;
        &self.0
    }
}
