//! What all row kinds with a few fields have in common.

use super::error::DecodeError;
use super::reader::Reader;

/// A row kind whose body consists of a few fields.
pub trait Row: Sized {
    /// The name of the kind in messages.
    const NAME: &'static str;

    /// The newest format version that this release reads.
    const VERSION_MAX: u8 = 1;

    /// The format version of this row: the lowest that can hold it, so that a store that uses nothing new can
    /// be read by earlier releases.
    fn version(&self) -> u8 {
        1
    }

    /// Appends the body.
    fn write(&self, body: &mut Vec<u8>);

    /// Reads the body. The caller refuses leftover bytes.
    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError>;
}
