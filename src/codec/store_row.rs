//! STORE: the one row that identifies this key space.

use super::error::DecodeError;
use super::reader::Reader;
use super::row::Row;

/// Marks a key space as a Baton store. Written when a store is first opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreRow {
    /// When the store was created, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: u64,
}

const MAGIC: &[u8; 8] = b"batondb\0";

impl Row for StoreRow {
    const NAME: &'static str = "store";

    fn write(&self, body: &mut Vec<u8>) {
        body.extend(MAGIC);
        body.extend(self.created_at_ms.to_be_bytes());
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let magic = body.u64()?.to_be_bytes();
        if &magic != MAGIC {
            return Err(body.field(format!("magic {magic:02x?}")));
        }
        Ok(Self { created_at_ms: body.u64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::check_row;

    #[test]
    fn a_store_row_comes_back_and_damage_does_not_pass() {
        check_row(&StoreRow { created_at_ms: 1_700_000_000_000 });
    }
}
