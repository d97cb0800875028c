//! The fields of a database header (<https://sqlite.org/fileformat2.html>, section 1.3).

use std::ops::Range;

use crate::types::PageCount;

/// Whether the file wants a write-ahead log: 1 no, 2 yes.
const FORMAT_VERSIONS: Range<usize> = 18..20;
const CHANGE_COUNTER: Range<usize> = 24..28;
const PAGES: Range<usize> = 28..32;
/// The lowest byte of the number of the text encoding.
const TEXT_ENCODING: usize = 59;
/// Its value for UTF-8.
pub(super) const UTF8: u8 = 1;
/// The change counter of the last writer that updated `PAGES`.
const PAGES_VALID_FOR: Range<usize> = 92..96;

/// A database that was imported from a file in WAL mode still asks for a write-ahead log. Here it has none,
/// so SQLite gets to see a header without one. `part` begins at byte `start` of page 1.
pub(super) fn hide_write_ahead_log(start: usize, part: &mut [u8]) {
    for at in FORMAT_VERSIONS {
        if let Some(version) = at.checked_sub(start).and_then(|index| part.get_mut(index))
            && *version == 2
        {
            *version = 1;
        }
    }
}

/// The number of pages of the database according to page 1; `None` if it does not say.
pub(super) fn pages_counted(first: &[u8]) -> Option<PageCount> {
    let (counter, valid_for) = (first.get(CHANGE_COUNTER)?, first.get(PAGES_VALID_FOR)?);
    let pages = u32::from_be_bytes(first.get(PAGES)?.try_into().ok()?);
    (pages > 0 && counter == valid_for).then_some(PageCount(pages))
}

/// The text encoding according to page 1, as SQLite interprets it: 1 UTF-8, 2 and 3 UTF-16.
pub(super) fn text_encoding(first: &[u8]) -> u8 {
    match first.get(TEXT_ENCODING).map_or(0, |encoding| encoding & 3) {
        0 => UTF8,
        encoding => encoding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_versions_are_hidden_and_only_where_they_ask_for_a_log() {
        let mut page = [2; 100];
        hide_write_ahead_log(0, &mut page);
        assert_eq!((page[17], page[18], page[19], page[20]), (2, 1, 1, 2));
        let mut part = [2; 10];
        hide_write_ahead_log(19, &mut part);
        assert_eq!(part[..2], [1, 2]);
        hide_write_ahead_log(24, &mut [2; 16]);
        let mut other = [7; 100];
        hide_write_ahead_log(0, &mut other);
        assert_eq!(other, [7; 100]);
    }

    #[test]
    fn an_encoding_that_is_not_said_is_utf8() {
        let mut page = [0; 100];
        assert_eq!(text_encoding(&page), UTF8);
        page[59] = 3;
        assert_eq!(text_encoding(&page), 3);
        assert_eq!(text_encoding(&[]), UTF8);
    }

    #[test]
    fn pages_are_counted_where_the_last_writer_kept_the_count() {
        let mut page = [0; 512];
        assert_eq!(pages_counted(&page), None);
        page[PAGES].copy_from_slice(&7_u32.to_be_bytes());
        assert_eq!(pages_counted(&page), Some(PageCount(7)));
        page[27] = 1;
        assert_eq!(pages_counted(&page), None);
        page[95] = 1;
        assert_eq!(pages_counted(&page), Some(PageCount(7)));
        assert_eq!(pages_counted(&page[..50]), None);
    }
}
