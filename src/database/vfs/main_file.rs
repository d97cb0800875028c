//! The main file of a database: the actor's committed pages and, above them, what the current transaction has
//! written.
//!
//! SQLite writes pages when it commits, or earlier when its cache overflows. They are kept in memory, and `sync`
//! seals them: they become durable with the database's next commit. Beyond [`TRANSACTION_BYTES_MAX`] they go to
//! a stage of the store, which nobody else sees, and `sync` makes that one commit.
//!
//! SQLite also syncs after a rollback, with every page written back. That must not become a commit. Instead,
//! the transaction's writes are dropped, since the committed pages below are unchanged. [`Signals`] tell the
//! two cases apart; neither is ever guessed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use libsqlite3_sys as ffi;

use crate::database::pages::source::Source;
use crate::engine::{LargeCommitWriter, StoreError};
use crate::types::{PageCount, PageNumber, PageSize};

use super::file::{Code, PragmaAnswer, VfsFile};
use super::header::{UTF8, hide_write_ahead_log, pages_counted, text_encoding};
use super::pragma::{Pins, Standing};
use super::signals::Signals;

/// The bytes that a transaction keeps in memory, besides SQLite's own page cache.
const TRANSACTION_BYTES_MAX: usize = 4 << 20;

/// The main file.
pub(crate) struct MainFile {
    source: Source,
    signals: Arc<Signals>,
    /// Pages that are written and not committed.
    dirty: BTreeMap<PageNumber, Box<[u8]>>,
    dirty_bytes: usize,
    stage: Option<LargeCommitWriter>,
    staged_pages: usize,
    /// The size including uncommitted changes.
    size: PageCount,
    /// The page size, once there are pages.
    page_size: Option<PageSize>,
    /// Whether a VACUUM is writing.
    overwriting: bool,
    /// Pages of the transaction are lost, so it can only be rolled back.
    broken: bool,
    pins: Pins,
    /// Why the last operation failed, for the session to report.
    failure: Option<StoreError>,
    /// How often the store caused a failure.
    failures: u64,
    /// Why no operation will ever succeed again, if so.
    dead: Option<StoreError>,
}

impl MainFile {
    pub(crate) fn new(source: Source, signals: Arc<Signals>) -> Self {
        let size = source.size();
        let page_size = (size != PageCount(0)).then(|| source.page_size());
        Self {
            source,
            signals,
            dirty: BTreeMap::new(),
            dirty_bytes: 0,
            stage: None,
            staged_pages: 0,
            size,
            page_size,
            overwriting: false,
            broken: false,
            pins: Pins::default(),
            failure: None,
            failures: 0,
            dead: None,
        }
    }

    /// The pragmas that would break the database, and are answered here instead of by SQLite.
    pub(crate) fn pins(&mut self) -> &mut Pins {
        &mut self.pins
    }

    /// Why the last operation failed, if the store caused it.
    pub(crate) fn take_failure(&mut self) -> Option<StoreError> {
        self.failure.take()
    }

    /// How often the store has caused a failure so far.
    pub(crate) fn failures(&self) -> u64 {
        self.failures
    }

    /// Why nothing will ever work here again, if so.
    pub(crate) fn dead(&self) -> Option<&StoreError> {
        self.dead.as_ref()
    }

    /// The committed pages.
    pub(crate) fn source(&mut self) -> &mut Source {
        &mut self.source
    }

    /// Learns how commits have ended.
    pub(crate) fn catch_up(&mut self) {
        self.source.catch_up();
        let Some(lost) = self.source.loss() else { return };
        let is_final = match &lost.error {
            StoreError::FenceMismatch { .. } | StoreError::NotFound { .. } => true,
            StoreError::CommitUnknown { token, .. } => token.is_none(),
            _ => false,
        };
        if is_final {
            self.dead.get_or_insert_with(|| lost.error.clone());
        }
        self.failures += u64::from(!self.broken);
        self.broken = true;
    }

    /// SQLite has undone what was open above transactions that are lost.
    pub(crate) fn has_undone(&mut self) {
        self.discard();
        self.source.has_undone();
    }

    /// SQLite has forgotten all that it has read of lost transactions.
    pub(crate) fn forget_lost(&mut self) {
        self.source.forget_lost();
        self.discard();
    }

    /// Finds out what became of a commit whose outcome was unknown. Returns whether SQLite has to read
    /// everything again.
    pub(crate) fn resolve_doubt(&mut self) -> Result<bool, StoreError> {
        if !self.source.is_in_doubt() {
            return Ok(false);
        }
        let landed = self.source.resolve_doubt();
        if let Err(error @ (StoreError::FenceMismatch { .. } | StoreError::NotFound { .. })) = &landed {
            self.dead.get_or_insert_with(|| error.clone());
        }
        if landed == Ok(true) {
            self.discard();
        }
        landed
    }

    /// Continues at the actor's newest head. Returns whether it is another one, so that SQLite has to read
    /// everything again.
    pub(crate) fn follow(&mut self) -> Result<bool, StoreError> {
        let moved = self.source.follow()?;
        if moved {
            self.discard();
        }
        Ok(moved)
    }

    /// Whether a read has failed, since the last call, because the actor has moved on.
    pub(crate) fn take_moved(&mut self) -> bool {
        self.source.take_moved()
    }

    /// The text encoding according to page 1, for a file that follows its actor. An empty database has
    /// SQLite's default.
    pub(crate) fn text_encoding(&self) -> u8 {
        self.source.first_page().map_or(UTF8, text_encoding)
    }

    /// Records why an operation fails. An owner that was fenced stays fenced; a reader can continue.
    fn fail(&mut self, error: StoreError, code: i32) -> Code {
        if !self.source.outlives(&error)
            && matches!(error, StoreError::FenceMismatch { .. } | StoreError::NotFound { .. })
        {
            self.dead.get_or_insert_with(|| error.clone());
        }
        self.failure = Some(error);
        self.failures += 1;
        Code(code)
    }

    fn alive(&mut self, code: i32) -> Result<(), Code> {
        self.catch_up();
        match self.dead.clone() {
            Some(error) => Err(self.fail(error, code)),
            None => Ok(()),
        }
    }

    /// The error of an operation of a transaction whose pages are lost.
    fn refuse_broken(&mut self, code: i32) -> Result<(), Code> {
        if !self.broken {
            return Ok(());
        }
        if let Some(lost) = self.source.loss() {
            self.failure = Some(lost.for_others());
        }
        Err(Code(code))
    }

    /// Copies a page inside the size.
    fn read_page(&mut self, page: PageNumber, out: &mut [u8]) -> Result<(), StoreError> {
        if let Some(bytes) = self.dirty.get(&page) {
            out.copy_from_slice(bytes);
            return Ok(());
        }
        if let Some(stage) = self.stage.as_mut().filter(|stage| stage.contains(page)) {
            let pages = self.source.engine().wait(stage.read(&[page]))?;
            out.copy_from_slice(&pages.data);
            return Ok(());
        }
        // Zeros, if it is inside the new size and not written yet.
        self.source.read(page, out)
    }

    fn read_within(&mut self, page_size: PageSize, offset: u64, out: &mut [u8]) -> Result<usize, Code> {
        let bytes = page_size.bytes();
        let file_bytes = u64::from(self.size.0) * bytes as u64;
        let there = usize::try_from(file_bytes.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        let (found, missing) = out.split_at_mut(there);
        missing.fill(0);
        if found.is_empty() {
            return Ok(0);
        }
        let mut offset = offset;
        let mut rest = found;
        // One page or a part of one; more only until SQLite has seen that the pages are smaller than they
        // were.
        while !rest.is_empty() {
            let (page, start) = place(offset, page_size).ok_or(Code(ffi::SQLITE_IOERR_READ))?;
            let (part, behind) = rest.split_at_mut(rest.len().min(bytes - start));
            if part.len() == bytes {
                self.read_page(page, part).map_err(|error| self.fail(error, ffi::SQLITE_IOERR_READ))?;
            } else {
                let mut whole = vec![0; bytes];
                self.read_page(page, &mut whole).map_err(|error| self.fail(error, ffi::SQLITE_IOERR_READ))?;
                part.copy_from_slice(&whole[start..start + part.len()]);
            }
            if page == PageNumber::FIRST {
                hide_write_ahead_log(start, part);
            }
            offset += part.len() as u64;
            rest = behind;
        }
        Ok(there)
    }

    /// Moves the pages in memory to the stage, which is opened if there is none.
    fn spill(&mut self, page_size: PageSize) -> Result<(), StoreError> {
        let mut stage = match self.stage.take() {
            Some(stage) => stage,
            None => self.source.begin_large_commit(page_size)?,
        };
        let pages: Vec<_> = std::mem::take(&mut self.dirty).into_iter().collect();
        self.dirty_bytes = 0;
        self.staged_pages += pages.len();
        // On an error the stage is dropped here, which rolls it back.
        self.source.engine().wait(stage.write(pages))?;
        self.stage = Some(stage);
        Ok(())
    }

    /// Drops what the transaction has written.
    fn discard(&mut self) {
        self.dirty.clear();
        self.dirty_bytes = 0;
        self.stage = None;
        self.staged_pages = 0;
        self.size = self.source.size();
        self.page_size = (self.size != PageCount(0)).then(|| self.source.page_size());
        self.broken = false;
    }

    /// Drops what the transaction has cut off. SQLite truncates its file only after the sync, when everything
    /// is committed; the header says beforehand how many pages are left.
    fn cut(&mut self, page_size: PageSize) -> Result<(), StoreError> {
        let staged = self.stage.as_ref().is_some_and(|stage| stage.contains(PageNumber::FIRST));
        if !staged && !self.dirty.contains_key(&PageNumber::FIRST) {
            return Ok(());
        }
        let mut first = vec![0; page_size.bytes()];
        self.read_page(PageNumber::FIRST, &mut first)?;
        if let Some(pages) = pages_counted(&first) {
            self.truncate(pages, page_size);
        }
        Ok(())
    }

    fn truncate(&mut self, pages: PageCount, page_size: PageSize) {
        if let Some(first) = pages.first_past_end() {
            let dropped = self.dirty.split_off(&first);
            self.dirty_bytes -= dropped.len() * page_size.bytes();
        }
        self.size = PageCount(pages.0.min(self.size.0));
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let page_size = self.page_size.unwrap_or(PageSize::DEFAULT);
        self.cut(page_size)?;
        if self.stage.is_some() && !self.dirty.is_empty() {
            self.spill(page_size)?;
        }
        if let Some(stage) = self.stage.take() {
            let pages = std::mem::take(&mut self.staged_pages);
            return self.source.finish_large_commit(stage, self.size, page_size, pages);
        }
        let mut pages = std::mem::take(&mut self.dirty);
        self.dirty_bytes = 0;
        if pages.is_empty() && self.source.size() == PageCount(0) && self.size != PageCount(0) {
            // The store learns the page size from the pages, so an empty database cannot grow without any.
            pages.insert(PageNumber::FIRST, vec![0; page_size.bytes()].into());
        }
        self.source.seal(self.size, page_size, pages)
    }

    fn is_changed(&self) -> bool {
        !self.dirty.is_empty() || self.stage.is_some() || self.size != self.source.size()
    }
}

/// The page at an offset, and the position in it.
fn place(offset: u64, page_size: PageSize) -> Option<(PageNumber, usize)> {
    let bytes = page_size.bytes() as u64;
    let page = u32::try_from(offset / bytes).ok()?.checked_add(1).and_then(PageNumber::new)?;
    Some((page, usize::try_from(offset % bytes).ok()?))
}

/// The main file as its connection sees it.
pub(super) struct OpenMain(pub(super) Arc<Mutex<MainFile>>);

impl OpenMain {
    fn file(&self) -> std::sync::MutexGuard<'_, MainFile> {
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
