//! Whether bytes are a SQLite database file (<https://sqlite.org/fileformat2.html>, section 1.3).

use crate::types::{PageCount, PageSize};

/// How much of a file [`sqlite_file`] wants to see.
pub const FILE_HEADER_BYTES: usize = 100;

/// What a SQLite file begins with.
pub const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The first bytes of a rollback journal that has something to roll back (section 3 of the same page).
const JOURNAL_MAGIC: [u8; 8] = [0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7];

/// What the header and the length say about a database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteFile {
    /// The size of a page.
    pub page_size: PageSize,
    /// How many pages the file has.
    pub size_pages: PageCount,
}

/// Why a file is not a database that can be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADatabase {
    /// No byte in it.
    #[error("it is empty")]
    Empty,
    /// Something else.
    #[error("it does not begin with \"SQLite format 3\"")]
    Magic,
    /// A size that SQLite does not know.
    #[error("its header says that a page has {0} bytes")]
    PageSize(usize),
    /// Part of a page at its end.
    #[error("its {file_bytes} bytes are not a whole number of pages of {page_bytes} bytes: it is cut short")]
    PartialPage {
        /// The length of the file.
        file_bytes: u64,
        /// The size of a page.
        page_bytes: usize,
    },
    /// Fewer pages than its header says.
    #[error("its header says {header_pages} pages and it has {file_pages}: it is cut short")]
    CutShort {
        /// What the header says.
        header_pages: u32,
        /// What is there.
        file_pages: u32,
    },
    /// More pages than a page number can name.
    #[error("it has {0} pages, more than SQLite can number")]
    TooManyPages(u64),
}

/// Reads the first bytes of a file of `file_bytes` bytes as the header of a SQLite database.
pub fn sqlite_file(header: &[u8], file_bytes: u64) -> Result<SqliteFile, NotADatabase> {
    if file_bytes == 0 {
        return Err(NotADatabase::Empty);
    }
    let Some((header, _)) = header.split_first_chunk::<FILE_HEADER_BYTES>() else {
        return Err(NotADatabase::Magic);
    };
    if !header.starts_with(SQLITE_MAGIC) {
        return Err(NotADatabase::Magic);
    }
    // Section 1.3.2: 1 stands for 65,536.
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => usize::from(bytes),
    };
    let page_size = PageSize::new(page_bytes).map_err(|_| NotADatabase::PageSize(page_bytes))?;
    if !file_bytes.is_multiple_of(page_bytes as u64) {
        return Err(NotADatabase::PartialPage { file_bytes, page_bytes });
    }
    let pages = file_bytes / page_bytes as u64;
    let file_pages = u32::try_from(pages).map_err(|_| NotADatabase::TooManyPages(pages))?;
    // Section 1.3.7: the size in the header counts only if the change counter agrees with the counter
    // that was current when the size was written.
    let field = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (change_counter, header_pages, valid_for) = (field(24), field(28), field(92));
    if header_pages > file_pages && change_counter == valid_for {
        return Err(NotADatabase::CutShort { header_pages, file_pages });
    }
    Ok(SqliteFile { page_size, size_pages: PageCount(file_pages) })
}

/// Whether a rollback journal with these first bytes has to be replayed before its database can be read.
pub fn is_hot_journal(start: &[u8]) -> bool {
    start.starts_with(&JOURNAL_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(page_size_field: u16, header_pages: u32) -> Vec<u8> {
        let mut bytes = vec![0; FILE_HEADER_BYTES];
        bytes[..16].copy_from_slice(SQLITE_MAGIC);
        bytes[16..18].copy_from_slice(&page_size_field.to_be_bytes());
        bytes[28..32].copy_from_slice(&header_pages.to_be_bytes());
        bytes
    }

    #[test]
    fn every_legal_page_size_is_read_and_1_stands_for_65536() {
        for bytes in [512u16, 1024, 2048, 4096, 8192, 16_384, 32_768] {
            let file = sqlite_file(&header(bytes, 3), u64::from(bytes) * 3).unwrap();
            assert_eq!((file.page_size.bytes(), file.size_pages), (usize::from(bytes), PageCount(3)));
        }
        assert_eq!(sqlite_file(&header(1, 2), 131_072).unwrap().page_size.bytes(), 65_536);
        for bytes in [0, 2, 256, 513, 3000, 65_535] {
            let refused = sqlite_file(&header(bytes, 1), 131_072).unwrap_err();
            assert_eq!(refused, NotADatabase::PageSize(usize::from(bytes)));
        }
    }

    #[test]
    fn what_is_no_database_is_told_why() {
        assert_eq!(sqlite_file(&[], 0), Err(NotADatabase::Empty));
        assert_eq!(sqlite_file(b"SQLite format 3\0", 16), Err(NotADatabase::Magic));
        assert_eq!(sqlite_file(&[0; 100], 4096), Err(NotADatabase::Magic));
        assert!(matches!(sqlite_file(&header(4096, 1), 4097), Err(NotADatabase::PartialPage { .. })));
        let cut = NotADatabase::CutShort { header_pages: 3, file_pages: 2 };
        assert_eq!(sqlite_file(&header(4096, 3), 8192), Err(cut));
        assert!(matches!(sqlite_file(&header(512, 1), 1 << 41), Err(NotADatabase::TooManyPages(_))));
    }

    #[test]
    fn a_stale_size_in_the_header_does_not_count() {
        let mut bytes = header(4096, 9);
        bytes[24..28].copy_from_slice(&7u32.to_be_bytes());
        assert_eq!(sqlite_file(&bytes, 8192).unwrap().size_pages, PageCount(2));
    }
}
