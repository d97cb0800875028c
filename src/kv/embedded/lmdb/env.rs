//! An open environment: its map and its readers.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lmdb_master_sys as ffi;

use super::super::clock;
use super::idle::{Idle, Kept, Pin};
use super::{LmdbError, Result, check, flush};

/// How many slots in the reader table are kept for later reads. Slots are scarce over all processes, so a
/// peak of reads must not keep all of its slots.
const IDLE_MAX: usize = 32;

/// What LMDB is told so that a commit flushes nothing: where its flush of the data is replaced, the rest.
const UNFLUSHED: u32 = if flush::IS_REPLACED { ffi::MDB_NOMETASYNC } else { ffi::MDB_NOSYNC };

/// How to open an environment, in which commits are not flushed.
pub(crate) struct EnvOptions {
    /// The address space to reserve for the file.
    pub map_bytes: usize,
    /// How many reads can run at once, over all processes. The first process to open the directory decides.
    pub readers_max: u32,
    /// How many named tables there can be.
    pub tables_max: u32,
    /// Whether nothing is written.
    pub read_only: bool,
    /// Whether there is no lock file: if nobody can write, no lock is needed.
    pub no_lock: bool,
    /// The permissions of new files.
    pub mode: u32,
}

/// How large an environment is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Info {
    /// The reserved address space.
    pub map_bytes: usize,
    /// The largest page number in use, of the newest commit.
    pub last_page: usize,
    /// The number of the newest commit.
    pub last_txn: usize,
}

/// A slot in use in the reader table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reader {
    /// The identity of its process.
    pub identity: c_int,
    /// The state that it keeps; `None` between two reads.
    pub txn: Option<usize>,
}

/// An open environment. It closes on drop.
pub(crate) struct Env {
    raw: NonNull<ffi::MDB_env>,
    reading: Mutex<Reading>,
    /// A read has ended, or the map was replaced.
    pub(super) changed: Condvar,
}

/// The reads of this process.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) idle: Vec<Idle>,
    pub(super) active: usize,
    pub(super) kept: Option<Kept>,
    /// The pinned states, the oldest first. They do not count as active, since nobody reads through them.
    pub(super) pins: Vec<Pin>,
    /// A thread wants to change the map, and no read may run meanwhile.
    pub(super) is_growing: bool,
}

// SAFETY: LMDB's environments may be used by many threads; write transactions exclude each other, and what
// growing the map needs is under `reading`.
unsafe impl Send for Env {}
// SAFETY: as above.
unsafe impl Sync for Env {}

impl Env {
    /// Opens the environment in a directory.
    ///
    /// # Safety
    /// Nobody but LMDB changes the files while it is open, and this process has it open only once.
    pub(crate) unsafe fn open(directory: &Path, options: &EnvOptions) -> Result<Self> {
        let path = c_path(directory)?;
        let mut raw = ptr::null_mut();
        // SAFETY: LMDB fills the pointer.
        check(unsafe { ffi::mdb_env_create(&raw mut raw) })?;
        let env = Self {
            raw: NonNull::new(raw).expect("an environment that was created has an address"),
            reading: Mutex::default(),
            changed: Condvar::new(),
        };
        let flags = ffi::MDB_NOTLS
            | UNFLUSHED
            | if options.read_only { ffi::MDB_RDONLY } else { 0 }
            | if options.no_lock { ffi::MDB_NOLOCK } else { 0 };
        // If opening fails, the environment must still be closed, which dropping it does.
        // SAFETY: the environment was created and is not open yet; the path ends with a zero.
        unsafe {
            check(ffi::mdb_env_set_mapsize(raw, options.map_bytes))?;
            check(ffi::mdb_env_set_maxreaders(raw, options.readers_max))?;
            check(ffi::mdb_env_set_maxdbs(raw, options.tables_max))?;
            check(ffi::mdb_env_open(raw, path.as_ptr(), flags, file_mode(options.mode)))?;
        }
        Ok(env)
    }

    pub(super) fn raw(&self) -> *mut ffi::MDB_env {
        self.raw.as_ptr()
    }

    /// Takes a slot in the reader table, for [`read_again`](Self::read_again). This waits for a mutex in the
    /// lock file, and no process may wait for that mutex while another one does.
    pub(crate) fn take_place(&self) -> Result<()> {
        // SAFETY: the environment is open, and ends its idle transactions before it closes.
        let idle = unsafe { Idle::begin(self.raw()) }?;
        self.reading().idle.push(idle);
        Ok(())
    }

    /// Takes back what a finished read leaves.
    pub(super) fn end_read(&self, idle: Option<Idle>) {
        let mut reading = self.reading();
        reading.active -= 1;
        match idle {
            Some(idle) if reading.idle.len() < IDLE_MAX => reading.idle.push(idle),
            Some(idle) => idle.abort(),
            None => {}
        }
        if reading.is_growing {
            self.changed.notify_all();
        }
    }

    /// Whether a state is being kept.
    pub(crate) fn is_keeping(&self) -> bool {
        self.reading().kept.is_some()
    }

    /// Releases the kept state.
    pub(crate) fn let_go(&self) {
        let kept = self.reading().kept.take();
        if let Some(kept) = kept {
            self.end_read(Some(kept.end()));
        }
    }

    /// The oldest pinned state.
    pub(crate) fn oldest_pin(&self) -> Option<usize> {
        self.reading().pins.first().map(|pin| pin.txn)
    }

    /// The pinned states.
    pub(crate) fn pins(&self) -> Vec<usize> {
        self.reading().pins.iter().map(|pin| pin.txn).collect()
    }

    /// Releases all pinned states.
    pub(crate) fn release_pins(&self) {
        self.release_pins_of(<[Pin]>::len);
    }

    /// Releases the pinned states at or below `txn`, but for the newest of these.
    pub(crate) fn release_pins_but_newest_through(&self, txn: usize) {
        self.release_pins_of(|pins| pins.partition_point(|pin| pin.txn <= txn).saturating_sub(1));
    }

    /// Releases the oldest pinned states, as many as `count` says.
    fn release_pins_of(&self, count: impl FnOnce(&[Pin]) -> usize) {
        let mut reading = self.reading();
        let kept = count(&reading.pins);
        let released: Vec<Idle> = reading.pins.drain(..kept).map(Pin::end).collect();
        for idle in released {
            if reading.idle.len() < IDLE_MAX {
                reading.idle.push(idle);
            } else {
                idle.abort();
            }
        }
    }

    /// Whether commits flush, the data and then the meta page. Only within the write turn.
    pub(crate) fn flush_commits(&self, flushes: bool) -> Result<()> {
        // SAFETY: the environment is open, and nobody writes or changes flags outside of the write turn.
        check(unsafe { ffi::mdb_env_set_flags(self.raw(), UNFLUSHED, c_int::from(!flushes)) })
    }

    /// Whether LMDB was compiled as `flush` needs it. Not for one that is opened to read.
    pub(crate) fn has_replaced_flush(&self) -> bool {
        let mut is_called = false;
        let mut step = || {
            is_called = true;
            true
        };
        !flush::IS_REPLACED || flush::instead(&mut step, || self.sync()).is_ok() && is_called
    }

    /// Flushes what was committed.
    pub(crate) fn sync(&self) -> Result<()> {
        // SAFETY: the environment is open.
        check(unsafe { ffi::mdb_env_sync(self.raw(), 1) })
    }

    pub(crate) fn info(&self) -> Info {
        // SAFETY: zeros are valid for this plain structure, and LMDB fills it; it fails only for null
        // pointers.
        let info = unsafe {
            let mut info: ffi::MDB_envinfo = std::mem::zeroed();
            ffi::mdb_env_info(self.raw(), &raw mut info);
            info
        };
        Info { map_bytes: info.me_mapsize, last_page: info.me_last_pgno, last_txn: info.me_last_txnid }
    }

    /// The page size in bytes.
    pub(crate) fn page_bytes(&self) -> usize {
        // SAFETY: as in `info`.
        let stat = unsafe {
            let mut stat: ffi::MDB_stat = std::mem::zeroed();
            ffi::mdb_env_stat(self.raw(), &raw mut stat);
            stat
        };
        stat.ms_psize as usize
    }

    /// The maximum length of a key.
    pub(crate) fn key_bytes_max(&self) -> usize {
        // SAFETY: the environment is open.
        let bytes = unsafe { ffi::mdb_env_get_maxkeysize(self.raw()) };
        usize::try_from(bytes).expect("a length is not negative")
    }

    /// Maps the file again with `bytes`, once no read of this process is running; `false` if reads are still
    /// running after `patience`. Does nothing if the map no longer has `from` bytes. Releases a kept state.
    /// The caller has no write transaction open.
    pub(crate) fn resize(&self, from: usize, bytes: usize, patience: Duration) -> Result<bool> {
        let end = clock::now() + patience;
        let mut reading = self.reading();
        while reading.is_growing {
            reading = self.changed.wait(reading).unwrap_or_else(PoisonError::into_inner);
        }
        if self.info().map_bytes != from {
            return Ok(true);
        }
        if let Some(kept) = reading.kept.take() {
            reading.active -= 1;
            reading.idle.push(kept.end());
        }
        reading.is_growing = true;
        while reading.active > 0 {
            let left = end.saturating_duration_since(clock::now());
            if left.is_zero() {
                break;
            }
            reading = self.changed.wait_timeout(reading, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let is_quiet = reading.active == 0;
        let resized = if is_quiet {
            // SAFETY: no read is running and none can begin, and the caller does not write.
            check(unsafe { ffi::mdb_env_set_mapsize(self.raw(), bytes) })
        } else {
            Ok(())
        };
        reading.is_growing = false;
        self.changed.notify_all();
        resized.map(|()| is_quiet)
    }

    /// Frees the slots of processes that are gone, and returns how many there were. This may wait for the
    /// same mutex as [`take_place`](Self::take_place).
    pub(crate) fn clear_dead_readers(&self) -> Result<usize> {
        let mut dead = 0;
        // SAFETY: the environment is open, and LMDB fills the number.
        check(unsafe { ffi::mdb_reader_check(self.raw(), &raw mut dead) })?;
        Ok(usize::try_from(dead).unwrap_or_default())
    }

    /// The slots in use in the reader table, of all processes.
    pub(crate) fn readers(&self) -> Vec<Reader> {
        let mut readers = Vec::new();
        // SAFETY: the environment is open, and the callback gets the pointer that it expects.
        let _code = unsafe { ffi::mdb_reader_list(self.raw(), Some(note_reader), (&raw mut readers).cast()) };
        readers
    }

    pub(super) fn reading(&self) -> MutexGuard<'_, Reading> {
        // No change can panic half way.
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        self.let_go();
        self.release_pins();
        for idle in self.reading().idle.drain(..) {
            idle.abort();
        }
        // SAFETY: no transaction is left: all of them borrow the environment.
        unsafe { ffi::mdb_env_close(self.raw()) };
    }
}

/// LMDB lists readers in lines of text: process, thread, and state or a dash.
extern "C" fn note_reader(line: *const c_char, readers: *mut c_void) -> c_int {
    // SAFETY: LMDB passes a text that ends with a zero, and the vector that `readers` passed to it.
    let (line, readers) = unsafe { (CStr::from_ptr(line), &mut *readers.cast::<Vec<Reader>>()) };
    if let Some(reader) = line.to_str().ok().and_then(parse_reader) {
        readers.push(reader);
    }
    0
}

fn parse_reader(line: &str) -> Option<Reader> {
    // The first line is a heading without numbers.
    let mut words = line.split_ascii_whitespace();
    let identity = words.next()?.parse().ok()?;
    let txn = words.nth(1)?;
    Some(Reader { identity, txn: txn.parse().ok() })
}

#[cfg(unix)]
fn c_path(path: &Path) -> Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).map_err(|error| LmdbError::Io(error.into()))
}

#[cfg(not(unix))]
fn c_path(path: &Path) -> Result<CString> {
    let text = path.to_str().ok_or(std::io::Error::from(std::io::ErrorKind::InvalidFilename))?;
    CString::new(text).map_err(|error| LmdbError::Io(error.into()))
}

#[cfg(target_os = "linux")]
fn file_mode(mode: u32) -> ffi::mdb_mode_t {
    mode
}

#[cfg(not(target_os = "linux"))]
fn file_mode(mode: u32) -> ffi::mdb_mode_t {
    // Permissions have nine bits, whatever the integer type.
    (mode & 0o777) as ffi::mdb_mode_t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_readers_are_understood() {
        assert_eq!(parse_reader("    pid     thread     txnid\n"), None);
        let reading = Reader { identity: 4_194_305, txn: Some(17) };
        assert_eq!(parse_reader("   4194305 7f0c3c7fe6c0 17\n"), Some(reading));
        let between = Reader { identity: 12, txn: None };
        assert_eq!(parse_reader("        12 7f0c3c7fe6c0 -\n"), Some(between));
    }
}
