//! Whether the disk is full. LMDB reports a partial write as an input/output error, although that is how most
//! disks fill up. This tells the two apart.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::Path;

use super::data_file;
use super::errors::is_full;

/// A file that exists only during the check.
const FILE_NAME: &str = "probe";
/// More than LMDB writes at once.
const BYTES: usize = 512 * 1024;

/// Whether the disk has no room for a little more than the data file.
pub(super) fn is_disk_full(directory: &Path) -> bool {
    let (path, data) = (directory.join(FILE_NAME), directory.join(data_file::FILE_NAME));
    let probed = fs::metadata(data).map_err(|_| ErrorKind::Other.into()).and_then(|data| {
        let mut probe = private().write(true).create(true).truncate(true).open(&path)?;
        probe.seek(SeekFrom::Start(data.len()))?;
        probe.write_all(&vec![1; BYTES])
    });
    // If it cannot be removed, the next probe overwrites it.
    let _removed = fs::remove_file(&path);
    probed.is_err_and(|error| is_full(&error))
}

/// Options to create a file that nobody else may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
