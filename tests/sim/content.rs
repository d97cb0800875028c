//! Pages with recognisable bytes, and files of them.

use std::collections::BTreeMap;

use batondb::types::PageSize;
use xxhash_rust::xxh3::xxh3_64;

use crate::draw::Draw;

/// The size of pages, but for those of imported files.
pub const PAGE_BYTES: usize = 512;

/// What a page holds, by its hash.
pub type Content = u64;

pub fn hash(bytes: &[u8]) -> Content {
    xxh3_64(bytes)
}

pub fn page_size(bytes: usize) -> PageSize {
    PageSize::new(bytes).unwrap()
}

/// A page that nobody else writes; half of them compress well.
pub fn page_bytes(draw: &mut Draw, page: u32, bytes: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(bytes);
    data.extend(page.to_be_bytes());
    data.extend(draw.next().to_be_bytes());
    if draw.in_1000(500) {
        let mut own = draw.fork();
        while data.len() < bytes {
            data.extend(own.next().to_be_bytes());
        }
    }
    data.resize(bytes, 7);
    data
}

/// A SQLite database file, as far as an import looks at it, and its pages by their hashes.
pub fn file(draw: &mut Draw, page_bytes_each: usize, pages: u32) -> (Vec<u8>, BTreeMap<u32, Content>) {
    let mut file = Vec::new();
    let mut contents = BTreeMap::new();
    for number in 1..=pages {
        let mut page = page_bytes(draw, number, page_bytes_each);
        if number == 1 {
            page[..16].copy_from_slice(b"SQLite format 3\0");
            let size = u16::try_from(page_bytes_each).unwrap();
            page[16..18].copy_from_slice(&size.to_be_bytes());
            page[24..32].fill(0);
            page[92..96].fill(0);
        }
        contents.insert(number, hash(&page));
        file.extend(page);
    }
    (file, contents)
}
