//! Has the disk write what was changed, a part at a time.
//!
//! A flush hands all that was changed to the disk at once, and the flush of a commit that comes meanwhile waits behind
//! it. In parts, it waits for one of them. The data is safe only after the flush all the same, which has little left to
//! do then.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::{Env, LmdbError, Result};

/// A part has at least so many bytes of the file. The commits of one actor then take 0.6 ms at p99 and not 1.4; with a
/// fourth of it 0.45, but the disk writes more often.
const PART_BYTES_MIN: u64 = 256 * 1024;
/// A large file has so many parts.
const PARTS_MAX: u64 = 4_096;
/// What is not written after this time is left to the flush: on a slow disk it takes all at once sooner.
const LIMIT: Duration = Duration::from_millis(100);

/// The parts of a file of so many bytes.
fn parts(bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let step = (bytes / PARTS_MAX).max(PART_BYTES_MIN);
    (0..bytes.div_ceil(step)).map(move |part| part * step..(part + 1) * step)
}

impl Env {
    /// Writes the file in parts. After an error, which no later flush may report again, nobody knows what the disk has.
    pub(crate) fn write_back(&self, now: fn() -> Instant) -> Result<()> {
        let bytes = (self.info().last_page as u64 + 1) * self.page_bytes() as u64;
        let began = now();
        for part in parts(bytes) {
            if now().saturating_duration_since(began) >= LIMIT {
                break;
            }
            match write_part(self, part) {
                Ok(()) => {}
                Err(error) if is_about_data(&error) => return Err(LmdbError::Io(error)),
                // Not now, not on this system, or not on this file system.
                Err(_) => break,
            }
        }
        Ok(())
    }
}

fn is_about_data(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, InvalidInput, NotSeekable, PermissionDenied, Unsupported};
    !matches!(error.kind(), Interrupted | InvalidInput | NotSeekable | PermissionDenied | Unsupported)
}

#[cfg(target_os = "linux")]
fn write_part(env: &Env, part: Range<u64>) -> io::Result<()> {
    use lmdb_master_sys as ffi;

    const WRITE_AND_WAIT: std::ffi::c_uint =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    let (Ok(from), Ok(bytes)) = (part.start.try_into(), (part.end - part.start).try_into()) else {
        return Ok(());
    };
    let mut descriptor = -1;
    // SAFETY: the environment is open, and LMDB fills the number.
    let _code = unsafe { ffi::mdb_env_get_fd(env.raw(), &raw mut descriptor) };
    // SAFETY: the descriptor is open as long as the environment is.
    match unsafe { libc::sync_file_range(descriptor, from, bytes, WRITE_AND_WAIT) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
fn write_part(_: &Env, _: Range<u64>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_cover_the_file() {
        for bytes in [0, 1, PART_BYTES_MIN, PART_BYTES_MIN + 1, 3 << 30, (3 << 30) + 4_096] {
            let mut end = 0;
            for part in parts(bytes) {
                assert_eq!(part.start, end);
                assert!(part.end - part.start >= PART_BYTES_MIN);
                end = part.end;
            }
            assert!(end >= bytes && parts(bytes).count() as u64 <= PARTS_MAX + 1, "{bytes}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_errors_of_the_data_count() {
        let error = io::Error::from_raw_os_error;
        for number in [libc::EIO, libc::ENOSPC, libc::EDQUOT, libc::ENOMEM, libc::EBADF] {
            assert!(is_about_data(&error(number)), "{number}");
        }
        for number in [libc::EINVAL, libc::ESPIPE, libc::EPERM, libc::ENOSYS, libc::EOPNOTSUPP, libc::EINTR] {
            assert!(!is_about_data(&error(number)), "{number}");
        }
    }
}
