//! PAGE: one version of one page, compressed if that makes it much smaller.
//!
//! ```text
//! body byte 0   encoding: 0 raw, 1 LZ4 block (lz4.org, block format, no frame, no size prefix)
//! body byte 1   base-two logarithm of the page size
//! body 2..      the page as encoded
//! ```

use std::cell::RefCell;

use lz4_flex::block::CompressTable;

use super::envelope::{FORMAT_VERSION, HEADER_BYTES, hash_body, open, write_header};
use super::error::DecodeError;
use super::reader::Reader;
use crate::types::{PageNumber, PageSize};

const NAME: &str = "page";
const RAW: u8 = 0;
const LZ4: u8 = 1;
const FIELDS_BYTES: usize = 2;
/// A page is stored compressed only if it becomes this many times smaller. Less is not worth decompressing it
/// at each read: the embedded engine gives a row of more than about 2,000 bytes a disk page of its own,
/// however much of it the row needs.
const COMPRESSION_MIN: usize = 2;

/// What a raw page row contains besides the page.
pub const PAGE_ROW_OVERHEAD_BYTES: usize = HEADER_BYTES + FIELDS_BYTES;

/// A page that is ready to be stored, except for what depends on its txid. Compressing and hashing happen
/// here, on the caller's thread, so that a transaction only hashes a short key and copies.
#[derive(Debug)]
pub struct PreparedPage {
    page: PageNumber,
    /// The value with an empty header.
    value: Vec<u8>,
    body_hash: u64,
}

impl PreparedPage {
    /// Compresses `data`, whose length the caller has checked against `size`.
    pub fn new(page: PageNumber, size: PageSize, data: &[u8]) -> Self {
        assert_eq!(data.len(), size.bytes(), "a page is checked before it is prepared");
        COMPRESSOR.with_borrow_mut(|compressor| match compressor.compress(data) {
            Some(payload) => Self::encoded(page, size, LZ4, payload),
            None => Self::encoded(page, size, RAW, data),
        })
    }

    fn encoded(page: PageNumber, size: PageSize, encoding: u8, payload: &[u8]) -> Self {
        let mut value = Vec::with_capacity(PAGE_ROW_OVERHEAD_BYTES + payload.len());
        value.resize(HEADER_BYTES, 0);
        value.extend([encoding, size.log2()]);
        value.extend(payload);
        let body_hash = hash_body(&value[HEADER_BYTES..]);
        Self { page, value, body_hash }
    }

    /// The number of this page.
    pub fn page(&self) -> PageNumber {
        self.page
    }

    /// The size of the row's value in bytes.
    pub fn value_bytes(&self) -> usize {
        self.value.len()
    }

    /// The value to store under `key`.
    pub fn seal(&self, key: &[u8]) -> Vec<u8> {
        let mut value = self.value.clone();
        write_header(&mut value, key, self.body_hash);
        value
    }
}

thread_local! {
    static COMPRESSOR: RefCell<Compressor> = RefCell::default();
}

/// The memory that compression works with, for all pages that a thread compresses.
#[derive(Default)]
struct Compressor {
    table: CompressTable,
    output: Vec<u8>,
}

impl Compressor {
    /// The compressed page, if that is much smaller.
    fn compress(&mut self, data: &[u8]) -> Option<&[u8]> {
        let worth_it = data.len() / COMPRESSION_MIN;
        if self.estimate(data) > worth_it + worth_it / 16 {
            return None;
        }
        let bytes = self.block(data);
        (bytes <= worth_it).then(|| &self.output[..bytes])
    }

    /// An estimate of the compressed size of a page, for a quarter of the cost of compressing it: zeros vanish,
    /// and the rest is like the end of the page, which SQLite fills with cells first. A sample compresses
    /// somewhat worse than the whole, so the caller leaves a margin: with a sixteenth, 89 of the 246 pages of the
    /// Chinook database are tried, and 45 of the 47 that halve are among them.
    fn estimate(&mut self, data: &[u8]) -> usize {
        let (words, _) = data.as_chunks::<8>();
        let zeros = 8 * words.iter().filter(|word| **word == [0; 8]).count();
        let (_, sample) = data.split_at(data.len() - data.len() / 4);
        (data.len() - zeros) * self.block(sample) / sample.len()
    }

    /// Compresses into `output`, and returns how many bytes that are.
    fn block(&mut self, data: &[u8]) -> usize {
        let bytes_max = lz4_flex::block::get_maximum_output_size(data.len());
        if self.output.len() < bytes_max {
            self.output.resize(bytes_max, 0);
        }
        let compressed = if data.len() < usize::from(u16::MAX) {
            lz4_flex::block::compress_into_with_table(data, &mut self.output, &mut self.table)
        } else {
            // The table would grow for good.
            lz4_flex::block::compress_into(data, &mut self.output)
        };
        compressed.expect("there is room for bytes that do not compress")
    }
}

/// The page size that a stored page claims, unchecked: for rows whose page size may differ from that of their
/// head.
pub fn stored_page_size(value: &[u8]) -> Option<PageSize> {
    value.get(HEADER_BYTES + 1).copied().and_then(PageSize::from_log2)
}

/// Checks a stored page and fills `out`, which is one page long, with its bytes. After an error `out` may
/// contain part of them.
pub fn decode_page(key: &[u8], value: &[u8], size: PageSize, out: &mut [u8]) -> Result<(), DecodeError> {
    assert_eq!(out.len(), size.bytes(), "a caller makes room for one page");
    let mut body = Reader::new(NAME, open((NAME, FORMAT_VERSION), key, value)?);
    let encoding = body.u8()?;
    let stored = body.page_size()?;
    if stored != size {
        return Err(body.field(format!("page of {stored} bytes in a database of {size}")));
    }
    let payload = body.rest();
    match encoding {
        RAW if payload.len() == size.bytes() => {
            copy_in_blocks(payload, out);
            Ok(())
        }
        LZ4 => match lz4_flex::block::decompress_into(payload, out) {
            Ok(written) if written == size.bytes() => Ok(()),
            written => Err(body.field(format!("LZ4 gives {written:?}, not {size} bytes"))),
        },
        RAW => Err(body.field(format!("{} raw bytes, not {size}", payload.len()))),
        other => Err(body.field(format!("encoding {other}"))),
    }
}

/// Copies a page a block at a time. For all of it at once, glibc uses `rep movsb`, which takes some AMD processors three
/// times as long if both addresses lie unluckily within their memory pages.
fn copy_in_blocks(from: &[u8], to: &mut [u8]) {
    const BLOCK_BYTES: usize = 512;
    for (to, from) in to.chunks_mut(BLOCK_BYTES).zip(from.chunks(BLOCK_BYTES)) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::testing::check_damage;

    /// Bytes that do not compress.
    fn noise(bytes: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut step = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[3]
        };
        (0..bytes).map(|_| step()).collect()
    }

    fn round_trip(size: PageSize, data: &[u8]) -> Vec<u8> {
        let prepared = PreparedPage::new(PageNumber::FIRST, size, data);
        let value = prepared.seal(b"key");
        assert_eq!(value.len(), prepared.value_bytes());
        let mut out = vec![9; size.bytes()];
        decode_page(b"key", &value, size, &mut out).unwrap();
        assert_eq!(out, data);
        value
    }

    #[test]
    fn a_page_of_every_size_comes_back_and_is_never_stored_much_larger() {
        for log2 in 9..=16 {
            let size = PageSize::from_log2(log2).unwrap();
            let zeros = round_trip(size, &vec![0; size.bytes()]);
            assert!(zeros.len() < size.bytes() / 2);
            let text = b"one row of a table after another, ".repeat(2_000);
            assert!(round_trip(size, &text[..size.bytes()]).len() < size.bytes() / 2);
            // A leaf whose last quarter is filled.
            let mut sparse = vec![0; size.bytes()];
            sparse[size.bytes() / 4 * 3..].copy_from_slice(&noise(size.bytes() / 4, 5));
            assert!(round_trip(size, &sparse).len() < size.bytes() / 2);
            let raw = round_trip(size, &noise(size.bytes(), 7));
            assert_eq!(raw.len(), size.bytes() + PAGE_ROW_OVERHEAD_BYTES);
        }
    }

    #[test]
    fn damage_to_a_stored_page_never_passes() {
        let size = PageSize::new(512).unwrap();
        for data in [vec![0; 512], noise(512, 3), b"actor ".repeat(86)[..512].to_vec()] {
            let value = PreparedPage::new(PageNumber::FIRST, size, &data).seal(b"key");
            check_damage(&value, |bytes| decode_page(b"key", bytes, size, &mut [0; 512]));
            assert!(decode_page(b"kez", &value, size, &mut [0; 512]).is_err());
            assert!(decode_page(b"key", &value, PageSize::DEFAULT, &mut [0; 4096]).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_page_comes_back(data in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 1024)) {
            round_trip(PageSize::new(1024).unwrap(), &data);
        }

        #[test]
        fn arbitrary_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(decode_page(b"key", &bytes, PageSize::DEFAULT, &mut [0; 4096]).is_err());
        }
    }
}
