//! A partial file: it takes its final name, or replaces the file of that name, only when it is complete and
//! on disk.
//!
//! Until then it is in the same directory under a temporary name, readable only by its user. A partial file
//! that a dead process left behind is removed by the next writer of the same target.

use std::fs::{self, File};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::engine::error::StoreError;
use crate::engine::runtime::blocking::failed;

use super::scratch::{left_behind, make_locked};

/// The suffix of the file name.
const SUFFIX: &str = "baton-partial";
/// How many writers may write to one name at the same time.
const WRITERS_MAX: u32 = 1_000;

/// An incomplete file. It is removed when dropped before its end.
pub(crate) struct Partial {
    target: PathBuf,
    path: PathBuf,
    mode: Mode,
    is_finished: bool,
}

impl Partial {
    /// Creates it beside `target`. It stays locked as long as the file is open.
    pub(crate) fn create(target: &Path) -> Result<(Self, File), StoreError> {
        let failed = |error: io::Error| cannot_write(target, &error);
        let mode = Mode::of(target).map_err(failed)?;
        for writer in 0..WRITERS_MAX {
            let path = name_of(target, writer)?;
            drop(left_behind(&path).map(|_lock| fs::remove_file(&path)));
            if let Some(file) = make_locked(&path).map_err(failed)? {
                return Ok((Self { target: target.to_owned(), path, mode, is_finished: false }, file));
            }
        }
        Err(StoreError::Unavailable(format!("too many write to {} at the same time", target.display())))
    }

    /// Makes the file durable under its final name.
    pub(crate) fn finish(mut self, file: &File) -> Result<(), StoreError> {
        let finished = self
            .mode
            .give_to(file)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&self.path, &self.target))
            .inspect(|()| self.is_finished = true)
            .and_then(|()| sync_directory(&self.target));
        finished.map_err(|error| self.failed(&error))
    }

    /// The same, but fails if the name is taken.
    pub(crate) fn finish_new(mut self, file: &File) -> Result<(), StoreError> {
        let given = self.mode.give_to(file).and_then(|()| file.sync_all());
        given.map_err(|error| self.failed(&error))?;
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(present(&self.target)),
            // Not every file system has links. Without them, a file that was created at this very moment is
            // replaced.
            Err(_) => {
                refuse_present(&self.target)?;
                fs::rename(&self.path, &self.target).map_err(|error| self.failed(&error))?;
                self.is_finished = true;
            }
        }
        sync_directory(&self.target).map_err(|error| self.failed(&error))
    }

    pub(crate) fn failed(&self, error: &io::Error) -> StoreError {
        cannot_write(&self.target, error)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_finished {
            // If this fails too, nothing more can be done; the name says what the file is.
            let _removed = fs::remove_file(&self.path);
        }
    }
}

/// Refuses a name that is taken.
pub(crate) fn refuse_present(path: &Path) -> Result<(), StoreError> {
    if fs::symlink_metadata(path).is_ok() { Err(present(path)) } else { Ok(()) }
}

fn present(path: &Path) -> StoreError {
    let path = path.display();
    StoreError::InvalidArg(format!("{path} is there already; pass {{ overwrite: true }} to replace it"))
}

fn cannot_write(path: &Path, error: &io::Error) -> StoreError {
    failed(format!("cannot write {}: {error}", path.display()), error)
}

/// A name beside `target`, different for each concurrent writer.
fn name_of(target: &Path, writer: u32) -> Result<PathBuf, StoreError> {
    let Some(name) = target.file_name() else {
        return Err(StoreError::InvalidArg(format!("{} does not name a file", target.display())));
    };
    let mut partial = name.to_owned();
    partial.push(if writer == 0 { format!(".{SUFFIX}") } else { format!(".{writer}.{SUFFIX}") });
    Ok(target.with_file_name(partial))
}

/// The permissions of the finished file: those of the file that it replaces, or else the process's default.
struct Mode(#[cfg(unix)] fs::Permissions);

#[cfg(unix)]
impl Mode {
    /// The process's default is found by creating a file: reading the umask means setting it, for all
    /// threads.
    fn of(target: &Path) -> io::Result<Self> {
        if let Ok(found) = fs::symlink_metadata(target)
            && found.is_file()
        {
            return Ok(Self(found.permissions()));
        }
        let all = fs::Permissions::from_mode(0o666);
        let made =
            tempfile::Builder::new().prefix(".baton-").permissions(all).tempfile_in(directory_of(target))?;
        Ok(Self(made.as_file().metadata()?.permissions()))
    }

    fn give_to(&self, file: &File) -> io::Result<()> {
        file.set_permissions(self.0.clone())
    }
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

#[cfg(unix)]
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(not(unix))]
impl Mode {
    #[expect(clippy::unnecessary_wraps, reason = "as where files have modes")]
    fn of(_: &Path) -> io::Result<Self> {
        Ok(Self())
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as where files have modes")]
    fn give_to(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    // Windows makes a rename durable with the file's metadata; it has no handle on a directory to sync.
    Ok(())
}
