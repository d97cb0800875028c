//! A `data.mdb` that is missing or incomplete because power was lost while it was created.
//!
//! LMDB writes both meta pages of a new file at once and does not flush them. After a loss of power the file
//! may contain any of their sectors, the others being zeros, and LMDB then takes it for a foreign file.
//! Nothing was ever committed to such a file: a commit flushes pages of its own first, and they are not
//! zeros. So the file is truncated, and LMDB creates an empty file again.
//!
//! Only one process at a time opens a directory. So a file that looks torn then is not one that another
//! process is creating.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Twice the largest page that LMDB uses.
const METAS_BYTES_MAX: u64 = 2 * 64 * 1024;
/// The smallest unit that a disk writes.
pub(super) const SECTOR_BYTES: usize = 512;
/// The position of the mark in a meta page, in its first sector.
const MAGIC_AT: usize = 16;

/// LMDB's mark, as machines of both kinds write it.
const MAGICS: [[u8; 4]; 2] = [[0xBE, 0xEF, 0xC0, 0xDE], [0xDE, 0xC0, 0xEF, 0xBE]];

/// The mark as this machine writes it.
pub(super) fn own_magic() -> [u8; 4] {
    MAGICS[usize::from(cfg!(target_endian = "little"))]
}

/// A file that LMDB has not finished creating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// It is empty.
    Empty,
    /// A loss of power left parts of it.
    Torn,
}

/// The state of a file that LMDB has not finished creating; `None` if LMDB has, or if the file is foreign.
pub(super) fn unfinished(mut file: &File) -> io::Result<Option<Unfinished>> {
    if file.metadata()?.len() > METAS_BYTES_MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(METAS_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(match judge(&bytes) {
        Found::Nothing => Some(Unfinished::Empty),
        Found::Torn => Some(Unfinished::Torn),
        Found::Whole => None,
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Empty, as far as LMDB is concerned.
    Nothing,
    /// What a loss of power left of the two meta pages.
    Torn,
    /// Anything else, whoever owns it.
    Whole,
}

/// The first sector that was written.
pub(super) fn written_sector(bytes: &[u8]) -> Option<&[u8]> {
    bytes.chunks(SECTOR_BYTES).find(|sector| sector.iter().any(|byte| *byte != 0))
}

fn judge(bytes: &[u8]) -> Found {
    if bytes.is_empty() {
        return Found::Nothing;
    }
    let is_meta = |sector: &[u8]| {
        let mark = sector.get(MAGIC_AT..MAGIC_AT + 4);
        mark.is_some_and(|mark| MAGICS.iter().any(|magic| mark == magic))
    };
    let mut written = bytes.chunks(SECTOR_BYTES).filter(|sector| sector.iter().any(|byte| *byte != 0));
    // Zeros, or one of the two meta pages. A file with both of them is complete.
    match (written.next(), written.next()) {
        (None, None) => Found::Torn,
        (Some(sector), None) if is_meta(sector) => Found::Torn,
        _ => Found::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4_096;

    fn file(metas: &[usize]) -> Vec<u8> {
        let mut bytes = vec![0; 2 * PAGE];
        for meta in metas {
            bytes[meta * PAGE + MAGIC_AT..][..4].copy_from_slice(&MAGICS[1]);
        }
        bytes
    }

    #[test]
    fn zeros_and_one_of_two_meta_pages_are_what_a_loss_of_power_leaves() {
        assert_eq!(judge(&file(&[])), Found::Torn);
        assert_eq!(judge(&file(&[0])), Found::Torn);
        assert_eq!(judge(&file(&[0])[..PAGE]), Found::Torn);
        assert_eq!(judge(&file(&[1])), Found::Torn);
        assert_eq!(judge(&[]), Found::Nothing);
        assert_eq!(judge(&file(&[0, 1])), Found::Whole);
    }

    #[test]
    fn anything_else_is_left_to_whom_it_belongs() {
        let with = |at: usize| {
            let mut bytes = file(&[0]);
            bytes[at] = 1;
            bytes
        };
        assert_eq!(judge(&with(2 * PAGE - 1)), Found::Whole);
        assert_eq!(judge(&with(PAGE + MAGIC_AT)), Found::Whole);
        assert_eq!(judge(b"x"), Found::Whole);
        assert_eq!(judge(&[1; 2 * PAGE]), Found::Whole);
    }
}
