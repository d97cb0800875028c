//! Disk space for what is mapped.
//!
//! A file can have a length without having disk space; writing to a map of it on a full disk kills the
//! process. So space is allocated before a file is mapped for writing, where a full disk is only an error.

use std::fs::File;
use std::io;

/// Allocates disk space for the first `bytes` of the file. Neither its content nor its length changes.
#[cfg(target_os = "linux")]
pub(super) fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let length = libc::off_t::try_from(bytes).expect("these files are small");
    loop {
        // SAFETY: the descriptor is open.
        if unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, length) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            // Not every file system supports this. Those that do not are on a network or another machine,
            // where a store does not belong.
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => return Ok(()),
            _ => return Err(error),
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reserve(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}
