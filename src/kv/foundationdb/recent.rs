//! Rows whose value at a recent version this process knows, because a transaction of its own has read or written them
//! when it committed at that version.
//!
//! An owner that commits again and again reads the same fence and head each time, and finds what it left there. With
//! these rows at hand its next transaction needs no read version from the cluster, notes the rows as read, and is one
//! round trip instead of three: the resolvers check, as always, that nobody has changed them since, and a transaction that
//! fails the check is executed again on the newest state.
//!
//! What is taken on trust: a row that a transaction has read, or written, has that value at its place in the order of
//! commits. Since is everything behind that place, also what was committed at the very same version; [`super::marks`]
//! says how that is checked.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quick_cache::unsync::Cache;

use super::marks::Mark;

/// The rows of about this many owners are remembered, two each.
const ROWS_MAX: usize = 16_384;
/// Rows longer than this are not: a fence has 50 bytes, a head about 230.
const ROW_BYTES_MAX: usize = 1_000;
/// How long a version is used. FoundationDB refuses a read version that is five seconds old; the rest is for the transaction
/// itself.
const AGE_MAX: Duration = Duration::from_secs(3);

/// A row as it was at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) version: i64,
    pub(super) value: Option<Bytes>,
    /// Who wrote it at that version. None: it was read.
    pub(super) writer: Option<Mark>,
    since: Instant,
}

/// A row that a transaction has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Bytes>,
    pub(super) writer: Option<Mark>,
}

/// The rows known.
pub(super) struct Recent(Mutex<Cache<Vec<u8>, Known>>);

impl Default for Recent {
    fn default() -> Self {
        Self(Mutex::new(Cache::new(ROWS_MAX)))
    }
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Cache<Vec<u8>, Known>> {
        // What is lost of it in a panic costs a round trip.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a row, if it is recent enough.
    pub(super) fn get(&self, key: &[u8], now: Instant) -> Option<Known> {
        let mut rows = self.lock();
        let known = rows.get(key)?.clone();
        if now.saturating_duration_since(known.since) <= AGE_MAX {
            return Some(known);
        }
        rows.remove(key);
        None
    }

    /// Remembers the rows of a transaction that began after `since` and has committed at `version`.
    pub(super) fn remember(&self, rows: impl IntoIterator<Item = Left>, version: i64, since: Instant) {
        let mut known = self.lock();
        for Left { key, value, writer } in rows {
            if value.as_ref().is_none_or(|value| value.len() <= ROW_BYTES_MAX) {
                // A copy: the client's own value would keep its whole reply in memory.
                let value = value.map(|value| Bytes::copy_from_slice(&value));
                known.insert(key, Known { version, value, writer, since });
            }
        }
    }

    /// Forgets rows that may have changed.
    pub(super) fn forget<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) {
        let mut known = self.lock();
        for key in keys {
            known.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &[u8], value: Option<&'static [u8]>) -> Left {
        Left { key: key.to_vec(), value: value.map(Bytes::from_static), writer: None }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn rows_are_known_for_a_while_and_until_they_are_forgotten() {
        let recent = Recent::default();
        let start = Instant::now();
        recent.remember([row(b"a", Some(b"1")), row(b"b", None)], 7, start);
        let known = recent.get(b"a", start + AGE_MAX).unwrap();
        assert_eq!((known.version, known.value.as_deref()), (7, Some(b"1".as_slice())));
        assert_eq!(recent.get(b"b", start).unwrap().value, None, "that there is none is known too");
        assert_eq!(recent.get(b"c", start), None);
        assert_eq!(recent.get(b"a", start + AGE_MAX + Duration::from_millis(1)), None);
        recent.forget([b"b".as_slice()]);
        assert_eq!(recent.get(b"b", start), None);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn long_rows_are_not_kept() {
        let recent = Recent::default();
        recent.remember(
            [row(b"a", Some(&[0; ROW_BYTES_MAX + 1])), row(b"b", Some(&[0; ROW_BYTES_MAX]))],
            7,
            Instant::now(),
        );
        assert_eq!(recent.get(b"a", Instant::now()), None);
        assert!(recent.get(b"b", Instant::now()).is_some());
    }
}
