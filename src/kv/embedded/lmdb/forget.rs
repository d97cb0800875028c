//! Releases memory that the operating system keeps for free pages.
//!
//! Deleted data would stay in the page cache, and in the map of each process that has read it, until the
//! memory is needed for something else. Linux also caches a file in folios of up to [`BLOCK_BYTES`] and more,
//! as large as the writes that created them. When a later commit reuses one of these pages, the whole folio
//! counts as written, although the disk gets one page (`write_bytes` in `/proc/self/io`, and limits on dirty
//! memory). A block that is mostly free is therefore dropped from the cache: its next write creates folios of
//! one page.

#[cfg(any(target_os = "linux", test))]
use std::ops::Range;
#[cfg(target_os = "linux")]
use std::slice;

#[cfg(target_os = "linux")]
use lmdb_master_sys as ffi;

#[cfg(target_os = "linux")]
use super::free;
use super::{Env, Freed};

/// LMDB writes up to 64 pages at once.
#[cfg(any(target_os = "linux", test))]
const BLOCK_BYTES: usize = 256 * 1024;

/// The pages of blocks with at least half of their pages in `free`, which is in descending order; as
/// ascending runs.
#[cfg(any(target_os = "linux", test))]
fn blocks(free: impl IntoIterator<Item = usize>, page_bytes: usize) -> Vec<Range<usize>> {
    let block = (BLOCK_BYTES / page_bytes).max(1);
    let mut counted: Vec<(usize, usize)> = Vec::new();
    for page in free {
        match counted.last_mut() {
            Some((number, pages)) if *number == page / block => *pages += 1,
            _ => counted.push((page / block, 1)),
        }
    }
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (number, _) in counted.into_iter().rev().filter(|(_, pages)| 2 * pages >= block) {
        let pages = number * block..(number + 1) * block;
        match runs.last_mut() {
            Some(run) if run.end == pages.start => run.end = pages.end,
            _ => runs.push(pages),
        }
    }
    runs
}

/// Drops from memory the pages that a commit has freed, where whole blocks are mostly free. This changes only
/// the cost of the next use of such a page, and it may fail.
#[cfg(target_os = "linux")]
pub(crate) fn forget(env: &Env, freed: &Freed<'_>) {
    let page_bytes = env.page_bytes();
    let Some(map) = start_of_map(freed.key(), page_bytes) else { return };
    let map_bytes = env.info().map_bytes;
    let mut descriptor = -1;
    // SAFETY: the environment is open, and LMDB fills the number.
    let _code = unsafe { ffi::mdb_env_get_fd(env.raw(), &raw mut descriptor) };
    for run in blocks(freed.pages(), page_bytes) {
        let from = run.start * page_bytes;
        let bytes = (run.end * page_bytes).min(map_bytes).saturating_sub(from);
        let (Ok(offset), Ok(length)) = (i64::try_from(from), i64::try_from(bytes)) else { return };
        // SAFETY: the range is inside the map, which does not move while the read that `freed` comes from is
        // running. The map is not written through, so the content comes back on the next access.
        let _result = unsafe { libc::madvise(map.add(from).cast_mut().cast(), bytes, libc::MADV_DONTNEED) };
        // SAFETY: the descriptor is open as long as the environment is.
        let _result = unsafe { libc::posix_fadvise(descriptor, offset, length, libc::POSIX_FADV_DONTNEED) };
    }
}

/// On other systems this is not known to help.
#[cfg(not(target_os = "linux"))]
pub(crate) fn forget(_env: &Env, _freed: &Freed<'_>) {}

/// The start of the map, found from a key in it: LMDB does not expose it, but each tree page begins with its
/// number.
#[cfg(target_os = "linux")]
fn start_of_map(key: &[u8], page_bytes: usize) -> Option<*const u8> {
    // SAFETY: it only returns a number.
    let system = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // Only pages of this size begin at addresses that are multiples of it.
    if usize::try_from(system).ok() != Some(page_bytes) {
        return None;
    }
    let inside = key.as_ptr();
    let into_page = inside.addr() % page_bytes;
    // SAFETY: a key is behind the header of its page, all of which is mapped.
    let page = unsafe { inside.sub(into_page) };
    // SAFETY: as above, and the header begins with a number.
    let header = unsafe { slice::from_raw_parts(page, size_of::<usize>()) };
    let number = free::number(header);
    Some(page.wrapping_sub(number.checked_mul(page_bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_goes_when_half_of_it_is_free() {
        let forgotten = |free: &[(usize, usize)]| {
            let pages: Vec<usize> = free.iter().flat_map(|(from, to)| *from..*to).rev().collect();
            blocks(pages, 4_096).into_iter().map(|run| (run.start, run.end)).collect::<Vec<_>>()
        };
        assert_eq!(forgotten(&[(64, 128)]), [(64, 128)]);
        assert_eq!(forgotten(&[(70, 102)]), [(64, 128)]);
        assert_eq!(forgotten(&[(70, 101)]), []);
        // In several pieces, and across the border of two blocks.
        assert_eq!(forgotten(&[(64, 80), (100, 116), (200, 260)]), [(64, 128), (192, 256)]);
        assert_eq!(forgotten(&[(100, 300)]), [(128, 320)]);
        assert_eq!(forgotten(&[]), []);
        // Pages may be as large as a block.
        assert_eq!(blocks([7, 6], 512 * 1024), vec![6..8]);
    }
}
