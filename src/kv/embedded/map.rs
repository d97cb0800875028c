//! How much address space the map of the file takes, and when it grows.
//!
//! The map is not the limit of the file. That is `maxSizeBytes`, one terabyte by default; a process that
//! reserved that much for each store could open only about a hundred of them. A map starts at a multiple of
//! the file size and grows early, at a moment when nobody reads. Only if that did not work does a write wait
//! for reads to end.

use std::time::Duration;

use super::lmdb::Info;

/// The minimum size of a new map, unless the limit of the file is lower: four thousand such maps fit the
/// address space of a process.
const MAP_BYTES_DEFAULT: u64 = if cfg!(target_pointer_width = "64") { 32 << 30 } else { 256 << 20 };
/// The smallest map that is tried if the system has no room for that.
const MAP_BYTES_LEAST: u64 = 64 << 20;
/// If the address space is limited, a new map takes this fraction of it.
const ADDRESS_SHARE: u64 = 16;
/// A map is this many times the size of the file.
const FILE_SHARE: u64 = 4;
/// How long a write that needs room waits for reads to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The size of the first map, for a file of this many bytes that may grow to `limit_bytes`, in a process that
/// may use `address_bytes` of address space.
pub(super) fn first(file_bytes: u64, limit_bytes: u64, address_bytes: Option<u64>) -> u64 {
    let room = address_bytes.map_or(u64::MAX, |bytes| (bytes / ADDRESS_SHARE).max(MAP_BYTES_LEAST));
    let wanted = file_bytes.saturating_mul(FILE_SHARE).max(MAP_BYTES_DEFAULT).min(room);
    wanted.max(file_bytes.saturating_mul(2)).min(limit_bytes.max(file_bytes))
}

/// How much address space this process may use, if there is a limit (`ulimit -v`).
#[cfg(unix)]
pub(super) fn address_bytes() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives as long as the call.
    let code = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    (code == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

#[cfg(not(unix))]
pub(super) fn address_bytes() -> Option<u64> {
    None
}

/// A smaller map, if the system has no room for one of `map_bytes`.
pub(super) fn smaller(map_bytes: u64, file_bytes: u64) -> Option<u64> {
    let least = file_bytes.saturating_mul(2).max(MAP_BYTES_LEAST);
    (map_bytes > least).then(|| (map_bytes / 2).max(least))
}

/// A larger map, and how long to wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    pub map_bytes: u64,
    pub patience: Duration,
}

/// Whether the map should grow before the next write. `is_full` means that the last one did not fit.
pub(super) fn growth(info: Info, page_bytes: usize, limit_bytes: u64, is_full: bool) -> Option<Growth> {
    let map_bytes = info.map_bytes as u64;
    let file_bytes = (info.last_page as u64 + 1) * page_bytes as u64;
    if map_bytes >= limit_bytes && map_bytes >= file_bytes {
        return None;
    }
    let is_urgent = is_full || file_bytes > map_bytes / 16 * 15;
    if !is_urgent && file_bytes <= map_bytes / 2 {
        return None;
    }
    let patience = if is_urgent { PATIENCE } else { Duration::ZERO };
    let wanted = map_bytes.max(file_bytes).saturating_mul(FILE_SHARE).min(limit_bytes.max(file_bytes));
    Some(Growth { map_bytes: wanted, patience })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn info(map_bytes: u64, file_bytes: u64) -> Info {
        let map_bytes = usize::try_from(map_bytes).unwrap();
        let last_page = usize::try_from(file_bytes / 4_096).unwrap() - 1;
        Info { map_bytes, last_page, last_txn: 1 }
    }

    #[test]
    fn a_map_begins_small_and_never_smaller_than_the_file() {
        assert_eq!(first(0, 1024 * GIB, None), MAP_BYTES_DEFAULT);
        assert_eq!(first(100 * GIB, 1024 * GIB, None), 400 * GIB);
        assert_eq!(first(0, 64 << 20, None), 64 << 20);
        assert_eq!(first(2 << 20, 1 << 20, None), 2 << 20);
        assert_eq!(first(0, 1024 * GIB, Some(8 * GIB)), GIB / 2);
        assert_eq!(first(GIB, 1024 * GIB, Some(8 * GIB)), 2 * GIB);
    }

    #[test]
    fn a_map_grows_in_good_time_and_to_the_limit() {
        let grows = |map, file, limit, is_full| growth(info(map, file), 4_096, limit, is_full);
        assert_eq!(grows(32 * GIB, 10 * GIB, 1024 * GIB, false), None);
        let soon = Growth { map_bytes: 128 * GIB, patience: Duration::ZERO };
        assert_eq!(grows(32 * GIB, 17 * GIB, 1024 * GIB, false), Some(soon));
        let now = Growth { map_bytes: 128 * GIB, patience: PATIENCE };
        assert_eq!(grows(32 * GIB, 31 * GIB, 1024 * GIB, false), Some(now));
        assert_eq!(grows(32 * GIB, 10 * GIB, 1024 * GIB, true), Some(now));
        assert_eq!(grows(32 * GIB, 31 * GIB, 32 * GIB, true), None, "the limit is reached");
        let past = Growth { map_bytes: 40 * GIB, patience: PATIENCE };
        assert_eq!(grows(32 * GIB, 40 * GIB, 32 * GIB, false), Some(past), "another process may use more");
    }

    #[test]
    fn a_system_without_room_is_asked_for_less() {
        assert_eq!(smaller(32 * GIB, 0), Some(16 * GIB));
        assert_eq!(smaller(100 << 20, 0), Some(64 << 20));
        assert_eq!(smaller(64 << 20, 0), None);
        assert_eq!(smaller(4 * GIB, 3 * GIB), None);
    }
}
