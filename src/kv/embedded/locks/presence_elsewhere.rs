//! Shows that a directory is in use, on systems where locks cannot belong to a descriptor: only LMDB's own
//! locks are available. On Linux, `presence.rs` takes the place of this file.
//!
//! On macOS and the BSDs, LMDB's locks are lost when the process closes any descriptor of `lock.mdb`. An
//! additional file, `present`, is locked by `flock`, whose locks do belong to a descriptor. If somebody holds
//! it and LMDB's byte is free, LMDB's lock was lost, and opening the directory would re-create the lock file
//! while it is in use.

use std::fs::File;
use std::io;

/// The second file that is locked, beside LMDB's lock file.
pub(in crate::kv::embedded) const SECOND_FILE_NAME: &str = "present";

/// Who else has the directory open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kv::embedded) enum Others {
    /// Nobody.
    None,
    /// Another process, with these very files.
    Present,
    /// Another process whose lock on the lock file was lost, or which has another lock file.
    LockFileRemoved,
    /// Cannot be determined here.
    #[expect(dead_code, reason = "as on Linux")]
    DataFileReplaced,
}

/// The locked file.
pub(in crate::kv::embedded) struct Presence {
    lock: File,
    present: File,
    identity: u32,
}

impl Presence {
    pub(super) fn new(lock: File, present: File, identity: u32) -> Self {
        Self { lock, present, identity }
    }

    pub(super) fn identity(&self) -> u32 {
        self.identity
    }

    pub(super) fn set_identity(&mut self, identity: u32) {
        self.identity = identity;
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn reserve_room(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn others(&self) -> io::Result<Others> {
        let is_present = match self.present.try_lock() {
            Ok(()) => {
                self.present.unlock()?;
                false
            }
            Err(std::fs::TryLockError::WouldBlock) => true,
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        };
        Ok(match (is_present, is_locked_by_lmdb(&self.lock)?) {
            (true, Some(false)) => Others::LockFileRemoved,
            (true, _) | (false, Some(true)) => Others::Present,
            (false, _) => Others::None,
        })
    }

    /// Cannot be determined here.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn is_another_here(&self) -> io::Result<bool> {
        Ok(false)
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn is_identity_taken(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// It cannot be determined whether a process is alive, so all count as alive.
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(super) fn is_alive(&self, _: u32) -> bool {
        true
    }

    pub(super) fn take(&self) -> io::Result<()> {
        self.present.try_lock_shared().map_err(io::Error::from)
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn is_read_without_locks(&self) -> io::Result<bool> {
        Ok(false)
    }
}

/// Cannot be determined here.
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(super) fn share(_: &File) -> io::Result<()> {
    Ok(())
}

/// Cannot be determined here.
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(super) fn is_shared(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// A read without LMDB's locks.
pub(in crate::kv::embedded) struct Unlocked;

impl Unlocked {
    pub(in crate::kv::embedded) fn begin(_: File) -> io::Result<Self> {
        Ok(Self)
    }
}

/// Whether another process holds LMDB's own lock; `None` if that cannot be determined.
#[cfg(unix)]
fn is_locked_by_lmdb(lock: &File) -> io::Result<Option<bool>> {
    use std::os::fd::AsRawFd;
    // SAFETY: zeros are valid for this plain structure.
    let mut asked: libc::flock = unsafe { std::mem::zeroed() };
    asked.l_type = libc::F_WRLCK as _;
    asked.l_whence = libc::SEEK_SET as _;
    asked.l_len = 1;
    // SAFETY: the descriptor is open, and the structure lives as long as the call.
    if unsafe { libc::fcntl(lock.as_raw_fd(), libc::F_GETLK, &raw mut asked) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Some(asked.l_type != libc::F_UNLCK as _))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
fn is_locked_by_lmdb(_: &File) -> io::Result<Option<bool>> {
    Ok(None)
}

/// Whether a process writes to the directory that does not know about reads without locks; here none does.
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(in crate::kv::embedded) fn is_written_by_earlier_release(_: &File, _: &File) -> io::Result<bool> {
    Ok(false)
}
