//! What an operator should know about a store that several processes share: who holds an old state, who
//! blocks writes, and how the file fills up.
//!
//! A state that somebody reads is kept whole, so pages that were freed since cannot be reused and the file
//! grows. A read takes moments; one that lasts belongs to a process that was stopped, or to an export that
//! somebody forgot.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::clock;
use super::environment::Store;
use super::errors::{had_by, timestamp};
use super::lmdb::{Reader, own_identity};
use super::locks::{Holder, Locks};
use super::told::LONG_TURN;
use crate::kv::{Status, Usage};

/// From here on, a kept state is worth a warning.
const OLD_READ: Duration = Duration::from_secs(60);
/// The read that keeps the oldest state, if that is not the newest state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OldestRead {
    identity: u32,
    state: u64,
    /// How many commits came after that state.
    commits: u64,
}

/// The slots of readers without those by which this process pins states: LMDB does not tell them apart.
fn without_pins(readers: Vec<Reader>, own: i64, pins: &[usize]) -> Vec<Reader> {
    let mut pins = pins.to_vec();
    let mut is_read = |reader: &Reader| {
        let pinned =
            pins.iter().position(|pin| reader.txn == Some(*pin) && i64::from(reader.identity) == own);
        pinned.map(|at| pins.swap_remove(at)).is_none()
    };
    readers.into_iter().filter(|reader| is_read(reader)).collect()
}

fn oldest(readers: &[Reader], newest: usize) -> Option<OldestRead> {
    let old =
        readers.iter().filter_map(|reader| Some((reader.txn.filter(|txn| *txn < newest)?, reader.identity)));
    let (state, identity) = old.min()?;
    Some(OldestRead {
        identity: u32::try_from(identity).unwrap_or_default(),
        state: state as u64,
        commits: (newest - state) as u64,
    })
}

impl Store {
    /// Who reads, over all processes.
    fn readers(&self) -> Vec<Reader> {
        let mut readers = without_pins(self.env.readers(), i64::from(own_identity()), &self.env.pins());
        if let Some(locks) = &self.locks {
            readers.retain(|reader| {
                let identity = u32::try_from(reader.identity).unwrap_or_default();
                let is_pin = |txn| locks.is_pinned(identity, txn as u64);
                reader.identity == own_identity() || !reader.txn.is_some_and(is_pin)
            });
        }
        readers
    }

    /// The oldest state that somebody reads.
    pub(super) fn oldest_state_read(&self) -> Option<usize> {
        self.readers().into_iter().filter_map(|reader| reader.txn).min()
    }

    fn oldest_read(&self) -> Option<(OldestRead, SystemTime)> {
        let read = oldest(&self.readers(), self.env.info().last_txn)?;
        let since = self.locks.as_ref().map(|locks| locks.kept_since(read.state))?;
        Some((read, since))
    }

    fn reader(&self, read: OldestRead) -> String {
        let process = self.locks.as_ref().and_then(|locks| locks.find(read.identity));
        process.map_or_else(
            || format!("a process that LMDB knows as {}", read.identity),
            |found| found.to_string(),
        )
    }

    fn long_turn(&self) -> Option<Holder> {
        let holder = self.locks.as_ref()?.holder()?;
        (clock::since(holder.since) >= LONG_TURN).then_some(holder)
    }

    /// Logs, once, that a state has been kept for a long time.
    pub(super) fn tell_of_old_reads(&self) {
        let Some((read, since)) = self.oldest_read() else { return };
        let kept = clock::since(since);
        if kept >= OLD_READ && self.told.state.swap(read.state, Ordering::AcqRel) != read.state {
            tracing::warn!(
                name: "kv.old-read", target: "baton::kv", reader = self.reader(read), commits = read.commits,
                seconds = kept.as_secs(), file_bytes = self.file_bytes(),
                "a read keeps an old state, and the file grows by what is written meanwhile"
            );
        }
    }

    /// Logs that another process does not let this one write.
    pub(super) fn tell_of_long_turn(&self, waited: Duration) {
        let holder = self.locks.as_ref().and_then(Locks::holder);
        let holder = holder.as_ref().map_or_else(|| "nobody who has left a note".to_owned(), had_by);
        tracing::warn!(
            name: "kv.long-turn", target: "baton::kv", holder, waited_ms = waited.as_secs_f64() * 1_000.0,
            "waiting for the turn to write, which another process does not give back"
        );
    }

    /// The status, for people.
    pub(super) fn status(&self, backend: &'static str) -> Status {
        let mut status = Status::local(backend);
        if !self.is_there() {
            status.available = false;
            status.messages.push("the store's files were deleted or replaced while it was open".to_owned());
        }
        if let Some(holder) = self.long_turn() {
            status.available = false;
            status.messages.push(format!("nobody can write: {}", had_by(&holder)));
        }
        if let Some((read, since)) = self.oldest_read()
            && clock::since(since) >= OLD_READ
        {
            let (reader, since, commits) = (self.reader(read), timestamp(since), read.commits);
            status.messages.push(format!(
                "{reader} has read one state since {since}, {commits} commits ago, and the file grows meanwhile (it has {} \
                 bytes)",
                self.file_bytes()
            ));
        }
        status.healthy = status.messages.is_empty();
        status.journal = self.journal_status();
        status
    }

    /// What the store uses and what it waits for.
    pub(super) fn usage(&self) -> Usage {
        let (readers, oldest) = (self.readers(), self.oldest_read());
        let turn = self.locks.as_ref().and_then(Locks::holder);
        Usage {
            file_bytes: self.file_bytes(),
            free_bytes: self.free_pages() * self.env.page_bytes() as u64,
            reads: readers.iter().filter(|reader| reader.txn.is_some()).count() as u64,
            oldest_read: oldest.map_or(Duration::ZERO, |(_, since)| clock::since(since)),
            oldest_read_commits: oldest.map_or(0, |(read, _)| read.commits),
            write_turn: turn.map_or(Duration::ZERO, |holder| clock::since(holder.since)),
            waits_for_turn: self.told.waits_for_turn.load(Ordering::Relaxed),
            dead_readers: self.told.dead_readers.load(Ordering::Relaxed),
            journal: self.journal.as_ref().map(|journal| journal.counters.usage()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_pins_is_no_read() {
        let reader = |identity, txn| Reader { identity, txn: Some(txn) };
        let readers = vec![reader(1, 4), reader(1, 4), reader(2, 4), reader(1, 5)];
        assert_eq!(without_pins(readers, 1, &[4, 6]), [reader(1, 4), reader(2, 4), reader(1, 5)]);
    }

    #[test]
    fn the_oldest_read_is_that_of_the_oldest_state_that_is_not_the_newest() {
        let reader = |identity, txn| Reader { identity, txn };
        assert_eq!(oldest(&[reader(1, Some(9)), reader(2, None)], 9), None);
        let readers = [reader(1, Some(9)), reader(2, Some(4)), reader(3, Some(7))];
        assert_eq!(oldest(&readers, 9), Some(OldestRead { identity: 2, state: 4, commits: 5 }));
    }
}
