//! Makes file names durable: even a flushed file is lost if a loss of power takes its name.
//!
//! POSIX promises that the name of a new file or directory is on disk only once its parent directory was
//! flushed. So whoever opens a store in strict mode flushes the store's directory and all directories above
//! it before writing: the process that created them may not have got that far. Flushing an unchanged
//! directory costs next to nothing.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Makes the names that lead to the files in `directory` durable. `directory` is an absolute path without
/// links.
pub(super) fn flush(directory: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        // Elsewhere directories cannot be opened as files, and file systems make names durable by themselves.
        return Ok(());
    }
    flush_entries(directory)?;
    for above in directory.ancestors().skip(1) {
        match flush_entries(above) {
            // If this process may not read a directory, it has created nothing in it.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            result => result?,
        }
    }
    Ok(())
}

fn flush_entries(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some file systems have nothing to flush there and return this error; on others nothing can have
        // changed.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}
