//! Coordinates the processes that have a directory open.
//!
//! - `ofd`: locks that belong to a descriptor
//! - `presence`: shows that the directory is in use, by locks on bytes of LMDB's own files
//! - `turn`: which process may write now
//! - `processes`: notes about the processes, for people
//! - `waiting`: waiting for a lock, with a timeout
//! - `room`: disk space for what is mapped
//! - `files`: the permissions and the owner of new files
//!
//! One more lock, on the file `readers`, is held by a process that opens the directory. It is also held
//! briefly by a process that takes a slot in LMDB's reader table or frees the slots of dead readers. LMDB's
//! own mutex for that table is a robust one in shared memory, so nobody may wait for it (see `turn`): only
//! the holder of this lock takes it.

pub(super) mod files;
#[cfg(target_os = "linux")]
mod ofd;
#[cfg(target_os = "linux")]
mod presence;
#[cfg(not(target_os = "linux"))]
#[path = "presence_elsewhere.rs"]
mod presence;
#[cfg(unix)]
mod processes;
#[cfg(not(unix))]
#[path = "processes_elsewhere.rs"]
mod processes;
mod room;
mod turn;
mod waiting;

pub(super) use presence::{Others, SECOND_FILE_NAME, Unlocked, is_written_by_earlier_release};
pub(super) use processes::Process;
pub(super) use turn::{Holder, NoTurn, Turn};

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use self::files::Making;
use self::presence::Presence;
use self::processes::Processes;
use self::turn::Turns;
use self::waiting::Waiting;
use super::clock;
use super::lmdb::{own_identity, renew_identity};
use super::positioned::{read_at, write_at};

pub(super) const LOCK_FILE_NAME: &str = "lock.mdb";
const READERS_NAME: &str = "readers";
const PROCESSES_NAME: &str = "processes";
/// More than LMDB's lock file needs for the number of readers that it is opened with.
const LOCK_FILE_BYTES: u64 = 80 * 1024;
/// How long to wait for the lock on the reader table. It is held for milliseconds, unless its holder is
/// stopped.
const READERS_WAIT_MAX: Duration = Duration::from_secs(10);
/// The name of a process in a note: a host's name has at most 255 bytes.
const HOLDER_BYTES_MAX: usize = 320;
/// How often another identity is drawn. One is needed once in millions of openings.
const DRAWS_MAX: usize = 8;

/// The locks of an open directory.
pub(super) struct Locks {
    readers: ReadersLock,
    turns: Turns,
    presence: Presence,
    notes: Option<Processes>,
}

/// Why a directory cannot be opened.
#[derive(Debug)]
pub(super) enum NoEntry {
    Failed(io::Error),
    /// The lock on the reader table could not be taken in time.
    /// By whom, if it left a note.
    ReadersLocked(Option<String>),
    /// See [`Others`].
    LockFileRemoved,
    DataFileReplaced,
    /// The processes that have it open use another C library.
    OtherLibrary,
}

impl From<io::Error> for NoEntry {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Locks {
    /// Opens a directory with `open`; `second` is the file [`SECOND_FILE_NAME`] in it. `open` is passed
    /// whether another process has the directory open, and takes the first slot in LMDB's reader table. Only
    /// one process at a time does this.
    pub(super) fn enter<T, E: From<NoEntry>>(
        directory: &Path,
        making: &Making,
        second: File,
        open: impl FnOnce(Others) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        let failed = |error: io::Error| E::from(NoEntry::Failed(error));
        let readers = ReadersLock::open(directory, making).map_err(failed)?;
        let entering =
            readers.hold().map_err(failed)?.ok_or_else(|| NoEntry::ReadersLocked(readers.holder()))?;
        let lock = making.open(&directory.join(LOCK_FILE_NAME)).map_err(failed)?;
        let presence = identified(second, lock).map_err(failed)?;
        let others = presence.others().map_err(failed)?;
        match others {
            Others::None | Others::Present => {}
            Others::LockFileRemoved => return Err(NoEntry::LockFileRemoved.into()),
            Others::DataFileReplaced => return Err(NoEntry::DataFileReplaced.into()),
        }
        if presence.is_another_here().map_err(failed)? {
            // The processes that have it open hold locks on the files that existed when they came.
            let is_ours = presence::is_shared(&readers.file).map_err(failed)?;
            if !is_ours || !file_paths(directory).all(|path| path.exists()) {
                return Err(NoEntry::LockFileRemoved.into());
            }
        }
        presence.reserve_room(LOCK_FILE_BYTES).map_err(failed)?;
        let notes = making.open(&directory.join(PROCESSES_NAME)).map_err(failed)?;
        let is_alone = others == Others::None;
        let identity = presence.identity();
        let notes = Processes::open(notes, is_alone, identity, |theirs| presence.is_alive(theirs));
        let notes = notes.map_err(failed)?.ok_or(NoEntry::OtherLibrary)?;
        let turns = Turns::open(directory, making).map_err(failed)?;
        let opened = open(others)?;
        presence.take().map_err(failed)?;
        presence::share(&readers.file).map_err(failed)?;
        drop(entering);
        Ok((Self { readers, turns, presence, notes: Some(notes) }, opened))
    }

    /// Keeps all others away from the reader table; `None` if the lock could not be taken in time.
    pub(super) fn hold_readers(&self) -> io::Result<Option<ReadersHeld<'_>>> {
        self.readers.hold()
    }

    /// Who has that lock, as far as it is noted.
    pub(super) fn readers_holder(&self) -> Option<String> {
        self.readers.holder()
    }

    /// Waits for the write turn.
    pub(super) fn take_turn(&self, limit: Duration, goes_on: &dyn Fn() -> bool) -> Result<Turn<'_>, NoTurn> {
        self.turns.take(self.notes.as_ref(), limit, goes_on).map_err(|no_turn| match no_turn {
            // Whoever has it was stopped before it noted so, or has only the gate.
            NoTurn::Waited { waited, holder: None, .. } => {
                let is_alive = |identity| self.presence.is_alive(identity);
                let others = self.notes.as_ref().map(|notes| notes.others(is_alive)).unwrap_or_default();
                NoTurn::Waited { waited, holder: None, others }
            }
            other => other,
        })
    }

    /// Who has the write turn now, as far as it is noted.
    pub(super) fn holder(&self) -> Option<Holder> {
        self.turns.holder(self.notes.as_ref())
    }

    /// The process with an identity, as far as it is noted.
    pub(super) fn find(&self, identity: u32) -> Option<Process> {
        self.notes.as_ref().and_then(|notes| notes.find(identity))
    }

    /// Notes the oldest state that this process pins, for the others.
    pub(super) fn note_pin(&self, state: Option<usize>) {
        if let Some(notes) = &self.notes {
            notes.note_pin(state.unwrap_or_default() as u64);
        }
    }

    /// Whether a process pins this state, as far as it is noted.
    pub(super) fn is_pinned(&self, identity: u32, state: u64) -> bool {
        self.notes.as_ref().is_some_and(|notes| notes.is_pinned(identity, state))
    }

    /// Since when a state has been the oldest one kept, as far as any process has seen.
    pub(super) fn kept_since(&self, state: u64) -> SystemTime {
        self.notes.as_ref().map_or_else(clock::wall, |notes| notes.kept_since(state))
    }

    /// Whether somebody reads without LMDB's locks now. If that cannot be determined, the answer is yes.
    pub(super) fn is_read_without_locks(&self) -> bool {
        self.presence.is_read_without_locks().unwrap_or(true)
    }
}

/// The names of the lock files.
pub(super) const FILE_NAMES: [&str; 5] =
    [LOCK_FILE_NAME, READERS_NAME, PROCESSES_NAME, turn::GATE_NAME, turn::TURN_NAME];

fn file_paths(directory: &Path) -> impl Iterator<Item = PathBuf> {
    FILE_NAMES.into_iter().map(|name| directory.join(name))
}

/// Whether this process may write to all lock files of a directory, or create them.
pub(super) fn can_be_used(directory: &Path) -> bool {
    file_paths(directory).all(|path| match File::options().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => is_writable(directory),
        opened => opened.is_ok(),
    })
}

#[cfg(unix)]
fn is_writable(directory: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(directory.as_os_str().as_bytes()) else { return false };
    // SAFETY: the path ends with a zero.
    unsafe { libc::access(path.as_ptr(), libc::W_OK) == 0 }
}

#[cfg(not(unix))]
fn is_writable(directory: &Path) -> bool {
    std::fs::metadata(directory).is_ok_and(|metadata| !metadata.permissions().readonly())
}

/// The presence of this process, with an identity that no other process there has.
fn identified(second: File, lock: File) -> io::Result<Presence> {
    let mut presence = Presence::new(lock, second, identity());
    for _ in 0..DRAWS_MAX {
        if !presence.is_identity_taken()? {
            break;
        }
        renew_identity();
        presence.set_identity(identity());
    }
    Ok(presence)
}

fn identity() -> u32 {
    u32::try_from(own_identity()).expect("an identity is not negative")
}

/// The lock on the reader table, between processes and between threads: the file lock belongs to its
/// descriptor, which all threads share.
struct ReadersLock {
    file: File,
    threads: Mutex<()>,
}

impl ReadersLock {
    fn open(directory: &Path, making: &Making) -> io::Result<Self> {
        Ok(Self { file: making.open(&directory.join(READERS_NAME))?, threads: Mutex::new(()) })
    }

    fn hold(&self) -> io::Result<Option<ReadersHeld<'_>>> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if !Waiting::at_most(READERS_WAIT_MAX).lock(&self.file, &|| true)? {
            return Ok(None);
        }
        let held = ReadersHeld { file: &self.file, _threads: threads };
        self.note_holder()?;
        Ok(Some(held))
    }

    /// Notes this process, unless it was the last holder, too.
    fn note_holder(&self) -> io::Result<()> {
        let own = format!("{}\n", processes::own_name());
        if read_at(&self.file, 0, own.len())? == own.as_bytes() {
            return Ok(());
        }
        write_at(&self.file, 0, own.as_bytes())
    }

    /// The process that had the lock last: the one that has it, if somebody has.
    fn holder(&self) -> Option<String> {
        let noted = read_at(&self.file, 0, HOLDER_BYTES_MAX).ok()?;
        let name = noted.split(|byte| *byte == b'\n').next().filter(|name| !name.is_empty())?;
        Some(String::from_utf8_lossy(name).into_owned())
    }
}

/// The lock, until it is dropped.
pub(super) struct ReadersHeld<'l> {
    file: &'l File,
    _threads: MutexGuard<'l, ()>,
}

impl Drop for ReadersHeld<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::error!(
                name: "kv.readers-lock-kept", target: "baton::kv", %error,
                "could not let other processes read for the first time"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_the_lock_on_the_reader_table_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let making = Making::of(directory.path(), None).unwrap();
        let [first, second] = [(), ()].map(|()| ReadersLock::open(directory.path(), &making).unwrap());
        assert_eq!(second.holder(), None);
        // Of one that had a longer name, the end is left.
        write_at(&first.file, 0, "process 1 on host \"with a longer name than all the others\"\n".as_bytes())
            .unwrap();
        let held = first.hold().unwrap();
        assert!(held.is_some());
        assert_eq!(second.holder(), Some(processes::own_name()));
    }
}
