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
use std::sync::Arc;

use libsqlite3_sys as ffi;

use crate::database::pages::source::Source;
use crate::engine::{LargeCommitWriter, StoreError};
use crate::planted::{self, Bug};
use crate::types::{PageCount, PageNumber, PageSize};

use super::file::Code;
use super::header::{UTF8, hide_write_ahead_log, pages_counted, text_encoding};
use super::pragma::Pins;
use super::signals::Signals;

/// The bytes that a transaction keeps in memory, besides SQLite's own page cache.
pub(super) const TRANSACTION_BYTES_MAX: usize = 4 << 20;

/// The main file.
pub(crate) struct MainFile {
    pub(super) source: Source,
    pub(super) signals: Arc<Signals>,
    /// Pages that are written and not committed.
    pub(super) dirty: BTreeMap<PageNumber, Box<[u8]>>,
    pub(super) dirty_bytes: usize,
    stage: Option<LargeCommitWriter>,
    staged_pages: usize,
    /// The size including uncommitted changes.
    pub(super) size: PageCount,
    /// The page size, once there are pages.
    pub(super) page_size: Option<PageSize>,
    /// Whether a VACUUM is writing.
    pub(super) overwriting: bool,
    /// Pages of the transaction are lost, so it can only be rolled back.
    pub(super) broken: bool,
    pub(super) pins: Pins,
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
        let forgets = match &lost.error {
            StoreError::CommitUnknown { .. } => planted::has(Bug::GateForgetsDoubt),
            _ => planted::has(Bug::WritesAfterLoss),
        };
        let is_deferred = self.source.commits().is_deferred() && !forgets;
        if is_final || is_deferred {
            self.dead.get_or_insert_with(|| if is_deferred { lost.for_good() } else { lost.error.clone() });
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
    pub(super) fn fail(&mut self, error: StoreError, code: i32) -> Code {
        if !self.source.outlives(&error)
            && matches!(error, StoreError::FenceMismatch { .. } | StoreError::NotFound { .. })
        {
            self.dead.get_or_insert_with(|| error.clone());
        }
        self.failure = Some(error);
        self.failures += 1;
        Code(code)
    }

    pub(super) fn alive(&mut self, code: i32) -> Result<(), Code> {
        self.catch_up();
        match self.dead.clone() {
            Some(error) => Err(self.fail(error, code)),
            None => Ok(()),
        }
    }

    /// The error of an operation of a transaction whose pages are lost.
    pub(super) fn refuse_broken(&mut self, code: i32) -> Result<(), Code> {
        if !self.broken {
            return Ok(());
        }
        if let Some(lost) = self.source.loss() {
            self.failure = Some(self.source.commits().why(lost));
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

    pub(super) fn read_within(
        &mut self,
        page_size: PageSize,
        offset: u64,
        out: &mut [u8],
    ) -> Result<usize, Code> {
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
    pub(super) fn spill(&mut self, page_size: PageSize) -> Result<(), StoreError> {
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
    pub(super) fn discard(&mut self) {
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

    pub(super) fn truncate(&mut self, pages: PageCount, page_size: PageSize) {
        if let Some(first) = pages.first_past_end() {
            let dropped = self.dirty.split_off(&first);
            self.dirty_bytes -= dropped.len() * page_size.bytes();
        }
        self.size = PageCount(pages.0.min(self.size.0));
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
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

    pub(super) fn is_changed(&self) -> bool {
        !self.dirty.is_empty() || self.stage.is_some() || self.size != self.source.size()
    }
}

/// The page at an offset, and the position in it.
pub(super) fn place(offset: u64, page_size: PageSize) -> Option<(PageNumber, usize)> {
    let bytes = page_size.bytes() as u64;
    let page = u32::try_from(offset / bytes).ok()?.checked_add(1).and_then(PageNumber::new)?;
    Some((page, usize::try_from(offset % bytes).ok()?))
}
