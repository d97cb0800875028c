//! Names that last: a file that was flushed is lost all the same if a loss of power takes its name.
//!
//! POSIX promises that the name of a new file or directory is on the disk only once the directory that holds it
//! was flushed. So whoever opens a store strictly flushes the store's directory and all those above it before it
//! writes: the store may have just been made, with its directories, by a process that did not get as far. Flushing
//! what was not changed costs next to nothing.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Makes sure of the names that lead to the files in `directory`, an absolute path without links.
pub(super) fn flush(directory: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        // Elsewhere directories cannot be opened as files, and file systems keep names by themselves.
        return Ok(());
    }
    flush_entries(directory)?;
    for above in directory.ancestors().skip(1) {
        match flush_entries(above) {
            // A directory that this process may not look into is none that it has made something in.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            result => result?,
        }
    }
    Ok(())
}

fn flush_entries(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some file systems have nothing to flush there, and say it like this; on others nothing can have changed.
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
