//! What a process knows about the journal of an open store.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::files::Files;
use super::log::Log;
use super::machine::Machine;
use super::position::Position;
use super::slot::{Checkpoint, Slots};
use crate::kv::JournalUsage;
use crate::kv::embedded::clock;
use crate::kv::embedded::content::StoreId;
use crate::kv::embedded::data_file::FILE_NAME;
use crate::kv::embedded::locks::files::Making;
use crate::sync::{Mutex, MutexGuard};

/// How many commits that have freed many pages are noted between two checkpoints.
const FREED_MAX: usize = 1_024;

/// The journal of an open store.
pub(in crate::kv::embedded) struct Journal {
    pub(in crate::kv::embedded) log: Log,
    pub(in crate::kv::embedded) machine: Machine,
    /// The data file, to read meta pages from.
    pub(in crate::kv::embedded) data: File,
    state: Mutex<State>,
    /// Why a flush of the data has failed, if one has. Held during a flush.
    pub(in crate::kv::embedded) flush_failed: Mutex<Option<String>>,
    pub(in crate::kv::embedded) counters: JournalCounters,
}

/// What changes. Locked within the write turn, or for a moment.
#[derive(Debug)]
pub(in crate::kv::embedded) struct State {
    /// Where the next record goes. `None`: it has to be found.
    pub tail: Option<Position>,
    /// The last commit of this process without a record.
    pub unjournaled: Option<u64>,
    /// A state at or below the newest checkpoint is pinned, so this process may write.
    pub may_write: bool,
    /// The newest checkpoint that this process knows of.
    pub checkpoint: Option<Checkpoint>,
    /// The bytes of records since then, and when something was last written.
    pub bytes: u64,
    pub written: Instant,
    /// When the last checkpoint was made.
    pub checked: Instant,
    /// Something was committed since the last checkpoint.
    pub is_dirty: bool,
    /// Commits since the last checkpoint that have freed many pages.
    pub freed: Vec<usize>,
    /// Why nothing can be written any more.
    pub broken: Option<String>,
    /// Others were told so.
    pub is_distrust_noted: bool,
}

/// Counts since the store was opened.
#[derive(Debug, Default)]
pub(in crate::kv::embedded) struct JournalCounters {
    pub records: AtomicU64,
    pub bytes: AtomicU64,
    pub flushes: AtomicU64,
    pub checkpoints: AtomicU64,
    pub checkpoint_micros: AtomicU64,
}

impl JournalCounters {
    /// What they are at now.
    pub(in crate::kv::embedded) fn usage(&self) -> JournalUsage {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        JournalUsage {
            records: now(&self.records),
            bytes: now(&self.bytes),
            flushes: now(&self.flushes),
            checkpoints: now(&self.checkpoints),
            checkpoint_ms: now(&self.checkpoint_micros) / 1_000,
        }
    }

    pub(in crate::kv::embedded) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    pub(in crate::kv::embedded) fn checkpoint_took(&self, time: Duration) {
        Self::add(&self.checkpoints, 1);
        Self::add(&self.checkpoint_micros, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
}

impl Journal {
    /// Opens the journal of a directory, and creates the files that are missing.
    pub(in crate::kv::embedded) fn open(
        directory: &Path,
        making: &Making,
        store: StoreId,
    ) -> io::Result<Self> {
        let data = directory.join(FILE_NAME);
        let now = clock::now();
        Ok(Self {
            log: Log { files: Files::create(directory, making)?, store },
            machine: Machine::of(&data)?,
            data: File::open(&data)?,
            state: Mutex::new(State {
                tail: None,
                unjournaled: None,
                may_write: false,
                checkpoint: None,
                bytes: 0,
                written: now,
                checked: now,
                is_dirty: false,
                freed: Vec::new(),
                broken: None,
                is_distrust_noted: false,
            }),
            flush_failed: Mutex::default(),
            counters: JournalCounters::default(),
        })
    }

    pub(in crate::kv::embedded) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a commit has freed many pages.
    pub(in crate::kv::embedded) fn note_freed(&self, commit: usize) {
        let mut state = self.state();
        if state.freed.len() < FREED_MAX {
            state.freed.push(commit);
        }
    }

    /// The newest checkpoint of this store that was written down, whoever made it. Within the write turn.
    pub(in crate::kv::embedded) fn newest_checkpoint(&self) -> io::Result<Option<Checkpoint>> {
        Ok(match self.log.files.slots()? {
            Slots::Newest(newest) if newest.store == self.log.store => Some(*newest),
            _ => None,
        })
    }
}
