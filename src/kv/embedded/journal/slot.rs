//! Checkpoints: what is written down about a state of the tree that is whole on the disk.
//!
//! The file has two slots, which are written in turn, each in a block of its own, so that a loss of power
//! while one is written leaves the other. The one with the larger number counts.
//!
//! ```text
//! 0     "batonck1"
//! 8     number of the checkpoint, u64
//! 16    the store's identity, 16 bytes
//! 32    the transaction whose state this is, u64
//! 40    where its journal begins: segment u64, offset u64, chain u64
//! 64    the machine's boot, 16 bytes; the data file's device u64, inode u64
//! 96    page size, u32; flags, u32
//! 104   LMDB's meta page of that state, 136 bytes
//! 240   XXH3-64 of the bytes before, u64
//! ```

use xxhash_rust::xxh3::xxh3_64;

use super::machine::Machine;
use super::position::Position;
use super::record::BLOCK_BYTES;
use crate::kv::embedded::content::StoreId;
use crate::kv::embedded::data_file::MetaBytes;

const MARK: &[u8; 8] = b"batonck1";
pub(in crate::kv::embedded) const SLOT_BYTES: usize = 248;
const HASH_AT: usize = 240;
/// The flag of a tree that must not be trusted, although the machine has not gone down since.
const SUSPECT: u32 = 1;

/// A state of the tree that is whole on the disk, and where its journal begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kv::embedded) struct Checkpoint {
    /// Counts the checkpoints of a store.
    pub number: u64,
    pub store: StoreId,
    /// Where the journal goes on from this state, whose transaction is the position's.
    pub position: Position,
    pub machine: Machine,
    pub page_bytes: u32,
    pub meta: MetaBytes,
    /// A flush of the data has failed since, so the kernel's memory of the file proves nothing.
    pub is_suspect: bool,
}

impl Checkpoint {
    /// The transaction whose state it is.
    pub(in crate::kv::embedded) fn txn(&self) -> u64 {
        self.position.number
    }

    /// Where in the file it goes.
    pub(in crate::kv::embedded) fn offset(&self) -> u64 {
        (self.number % 2) * BLOCK_BYTES as u64
    }

    pub(in crate::kv::embedded) fn to_bytes(&self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        bytes[..8].copy_from_slice(MARK);
        bytes[16..32].copy_from_slice(&self.store);
        let Position { segment, offset, number, chain } = self.position;
        let Machine { boot, device, inode } = self.machine;
        let longs = [
            (8, self.number),
            (32, number),
            (40, segment),
            (48, offset),
            (56, chain),
            (80, device),
            (88, inode),
        ];
        for (at, long) in longs {
            bytes[at..at + 8].copy_from_slice(&long.to_be_bytes());
        }
        bytes[64..80].copy_from_slice(&boot);
        bytes[96..100].copy_from_slice(&self.page_bytes.to_be_bytes());
        let flags = if self.is_suspect { SUSPECT } else { 0 };
        bytes[100..104].copy_from_slice(&flags.to_be_bytes());
        bytes[104..HASH_AT].copy_from_slice(&self.meta);
        let hash = xxh3_64(&bytes[..HASH_AT]);
        bytes[HASH_AT..].copy_from_slice(&hash.to_be_bytes());
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SLOT_BYTES] = bytes.first_chunk()?;
        let long =
            |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight"));
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes are four"));
        let id = |at: usize| bytes[at..at + 16].try_into().expect("sixteen bytes are sixteen");
        let is_whole = bytes[..8] == *MARK && long(HASH_AT) == xxh3_64(&bytes[..HASH_AT]);
        is_whole.then(|| Self {
            number: long(8),
            store: id(16),
            position: Position { segment: long(40), offset: long(48), number: long(32), chain: long(56) },
            machine: Machine { boot: id(64), device: long(80), inode: long(88) },
            page_bytes: word(96),
            meta: bytes[104..HASH_AT].try_into().expect("it has this length"),
            is_suspect: word(100) & SUSPECT != 0,
        })
    }
}

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kv::embedded) enum Slots {
    /// No checkpoint was ever finished.
    None,
    Newest(Box<Checkpoint>),
    /// Both slots were written, and neither is whole.
    Damaged,
}

impl Slots {
    /// Reads the two slots of a file.
    pub(in crate::kv::embedded) fn parse(file: &[u8]) -> Self {
        let parsed = [0, 1].map(|number| Checkpoint::of_bytes(slot(file, number)));
        let newest = parsed.into_iter().flatten().max_by_key(|checkpoint| checkpoint.number);
        if let Some(newest) = newest {
            return Self::Newest(Box::new(newest));
        }
        // The first checkpoint of a store may be torn: nothing depends on it before it is whole.
        if is_written(file, 0) && is_written(file, 1) { Self::Damaged } else { Self::None }
    }

    /// How many of the two slots were written and are not whole.
    pub(in crate::kv::embedded) fn damaged(file: &[u8]) -> usize {
        let is_damaged =
            |number| is_written(file, number) && Checkpoint::of_bytes(slot(file, number)).is_none();
        [0, 1].into_iter().filter(|number| is_damaged(*number)).count()
    }
}

fn slot(file: &[u8], number: usize) -> &[u8] {
    file.get(number * BLOCK_BYTES..).unwrap_or_default()
}

fn is_written(file: &[u8], number: usize) -> bool {
    slot(file, number).iter().take(SLOT_BYTES).any(|byte| *byte != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(number: u64) -> Checkpoint {
        Checkpoint {
            number,
            store: [1; 16],
            position: Position { segment: 2, offset: 4_096, number: 30 + number, chain: 4 },
            machine: Machine { boot: [5; 16], device: 6, inode: 7 },
            page_bytes: 4_096,
            meta: [8; 136],
            is_suspect: number == 3,
        }
    }

    fn file(checkpoints: &[Checkpoint]) -> Vec<u8> {
        let mut file = vec![0; 2 * BLOCK_BYTES];
        for checkpoint in checkpoints {
            let at = usize::try_from(checkpoint.offset()).unwrap();
            file[at..at + SLOT_BYTES].copy_from_slice(&checkpoint.to_bytes());
        }
        file
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let newest = |checkpoints: &[Checkpoint]| Slots::parse(&file(checkpoints));
        assert_eq!(newest(&[checkpoint(1)]), Slots::Newest(Box::new(checkpoint(1))));
        assert_eq!(newest(&[checkpoint(1), checkpoint(2)]), Slots::Newest(Box::new(checkpoint(2))));
        assert_eq!(newest(&[checkpoint(2), checkpoint(3)]), Slots::Newest(Box::new(checkpoint(3))));
        assert_eq!(newest(&[]), Slots::None);
        assert_eq!(Slots::parse(&[]), Slots::None);
        assert_eq!([Slots::damaged(&[]), Slots::damaged(&file(&[checkpoint(1)]))], [0, 0]);
    }

    #[test]
    fn a_torn_slot_leaves_the_other() {
        for at in 0..SLOT_BYTES {
            let mut torn = file(&[checkpoint(1), checkpoint(2)]);
            torn[at] ^= 1;
            assert_eq!(Slots::parse(&torn), Slots::Newest(Box::new(checkpoint(1))), "byte {at}");
            assert_eq!(Slots::damaged(&torn), 1);
            torn[BLOCK_BYTES] ^= 1;
            assert_eq!(Slots::parse(&torn), Slots::Damaged);
            assert_eq!(Slots::damaged(&torn), 2);
            // The first one of all.
            let mut first = file(&[checkpoint(1)]);
            first[BLOCK_BYTES + at] ^= 1;
            assert_eq!(Slots::parse(&first), Slots::None);
        }
    }
}
