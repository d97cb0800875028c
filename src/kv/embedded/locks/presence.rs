//! Shows that a directory is in use: locks on single bytes of `lock.mdb` and `data.mdb`.
//!
//! LMDB locks byte 0 of `lock.mdb` while it is open, and re-creates the file's mutexes and reader table when
//! no other process holds that lock. It locks the byte of a process's number while that process may have
//! readers, and frees the slots of processes without such a lock. Its locks are lost when the process closes
//! any descriptor of that file. So this process holds the same bytes by locks that belong to a descriptor,
//! which nobody else closes ([`super::ofd`]):
//!
//! | file | byte | held | by |
//! |---|---|---|---|
//! | `lock.mdb` | 0 | shared | whoever has the directory open with locks |
//! | `lock.mdb` | the process's identity | exclusively | the same |
//! | `data.mdb` | 0 | shared | the same |
//! | `readers` | 0 | shared | the same |
//! | `data.mdb` | 1 | shared | a read without LMDB's locks, where the lock file cannot be written |
//!
//! There are two files so that it shows when one of them was removed or replaced while in use: the processes
//! that use the old file would not notice those that come later. Earlier releases hold none of these locks
//! except byte 0 of `lock.mdb`, by LMDB's own lock.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::ofd::{self, Kind};
use super::room;
use crate::kv::embedded::planted::{self, SharingBug};

/// The second file that is locked, beside LMDB's lock file.
pub(in crate::kv::embedded) const SECOND_FILE_NAME: &str = "data.mdb";

const IN_USE: Range<i64> = 0..1;
const READ_WITHOUT_LOCKS: Range<i64> = 1..2;
/// The bytes of identities; every process id is below.
const IDENTITIES: Range<i64> = (1 << 22) + 1..1 << 31;

fn byte_of(identity: u32) -> Range<i64> {
    let at = i64::from(identity);
    at..at + 1
}

/// Who else has the directory open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kv::embedded) enum Others {
    /// Nobody.
    None,
    /// Another process, with these very files.
    Present,
    /// Another process that has the data file open with another lock file, which was removed.
    LockFileRemoved,
    /// Another process that has the lock file open with another data file, which was removed or replaced.
    DataFileReplaced,
}

/// The locked files.
pub(in crate::kv::embedded) struct Presence {
    lock: File,
    data: File,
    identity: u32,
}

impl Presence {
    /// For both files, which exist. Nothing is locked yet.
    pub(super) fn new(lock: File, data: File, identity: u32) -> Self {
        Self { lock, data, identity }
    }

    pub(super) fn identity(&self) -> u32 {
        self.identity
    }

    pub(super) fn set_identity(&mut self, identity: u32) {
        self.identity = identity;
    }

    /// Allocates disk space for LMDB's lock file: LMDB maps it, and only sets its length.
    pub(super) fn reserve_room(&self, bytes: u64) -> io::Result<()> {
        room::reserve(&self.lock, bytes)
    }

    /// Who else has the directory open. Only one process at a time opens it, so the answer holds until the
    /// caller is done.
    pub(super) fn others(&self) -> io::Result<Others> {
        let uses_lock = ofd::is_excluded(&self.lock, Kind::Exclusive, IN_USE)?;
        let uses_data = ofd::is_excluded(&self.data, Kind::Exclusive, IN_USE)?;
        // Processes of earlier releases do not lock the data file.
        let is_of_this_kind = self.is_another_here()?;
        let is_data_new = self.data.metadata()?.len() == 0;
        Ok(judge(Seen { uses_lock, uses_data, is_of_this_kind, is_data_new }))
    }

    /// Whether a process of this release or a later one has the directory open.
    pub(super) fn is_another_here(&self) -> io::Result<bool> {
        ofd::is_excluded(&self.lock, Kind::Exclusive, IDENTITIES)
    }

    /// Whether another process has this identity.
    pub(super) fn is_identity_taken(&self) -> io::Result<bool> {
        ofd::is_excluded(&self.lock, Kind::Exclusive, byte_of(self.identity))
    }

    /// Whether a process with this identity has the directory open.
    pub(super) fn is_alive(&self, identity: u32) -> bool {
        identity == self.identity
            || ofd::is_excluded(&self.lock, Kind::Exclusive, byte_of(identity)).unwrap_or(true)
    }

    /// Takes the locks, once LMDB has its own and has taken a slot in its reader table.
    pub(super) fn take(&self) -> io::Result<()> {
        if planted::is_in_process(SharingBug::ProcessLocksOnly) {
            return Ok(());
        }
        let shared =
            [&self.lock, &self.data].into_iter().map(|file| ofd::try_lock(file, Kind::Shared, IN_USE));
        // LMDB's own lock of this process would exclude ours. LMDB does not take it again, and nobody frees
        // the slots of the dead before this process lets others open the directory.
        let bytes = byte_of(self.identity);
        ofd::unlock_process(&self.lock, bytes.clone())?;
        let exclusive = ofd::try_lock(&self.lock, Kind::Exclusive, bytes);
        if shared.chain([exclusive]).collect::<io::Result<Vec<bool>>>()?.contains(&false) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "another program locks the store's files"));
        }
        Ok(())
    }

    /// Whether somebody reads without LMDB's locks now.
    pub(super) fn is_read_without_locks(&self) -> io::Result<bool> {
        ofd::is_excluded(&self.data, Kind::Exclusive, READ_WITHOUT_LOCKS)
    }
}

/// What was seen of the files.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a thing that was seen, or not")]
struct Seen {
    uses_lock: bool,
    uses_data: bool,
    /// Another process has an identity, which no earlier release has.
    is_of_this_kind: bool,
    is_data_new: bool,
}

fn judge(seen: Seen) -> Others {
    let Seen { uses_lock, uses_data, is_of_this_kind, is_data_new } = seen;
    match (uses_lock, uses_data) {
        (false, false) => Others::None,
        (false, true) => Others::LockFileRemoved,
        (true, false) if is_of_this_kind || is_data_new => Others::DataFileReplaced,
        (true, true | false) => Others::Present,
    }
}

/// Holds a lock on one more file as long as it is open, so that processes that come later see that it is in
/// use.
pub(super) fn share(file: &File) -> io::Result<()> {
    ofd::try_lock(file, Kind::Shared, IN_USE).map(|_| ())
}

/// Whether other processes [hold](share) it.
pub(super) fn is_shared(file: &File) -> io::Result<bool> {
    ofd::is_excluded(file, Kind::Exclusive, IN_USE)
}

/// A read without LMDB's locks, through a descriptor that may be read-only. While it lasts, writers keep the
/// states that it may see.
pub(in crate::kv::embedded) struct Unlocked {
    _data: File,
}

impl Unlocked {
    pub(in crate::kv::embedded) fn begin(data: File) -> io::Result<Self> {
        ofd::try_lock(&data, Kind::Shared, READ_WITHOUT_LOCKS)?;
        Ok(Self { _data: data })
    }
}

/// Whether a process writes to the directory that does not know about reads without locks.
pub(in crate::kv::embedded) fn is_written_by_earlier_release(lock: &File, data: &File) -> io::Result<bool> {
    Ok(ofd::is_excluded(lock, Kind::Exclusive, IN_USE)? && !ofd::is_excluded(data, Kind::Exclusive, IN_USE)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(uses_lock: bool, uses_data: bool, rest: [bool; 2]) -> Others {
        let [is_of_this_kind, is_data_new] = rest;
        judge(Seen { uses_lock, uses_data, is_of_this_kind, is_data_new })
    }

    #[test]
    fn files_that_were_removed_or_replaced_are_noticed() {
        assert_eq!(judged(false, false, [false, true]), Others::None);
        assert_eq!(judged(true, true, [true, false]), Others::Present);
        assert_eq!(judged(false, true, [false, false]), Others::LockFileRemoved);
        assert_eq!(judged(true, false, [true, false]), Others::DataFileReplaced);
        assert_eq!(judged(true, false, [false, true]), Others::DataFileReplaced);
    }

    #[test]
    fn an_earlier_release_is_joined() {
        assert_eq!(judged(true, false, [false, false]), Others::Present);
    }
}
