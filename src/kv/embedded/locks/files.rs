//! Creates the files of a store with the permissions and the owner of their directory.
//!
//! A store is often created or touched by another user than its service: by root's command line, or in a
//! container. Files that such a process creates must not lock the service out, nor open the store to more
//! users than its directory does.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;

/// The attributes of new files and directories.
#[derive(Debug, Clone, Copy)]
pub(in crate::kv::embedded) struct Making {
    /// The permissions of files, as `chmod` takes them.
    pub mode: u32,
    owner: Option<(u32, u32)>,
}

impl Making {
    /// Those of `directory`, unless the permissions were given.
    pub(in crate::kv::embedded) fn of(directory: &Path, mode: Option<u32>) -> io::Result<Self> {
        let metadata = fs::metadata(directory)?;
        Ok(Self { mode: mode.unwrap_or_else(|| mode_of(&metadata)), owner: owner_of(&metadata) })
    }

    /// Opens a file for reading and writing, and creates it if it does not exist.
    pub(in crate::kv::embedded) fn open(&self, path: &Path) -> io::Result<File> {
        let mut options = File::options();
        options.read(true).write(true);
        loop {
            match options.open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => return opened,
            }
            match options.clone().create_new(true).open(path) {
                // Another process was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => {
                    let made = made?;
                    self.dress(&made)?;
                    return Ok(made);
                }
            }
        }
    }

    #[cfg(unix)]
    fn dress(&self, file: &File) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        // A process that may not give the file away keeps it; only root can.
        let made = file.metadata()?;
        if let Some((user, group)) = self.owner
            && (made.uid(), made.gid()) != (user, group)
        {
            match std::os::unix::fs::fchown(file, Some(user), Some(group)) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                result => result?,
            }
        }
        // After the owner, because changing the owner removes some permissions; and regardless of the
        // process's umask.
        file.set_permissions(fs::Permissions::from_mode(self.mode))
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "rights are the directory's there")]
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    fn dress(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Creates a missing directory, with its parents. If file permissions are given, users who may read files may
/// also enter the directory.
pub(in crate::kv::embedded) fn make_directory(path: &Path, mode: Option<u32>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    if let Some(mode) = mode {
        use std::os::unix::fs::PermissionsExt;
        let enter = (mode & 0o444) >> 2;
        fs::set_permissions(path, fs::Permissions::from_mode(mode | enter))?;
    }
    #[cfg(not(unix))]
    let _ = mode;
    Ok(())
}

#[cfg(unix)]
fn mode_of(directory: &Metadata) -> u32 {
    use std::os::unix::fs::MetadataExt;
    // The owner can always use the store.
    (directory.mode() & 0o666) | 0o600
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is none")]
fn owner_of(directory: &Metadata) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    Some((directory.uid(), directory.gid()))
}

#[cfg(not(unix))]
fn mode_of(_: &Metadata) -> u32 {
    0o600
}

#[cfg(not(unix))]
fn owner_of(_: &Metadata) -> Option<(u32, u32)> {
    None
}
