//! Whether bytes are a SQLite database file (<https://sqlite.org/fileformat2.html>, section 1.3).

use crate::types::{PageCount, PageSize};

/// How much of a file [`sqlite_file`] needs.
pub const FILE_HEADER_BYTES: usize = 100;

/// The first bytes of a SQLite file.
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
    /// It is another kind of file.
    #[error("it does not begin with \"SQLite format 3\"")]
    Magic,
    /// A page size that SQLite does not have.
    #[error("its header says that a page has {0} bytes")]
    PageSize(usize),
    /// Fewer bytes than the header says.
    #[error(
        "its header says {header_pages} pages of {page_bytes} bytes and it has {file_bytes} bytes: it is cut short"
    )]
    CutShort {
        /// The number of pages according to the header.
        header_pages: u32,
        /// The size of a page.
        page_bytes: usize,
        /// The length of the file.
        file_bytes: u64,
    },
    /// More pages than a page number can name.
    #[error("it has {0} pages, more than SQLite can number")]
    TooManyPages(u64),
}

/// The contents of a database file's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteHeader {
    /// The size of a page.
    pub page_size: PageSize,
    /// The number of pages, if the field is valid.
    pub size_pages: Option<PageCount>,
}

impl SqliteHeader {
    /// Reads the header from the first bytes of a file that is not empty.
    pub fn read(bytes: &[u8]) -> Result<Self, NotADatabase> {
        let Some((header, _)) = bytes.split_first_chunk::<FILE_HEADER_BYTES>() else {
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
        let field =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (change_counter, pages, valid_for) = (field(24), field(28), field(92));
        // Section 1.3.7: the size in the header counts only if the change counter equals the counter at the
        // time when the size was written.
        let is_valid = pages > 0 && change_counter == valid_for;
        Ok(Self { page_size, size_pages: is_valid.then_some(PageCount(pages)) })
    }

    /// The number of pages of a file with `file_bytes` bytes and this header. As in SQLite, bytes after the
    /// last page do not matter if the header knows which page is the last; otherwise a partial page is a page
    /// that ends in zeros.
    pub fn size(self, file_bytes: u64) -> Result<PageCount, NotADatabase> {
        let page_bytes = self.page_size.bytes();
        let pages = file_bytes.div_ceil(page_bytes as u64);
        match self.size_pages {
            Some(PageCount(header_pages)) if u64::from(header_pages) * page_bytes as u64 > file_bytes => {
                Err(NotADatabase::CutShort { header_pages, page_bytes, file_bytes })
            }
            Some(known) => Ok(known),
            None => u32::try_from(pages).map(PageCount).map_err(|_| NotADatabase::TooManyPages(pages)),
        }
    }
}

/// Reads the first bytes of a file of `file_bytes` bytes as the header of a SQLite database. An empty file is an empty
/// database.
pub fn sqlite_file(header: &[u8], file_bytes: u64) -> Result<SqliteFile, NotADatabase> {
    if file_bytes == 0 {
        return Ok(SqliteFile { page_size: PageSize::DEFAULT, size_pages: PageCount(0) });
    }
    let header = SqliteHeader::read(header)?;
    Ok(SqliteFile { page_size: header.page_size, size_pages: header.size(file_bytes)? })
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
        assert_eq!(sqlite_file(b"SQLite format 3\0", 16), Err(NotADatabase::Magic));
        assert_eq!(sqlite_file(&[0; 100], 4096), Err(NotADatabase::Magic));
        for file_bytes in [4097, 8192, 12_287] {
            let cut = NotADatabase::CutShort { header_pages: 3, page_bytes: 4096, file_bytes };
            assert_eq!(sqlite_file(&header(4096, 3), file_bytes), Err(cut));
        }
        assert!(matches!(sqlite_file(&header(512, 0), 1 << 41), Err(NotADatabase::TooManyPages(_))));
    }

    #[test]
    fn an_empty_file_is_an_empty_database() {
        assert_eq!(sqlite_file(&[], 0).unwrap().size_pages, PageCount(0));
    }

    #[test]
    fn bytes_behind_the_last_page_do_not_count_where_the_header_knows_the_size() {
        for file_bytes in [8192, 8193, 12_288, 1 << 41] {
            assert_eq!(sqlite_file(&header(4096, 2), file_bytes).unwrap().size_pages, PageCount(2));
        }
    }

    #[test]
    fn a_stale_size_in_the_header_does_not_count() {
        let mut stale = header(4096, 9);
        stale[24..28].copy_from_slice(&7u32.to_be_bytes());
        for bytes in [&stale, &header(4096, 0)] {
            assert_eq!(sqlite_file(bytes, 8192).unwrap().size_pages, PageCount(2));
            // Like SQLite, which reads zeros where a page is short.
            assert_eq!(sqlite_file(bytes, 8193).unwrap().size_pages, PageCount(3));
        }
    }
}
