//! An open store: reads, writes that take turns with other processes, and the room that both need.
//!
//! The directory holds `data.mdb` and `lock.mdb` (LMDB's own names) and the files of `locks`. LMDB's main
//! database holds the format version and the two databases of [`Tables`], all created in one transaction.
//! Anything else found there belongs to somebody else and is left alone, byte for byte.

use std::cell::{Cell, OnceCell};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub(super) use super::closing::Closing;
use super::closing::ClosingOnDrop;
use super::content::{self, Content, StoreId};
use super::data_file::FILE_NAME;
use super::errors::{commit_error, kv_error, no_turn, unavailable};
use super::journal::{CHECKPOINT_NAME, Checkpointer, Journal, Record, SEGMENT_NAMES, Unsettled};
use super::lmdb::{self, Code, Env, FreeList, LmdbError};
use super::locks::{Locks, Turn, Unlocked};
use super::opening::{self, Opened};
use super::options::{Durability, Settings};
use super::pace::Pace;
use super::place::Place;
pub(super) use super::room::Room;
use super::told::{LONG_TURN, Told};
pub(super) use super::transactions::{ReadTxn, Waits, WriteTxn};
use super::values::Tables;
use super::{clock, directory_sync, map, probe};
use crate::kv::KvError;
use crate::kv::embedded::planted::{self, SharingBug};
use crate::sync::watch;

/// The files of the journal, which stay where they are while the store is open.
const JOURNAL_NAMES: [&str; 3] = [CHECKPOINT_NAME, SEGMENT_NAMES[0], SEGMENT_NAMES[1]];
/// How long a write waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// An open environment. LMDB closes when the last reference to it is dropped.
pub(super) struct Store {
    // Fields are dropped in the order of their declaration: LMDB closes before the locks that protect it are
    // released, and once `closed` is dropped, LMDB has closed.
    pub(super) env: Env,
    pub(super) tables: Tables,
    /// `None` if the store is read without them.
    pub(super) locks: Option<Locks>,
    pub(super) place: Place,
    /// `None` in a store without a journal.
    pub(super) id: Option<StoreId>,
    /// `None` if nothing is written.
    pub(super) journal: Option<Journal>,
    pub(super) unsettled: Unsettled,
    pub(super) checkpointer: Checkpointer,
    pub(super) settings: Settings,
    /// The largest size of the file, and the size that is recorded in the store.
    pub(super) size_limit: u64,
    noted_size: AtomicU64,
    /// The last write found no room in the map.
    was_full: AtomicBool,
    commits: AtomicU64,
    pub(super) told: Told,
    pub(super) pace: Pace,
    closing: ClosingOnDrop,
    closed: watch::Sender<()>,
}

impl Store {
    /// Opens the directory, which exists and is not open in this process.
    pub(super) fn open(directory: &Path, settings: Settings) -> Result<Self, KvError> {
        let Opened { env, locks, mut place, making, is_alone, content } =
            opening::open(directory, &settings)?;
        let Content { noted_size, tables, store } = content;
        let (tables, journal) = match (tables, store, &locks) {
            (Some(tables), ..) if settings.read_only => (tables, None),
            (None, ..) if settings.read_only => {
                let path = directory.display();
                return Err(KvError::Invalid { detail: format!("there is no store at {path} yet") });
            }
            (Some(tables), Some(store), _) => (tables, Some(store)),
            (Some(_), None, _) if !is_alone => return Err(opening::not_alone(directory)),
            (_, _, Some(locks)) => {
                let (tables, store) = make_tables(&env, locks)?;
                (tables, Some(store))
            }
            (_, _, None) => return Err(KvError::ReadOnly),
        };
        let id = journal.or(store);
        let open_journal = |store| Journal::open(directory, &making, store);
        let journal =
            journal.map(open_journal).transpose().map_err(|error| unavailable(directory, &error))?;
        if journal.is_some() {
            // The names of the journal's files must last as long as what they hold.
            directory_sync::flush(directory).map_err(|error| unavailable(directory, &error))?;
            place.add(&JOURNAL_NAMES).map_err(|error| unavailable(directory, &error))?;
        }
        let store = Self {
            env,
            tables,
            locks,
            place,
            id,
            journal,
            unsettled: Unsettled::default(),
            checkpointer: Checkpointer::default(),
            settings,
            size_limit: settings.size_bytes.or(noted_size).unwrap_or(settings.size_limit()),
            noted_size: AtomicU64::new(noted_size.unwrap_or(0)),
            was_full: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            told: Told::default(),
            pace: Pace::default(),
            closing: ClosingOnDrop::default(),
            closed: watch::Sender::new(()),
        };
        store.keep_to_limit()?;
        store.clear_stale_readers();
        Ok(store)
    }

    /// Keeps to the limit: a store whose limit was set by another process may have mapped more.
    fn keep_to_limit(&self) -> Result<(), KvError> {
        let (info, page_bytes) = (self.env.info(), self.env.page_bytes());
        let file_bytes = (info.last_page as u64 + 1) * page_bytes as u64;
        let limit = self.size_limit.max(file_bytes);
        if (info.map_bytes as u64) > limit {
            let bytes = usize::try_from(limit).expect("it is below the map's size");
            self.env.resize(info.map_bytes, bytes, Duration::ZERO).map_err(kv_error)?;
        }
        Ok(())
    }

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

    /// Takes a slot in LMDB's reader table, which later reads reuse.
    pub(super) fn take_place(&self) -> Result<(), KvError> {
        let taken = {
            let _held = self.locks.as_ref().map(|locks| self.hold_readers(locks)).transpose()?;
            self.env.take_place()
        };
        match taken {
            Err(LmdbError::Lmdb(Code::MapResized)) => self.grow(true),
            taken => taken.map_err(kv_error),
        }
    }

    fn hold_readers<'l>(&self, locks: &'l Locks) -> Result<super::locks::ReadersHeld<'l>, KvError> {
        let path = self.place.directory();
        let held = locks.hold_readers().map_err(|error| unavailable(path, &error))?;
        held.ok_or_else(|| KvError::Unavailable {
            detail: format!(
                "{}: {} has the lock on the table of readers, or was stopped while it had it",
                path.display(),
                locks.readers_holder().as_deref().unwrap_or("another process")
            ),
        })
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
        Ok(WriteTxn { txn, record, _turn: is_kept.then_some(turn) })
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

    /// Maps more of the file, if that is needed now or soon. `is_outgrown` means that another process has
    /// used more than is mapped.
    fn grow(&self, is_outgrown: bool) -> Result<(), KvError> {
        let is_full = !is_outgrown && self.was_full.swap(false, Ordering::AcqRel);
        let info = self.env.info();
        let growth = map::growth(info, self.env.page_bytes(), self.size_limit, is_full);
        let Some(growth) = growth else { return Ok(()) };
        let bytes = usize::try_from(growth.map_bytes).unwrap_or(usize::MAX);
        let resized = self.env.resize(info.map_bytes, bytes, growth.patience).map_err(kv_error)?;
        if !resized && (is_full || is_outgrown) {
            return Err(KvError::Unavailable {
                detail: "the file has outgrown its map, which cannot grow while reads of this process run that do not end"
                    .into(),
            });
        }
        Ok(())
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

    /// Commits, and distinguishes certain failures from uncertain ones.
    pub(super) fn commit(&self, txn: WriteTxn<'_>) -> Result<(), KvError> {
        let Some(journal) = &self.journal else { return Err(KvError::ReadOnly) };
        let WriteTxn { txn, record, _turn } = txn;
        let committed = match self.settings.durability {
            Durability::Strict if WriteTxn::is_large(&record) => self.commit_by_checkpoint(journal, txn)?,
            Durability::Strict => self.commit_journaled(journal, txn, record)?,
            Durability::Relaxed => self.commit_relaxed(journal, txn, &record),
        };
        match committed {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                if let Some(bytes) = self.settings.size_bytes {
                    self.noted_size.store(bytes, Ordering::Release);
                }
                Ok(())
            }
            Err(error) => {
                let panicked = self.is_broken();
                let full = !panicked
                    && matches!(error, LmdbError::Io(_))
                    && probe::is_disk_full(self.place.directory());
                Err(commit_error(error, panicked, full))
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

    /// Records that a write did not fit the map, and returns whether the map may grow.
    pub(super) fn may_grow(&self) -> bool {
        let map_bytes = self.env.info().map_bytes as u64;
        // No transaction takes half a map, so one that fails before was refused by the disk.
        let may = map_bytes < self.size_limit && self.file_bytes() > map_bytes / 2;
        self.was_full.store(may, Ordering::Release);
        may
    }

    /// Frees the slots of dead readers, whose states would otherwise be kept for ever.
    pub(super) fn clear_stale_readers(&self) {
        let Some(locks) = &self.locks else { return };
        let cleared =
            self.hold_readers(locks).and_then(|_held| self.env.clear_dead_readers().map_err(kv_error));
        match cleared {
            Ok(0) => {}
            Ok(readers) => {
                self.told.dead_readers.fetch_add(readers as u64, Ordering::Relaxed);
                tracing::info!(
                    name: "kv.readers-forgotten", target: "baton::kv", readers,
                    "forgot the reads of processes that died"
                );
            }
            // This costs space, not correctness, and the next attempt is soon.
            Err(error) => {
                tracing::warn!(
                    name: "kv.readers-unknown", target: "baton::kv", %error,
                    "could not look for the reads of processes that died"
                );
            }
        }
    }

    /// The bytes of the file that are or were in use.
    pub(super) fn file_bytes(&self) -> u64 {
        (self.env.info().last_page as u64 + 1) * self.env.page_bytes() as u64
    }

    /// The pages in LMDB's free list. `None` if it cannot be read now.
    pub(super) fn free_pages(&self) -> u64 {
        let count = |txn: &lmdb::Txn<'_>| -> lmdb::Result<usize> {
            FreeList::of(txn)?.map(|freed| Ok(freed?.len())).sum()
        };
        self.read_txn().ok().and_then(|txn| count(&txn).ok()).unwrap_or_default() as u64
    }

    /// How many transactions were committed through this environment.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Whether its files are still there.
    pub(super) fn is_there(&self) -> bool {
        self.place.is_there()
    }

    /// For threads: ends once LMDB has closed.
    pub(super) fn closing(&self) -> Closing {
        self.closing.closing()
    }

    /// For tasks: stops being changeable once LMDB has closed.
    pub(super) fn closed(&self) -> watch::Receiver<()> {
        self.closed.subscribe()
    }
}

/// Creates the tables of a new store, or converts one without a journal. If another process was faster, this
/// finds them and changes nothing.
fn make_tables(env: &Env, locks: &Locks) -> Result<(Tables, StoreId), KvError> {
    let _turn = locks.take_turn(TURN_WAIT_MAX, &|| true).map_err(no_turn)?;
    // LMDB does not flush the meta pages of a new file, and what is torn must be known from what was committed.
    env.sync().map_err(kv_error)?;
    // There is no checkpoint yet to go back to, so LMDB flushes in its own order.
    env.flush_commits(true).map_err(kv_error)?;
    let made = || {
        let mut txn = env.begin_write()?;
        let made = content::create_tables(&mut txn)?;
        txn.commit_flushed().map(|()| made)
    };
    let made = made().map_err(kv_error);
    env.flush_commits(false).map_err(kv_error)?;
    made
}
