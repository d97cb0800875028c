//! The envelope of every row: version byte and checksum.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::error::DecodeError;
use super::reader::Reader;
use super::row::Row;
use crate::planted::{self, Bug};

/// The version byte of a row that uses nothing newer. [`Row::version`] says which rows have another one.
pub const FORMAT_VERSION: u8 = 1;

/// Version byte and checksum.
pub(super) const HEADER_BYTES: usize = 9;

/// The value to store under `key` for `row`.
pub fn encode<R: Row>(key: &[u8], row: &R) -> Vec<u8> {
    let mut value = Vec::with_capacity(64);
    value.resize(HEADER_BYTES, 0);
    row.write(&mut value);
    let body_hash = hash_body(&value[HEADER_BYTES..]);
    write_header(&mut value, key, body_hash);
    value[0] = row.version();
    value
}

/// The row stored under `key` as `value`.
pub fn decode<R: Row>(key: &[u8], value: &[u8]) -> Result<R, DecodeError> {
    let mut body = Reader::new(R::NAME, open((R::NAME, R::VERSION_MAX), key, value)?);
    let row = R::read(&mut body)?;
    body.finish()?;
    Ok(row)
}

/// The value to store under another key for a row of format version 1 that is stored under `from`.
pub fn move_row(from: &[u8], value: &[u8], to: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let (_, body) = open(("page", FORMAT_VERSION), from, value)?;
    let body_hash = hash_body(body);
    let mut moved = value.to_vec();
    write_header(&mut moved, to, body_hash);
    Ok(moved)
}

/// The part of the checksum that does not depend on the key, so that a page can be hashed before its txid is
/// known.
pub(super) fn hash_body(body: &[u8]) -> u64 {
    xxh3_64(body)
}

/// Fills in the first [`HEADER_BYTES`] of a value.
pub(super) fn write_header(value: &mut [u8], key: &[u8], body_hash: u64) {
    value[0] = FORMAT_VERSION;
    value[1..HEADER_BYTES].copy_from_slice(&xxh3_64_with_seed(key, body_hash).to_be_bytes());
}

/// Checks the version and the checksum of a row of this name, and returns the version and the body.
pub(super) fn open<'v>(
    (row, version_max): (&'static str, u8),
    key: &[u8],
    value: &'v [u8],
) -> Result<(u8, &'v [u8]), DecodeError> {
    let Some((header, body)) = value.split_first_chunk::<HEADER_BYTES>() else {
        return Err(DecodeError::TooShort { row, bytes: value.len() });
    };
    let [version, checksum @ ..] = *header;
    if version == 0 || version > version_max {
        return Err(DecodeError::Version { row, version, version_max });
    }
    let stored = u64::from_be_bytes(checksum);
    let computed = xxh3_64_with_seed(key, hash_body(body));
    if stored != computed && !planted::has(Bug::ChecksumIgnored) {
        return Err(DecodeError::Checksum { row, stored, computed });
    }
    Ok((version, body))
}
