//! Interior pages of SQLite's b-trees: the pages that they point to. See section 1.6 of SQLite's file format,
//! <https://sqlite.org/fileformat2.html>.

use crate::types::PageNumber;

const INDEX: u8 = 0x02;
const TABLE: u8 = 0x05;
/// The database header before the b-tree header of page 1.
const FILE_HEADER_BYTES: usize = 100;
const HEADER_BYTES: usize = 12;
const CELLS_AT: usize = 3;
const RIGHTMOST_AT: usize = 8;

/// The children of an interior page in key order; `None` for any other page, and for bytes that no interior
/// page has. A page of another kind may look like one by chance, so the result is only good enough to guess
/// what to read ahead.
pub fn children(page: PageNumber, bytes: &[u8]) -> Option<Vec<PageNumber>> {
    let header_at = if page == PageNumber::FIRST { FILE_HEADER_BYTES } else { 0 };
    let header = bytes.get(header_at..)?;
    if !matches!(header.first(), Some(&(INDEX | TABLE))) {
        return None;
    }
    let cells = usize::from(u16_at(header, CELLS_AT)?);
    let content_at = header_at + HEADER_BYTES + 2 * cells;
    let mut children = Vec::with_capacity(cells + 1);
    for cell in 0..cells {
        // The offset of a cell counts from the start of the page, even on page 1.
        let cell_at = usize::from(u16_at(header, HEADER_BYTES + 2 * cell)?);
        if cell_at < content_at {
            return None;
        }
        children.push(PageNumber::new(u32_at(bytes, cell_at)?)?);
    }
    children.push(PageNumber::new(u32_at(header, RIGHTMOST_AT)?)?);
    Some(children)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|taken| u16::from_be_bytes(*taken))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|taken| u32::from_be_bytes(*taken))
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// An interior page of a table with these children.
    pub(in crate::database) fn interior(page: PageNumber, children: &[u32], page_bytes: usize) -> Vec<u8> {
        let mut bytes = vec![0; page_bytes];
        let header_at = if page == PageNumber::FIRST { FILE_HEADER_BYTES } else { 0 };
        let (rightmost, left) = children.split_last().unwrap();
        bytes[header_at] = TABLE;
        let cells = u16::try_from(left.len()).unwrap();
        bytes[header_at + CELLS_AT..][..2].copy_from_slice(&cells.to_be_bytes());
        bytes[header_at + RIGHTMOST_AT..][..4].copy_from_slice(&rightmost.to_be_bytes());
        for (cell, child) in left.iter().enumerate() {
            // A pointer of four bytes and a key of one byte, from the end of the page on, as SQLite fills it.
            let cell_at = page_bytes - 5 * (cell + 1);
            let pointer = u16::try_from(cell_at).unwrap();
            bytes[header_at + HEADER_BYTES + 2 * cell..][..2].copy_from_slice(&pointer.to_be_bytes());
            bytes[cell_at..][..4].copy_from_slice(&child.to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::testing::interior;
    use super::*;

    fn numbers(children: Option<Vec<PageNumber>>) -> Option<Vec<u32>> {
        children.map(|children| children.into_iter().map(PageNumber::get).collect())
    }

    #[test]
    fn the_children_of_pages_that_sqlite_has_written_are_the_rest_of_the_tree() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sqlite");
        let connection = Connection::open(&path).unwrap();
        // Just two b-trees of leaves below one root each, without free pages.
        let script = "
            PRAGMA page_size = 1024;
            CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
                INSERT INTO t SELECT i, randomblob(300) FROM n;
            CREATE INDEX b ON t (substr(b, 1, 40));";
        connection.execute_batch(script).unwrap();
        drop(connection);
        let file = std::fs::read(&path).unwrap();
        let pages = u32::try_from(file.len() / 1024).unwrap();
        let mut roots = 0;
        let mut below = Vec::new();
        for (number, bytes) in (1..).zip(file.chunks(1024)) {
            if let Some(found) = numbers(children(PageNumber::new(number).unwrap(), bytes)) {
                roots += 1;
                below.extend(found);
            }
        }
        below.sort_unstable();
        below.dedup();
        assert_eq!(roots, 2);
        // Every page is below a root, except the roots and page 1.
        assert_eq!(below.len(), pages as usize - 3);
    }

    #[test]
    fn page_1_has_its_tree_behind_the_file_header() {
        let bytes = interior(PageNumber::FIRST, &[7, 3, 9], 512);
        assert_eq!(numbers(children(PageNumber::FIRST, &bytes)), Some(vec![7, 3, 9]));
        assert_eq!(children(PageNumber::new(2).unwrap(), &bytes), None);
    }

    #[test]
    fn what_is_no_interior_page_has_no_children() {
        let page = PageNumber::new(2).unwrap();
        let good = interior(page, &[7, 3, 9], 512);
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            children(page, &bytes)
        };
        assert_eq!(numbers(with(0, INDEX)), Some(vec![7, 3, 9]));
        for leaf in [0x0A, 0x0D, 0] {
            assert_eq!(with(0, leaf), None);
        }
        assert_eq!(with(CELLS_AT, 0xFF), None, "more cells than the page has room for");
        assert_eq!(with(HEADER_BYTES, 0xFF), None, "a cell beyond the page");
        let mut in_header = good.clone();
        in_header[HEADER_BYTES..HEADER_BYTES + 2].copy_from_slice(&[0, 15]);
        assert_eq!(children(page, &in_header), None, "a cell in the header");
        assert_eq!(with(RIGHTMOST_AT + 3, 0), None, "page 0");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            kind in prop_oneof![Just(INDEX), Just(TABLE), any::<u8>()],
            rest in prop::collection::vec(any::<u8>(), 0..600),
            first: bool,
        ) {
            let header_at = if first { FILE_HEADER_BYTES } else { 0 };
            let bytes: Vec<u8> = vec![0; header_at].into_iter().chain([kind]).chain(rest).collect();
            let page = if first { PageNumber::FIRST } else { PageNumber::LAST };
            if let Some(found) = children(page, &bytes) {
                prop_assert!(found.len() * 2 <= bytes.len());
            }
        }
    }
}
