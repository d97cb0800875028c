//! Recent read versions, keyed by the rows that a transaction of this process has read before it committed.
//!
//! An owner that commits again and again need not ask for a read version each time. Its next transaction uses
//! the version of its last commit and reads the rows at that version, which saves a round trip. The resolvers
//! check, as always, that nobody has changed the rows since. A transaction that fails the check is executed
//! again on the newest state.
//!
//! The rows themselves are read and never cached. Transactions that commit in parallel get one version, in an
//! order that only the servers know. A row that was read without a conflict may have been written by a later
//! transaction at the same version, which a check of later versions cannot see. A takeover beside a commit is
//! such a pair.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::unsync::Cache;

/// How many keys are remembered; an owner needs two.
const ROWS_MAX: usize = 16_384;
/// How long a version is used. FoundationDB refuses a read version that is five seconds old; the rest of that
/// time is for the transaction itself.
const AGE_MAX: Duration = Duration::from_secs(3);

/// A version, and a time before it: its age is at most the time since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    version: i64,
    since: Instant,
}

/// The versions known, by key.
pub(super) struct Recent(Mutex<Cache<Vec<u8>, Seen>>);

impl Default for Recent {
    fn default() -> Self {
        Self(Mutex::new(Cache::new(ROWS_MAX)))
    }
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Cache<Vec<u8>, Seen>> {
        // What is lost in a panic only costs a round trip.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A version for reading a row, if a recent enough one is known.
    pub(super) fn get(&self, key: &[u8], now: Instant) -> Option<i64> {
        let mut rows = self.lock();
        let seen = *rows.get(key)?;
        if now.saturating_duration_since(seen.since) <= AGE_MAX {
            return Some(seen.version);
        }
        rows.remove(key);
        None
    }

    /// Records the version at which a transaction that began after `since` has read these rows and committed.
    pub(super) fn remember(&self, keys: impl IntoIterator<Item = Vec<u8>>, version: i64, since: Instant) {
        let mut rows = self.lock();
        for key in keys {
            rows.insert(key, Seen { version, since });
        }
    }

    /// Forgets rows that may have changed.
    pub(super) fn forget<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) {
        let mut rows = self.lock();
        for key in keys {
            rows.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn a_version_is_known_for_a_while_and_until_it_is_forgotten() {
        let recent = Recent::default();
        let start = Instant::now();
        recent.remember([b"a".to_vec(), b"b".to_vec()], 7, start);
        assert_eq!(recent.get(b"a", start + AGE_MAX), Some(7));
        assert_eq!(recent.get(b"c", start), None);
        assert_eq!(recent.get(b"a", start + AGE_MAX + Duration::from_millis(1)), None);
        recent.forget([b"b".as_slice()]);
        assert_eq!(recent.get(b"b", start), None);
    }
}
