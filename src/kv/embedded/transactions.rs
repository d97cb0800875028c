//! The transactions of an open store: reads, and writes that take turns with other processes.

use std::cell::{Cell, OnceCell};
use std::fs::File;
use std::ops::Deref;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::content;
use super::data_file::FILE_NAME;
use super::durable::RECORD_BYTES_MAX;
use super::environment::{Store, TURN_WAIT_MAX};
use super::errors::{commit_error, kv_error, no_turn, unavailable};
use super::journal::Record;
use super::lmdb::{self, Code, LmdbError};
use super::locks::{Locks, Turn, Unlocked};
use super::options::Durability;
use super::planted::{self, SharingBug};
use super::told::LONG_TURN;
use super::values::Tables;
use super::{clock, probe};
use crate::kv::{KvError, Mutations};

/// A read of one state.
pub(super) struct ReadTxn<'e> {
    pub(super) txn: lmdb::ReadTxn<'e>,
    _unlocked: Option<Unlocked>,
}

impl<'e> Deref for ReadTxn<'e> {
    type Target = lmdb::Txn<'e>;

    fn deref(&self) -> &lmdb::Txn<'e> {
        &self.txn
    }
}

/// Whether who wants a write transaction goes on to wait for other processes, after so much waiting.
pub(super) type Waits<'a> = dyn Fn(Duration) -> bool + 'a;

/// A write transaction. Only one runs at a time, over all processes: it holds the write turn until it ends.
pub(super) struct WriteTxn<'e> {
    pub(super) txn: lmdb::WriteTxn<'e>,
    /// What it has written so far, and what it has put off.
    record: Record,
    put_off: Mutations,
    pub(super) _turn: Option<Turn<'e>>,
}

/// Why a transaction was not committed.
#[derive(Debug)]
pub(super) enum NotCommitted {
    /// The tree could not take a write that had been put off. Nothing was written.
    NotApplied(KvError),
    Failed(KvError),
}

impl From<KvError> for NotCommitted {
    fn from(error: KvError) -> Self {
        Self::Failed(error)
    }
}

impl From<NotCommitted> for KvError {
    fn from(not_committed: NotCommitted) -> Self {
        match not_committed {
            NotCommitted::NotApplied(error) | NotCommitted::Failed(error) => error,
        }
    }
}

impl<'e> WriteTxn<'e> {
    fn new(txn: lmdb::WriteTxn<'e>, record: Record, turn: Option<Turn<'e>>) -> Self {
        Self { txn, record, put_off: Mutations::new(), _turn: turn }
    }

    /// The transaction, for reading.
    pub(super) fn reader(&self) -> &lmdb::Txn<'e> {
        debug_assert!(self.put_off.is_empty(), "nobody reads a state that lacks writes");
        &self.txn
    }

    /// Takes the writes of a decision, and puts off making them: what comes last is written to the tree while the disk
    /// writes the record. Nothing is put off already.
    pub(super) fn put_off(&mut self, mutations: Mutations) {
        debug_assert!(self.put_off.is_empty(), "the writes before are made first");
        mutations.iter().for_each(|mutation| self.record.row(mutation));
        self.put_off = mutations;
    }

    /// Makes the writes that were put off. Returns how many pages of their own the rows have freed that were replaced or
    /// deleted. After an error the transaction must be aborted.
    pub(super) fn catch_up(&mut self, tables: Tables) -> Result<usize, KvError> {
        tables.apply_all(&mut self.txn, std::mem::take(&mut self.put_off))
    }

    /// Whether its record is too large for the journal.
    fn is_large(&self) -> bool {
        self.record.file_bytes() > RECORD_BYTES_MAX
    }

    /// Writes an existing row again, so that there is something to commit.
    pub(super) fn rewrite_format(&mut self) -> lmdb::Result<()> {
        content::rewrite_format(&mut self.txn)
    }

    /// Writes nothing, and ends the turn.
    pub(super) fn abort(self) {
        drop(self);
    }
}

impl Store {
    /// Begins a read of the newest committed state.
    ///
    /// LMDB has two meta pages that commits write in turn. A reader takes a number T, then copies the meta
    /// page of T. If it is delayed in between until commit T+2 writes that page, it reads what is not
    /// committed yet, and its next read may get T+1: back in time. So a read begins again if two commits have
    /// passed it.
    pub(super) fn read_txn(&self) -> Result<ReadTxn<'_>, KvError> {
        let unlocked = if self.locks.is_none() { Some(self.begin_unlocked()?) } else { None };
        loop {
            let txn = match self.env.read_again() {
                Ok(Some(txn)) => txn,
                Ok(None) => {
                    self.take_place()?;
                    continue;
                }
                Err(LmdbError::Lmdb(Code::MapResized)) => {
                    self.grow(true)?;
                    continue;
                }
                Err(error) => return Err(kv_error(error)),
            };
            if self.unsettled.is_hidden(txn.id()) {
                let number = txn.id();
                drop(txn);
                if !self.unsettled.wait(number) {
                    return Err(KvError::Unavailable {
                        detail: "the newest commit is not on the disk yet, and the disk does not answer"
                            .into(),
                    });
                }
                continue;
            }
            if self.env.info().last_txn <= txn.id() + 1 {
                return Ok(ReadTxn { txn, _unlocked: unlocked });
            }
        }
    }

    fn begin_unlocked(&self) -> Result<Unlocked, KvError> {
        self.place.check()?;
        let data = self.place.directory().join(FILE_NAME);
        File::open(&data).and_then(Unlocked::begin).map_err(|error| unavailable(&data, &error))
    }

    /// Begins a write transaction, taking turns with the other processes. Waits for them as long as `is_wanted` says
    /// that somebody needs the result, after so much waiting, but not for ever.
    pub(super) fn write_txn(&self, is_wanted: &Waits) -> Result<WriteTxn<'_>, KvError> {
        let locks = self.locks.as_ref().filter(|_| !self.settings.read_only).ok_or(KvError::ReadOnly)?;
        self.place.check()?;
        let turn = self.take_turn(locks, is_wanted)?;
        self.grow(false)?;
        self.keep_what_is_read_without_locks(locks)?;
        let mut txn = match self.env.begin_write() {
            Err(LmdbError::Lmdb(Code::MapResized)) => {
                self.grow(true)?;
                self.env.begin_write()
            }
            begun => begun,
        }
        .map_err(kv_error)?;
        self.prepare_journal(txn.id() as u64 - 1)?;
        let mut record = Record::default();
        self.note_size(&mut txn, &mut record)?;
        let is_kept = !planted::is_in_process(SharingBug::TurnLetGoEarly);
        Ok(WriteTxn::new(txn, record, is_kept.then_some(turn)))
    }

    fn take_turn<'l>(&self, locks: &'l Locks, goes_on: &Waits) -> Result<Turn<'l>, KvError> {
        let (began, is_told) = (OnceCell::new(), Cell::new(false));
        let taken = locks.take_turn(TURN_WAIT_MAX, &|| {
            self.told.waits_for_turn.store(true, Ordering::Relaxed);
            // Only now it is known that another process has it.
            let waited = clock::now().duration_since(*began.get_or_init(clock::now));
            if waited >= LONG_TURN && !is_told.replace(true) {
                self.tell_of_long_turn(waited);
            }
            goes_on(waited)
        });
        self.told.waits_for_turn.store(false, Ordering::Relaxed);
        taken.map_err(no_turn)
    }

    /// If somebody reads without LMDB's locks, LMDB would reuse pages that they still read. Keeping a state
    /// from before this write protects those readers: they began before it, or see it.
    fn keep_what_is_read_without_locks(&self, locks: &Locks) -> Result<(), KvError> {
        if !locks.is_read_without_locks() {
            self.env.let_go();
            return Ok(());
        }
        loop {
            self.env.keep().map_err(kv_error)?;
            if self.env.is_keeping() {
                return Ok(());
            }
            self.take_place()?;
        }
    }

    fn note_size(&self, txn: &mut lmdb::WriteTxn<'_>, record: &mut Record) -> Result<(), KvError> {
        match self.settings.size_bytes {
            Some(bytes) if self.noted_size.load(Ordering::Acquire) != bytes => {
                record.size(bytes);
                content::note_size(txn, bytes).map_err(kv_error)
            }
            _ => Ok(()),
        }
    }

    /// Commits, and distinguishes certain failures from uncertain ones. Returns how many pages were freed by the writes
    /// that had been put off.
    pub(super) fn commit(&self, mut txn: WriteTxn<'_>) -> Result<usize, NotCommitted> {
        let Some(journal) = &self.journal else { return Err(KvError::ReadOnly.into()) };
        let is_journaled = self.settings.durability == Durability::Strict && !txn.is_large();
        let freed_before =
            if is_journaled { 0 } else { txn.catch_up(self.tables).map_err(NotCommitted::NotApplied)? };
        let WriteTxn { txn, record, put_off, _turn } = txn;
        let (freed, committed) = match self.settings.durability {
            Durability::Strict if is_journaled => self.commit_journaled(journal, txn, record, put_off)?,
            Durability::Strict => (freed_before, self.commit_by_checkpoint(journal, txn)?),
            Durability::Relaxed => (freed_before, self.commit_relaxed(journal, txn, &record)),
        };
        match committed {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                if let Some(bytes) = self.settings.size_bytes {
                    self.noted_size.store(bytes, Ordering::Release);
                }
                Ok(freed)
            }
            Err(error) => {
                let panicked = self.is_broken();
                let full = !panicked
                    && matches!(error, LmdbError::Io(_))
                    && probe::is_disk_full(self.place.directory());
                Err(commit_error(error, panicked, full).into())
            }
        }
    }

    /// Whether LMDB refuses everything because a write failed half way.
    fn is_broken(&self) -> bool {
        match self.env.read_again() {
            Ok(Some(_)) => false,
            Ok(None) => self.take_place().is_err(),
            Err(error) => matches!(error, LmdbError::Lmdb(Code::Panic)),
        }
    }
}
