//! Files that only this process needs: rollback journals, sorters, temporary tables. They are in memory while
//! small, then in an anonymous file in the system's temporary directory, which disappears with the process.

use std::sync::Arc;

use libsqlite3_sys as ffi;

use super::file::{Code, VfsFile};
use super::signals::Signals;
use super::spool::Spool;

/// The bytes that a file keeps in memory before it moves to disk.
const MEMORY_BYTES_MAX: u64 = 1 << 20;
/// A truncated file keeps up to this much memory, for the next transaction.
const KEPT_BYTES_MAX: u64 = 64 << 10;

/// A scratch file.
pub(super) struct Scratch {
    file: Spool,
    size: u64,
    /// The largest size since memory was last released.
    largest: u64,
    /// Tells the main file of this journal what happens to it; none for a temporary file.
    signals: Option<Arc<Signals>>,
}

impl Scratch {
    pub(super) fn new(signals: Option<Arc<Signals>>) -> Self {
        Self { file: Spool::new(MEMORY_BYTES_MAX), size: 0, largest: 0, signals }
    }
}

impl VfsFile for Scratch {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Code> {
        if let Some(signals) = &self.signals {
            signals.journal_was_read();
        }
        let there = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        let (found, missing) = out.split_at_mut(there);
        missing.fill(0);
        self.file.read_at(offset, found).map_err(|_| Code(ffi::SQLITE_IOERR_READ))?;
        Ok(there)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), Code> {
        // The usual reason is a full disk, for which SQLite has a code.
        self.file.write_at(offset, data).map_err(|_| Code(ffi::SQLITE_FULL))?;
        if let Some(signals) = &self.signals {
            signals.journal_holds_something(true);
        }
        self.size = self.size.max(offset + data.len() as u64);
        self.largest = self.largest.max(self.size);
        Ok(())
    }

    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        if size == 0 && self.largest > KEPT_BYTES_MAX {
            self.file = Spool::new(MEMORY_BYTES_MAX);
            self.largest = 0;
        } else {
            self.file.set_len(size).map_err(|_| Code(ffi::SQLITE_IOERR_TRUNCATE))?;
        }
        self.size = size;
        if let Some(signals) = &self.signals {
            signals.journal_holds_something(size > 0);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Code> {
        // Nobody reads it after a crash.
        Ok(())
    }

    fn size(&mut self) -> Result<u64, Code> {
        Ok(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_what_was_written_also_when_it_has_moved_to_disk() {
        let mut file = Scratch::new(None);
        let far = MEMORY_BYTES_MAX + 10;
        file.write(0, b"start").unwrap();
        file.write(far, b"end").unwrap();
        assert_eq!(file.size(), Ok(far + 3));
        let mut bytes = [1; 5];
        assert_eq!(file.read(0, &mut bytes), Ok(5));
        assert_eq!(&bytes, b"start");
        assert_eq!(file.read(far, &mut bytes), Ok(3));
        assert_eq!(&bytes, b"end\0\0");
        assert_eq!(file.read(far + 100, &mut bytes), Ok(0));
        assert_eq!(bytes, [0; 5]);
    }

    #[test]
    fn an_emptied_file_starts_over() {
        for size in [10, KEPT_BYTES_MAX + 1] {
            let mut file = Scratch::new(None);
            file.write(0, &vec![7; usize::try_from(size).unwrap()]).unwrap();
            file.truncate(0).unwrap();
            assert_eq!(file.size(), Ok(0));
            file.write(4, b"x").unwrap();
            let mut bytes = [1; 5];
            assert_eq!(file.read(0, &mut bytes), Ok(5));
            assert_eq!(&bytes, b"\0\0\0\0x");
        }
    }

    #[test]
    fn reading_a_journal_is_a_signal_and_writing_it_is_none() {
        let signals = Arc::new(Signals::default());
        let mut journal = Scratch::new(Some(Arc::clone(&signals)));
        journal.write(0, b"header").unwrap();
        assert!(!signals.take_journal_read());
        journal.read(0, &mut [0; 6]).unwrap();
        assert!(signals.take_journal_read());
        assert!(!signals.take_journal_read());
    }
}
