//! Which processes have the directory open, and which one writes: notes for people, in a small file that all
//! processes map.
//!
//! Nothing depends on the notes; locks decide. They let an error say "held by process 12 on host web-3 since
//! 10:02" where the operating system would only say that somebody holds a lock, in whatever container.
//!
//! ```text
//! 0       "batonps1"
//! 8       the C library of those who use the directory, u32
//! 16      the identity of whoever has the write turn, u32; 24: since when, ms since 1970, u64
//! 32      the oldest state that was last seen to be kept, u64; 40: since when, ms since 1970, u64
//! 4096..  256 records of 128 bytes: identity u32, process id u32, PID namespace u64, opened ms u64,
//!         the state that it pins u32 (the low bits of its number), length of the host's name u8 (at 31), the
//!         name (from 32)
//! ```
//!
//! Numbers are in the machine's byte order, as in LMDB's own files beside it.

use std::fs::File;
use std::io::{self, Write};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use std::{fmt, slice};

use super::super::clock;
use super::room;

const MARK: &[u8; 8] = b"batonps1";
const LIBRARY_AT: usize = 8;
const HOLDER_AT: usize = 16;
const SINCE_AT: usize = 24;
const KEPT_AT: usize = 32;
const KEPT_SINCE_AT: usize = 40;
const RECORDS_AT: usize = 4_096;
const RECORDS: usize = 256;
const RECORD_BYTES: usize = 128;
const FILE_BYTES: usize = RECORDS_AT + RECORDS * RECORD_BYTES;
const PIN_AT: usize = 24;
const NAME_LENGTH_AT: usize = 31;
const NAME_AT: usize = 32;
const NAME_BYTES_MAX: usize = RECORD_BYTES - NAME_AT;

/// The C library of this build: the mutexes of two libraries are incompatible.
const LIBRARY: u32 = if cfg!(target_env = "musl") { 2 } else { 1 };

/// A process that has the directory open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kv::embedded) struct Process {
    /// Its process id, as it sees it itself.
    pub id: u32,
    pub host: String,
    /// Whether its process id means the same here.
    pub is_namespace_shared: bool,
    /// When it opened the directory.
    pub opened: SystemTime,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on host \"{}\"", self.id, self.host)?;
        if self.is_namespace_shared { Ok(()) } else { f.write_str(" (in another PID namespace)") }
    }
}

/// The mapped notes.
pub(in crate::kv::embedded) struct Processes {
    map: NonNull<u8>,
    /// The record of this process, if there was room for one.
    own: Option<usize>,
    identity: u32,
}

// SAFETY: the shared parts of the map are atomic numbers; records are written before their identity is.
unsafe impl Send for Processes {}
// SAFETY: as above.
unsafe impl Sync for Processes {}

impl Processes {
    /// Opens the notes, and adds this process. The caller is the only one to open the directory now and, if
    /// `is_alone`, nobody else has it open. Returns `None` if the processes that have it open use another C
    /// library.
    pub(super) fn open(
        mut file: File,
        is_alone: bool,
        identity: u32,
        is_alive: impl Fn(u32) -> bool,
    ) -> io::Result<Option<Self>> {
        let bytes = FILE_BYTES as u64;
        if is_alone || file.metadata()?.len() < bytes {
            // Overwritten, not truncated: accessing a map of an empty file kills the process.
            file.write_all(&vec![0; FILE_BYTES])?;
        }
        room::reserve(&file, bytes)?;
        let mut notes = Self { map: map(&file)?, own: None, identity };
        if !notes.is_library_ours() {
            return Ok(None);
        }
        let records = (0..RECORDS).map(|index| (index, notes.record(index)));
        let free = records.into_iter().find(|(_, record)| {
            let theirs = record.load(Ordering::Acquire);
            theirs == 0 || !is_alive(theirs)
        });
        let free = free.map(|(index, _)| index);
        if let Some(index) = free {
            notes.write_record(index);
            notes.own = Some(index);
        }
        Ok(Some(notes))
    }

    fn is_library_ours(&self) -> bool {
        // SAFETY: the mark is written under the lock for opening, and has no other writer.
        let mark = unsafe { slice::from_raw_parts_mut(self.map.as_ptr(), MARK.len()) };
        let library = self.number(LIBRARY_AT);
        if mark != MARK {
            mark.copy_from_slice(MARK);
            library.store(LIBRARY, Ordering::Release);
        }
        library.load(Ordering::Acquire) == LIBRARY
    }

    fn write_record(&self, index: usize) {
        let host = host_name();
        let name = &host.as_bytes()[..host.len().min(NAME_BYTES_MAX)];
        let at = RECORDS_AT + index * RECORD_BYTES;
        self.record(index).store(0, Ordering::Release);
        self.number(at + PIN_AT).store(0, Ordering::Relaxed);
        self.number(at + 4).store(std::process::id(), Ordering::Relaxed);
        self.long(at + 8).store(pid_namespace(), Ordering::Relaxed);
        self.long(at + 16).store(now_ms(), Ordering::Relaxed);
        // SAFETY: the record is in the map, and only this process writes it: its former owner is gone.
        let record = unsafe { slice::from_raw_parts_mut(self.map.as_ptr().add(at), RECORD_BYTES) };
        record[NAME_LENGTH_AT] = u8::try_from(name.len()).expect("a record has 128 bytes");
        record[NAME_AT..][..name.len()].copy_from_slice(name);
        self.record(index).store(self.identity, Ordering::Release);
    }

    /// The process with an identity, as far as it is noted.
    pub(in crate::kv::embedded) fn find(&self, identity: u32) -> Option<Process> {
        let index = (0..RECORDS).find(|index| self.record(*index).load(Ordering::Acquire) == identity)?;
        Some(self.process(index))
    }

    /// The other processes, as far as they are noted.
    pub(super) fn others(&self, is_alive: impl Fn(u32) -> bool) -> Vec<Process> {
        let is_other = |index: &usize| {
            let identity = self.record(*index).load(Ordering::Acquire);
            identity != 0 && identity != self.identity && is_alive(identity)
        };
        (0..RECORDS).filter(is_other).map(|index| self.process(index)).collect()
    }

    fn process(&self, index: usize) -> Process {
        let at = RECORDS_AT + index * RECORD_BYTES;
        // SAFETY: the record is in the map. Its writer may be writing; the bytes are plain all the same, and
        // only people read them.
        let record = unsafe { slice::from_raw_parts(self.map.as_ptr().add(at), RECORD_BYTES) };
        let length = usize::from(record[NAME_LENGTH_AT]).min(NAME_BYTES_MAX);
        let host = String::from_utf8_lossy(&record[NAME_AT..][..length]).into_owned();
        Process {
            id: self.number(at + 4).load(Ordering::Relaxed),
            host,
            is_namespace_shared: self.long(at + 8).load(Ordering::Relaxed) == pid_namespace(),
            opened: time(self.long(at + 16).load(Ordering::Relaxed)),
        }
    }

    /// Notes the oldest state that this process pins; 0: none.
    pub(super) fn note_pin(&self, state: u64) {
        if let Some(index) = self.own {
            self.number(RECORDS_AT + index * RECORD_BYTES + PIN_AT).store(low_bits(state), Ordering::Release);
        }
    }

    /// Whether the process with an identity pins this state, as far as it is noted.
    pub(super) fn is_pinned(&self, identity: u32, state: u64) -> bool {
        let of = |index: &usize| self.record(*index).load(Ordering::Acquire) == identity;
        let pin = |index| self.number(RECORDS_AT + index * RECORD_BYTES + PIN_AT).load(Ordering::Acquire);
        (0..RECORDS).find(of).is_some_and(|index| pin(index) == low_bits(state))
    }

    /// Notes that this process has the write turn.
    pub(super) fn note_turn(&self) {
        self.long(SINCE_AT).store(now_ms(), Ordering::Relaxed);
        self.number(HOLDER_AT).store(self.identity, Ordering::Release);
    }

    /// Notes that no process has the write turn.
    pub(super) fn note_turn_over(&self) {
        self.number(HOLDER_AT).store(0, Ordering::Release);
    }

    /// The identity of the process that has the write turn, and since when.
    pub(super) fn turn(&self) -> Option<(u32, SystemTime)> {
        let identity = self.number(HOLDER_AT).load(Ordering::Acquire);
        (identity != 0).then(|| (identity, time(self.long(SINCE_AT).load(Ordering::Relaxed))))
    }

    /// Since when a state has been the oldest one kept, as far as any process has seen.
    pub(in crate::kv::embedded) fn kept_since(&self, state: u64) -> SystemTime {
        if self.long(KEPT_AT).swap(state, Ordering::AcqRel) != state {
            self.long(KEPT_SINCE_AT).store(now_ms(), Ordering::Release);
        }
        time(self.long(KEPT_SINCE_AT).load(Ordering::Acquire))
    }

    fn record(&self, index: usize) -> &AtomicU32 {
        self.number(RECORDS_AT + index * RECORD_BYTES)
    }

    fn number(&self, at: usize) -> &AtomicU32 {
        // SAFETY: the place is in the map and aligned, and is only ever used as an atomic number.
        unsafe { AtomicU32::from_ptr(self.map.as_ptr().add(at).cast()) }
    }

    fn long(&self, at: usize) -> &AtomicU64 {
        // SAFETY: as above.
        unsafe { AtomicU64::from_ptr(self.map.as_ptr().add(at).cast()) }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        if let Some(index) = self.own {
            self.record(index).store(0, Ordering::Release);
        }
        // SAFETY: it was mapped with this length, and nothing refers to it any more.
        unsafe { libc::munmap(self.map.as_ptr().cast(), FILE_BYTES) };
    }
}

/// Enough of a state's number to tell it from the others of its time.
fn low_bits(state: u64) -> u32 {
    u32::try_from(state & u64::from(u32::MAX)).expect("these bits fit")
}

fn map(file: &File) -> io::Result<NonNull<u8>> {
    use std::os::fd::AsRawFd;
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new map of a file that is at least that long.
    let map = unsafe {
        libc::mmap(std::ptr::null_mut(), FILE_BYTES, rights, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    if map == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(map.cast()).expect("a map that did not fail has an address"))
}

/// The number of this process's PID namespace; 0 if the system has none.
fn pid_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino())
}

/// This process, for people.
pub(super) fn own_name() -> String {
    format!("process {} on host \"{}\"", std::process::id(), host_name())
}

fn host_name() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer has the given length, and its last byte stays zero.
    let code = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let length = name.iter().position(|byte| *byte == 0).unwrap_or_default();
    if code == 0 { String::from_utf8_lossy(&name[..length]).into_owned() } else { String::new() }
}

fn now_ms() -> u64 {
    let since = clock::wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

fn time(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_find_each_other_and_whoever_has_the_turn() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("processes");
        let open =
            || File::options().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
        let first = Processes::open(open(), true, 11, |_| true).unwrap().unwrap();
        let second = Processes::open(open(), false, 12, |_| true).unwrap().unwrap();
        assert_eq!(second.turn(), None);
        first.note_turn();
        let (holder, _since) = second.turn().unwrap();
        let process = second.find(holder).unwrap();
        assert_eq!((process.id, process.is_namespace_shared), (std::process::id(), true));
        assert_eq!(process.host, host_name());
        first.note_turn_over();
        assert_eq!(second.turn(), None);
        drop(first);
        assert_eq!(second.find(11), None);
        assert!(second.find(12).is_some());
    }

    #[test]
    fn the_records_of_the_dead_are_used_again() {
        let file = tempfile::tempfile().unwrap();
        let kept: Vec<_> = (1..=256)
            .map(|identity| {
                Processes::open(file.try_clone().unwrap(), identity == 1, identity, |_| true)
                    .unwrap()
                    .unwrap()
            })
            .collect();
        let late = Processes::open(file.try_clone().unwrap(), false, 300, |_| true).unwrap().unwrap();
        assert_eq!(late.find(300), None, "there was no room");
        let later = Processes::open(file.try_clone().unwrap(), false, 301, |identity| identity != 7)
            .unwrap()
            .unwrap();
        assert!(later.find(301).is_some());
        assert_eq!(later.find(7), None);
        drop(kept);
    }
}
