//! Scratch files: they hold database content, nobody else may read them, and they are removed when they are
//! no longer in use, however their process ended.
//!
//! A scratch file is readable only by its user and is locked while in use. The operating system drops the
//! lock when the process dies, so a file whose lock is free was left behind. Between creating a file and
//! locking it, another process may get the lock first. Therefore the creator checks, once it has the lock,
//! that the file is still the one of that name, and starts again if it is not.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use tempfile::TempDir;

use crate::engine::error::StoreError;

/// The prefix of the names of scratch directories.
const PREFIX: &str = "baton-scratch-";
/// The file in each that is locked.
const LOCK: &str = "lock";
/// How often another process may mistake a new file for one left behind. Each time is a coincidence.
const ATTEMPTS_MAX: u32 = 16;

/// A directory inside the system's temporary directory. It is removed on drop.
pub(crate) struct ScratchDirectory {
    // Before the lock, which shows that the directory is in use.
    directory: TempDir,
    _lock: File,
}

impl ScratchDirectory {
    pub(crate) fn new() -> Result<Self, StoreError> {
        let place = std::env::temp_dir();
        for _ in 0..ATTEMPTS_MAX {
            let made = Self::make(&place).map_err(|error| cannot_write(&place, &error))?;
            if let Some(made) = made {
                return Ok(made);
            }
        }
        Err(StoreError::Unavailable(format!("others remove what is made in {}", place.display())))
    }

    /// `None` if another process has mistaken it for one left behind.
    fn make(place: &Path) -> io::Result<Option<Self>> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let directory = builder.tempdir_in(place)?;
        let lock = directory.path().join(LOCK);
        let made = make_locked(&lock)?;
        Ok(made.map(|lock| Self { directory, _lock: lock }))
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Creates a file in it.
    pub(crate) fn create(&self, name: &str) -> Result<File, StoreError> {
        let path = self.path().join(name);
        private().create_new(true).open(&path).map_err(|error| cannot_write(&path, &error))
    }
}

/// An error of a file or directory that no caller has named: never the caller's.
pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> StoreError {
    let message = format!("cannot write to {}: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            StoreError::QuotaExceeded(message)
        }
        _ => StoreError::of_system(message, error),
    }
}

/// The options for a file that only its user can read.
pub(crate) fn private() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates a file and locks it. `None` if the name is taken, or if somebody has removed the file meanwhile.
pub(crate) fn make_locked(path: &Path) -> io::Result<Option<File>> {
    let file = match private().create_new(true).open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {
            return Ok(None);
        }
        opened => opened?,
    };
    // If the file system has no locks, nobody gets one, and the file is never mistaken for one left behind.
    while file.lock().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
    Ok(is_at(&file, path).then_some(file))
}

/// Opens the file of this name if it was left behind. While it is open, no other process takes it for left
/// behind.
pub(crate) fn left_behind(path: &Path) -> Option<File> {
    if !is_ours(path, fs::Metadata::is_file) {
        return None;
    }
    let file = private().open(path).ok()?;
    match file.try_lock() {
        Ok(()) => is_at(&file, path).then_some(file),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

/// Removes the directories that processes of this user have left behind. What cannot be removed stays for the
/// next time.
pub fn clear_scratch() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    let names = entries.flatten().map(|entry| entry.path());
    for path in names.filter(|path| is_named(path) && is_ours(path, fs::Metadata::is_dir)) {
        match left_behind(&path.join(LOCK)) {
            Some(lock) => {
                let _removed = fs::remove_dir_all(&path);
                drop(lock);
            }
            // A directory that is being created has no lock yet; if it is empty, its creator makes another
            // one.
            None => drop(fs::remove_dir(&path)),
        }
    }
}

fn is_named(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
}

/// Whether the file belongs to this user and is of this kind. Others may write to the place as well.
fn is_ours(path: &Path, is_of_kind: impl Fn(&fs::Metadata) -> bool) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| is_of_kind(&found) && is_of_user(&found))
}

#[cfg(unix)]
fn is_of_user(found: &fs::Metadata) -> bool {
    // SAFETY: returns a number, and cannot fail.
    std::os::unix::fs::MetadataExt::uid(found) == unsafe { libc::geteuid() }
}

#[cfg(not(unix))]
fn is_of_user(_: &fs::Metadata) -> bool {
    // On this system each user has a temporary directory.
    true
}

/// Whether the open file is the one with this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => identity(open) == identity(named),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_is_not_left_behind() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        assert!(left_behind(&path).is_none());
        let held = make_locked(&path).unwrap().unwrap();
        assert!(make_locked(&path).unwrap().is_none());
        assert!(left_behind(&path).is_none());
        drop(held);
        let found = left_behind(&path).unwrap();
        assert!(left_behind(&path).is_none(), "two have found it");
        drop(found);
        assert!(left_behind(&path).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_leads_elsewhere_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let (file, link) = (place.path().join("file"), place.path().join("link"));
        fs::write(&file, b"of somebody else").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(left_behind(&link).is_none());
        assert!(make_locked(&link).unwrap().is_none());
    }

    #[test]
    fn a_directory_that_was_cleared_while_it_was_made_is_made_again() {
        let place = tempfile::tempdir().unwrap();
        let made = ScratchDirectory::make(place.path()).unwrap().unwrap();
        assert!(left_behind(&made.path().join(LOCK)).is_none());
        let path = made.path().to_owned();
        drop(made);
        assert!(!path.exists());
        assert!(make_locked(&path.join(LOCK)).unwrap().is_none());
    }
}
