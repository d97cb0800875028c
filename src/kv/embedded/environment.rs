//! An open store, the map of its file, and its place in the table of readers. `transactions` has its reads and writes.
//!
//! The directory holds `data.mdb` and `lock.mdb` (LMDB's own names) and the files of `locks`. LMDB's main
//! database holds the format version and the two databases of [`Tables`], all created in one transaction.
//! Anything else found there belongs to somebody else and is left alone, byte for byte.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub(super) use super::closing::Closing;
use super::closing::ClosingOnDrop;
use super::content::{self, Content, StoreId};
use super::errors::{kv_error, no_turn, unavailable};
use super::journal::{CHECKPOINT_NAME, Checkpointer, Journal, SEGMENT_NAMES, Unsettled};
use super::lmdb::{self, Code, Env, FreeList, LmdbError};
use super::locks::Locks;
use super::opening::{self, Opened};
use super::options::Settings;
use super::pace::Pace;
use super::place::Place;
pub(super) use super::room::Room;
use super::told::Told;
pub(super) use super::transactions::{NotCommitted, ReadTxn, WriteTxn};
use super::values::Tables;
use super::{directory_sync, map};
use crate::kv::KvError;
use crate::sync::watch;

/// The files of the journal, which stay where they are while the store is open.
const JOURNAL_NAMES: [&str; 3] = [CHECKPOINT_NAME, SEGMENT_NAMES[0], SEGMENT_NAMES[1]];
/// How long a write waits for its turn.
pub(super) const TURN_WAIT_MAX: Duration = Duration::from_secs(10);

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
    pub(super) noted_size: AtomicU64,
    /// The last write found no room in the map.
    was_full: AtomicBool,
    pub(super) commits: AtomicU64,
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

    /// Maps more of the file, if that is needed now or soon. `is_outgrown` means that another process has
    /// used more than is mapped.
    pub(super) fn grow(&self, is_outgrown: bool) -> Result<(), KvError> {
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
