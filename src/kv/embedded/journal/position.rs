//! Places in the journal.
//!
//! The journal is a sequence of *segments*, numbered from 1. Two files hold them in turn: segment n is in file
//! n mod 2. A segment begins with a header, which says which record comes first and what it follows:
//!
//! ```text
//! 0     "batonjr1"
//! 8     the store's identity, 16 bytes
//! 24    number of the segment, u64
//! 32    number of the transaction before its first record, u64
//! 40    chain that its first record follows, u64
//! 48    XXH3-64 of the bytes before, u64
//! ```
//!
//! The header takes one block; the records follow.

use xxhash_rust::xxh3::xxh3_64;

use super::record::BLOCK_BYTES;
use crate::kv::embedded::content::StoreId;

const MARK: &[u8; 8] = b"batonjr1";
pub(in crate::kv::embedded) const HEADER_BYTES: usize = 56;
const HASH_AT: usize = 48;

/// A place between two records: the end of one, where the next one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kv::embedded) struct Position {
    pub segment: u64,
    /// In the segment's file, in bytes.
    pub offset: u64,
    /// The number of the last transaction before this place.
    pub number: u64,
    pub chain: u64,
}

impl Position {
    /// The beginning of a segment.
    pub(in crate::kv::embedded) fn start_of(segment: u64, number: u64, chain: u64) -> Self {
        Self { segment, offset: BLOCK_BYTES as u64, number, chain }
    }

    /// Whether nothing was written to the segment before this place.
    pub(in crate::kv::embedded) fn is_start(&self) -> bool {
        self.offset == BLOCK_BYTES as u64
    }

    /// Which of the two files holds the segment.
    pub(in crate::kv::embedded) fn file(&self) -> usize {
        usize::from(self.segment % 2 == 1)
    }

    /// The place behind the next record.
    pub(in crate::kv::embedded) fn after(self, bytes: u64, chain: u64) -> Self {
        Self { offset: self.offset + bytes, number: self.number + 1, chain, ..self }
    }

    /// The header of the segment that begins here.
    pub(in crate::kv::embedded) fn header(&self, store: StoreId) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MARK);
        bytes[8..24].copy_from_slice(&store);
        bytes[24..32].copy_from_slice(&self.segment.to_be_bytes());
        bytes[32..40].copy_from_slice(&self.number.to_be_bytes());
        bytes[40..HASH_AT].copy_from_slice(&self.chain.to_be_bytes());
        let hash = xxh3_64(&bytes[..HASH_AT]);
        bytes[HASH_AT..].copy_from_slice(&hash.to_be_bytes());
        bytes
    }

    /// The beginning of the segment that has this header; `None` if it is not a header of the store.
    pub(in crate::kv::embedded) fn of_header(bytes: &[u8], store: StoreId) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let long =
            |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight"));
        let is_ours =
            bytes[..8] == *MARK && bytes[8..24] == store && long(HASH_AT) == xxh3_64(&bytes[..HASH_AT]);
        is_ours.then(|| Self::start_of(long(24), long(32), long(40)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_its_segment_and_its_store() {
        let position = Position::start_of(7, 90, 5);
        let mut header = position.header([3; 16]);
        assert_eq!(Position::of_header(&header, [3; 16]), Some(position));
        assert_eq!(Position::of_header(&header, [4; 16]), None);
        assert_eq!(Position::of_header(&header[..40], [3; 16]), None);
        for at in 0..HEADER_BYTES {
            header[at] ^= 1;
            assert_eq!(Position::of_header(&header, [3; 16]), None, "byte {at}");
            header[at] ^= 1;
        }
    }

    #[test]
    fn segments_take_turns_in_two_files() {
        let file = |segment| Position::start_of(segment, 0, 0).file();
        assert_eq!([file(1), file(2), file(3)], [1, 0, 1]);
    }
}
