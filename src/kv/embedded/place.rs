//! Where a store is: the directory and the files that its path led to when it was opened.
//!
//! A path can come to mean something else while a store is open: the directory is deleted, or replaced by
//! another one. Commits then go into files that nobody will find. So the open files are compared, now and
//! then, with the files that the path leads to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::clock;
use super::data_file::FILE_NAME;
use super::locks::FILE_NAMES;
use crate::kv::{Identity, KvError};

/// The minimum time between two checks of the files.
const CHECK_PAUSE: Duration = Duration::from_millis(100);

/// The files of an open store.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    /// The data file, and the lock files, if any.
    files: Vec<(&'static str, Identity)>,
    is_gone: AtomicBool,
    checked: Mutex<Instant>,
}

impl Place {
    /// Records the files, which are open.
    pub(super) fn of(directory: &Path, has_locks: bool) -> io::Result<Self> {
        let names = FILE_NAMES.iter().filter(|_| has_locks).chain([&FILE_NAME]);
        let file = |name: &&'static str| Ok((*name, Identity::of_place(&directory.join(name))?));
        Ok(Self {
            directory: directory.to_owned(),
            files: names.map(file).collect::<io::Result<_>>()?,
            is_gone: AtomicBool::new(false),
            checked: Mutex::new(clock::now()),
        })
    }

    /// Records more files, which are open, too.
    pub(super) fn add(&mut self, names: &[&'static str]) -> io::Result<()> {
        for name in names {
            self.files.push((name, Identity::of_place(&self.directory.join(name))?));
        }
        Ok(())
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Refuses to continue in files that no longer exist under their names. Checks them if the last check was
    /// a while ago.
    pub(super) fn check(&self) -> Result<(), KvError> {
        let is_due = {
            let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
            let now = clock::now();
            let is_due = now.duration_since(*checked) >= CHECK_PAUSE;
            if is_due {
                *checked = now;
            }
            is_due
        };
        if is_due {
            self.look();
        }
        if self.is_gone.load(Ordering::Acquire) { Err(self.gone()) } else { Ok(()) }
    }

    /// Whether the files are still there now. Once gone, they stay gone.
    pub(super) fn is_there(&self) -> bool {
        self.look();
        !self.is_gone.load(Ordering::Acquire)
    }

    fn look(&self) {
        let is_same =
            |(name, file): &(&'static str, Identity)| match Identity::of_place(&self.directory.join(name)) {
                Ok(now) => now == *file,
                // A directory that cannot be read at the moment proves nothing.
                Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
            };
        if !self.files.iter().all(is_same) && !self.is_gone.swap(true, Ordering::AcqRel) {
            tracing::error!(
                name: "kv.gone", target: "baton::kv", path = %self.directory.display(),
                "the store's files were deleted or replaced"
            );
        }
    }

    fn gone(&self) -> KvError {
        KvError::Unusable {
            detail: format!(
                "the store's files were deleted or replaced while it was open: {}; close it, and open what is there now",
                self.directory.display()
            ),
        }
    }
}
