//! The whole stored format: keys in [`key`], one file a row kind, one encoder and one decoder each.
//!
//! Every value is an *envelope*: a version byte, a checksum, a body.
//!
//! ```text
//! byte 0      format version, now 1
//! bytes 1..9  checksum: XXH3-64 of the key, seeded with XXH3-64 of the body; big-endian
//! bytes 9..   body
//! ```
//!
//! The checksum covers the key, so a row that ends up under another key (another actor, page or txid) is
//! damage too. It is taken over the stored bytes, before decompression. All integers are big-endian.
//! `docs/format.md` lists every row byte by byte.

mod envelope;
mod fence;
mod head;
mod hints;
pub mod key;
mod page;
mod reader;
mod runs;
mod stage;
mod store_row;

pub use envelope::{FORMAT_VERSION, decode, encode};
pub use fence::{Fence, FenceState};
pub use head::{CommitMark, Head, OpenStage, RECENT_COMMITS_MAX};
pub use hints::{HINT_RUNS_MAX, Hints};
pub use key::{ActorKeys, IdCursor, Place, actor_of, fence_actor, fences};
pub use page::{PAGE_ROW_OVERHEAD_BYTES, PreparedPage, decode_page, stored_page_size};
pub use stage::StagePart;
pub use store_row::StoreRow;

use reader::Reader;

/// Why stored bytes are not a row of the kind that their key says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the kind has at least.
    #[error("{row} row is too short: {bytes} bytes")]
    TooShort {
        /// The row kind.
        row: &'static str,
        /// What is there.
        bytes: usize,
    },
    /// Written by a newer release, or not by this project.
    #[error("{row} row has format version {version}, this release reads 1")]
    Version {
        /// The row kind.
        row: &'static str,
        /// What is there.
        version: u8,
    },
    /// The bytes changed since they were written, or belong to another key.
    #[error("{row} row fails its checksum: stored {stored:016x}, computed {computed:016x}")]
    Checksum {
        /// The row kind.
        row: &'static str,
        /// What the row says.
        stored: u64,
        /// What its bytes give.
        computed: u64,
    },
    /// A field with a value that no release writes.
    #[error("{row} row: {detail}")]
    Field {
        /// The row kind.
        row: &'static str,
        /// Which field, and its value.
        detail: String,
    },
    /// A key that no release writes.
    #[error("not a key of this store: {key:02x?}")]
    Key {
        /// The key.
        key: Vec<u8>,
    },
}

/// A kind of row whose body is a few fields.
pub trait Row: Sized {
    /// What messages call the kind.
    const NAME: &'static str;

    /// Appends the body.
    fn write(&self, body: &mut Vec<u8>);

    /// Reads the body. Bytes that are left over are refused by the caller.
    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

#[cfg(test)]
pub(crate) mod testing {
    //! What every row kind must keep: the trio of round trip, refusal of bad bytes, and (for keys) order.

    use std::fmt::Debug;

    use super::{DecodeError, Row, decode, encode};

    /// The row comes back as it was; no flipped bit, cut or added byte, or other key passes.
    #[track_caller]
    pub(crate) fn check_row<R: Row + Debug + PartialEq>(row: &R) {
        let key = b"some key";
        let value = encode(key, row);
        assert_eq!(&decode::<R>(key, &value).unwrap(), row);
        check_damage(&value, |bytes| decode::<R>(key, bytes).map(|_| ()));
        assert!(decode::<R>(b"some kex", &value).is_err(), "a row under another key must not decode");
    }

    /// Each single bit flip, each truncation and an added byte must be refused.
    #[track_caller]
    pub(crate) fn check_damage(value: &[u8], decode: impl Fn(&[u8]) -> Result<(), DecodeError>) {
        decode(value).unwrap();
        // Miri takes a hundred times as long, and looks for something else.
        let step = if cfg!(miri) { 29 } else { 1 };
        for position in (0..value.len()).step_by(step) {
            for bit in 0..8 {
                let mut damaged = value.to_vec();
                damaged[position] ^= 1 << bit;
                assert!(decode(&damaged).is_err(), "byte {position} bit {bit} flipped and nobody noticed");
            }
            assert!(decode(&value[..position]).is_err(), "cut to {position} bytes and nobody noticed");
        }
        let mut longer = value.to_vec();
        longer.push(0);
        assert!(decode(&longer).is_err(), "a byte more and nobody noticed");
    }
}
