//! The main file as its connection sees it: what SQLite reads, writes and syncs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libsqlite3_sys as ffi;

use crate::types::{PageCount, PageSize};

use super::file::{Code, PragmaAnswer, VfsFile};
use super::main_file::{MainFile, TRANSACTION_BYTES_MAX, place};
use super::pragma::Standing;

/// The main file as its connection sees it.
pub(super) struct OpenMain(pub(super) Arc<Mutex<MainFile>>);

impl OpenMain {
    fn file(&self) -> MutexGuard<'_, MainFile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VfsFile for OpenMain {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Code> {
        let mut file = self.file();
        file.alive(ffi::SQLITE_IOERR_READ)?;
        file.refuse_broken(ffi::SQLITE_IOERR_READ)?;
        let Some(page_size) = file.page_size else {
            out.fill(0);
            return Ok(0);
        };
        file.read_within(page_size, offset, out)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), Code> {
        let mut file = self.file();
        if file.source.is_following() {
            // SQLite knows that the file is read-only, and never gets here.
            return Err(Code(ffi::SQLITE_READONLY));
        }
        file.alive(ffi::SQLITE_IOERR_WRITE)?;
        if file.broken {
            // A rollback writes pages back that are dropped anyway.
            return Ok(());
        }
        // The first page written to an empty database determines the page size.
        let page_size = match file.page_size {
            Some(page_size) => page_size,
            None => PageSize::new(data.len()).map_err(|_| Code(ffi::SQLITE_IOERR_WRITE))?,
        };
        let (Some((page, 0)), true) = (place(offset, page_size), data.len() == page_size.bytes()) else {
            return Err(Code(ffi::SQLITE_IOERR_WRITE));
        };
        file.page_size = Some(page_size);
        file.size = PageCount(file.size.0.max(page.get()));
        if file.dirty.insert(page, data.into()).is_none() {
            file.dirty_bytes += data.len();
        }
        if file.dirty_bytes > TRANSACTION_BYTES_MAX
            && let Err(error) = file.spill(page_size)
        {
            file.broken = true;
            return Err(file.fail(error, ffi::SQLITE_IOERR_WRITE));
        }
        Ok(())
    }

    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        let mut file = self.file();
        file.alive(ffi::SQLITE_IOERR_TRUNCATE)?;
        let Some(page_size) = file.page_size else { return Ok(()) };
        let pages = size.div_ceil(page_size.bytes() as u64);
        let pages = PageCount(u32::try_from(pages).map_err(|_| Code(ffi::SQLITE_IOERR_TRUNCATE))?);
        file.truncate(pages, page_size);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Code> {
        let mut file = self.file();
        file.alive(ffi::SQLITE_IOERR_FSYNC)?;
        let (committing, undone) = (file.signals.take_committing(), file.signals.take_journal_read());
        // A VACUUM commits without the hook.
        let overwriting = std::mem::take(&mut file.overwriting);
        if undone {
            file.discard();
            return Ok(());
        }
        file.refuse_broken(ffi::SQLITE_IOERR_FSYNC)?;
        if !file.is_changed() {
            return Ok(());
        }
        if !committing && !overwriting {
            // It is unknown whether a commit or a rollback is meant, and a guess could lose or invent data.
            return Err(Code(ffi::SQLITE_IOERR_FSYNC));
        }
        if let Err(error) = file.commit() {
            file.broken = true;
            return Err(file.fail(error, ffi::SQLITE_IOERR_FSYNC));
        }
        Ok(())
    }

    fn size(&mut self) -> Result<u64, Code> {
        let file = self.file();
        Ok(file.page_size.map_or(0, |page_size| u64::from(file.size.0) * page_size.bytes() as u64))
    }

    fn pragma(&mut self, name: &str, argument: Option<&str>) -> PragmaAnswer {
        let mut file = self.file();
        // The pages of an open transaction count: SQLite has chosen their size.
        let page_bytes = file.page_size.map(PageSize::bytes);
        let writing = file.signals.journal_is_filled();
        let standing = Standing { page_bytes, writing, owned: !file.source.is_following() };
        file.pins.answer(name, argument, standing)
    }

    fn overwrite(&mut self) {
        self.file().overwriting = true;
    }
}
