//! Making `data.mdb`, also where an earlier attempt was cut off by a loss of power.
//!
//! LMDB writes both meta pages of a new file at once and does not flush them. After a loss of power the file may
//! have any of their sectors, the others being zeros, and LMDB then takes it for somebody else's. Nothing was ever
//! committed to such a file: a commit flushes pages of its own first, and they are not zeros. So it is emptied, and
//! LMDB makes an empty file anew.
//!
//! Whoever finds no whole file holds the turnstile until there is one. So what looks torn behind the turnstile is
//! not a file that another process is just making.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::turnstile::Turnstile;

/// Twice the largest page that LMDB uses.
const METAS_BYTES_MAX: u64 = 2 * 64 * 1024;
/// The least that a disk writes as one.
const SECTOR_BYTES: usize = 512;
/// Where a meta page has its mark, in its first sector.
const MAGIC_AT: usize = 16;

/// LMDB's mark, as machines of both kinds write it.
pub(super) const MAGICS: [[u8; 4]; 2] = [[0xBE, 0xEF, 0xC0, 0xDE], [0xDE, 0xC0, 0xEF, 0xBE]];

/// Runs `open`, alone if it is going to make the file.
pub(super) fn alone<T>(directory: &Path, data: &Path, open: impl FnOnce() -> T) -> io::Result<T> {
    if found(data)? == Found::Whole {
        return Ok(open());
    }
    let turnstile = Turnstile::open(directory)?;
    let _held = turnstile.hold()?;
    if found(data)? == Found::Torn {
        tracing::warn!(name: "kv.remade", target: "baton::kv", path = %data.display(), "the power was lost while the store was being made; making it anew");
        File::options().write(true).open(data)?.set_len(0)?;
    }
    Ok(open())
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Nothing, as LMDB takes it.
    Nothing,
    /// What a loss of power left of both meta pages.
    Torn,
    /// Anything else, whoever it belongs to.
    Whole,
}

fn found(data: &Path) -> io::Result<Found> {
    let file = match File::open(data) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        file => file?,
    };
    if file.metadata()?.len() > METAS_BYTES_MAX {
        return Ok(Found::Whole);
    }
    let mut bytes = Vec::new();
    file.take(METAS_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(judge(&bytes))
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
    // Zeros, or one of the two meta pages. Both of them are a whole file.
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
