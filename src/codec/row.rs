//! What all row kinds with a few fields have in common.

use super::error::DecodeError;
use super::reader::Reader;

/// A kind of row whose body is a few fields.
pub trait Row: Sized {
    /// What messages call the kind.
    const NAME: &'static str;

    /// Appends the body.
    fn write(&self, body: &mut Vec<u8>);

    /// Reads the body. Bytes that are left over are refused by the caller.
    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError>;
}
