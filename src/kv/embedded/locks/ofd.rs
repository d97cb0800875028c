//! Open file description locks: locks on ranges of bytes that belong to a descriptor, not to the process.
//!
//! LMDB's own locks are of the older kind, which a process loses as soon as it closes *any* descriptor of the
//! file: copying the directory, or hashing its files, is enough. Locks of the two kinds exclude each other,
//! even within one process. Reference: fcntl(2), "Open file description locks".

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::fd::AsRawFd;

/// Whether other processes may hold the same lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Shared,
    Exclusive,
}

impl Kind {
    fn number(self) -> i16 {
        short(match self {
            Self::Shared => libc::F_RDLCK,
            Self::Exclusive => libc::F_WRLCK,
        })
    }
}

/// The small numbers for kinds and places are `int`s in C's headers, and shorts in its structure.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
const fn short(number: libc::c_int) -> libc::c_short {
    number as libc::c_short
}

/// Takes the lock, if no conflicting lock is held. It is released with the last descriptor of `file`.
pub(super) fn try_lock(file: &File, kind: Kind, bytes: Range<i64>) -> io::Result<bool> {
    match call(file, libc::F_OFD_SETLK, kind.number(), bytes) {
        Ok(_) => Ok(true),
        Err(error) if is_held(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Releases the lock of this descriptor.
#[cfg(test)]
fn unlock(file: &File, bytes: Range<i64>) -> io::Result<()> {
    call(file, libc::F_OFD_SETLK, short(libc::F_UNLCK), bytes).map(|_| ())
}

/// Whether somebody else holds a conflicting lock, of either kind.
pub(super) fn is_excluded(file: &File, kind: Kind, bytes: Range<i64>) -> io::Result<bool> {
    let answer = call(file, libc::F_OFD_GETLK, kind.number(), bytes)?;
    Ok(answer.l_type != short(libc::F_UNLCK))
}

/// Releases what this process holds there by the older kind of locks, whichever descriptor took it.
pub(super) fn unlock_process(file: &File, bytes: Range<i64>) -> io::Result<()> {
    call(file, libc::F_SETLK, short(libc::F_UNLCK), bytes).map(|_| ())
}

fn call(file: &File, command: libc::c_int, kind: i16, bytes: Range<i64>) -> io::Result<libc::flock> {
    // SAFETY: zeros are valid for this plain structure; the kernel requires the process id to be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = short(libc::SEEK_SET);
    lock.l_start = bytes.start;
    lock.l_len = bytes.end - bytes.start;
    loop {
        // SAFETY: the descriptor is open, and the structure lives as long as the call.
        if unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) } == 0 {
            return Ok(lock);
        }
        let error = io::Error::last_os_error();
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn is_held(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_outlives_another_descriptor_of_the_file_and_excludes_both_kinds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let open =
            || File::options().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
        let (own, other) = (open(), open());
        assert!(try_lock(&own, Kind::Shared, 3..4).unwrap());
        drop(open());
        assert!(is_excluded(&other, Kind::Exclusive, 3..4).unwrap());
        assert!(!is_excluded(&other, Kind::Exclusive, 4..5).unwrap());
        assert!(try_lock(&other, Kind::Shared, 3..4).unwrap());
        assert!(!try_lock(&other, Kind::Exclusive, 3..4).unwrap());
        let older = call(&other, libc::F_SETLK, short(libc::F_WRLCK), 3..4);
        assert!(is_held(&older.unwrap_err()), "the process's own lock of the older kind is refused, too");
        unlock(&own, 3..4).unwrap();
        assert!(try_lock(&other, Kind::Exclusive, 3..4).unwrap());
    }
}
