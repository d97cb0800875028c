//! The whole stored format: keys in [`key`], and one file with one encoder and one decoder for each row kind.
//!
//! Every value is an *envelope*: a version byte, a checksum, a body.
//!
//! ```text
//! byte 0      format version: 1, or 2 for a HEAD with history
//! bytes 1..9  checksum: XXH3-64 of the key, seeded with XXH3-64 of the body; big-endian
//! bytes 9..   body
//! ```
//!
//! The checksum covers the key, so a row under the wrong key (another actor, page or txid) counts as damaged,
//! too. It is computed over the stored bytes, before decompression. All integers are big-endian.
//! `docs/format.md` lists every row byte by byte.

mod envelope;
mod error;
mod fence;
mod head;
mod hints;
mod history_row;
pub mod key;
mod lineage;
mod page;
mod pin;
mod point;
mod reader;
mod row;
mod runs;
mod stage;
mod store_row;

pub use envelope::{FORMAT_VERSION, decode, encode, move_row};
pub use error::DecodeError;
pub use fence::{Fence, FenceState};
pub use head::{CommitMark, Head, HeadHistory, OpenStage, RECENT_COMMITS_MAX};
pub use hints::{HINT_RUNS_MAX, Hints};
pub use history_row::HistoryRow;
pub use key::{ActorKeys, IdCursor, Place, actor_of, fence_actor, fences};
pub use lineage::Lineage;
pub use page::{PAGE_ROW_OVERHEAD_BYTES, PreparedPage, decode_page, stored_page_size};
pub use pin::{PIN_NAME_BYTES_MAX, Pin, PinKind};
pub use point::{Point, PointKind};
pub use row::Row;
pub use stage::StagePart;
pub use store_row::StoreRow;

#[cfg(test)]
pub(crate) mod testing {
    //! What every row kind must keep: the trio of round trip, refusal of bad bytes, and (for keys) order.

    use std::fmt::Debug;

    use super::{DecodeError, Row, decode, encode};

    /// The row comes back unchanged; no flipped bit, removed or added byte, or other key is accepted.
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
        // Miri takes a hundred times as long, and checks something else.
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
