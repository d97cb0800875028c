//! What all row kinds with a few fields have in common.

use super::error::DecodeError;
use super::reader::Reader;

/// A row kind whose body consists of a few fields.
pub trait Row: Sized {
    /// The name of the kind in messages.
    const NAME: &'static str;

    /// Appends the body.
    fn write(&self, body: &mut Vec<u8>);

    /// Reads the body. The caller refuses leftover bytes.
    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError>;
}
