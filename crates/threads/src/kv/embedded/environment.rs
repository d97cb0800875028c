//! A disk in memory in place of LMDB. It fails when it is told to, and fails the test where LMDB would break:
//! at a second opening, at two write transactions at once.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::options::Settings;
use super::queue::Leader;
use super::values::Tables;
use crate::kv::{KvError, Mutations};
use crate::sync::{Condvar, Mutex, point, watch};

pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Commits,
    /// There is no room for more than so many new rows.
    Rows(usize),
    /// It takes place, and the answer says that nobody knows.
    UnknownDone,
    /// It does not take place, and the answer says that nobody knows.
    UnknownLost,
    /// Whoever commits meets a bug.
    Panics,
}

/// What is behind a directory, whoever has it open.
#[derive(Default)]
struct State {
    is_open: bool,
    is_writing: bool,
    openings: usize,
    commits: usize,
    rows: Rows,
    /// Of the next commits; those after them take place.
    fates: Vec<Fate>,
    /// So often another process still has the turn when it is asked for.
    held: u32,
    /// For how many transactions a batch waits.
    expected: Option<usize>,
    /// The batches of callers, and those of the store's thread.
    led: (usize, usize),
}

/// A directory's disk.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<std::sync::Mutex<State>>);

shuttle::lazy_static! {
    static ref DISKS: std::sync::Mutex<HashMap<PathBuf, Disk>> = std::sync::Mutex::default();
}

impl Disk {
    /// The disk behind a directory, in this run of a test.
    pub(crate) fn of(directory: &Path) -> Self {
        let directory = directory.canonicalize().expect("the directory exists");
        DISKS.lock().unwrap_or_else(PoisonError::into_inner).entry(directory).or_default().clone()
    }

    fn with<T>(&self, body: impl FnOnce(&mut State) -> T) -> T {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.with(|disk| disk.is_open)
    }

    pub(crate) fn openings(&self) -> usize {
        self.with(|disk| disk.openings)
    }

    pub(crate) fn commits(&self) -> usize {
        self.with(|disk| disk.commits)
    }

    /// What is committed under a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.with(|disk| disk.rows.get(key).cloned())
    }

    /// From now on each batch waits for so many transactions, until time passes.
    pub(crate) fn expect(&self, transactions: usize) {
        self.with(|disk| disk.expected = Some(transactions));
    }

    /// How many batches callers have committed, and how many the store's thread has.
    pub(crate) fn led(&self) -> (usize, usize) {
        self.with(|disk| disk.led)
    }

    /// All that is committed.
    pub(crate) fn rows(&self) -> Rows {
        self.with(|disk| disk.rows.clone())
    }

    pub(crate) fn meets(&self, fates: impl IntoIterator<Item = Fate>) {
        self.with(|disk| disk.fates = fates.into_iter().collect());
    }
}

impl Disk {
    /// Another process has the turn, and keeps it while it is asked for so often.
    pub(crate) fn is_held(&self, times: u32) {
        self.with(|disk| disk.held = times);
    }
}

/// How much longer each question takes a caller.
pub(crate) const WAITED: Duration = Duration::from_millis(40);

/// By which a thread waits for the end of an environment.
#[derive(Clone)]
pub(crate) struct Closing(Arc<(Mutex<bool>, Condvar)>);

impl Closing {
    pub(crate) fn wait_timeout(&self, limit: Duration) -> bool {
        let (is_over, condition) = &*self.0;
        let mut guard = is_over.lock().unwrap_or_else(PoisonError::into_inner);
        while !*guard && !limit.is_zero() {
            let (woken, timeout) =
                condition.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner);
            guard = woken;
            if timeout.timed_out() {
                break;
            }
        }
        *guard
    }

    fn end(&self) {
        let (is_over, condition) = &*self.0;
        *is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        condition.notify_one();
    }
}

/// An opened environment.
pub(crate) struct Store {
    disk: Disk,
    pub(super) tables: Tables,
    pub(super) pace: Pace,
    closing: Closing,
    // As in the original: the last to go.
    closed: watch::Sender<()>,
}

impl Store {
    pub(super) fn open(directory: &Path, _: Settings) -> Result<Self, KvError> {
        point();
        let disk = Disk::of(directory);
        disk.with(|disk| {
            assert!(!disk.is_open, "a directory was opened while it is open");
            disk.is_open = true;
            disk.openings += 1;
        });
        point();
        let closing = Closing(Arc::new((Mutex::new(false), Condvar::new())));
        let pace = Pace(disk.clone());
        Ok(Self { disk, tables: Tables, pace, closing, closed: watch::Sender::new(()) })
    }

    pub(super) fn write_txn(&self, is_wanted: &dyn Fn(Duration) -> bool) -> Result<WriteTxn<'_>, KvError> {
        point();
        let mut waited = Duration::ZERO;
        while self.disk.with(|disk| disk.held > 0) {
            self.disk.with(|disk| disk.held -= 1);
            waited += WAITED;
            if !is_wanted(waited) {
                return Err(KvError::Unavailable { detail: "another process has the turn".into() });
            }
            point();
        }
        let rows = self.disk.with(|disk| {
            assert!(disk.is_open, "a closed directory is used");
            assert!(!disk.is_writing, "two write transactions run at once");
            disk.is_writing = true;
            disk.rows.clone()
        });
        Ok(WriteTxn { store: self, rows, put_off: Mutations::new() })
    }

    pub(super) fn commit(&self, mut txn: WriteTxn<'_>) -> Result<usize, NotCommitted> {
        point();
        let freed = txn.catch_up(self.tables).map_err(NotCommitted::NotApplied)?;
        let committed = self.disk.with(|disk| {
            let fate = if disk.fates.is_empty() { Fate::Commits } else { disk.fates.remove(0) };
            let added = txn.rows.keys().filter(|key| !disk.rows.contains_key(*key)).count();
            let unknown = Err(KvError::UnknownOutcome { detail: "as told".into() });
            match fate {
                Fate::Rows(most) if added > most => return Err(KvError::Full { detail: "as told".into() }),
                Fate::UnknownLost => return unknown,
                // Not as a panic that fails the test.
                Fate::Panics => std::panic::resume_unwind(Box::new("as told")),
                Fate::Commits | Fate::Rows(_) | Fate::UnknownDone => {}
            }
            disk.rows.clone_from(&txn.rows);
            disk.commits += 1;
            if fate == Fate::UnknownDone { unknown } else { Ok(()) }
        });
        drop(txn);
        point();
        committed.map(|()| freed).map_err(NotCommitted::Failed)
    }

    pub(super) fn clear_stale_readers(&self) {}

    pub(super) fn tell_of_old_reads(&self) {}

    pub(super) fn room(&self) -> Room {
        Room
    }

    pub(super) fn take_room(&self, _: &mut Room, _: &Mutations) -> Result<Result<(), KvError>, KvError> {
        Ok(Ok(()))
    }

    pub(super) fn make_room(&self) -> bool {
        false
    }

    pub(super) fn note_freed(&self, _: usize, _: usize) {}

    pub(super) fn begin_checkpoints(self: &Arc<Self>) -> std::io::Result<()> {
        assert!(self.disk.is_open());
        Ok(())
    }

    pub(super) fn end_writing(&self) {}

    pub(super) fn is_there(&self) -> bool {
        true
    }

    pub(super) fn closing(&self) -> Closing {
        self.closing.clone()
    }

    pub(super) fn closed(&self) -> watch::Receiver<()> {
        self.closed.subscribe()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        point();
        self.disk.with(|disk| disk.is_open = false);
        if !std::thread::panicking() {
            self.closing.end();
        }
    }
}

/// Batches wait for others if the test says so.
pub(crate) struct Pace(Disk);

impl Pace {
    pub(super) fn worth_waiting_for(&self) -> Option<(usize, Duration)> {
        self.0.with(|disk| disk.expected).map(|transactions| (transactions, Duration::ZERO))
    }

    #[expect(clippy::unused_self, reason = "so it is called")]
    pub(super) fn begin(&self) {
        point();
    }

    pub(super) fn end(&self, leader: Leader, _: usize) -> bool {
        self.0.with(|disk| match leader {
            Leader::Caller => disk.led.0 += 1,
            Leader::Thread => disk.led.1 += 1,
        });
        true
    }
}

/// There is always enough, but for what [`Fate::Rows`] says.
pub(crate) struct Room;

/// Why a transaction was not committed.
pub(crate) enum NotCommitted {
    NotApplied(KvError),
    Failed(KvError),
}

impl From<NotCommitted> for KvError {
    fn from(not_committed: NotCommitted) -> Self {
        match not_committed {
            NotCommitted::NotApplied(error) | NotCommitted::Failed(error) => error,
        }
    }
}

/// A write transaction: what it has read and written.
pub(crate) struct WriteTxn<'e> {
    store: &'e Store,
    rows: Rows,
    put_off: Mutations,
}

impl WriteTxn<'_> {
    pub(super) fn rows(&self) -> &Rows {
        assert!(self.put_off.is_empty(), "a transaction reads a state that lacks writes");
        &self.rows
    }

    pub(super) fn rows_mut(&mut self) -> &mut Rows {
        &mut self.rows
    }

    pub(super) fn put_off(&mut self, mutations: Mutations) {
        assert!(self.put_off.is_empty(), "the writes before are lost");
        self.put_off = mutations;
    }

    pub(super) fn catch_up(&mut self, tables: Tables) -> Result<usize, KvError> {
        let put_off = std::mem::take(&mut self.put_off);
        put_off.iter().map(|mutation| tables.apply(self, mutation)).sum()
    }

    pub(super) fn abort(self) {}
}

impl Drop for WriteTxn<'_> {
    fn drop(&mut self) {
        self.store.disk.with(|disk| disk.is_writing = false);
    }
}
