//! Reads and writes at places of a file, whole or with the reason why not.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};

#[cfg(unix)]
use std::os::unix::fs::FileExt;
#[cfg(windows)]
use std::os::windows::fs::FileExt;

/// The length of a file. Who asks for its metadata asks for its timestamps too, and Linux (since 6.13) then gives the
/// next write a timestamp of its own. On ext4 without a journal, a flush has to write the inode for that: one more
/// write to the disk for each commit. Moves the place that only reads and writes without a place go by.
pub(super) fn length(mut file: &File) -> io::Result<u64> {
    file.seek(SeekFrom::End(0))
}

/// Reads `bytes` bytes, or as many as there are.
pub(super) fn read_at(file: &File, at: u64, bytes: usize) -> io::Result<Vec<u8>> {
    let mut read = vec![0; bytes];
    let mut done = 0;
    while done < bytes {
        match read_some(file, &mut read[done..], at.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Beyond the largest possible file.
            Err(error) if error.kind() == ErrorKind::InvalidInput => break,
            Err(error) => return Err(error),
        }
    }
    read.truncate(done);
    Ok(read)
}

/// Writes all bytes. After an error some of them may be written.
pub(super) fn write_at(file: &File, at: u64, mut bytes: &[u8]) -> io::Result<()> {
    let mut at = at;
    while !bytes.is_empty() {
        match write_some(file, bytes, at) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(done) => {
                bytes = &bytes[done..];
                at += done as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    file.read_at(buffer, at)
}

#[cfg(unix)]
fn write_some(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    file.write_at(bytes, at)
}

#[cfg(windows)]
fn read_some(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    file.seek_read(buffer, at)
}

#[cfg(windows)]
fn write_some(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    file.seek_write(bytes, at)
}
