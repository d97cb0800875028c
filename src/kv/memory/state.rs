//! Rows with their versions, and the log of writes.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::kv::{KeyRange, KvError, Mutation, Mutations, WriteConflict};

/// A value and the version that wrote it; `None` is a removal.
type Version = (u64, Option<Bytes>);

/// The state, shared by handles and transactions.
pub(super) type Shared = Mutex<State>;

pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    // State is changed only by infallible steps, so a panic elsewhere leaves it consistent.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(super) struct State {
    /// Incremented by each commit.
    version: u64,
    rows: BTreeMap<Vec<u8>, Vec<Version>>,
    /// The declared write ranges of the commits above the horizon, oldest first.
    log: VecDeque<(u64, Vec<KeyRange>)>,
    /// Keys that have versions to drop once the horizon passes, oldest first.
    outdated: VecDeque<(u64, Vec<u8>)>,
    /// The versions that running transactions read, with how many read each.
    readers: BTreeMap<u64, usize>,
    versions_kept: u64,
}

impl State {
    pub(super) fn new(versions_kept: u64) -> Self {
        Self {
            version: 0,
            rows: BTreeMap::new(),
            log: VecDeque::new(),
            outdated: VecDeque::new(),
            readers: BTreeMap::new(),
            versions_kept,
        }
    }

    /// Registers a transaction and returns the version that it reads.
    pub(super) fn begin(&mut self) -> u64 {
        *self.readers.entry(self.version).or_default() += 1;
        self.version
    }

    /// Ends a transaction that read `version`.
    pub(super) fn end(&mut self, version: u64) {
        if let Some(count) = self.readers.get_mut(&version) {
            *count -= 1;
            if *count == 0 {
                self.readers.remove(&version);
            }
        }
        self.drop_outdated();
    }

    /// The oldest version that can still be read.
    fn horizon(&self) -> u64 {
        let oldest = self.readers.keys().next().copied().unwrap_or(self.version);
        oldest.max(self.oldest_allowed())
    }

    fn oldest_allowed(&self) -> u64 {
        self.version.saturating_sub(self.versions_kept)
    }

    fn check_age(&self, version: u64) -> Result<(), KvError> {
        if version < self.oldest_allowed() { Err(KvError::TooOld) } else { Ok(()) }
    }

    pub(super) fn get(&self, key: &[u8], version: u64) -> Result<Option<Bytes>, KvError> {
        self.check_age(version)?;
        Ok(self.rows.get(key).and_then(|versions| visible(versions, version)))
    }

    /// Up to `rows_max` rows of `range`, ascending.
    pub(super) fn range(
        &self,
        range: &KeyRange,
        version: u64,
        rows_max: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, KvError> {
        self.check_age(version)?;
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(range.start()), Bound::Excluded(range.end()));
        let rows = self.rows.range::<[u8], _>(bounds);
        let visible = rows.filter_map(|(key, versions)| Some((key.clone(), visible(versions, version)?)));
        Ok(visible.take(rows_max).collect())
    }

    /// Writes, unless something that was read has changed since `version`.
    pub(super) fn commit(
        &mut self,
        version: u64,
        read: &[KeyRange],
        mutations: Mutations,
    ) -> Result<(), KvError> {
        self.check_age(version)?;
        let later = self.log.iter().rev().take_while(|(written, _)| *written > version);
        let mut ranges = later.flat_map(|(_, ranges)| ranges);
        if ranges.any(|written| read.iter().any(|range| range.intersects(written))) {
            return Err(KvError::Conflict);
        }
        self.version += 1;
        let mut declared = Vec::new();
        for mutation in mutations {
            self.apply(mutation, &mut declared);
        }
        self.log.push_back((self.version, declared));
        self.drop_outdated();
        Ok(())
    }

    fn apply(&mut self, mutation: Mutation, declared: &mut Vec<KeyRange>) {
        let (range, conflict) = match mutation {
            Mutation::Put { key, value, conflict } => {
                self.write(key.clone(), Some(value.into()));
                (KeyRange::single(key), conflict)
            }
            Mutation::Delete { key, conflict } => {
                self.write(key.clone(), None);
                (KeyRange::single(key), conflict)
            }
            Mutation::ClearRange { range, conflict } => {
                if !range.is_empty() {
                    let bounds = (Bound::Included(range.start()), Bound::Excluded(range.end()));
                    let keys: Vec<_> =
                        self.rows.range::<[u8], _>(bounds).map(|(key, _)| key.clone()).collect();
                    for key in keys {
                        self.write(key, None);
                    }
                }
                (range, conflict)
            }
        };
        if conflict == WriteConflict::Declared {
            declared.push(range);
        }
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Bytes>) {
        self.outdated.push_back((self.version, key.clone()));
        let versions = self.rows.entry(key).or_default();
        match versions.last_mut() {
            // A later write of the same transaction.
            Some(last) if last.0 == self.version => last.1 = value,
            _ => versions.push((self.version, value)),
        }
    }

    /// Drops what no running or future transaction can read.
    fn drop_outdated(&mut self) {
        let horizon = self.horizon();
        while self.log.front().is_some_and(|(version, _)| *version <= horizon) {
            self.log.pop_front();
        }
        while self.outdated.front().is_some_and(|(version, _)| *version <= horizon) {
            let Some((_, key)) = self.outdated.pop_front() else { break };
            let Some(versions) = self.rows.get_mut(&key) else { continue };
            let readable = versions.iter().rposition(|(version, _)| *version <= horizon).unwrap_or(0);
            versions.drain(..readable);
            if matches!(versions.as_slice(), [(version, None)] if *version <= horizon) {
                self.rows.remove(&key);
            }
        }
    }
}

fn visible(versions: &[Version], at: u64) -> Option<Bytes> {
    versions.iter().rev().find(|(version, _)| *version <= at).and_then(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &[u8], value: &[u8]) -> Mutations {
        let mut mutations = Mutations::new();
        mutations.put(key.to_vec(), value.to_vec());
        mutations
    }

    fn delete(key: &[u8]) -> Mutations {
        let mut mutations = Mutations::new();
        mutations.delete(key.to_vec());
        mutations
    }

    #[test]
    fn versions_that_nobody_reads_are_forgotten() {
        let mut state = State::new(1_000);
        for round in 0..10u8 {
            state.commit(state.version, &[], put(b"a", &[round])).unwrap();
            state.commit(state.version, &[], put(&[b'b', round], b"x")).unwrap();
            state.commit(state.version, &[], delete(&[b'b', round])).unwrap();
        }
        assert_eq!(state.rows.len(), 1, "removed keys must leave nothing");
        assert_eq!(state.rows[b"a".as_slice()].len(), 1);
        assert!(state.log.is_empty() && state.outdated.is_empty());
    }

    #[test]
    fn a_running_reader_keeps_what_it_may_read() {
        let mut state = State::new(1_000);
        state.commit(0, &[], put(b"a", b"old")).unwrap();
        let reader = state.begin();
        state.commit(state.version, &[], delete(b"a")).unwrap();
        assert_eq!(state.get(b"a", reader).unwrap().as_deref(), Some(b"old".as_slice()));
        state.end(reader);
        assert!(state.rows.is_empty());
    }

    #[test]
    fn a_reader_that_falls_too_far_behind_is_too_old() {
        let mut state = State::new(2);
        let reader = state.begin();
        for _ in 0..3 {
            state.commit(state.version, &[], put(b"a", b"x")).unwrap();
        }
        assert_eq!(state.get(b"a", reader), Err(KvError::TooOld));
        assert_eq!(state.commit(reader, &[], put(b"b", b"x")), Err(KvError::TooOld));
    }
}
