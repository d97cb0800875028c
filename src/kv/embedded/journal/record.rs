//! Records: what one LMDB transaction has written, so that it can be written again.
//!
//! ```text
//! 0     "bjrn"
//! 4     length of the body, u32
//! 8     number of LMDB's transaction, u64
//! 16    chain, u64: XXH3-64 of bytes 0 to 15 and the body, seeded with the chain of the record before
//! 24    body: the writes, in order
//!
//! 1     put: length of the key u32, length of the value u32, key, value
//! 2     delete: length of the key u32, key
//! 3     clear a range: length of its start u32, length of its end u32, start, end
//! 4     the maximum size of the file: u64
//! ```
//!
//! Numbers are big-endian. A record begins at a multiple of [`BLOCK_BYTES`], so no write touches a block
//! that holds an earlier record: a disk that tears a block while it writes it damages nothing that was
//! acknowledged. The chain makes a reader stop at the first record that does not follow the one before: at a
//! torn record, and at one that was left by an earlier use of the file. The hash is that of
//! <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>.

use xxhash_rust::xxh3::Xxh3;

use crate::kv::{KeyRange, Mutation, WriteConflict};

/// What file systems write as one.
pub(in crate::kv::embedded) const BLOCK_BYTES: usize = 4_096;
const MARK: [u8; 4] = *b"bjrn";
const HEADER_BYTES: usize = 24;
const CHAIN_AT: usize = 16;

const PUT: u8 = 1;
const DELETE: u8 = 2;
const CLEAR: u8 = 3;
const SIZE: u8 = 4;

/// One write of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kv::embedded) enum Write {
    Row(Mutation),
    /// The maximum size of the file that the store records.
    Size(u64),
}

/// A record in the making. It needs the number and the chain only at its end.
#[derive(Debug)]
pub(in crate::kv::embedded) struct Record {
    bytes: Vec<u8>,
}

/// The length of a record and the chain that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kv::embedded) struct Written {
    pub bytes: u64,
    pub chain: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self { bytes: vec![0; HEADER_BYTES] }
    }
}

impl Record {
    /// Adds the write of a row.
    pub(in crate::kv::embedded) fn row(&mut self, mutation: &Mutation) {
        match mutation {
            Mutation::Put { key, value, .. } => self.push(PUT, &[key, value]),
            Mutation::Delete { key, .. } => self.push(DELETE, &[key]),
            Mutation::ClearRange { range, .. } => self.push(CLEAR, &[range.start(), range.end()]),
        }
    }

    /// Adds the maximum size of the file.
    pub(in crate::kv::embedded) fn size(&mut self, bytes: u64) {
        self.bytes.push(SIZE);
        self.bytes.extend_from_slice(&bytes.to_be_bytes());
    }

    fn push(&mut self, kind: u8, parts: &[&[u8]]) {
        self.bytes.push(kind);
        for part in parts {
            let length = u32::try_from(part.len()).expect("keys and values are checked before");
            self.bytes.extend_from_slice(&length.to_be_bytes());
        }
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    /// How many bytes of a file it takes.
    pub(in crate::kv::embedded) fn file_bytes(&self) -> u64 {
        self.bytes.len().next_multiple_of(BLOCK_BYTES) as u64
    }

    /// Completes it, with zeros up to the end of its last block.
    pub(in crate::kv::embedded) fn seal(&mut self, number: u64, chain: u64) -> (&[u8], Written) {
        let body =
            u32::try_from(self.bytes.len() - HEADER_BYTES).expect("a record is smaller than a segment");
        self.bytes[..4].copy_from_slice(&MARK);
        self.bytes[4..8].copy_from_slice(&body.to_be_bytes());
        self.bytes[8..CHAIN_AT].copy_from_slice(&number.to_be_bytes());
        let chain = next_chain(&self.bytes, chain);
        self.bytes[CHAIN_AT..HEADER_BYTES].copy_from_slice(&chain.to_be_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK_BYTES), 0);
        (&self.bytes, Written { bytes: self.bytes.len() as u64, chain })
    }
}

fn next_chain(record: &[u8], before: u64) -> u64 {
    let mut hash = Xxh3::with_seed(before);
    hash.update(&record[..CHAIN_AT]);
    hash.update(&record[HEADER_BYTES..]);
    hash.digest()
}

/// The first block of a record that may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kv::embedded) struct Head {
    pub number: u64,
    /// Header and body, without the zeros behind.
    pub bytes: usize,
}

impl Head {
    /// `None` if no record begins here.
    pub(in crate::kv::embedded) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES || bytes[..4] != MARK {
            return None;
        }
        let body = u32::from_be_bytes(bytes[4..8].try_into().ok()?) as usize;
        Some(Self { number: number(bytes, 8), bytes: HEADER_BYTES.checked_add(body)? })
    }
}

/// The chain that a whole record continues with; `None` if it does not follow `before`.
pub(in crate::kv::embedded) fn follow(record: &[u8], before: u64) -> Option<Written> {
    let chain = next_chain(record, before);
    let bytes = record.len().next_multiple_of(BLOCK_BYTES) as u64;
    (chain == number(record, CHAIN_AT)).then_some(Written { bytes, chain })
}

/// The writes of a whole record that [`follow`] has accepted. `None` if it is not what this release writes.
pub(in crate::kv::embedded) fn writes(record: &[u8]) -> Option<Vec<Write>> {
    let mut rest = record.get(HEADER_BYTES..)?;
    let mut writes = Vec::new();
    let conflict = WriteConflict::Omitted;
    while let Some((kind, after)) = rest.split_first() {
        rest = after;
        writes.push(match *kind {
            PUT => {
                let [key, value] = take(&mut rest)?;
                Write::Row(Mutation::Put { key, value, conflict })
            }
            DELETE => {
                let [key] = take(&mut rest)?;
                Write::Row(Mutation::Delete { key, conflict })
            }
            CLEAR => {
                let [start, end] = take(&mut rest)?;
                Write::Row(Mutation::ClearRange { range: KeyRange::new(start, end), conflict })
            }
            SIZE => {
                let (bytes, after) = rest.split_first_chunk()?;
                rest = after;
                Write::Size(u64::from_be_bytes(*bytes))
            }
            _ => return None,
        });
    }
    Some(writes)
}

/// Takes the lengths of `N` byte strings, and then these.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[Vec<u8>; N]> {
    let mut lengths = [0; N];
    for length in &mut lengths {
        let (bytes, after) = rest.split_first_chunk()?;
        *length = u32::from_be_bytes(*bytes) as usize;
        *rest = after;
    }
    let mut parts = [const { Vec::new() }; N];
    for (part, length) in parts.iter_mut().zip(lengths) {
        let (bytes, after) = rest.split_at_checked(length)?;
        *part = bytes.to_vec();
        *rest = after;
    }
    Some(parts)
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_kinds() -> (Record, Vec<Write>) {
        let conflict = WriteConflict::Omitted;
        let rows = [
            Mutation::Put { key: b"key".to_vec(), value: vec![7; 5_000], conflict },
            Mutation::Put { key: b"empty".to_vec(), value: Vec::new(), conflict },
            Mutation::Delete { key: b"gone".to_vec(), conflict },
            Mutation::ClearRange { range: KeyRange::new(b"a".to_vec(), b"b".to_vec()), conflict },
        ];
        let mut record = Record::default();
        for row in &rows {
            record.row(row);
        }
        record.size(1 << 40);
        let writes = rows.into_iter().map(Write::Row).chain([Write::Size(1 << 40)]).collect();
        (record, writes)
    }

    #[test]
    fn a_record_returns_what_was_put_in() {
        let (mut record, expected) = all_kinds();
        let file_bytes = record.file_bytes();
        let (bytes, written) = record.seal(17, 3);
        assert_eq!((bytes.len() as u64, written.bytes), (file_bytes, file_bytes));
        let head = Head::parse(bytes).unwrap();
        assert_eq!(head.number, 17);
        let whole = &bytes[..head.bytes];
        assert_eq!(follow(whole, 3), Some(written));
        assert_eq!(writes(whole), Some(expected));
    }

    #[test]
    fn a_record_follows_only_the_one_before_and_only_whole() {
        let (mut record, _) = all_kinds();
        let (bytes, _) = record.seal(17, 3);
        let whole = bytes[..Head::parse(bytes).unwrap().bytes].to_vec();
        assert_eq!(follow(&whole, 4), None);
        for at in 4..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(follow(&changed, 3), None, "byte {at}");
        }
        assert_eq!(Head::parse(&whole[..20]), None);
        assert_eq!(Head::parse(&[0; 64]), None);
    }

    #[test]
    fn writes_that_end_early_are_refused() {
        let (mut record, expected) = all_kinds();
        let (bytes, _) = record.seal(1, 0);
        let whole = &bytes[..Head::parse(bytes).unwrap().bytes];
        for end in HEADER_BYTES..whole.len() {
            let found = writes(&whole[..end]);
            // A record may end between two writes, and nowhere else.
            assert!(found.is_none_or(|found| found == expected[..found.len()]), "cut at {end}");
        }
    }
}
