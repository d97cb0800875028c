//! A commit through the journal: one record and one flush, in the middle of LMDB's commit, which flushes nothing else.

use std::io;

use crate::kv::embedded::environment::{NotCommitted, Store};
use crate::kv::embedded::errors::{is_full, kv_error};
use crate::kv::embedded::journal::{
    AppendError, BLOCK_BYTES, Checkpoint, Files, Journal, JournalCounters, Position, Record,
    SEGMENT_BYTES_FIRST, SEGMENT_BYTES_MAX, State,
};
use crate::kv::embedded::options::Durability;
use crate::kv::embedded::planted::{self, JournalBug};
use crate::kv::embedded::{clock, lmdb};
use crate::kv::{KvError, Mutations};

/// A record that takes more than this does not go through the journal: its rows would be written twice.
pub(in crate::kv::embedded) const RECORD_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// A segment has room for so many of the largest records, at least.
const LARGEST_IN_SEGMENT: u64 = 2;
/// A checkpoint is due from so many written bytes on, or from this share of the file or of its limit on. With a fourth
/// of the smallest, a small store that is busy flushed its data every 10 ms, and one commit of 20 waited for the disk to
/// do so; with four times as much, its file would have 35 MiB instead of 9.
const DUE_BYTES: std::ops::RangeInclusive<u64> = 1024 * 1024..=SEGMENT_BYTES_MAX;
const DUE_SHARE: u64 = 32;
const DUE_SHARE_OF_LIMIT: u64 = 64;
/// A commit waits for a checkpoint that is overdue by this share of the file.
const OVERDUE_SHARE: u64 = 8;
/// The segment is replaced by a larger one if it was filled within this time.
const BUSY_SECONDS: u64 = 5;

impl Store {
    /// Prepares a write transaction on the state of commit `newest`: this process pins a state that is whole
    /// on the disk, and the journal's end is known. Within the write turn.
    pub(in crate::kv::embedded) fn prepare_journal(&self, newest: u64) -> Result<(), KvError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let mut state = journal.state();
        if let Some(why) = &state.broken {
            return Err(broken(why));
        }
        let has_moved =
            !state.may_write || self.has_moved(journal, &state, newest).map_err(|error| failed(&error))?;
        if !has_moved && !self.is_overdue(&state) {
            return Ok(());
        }
        self.find_tail(journal, &mut state, newest).map_err(|error| failed(&error))?;
        if let Some(why) = &state.broken {
            return Err(broken(why));
        }
        self.make_way(journal, &state).map_err(|error| failed(&error))?;
        let is_placed = !self.is_journaled() || self.is_at_tail(&state, newest);
        if state.may_write && is_placed && !self.is_overdue(&state) {
            return Ok(());
        }
        self.checkpoint_in_turn(journal, &mut state, newest)
    }

    /// From so many bytes on a checkpoint is due: what is replaced until then cannot be used again.
    fn due_bytes(&self) -> u64 {
        let due = (self.file_bytes() / DUE_SHARE).clamp(*DUE_BYTES.start(), *DUE_BYTES.end());
        due.min(self.size_limit / DUE_SHARE_OF_LIMIT)
    }

    /// Whether so much was written since the last checkpoint that the background makes one.
    pub(super) fn is_checkpoint_due(&self, state: &State) -> bool {
        state.bytes >= self.due_bytes()
    }

    /// Whether the background is so late with a checkpoint that the next commit has to wait for one: without
    /// that, the file grows by whatever is written meanwhile.
    fn is_overdue(&self, state: &State) -> bool {
        state.bytes > self.due_bytes() + self.file_bytes() / OVERDUE_SHARE
    }

    pub(super) fn is_journaled(&self) -> bool {
        self.settings.durability == Durability::Strict
    }

    /// Whether the newest commit is the last one that this process has made, or has found.
    fn is_at_tail(&self, state: &State, newest: u64) -> bool {
        let is_planted = planted::is_journal(JournalBug::TailNotFound);
        if !self.is_journaled() {
            return state.unjournaled == Some(newest);
        }
        state.tail.is_some_and(|tail| tail.number == newest || is_planted)
    }

    /// Whether other processes have gone on in the journal, or have let it begin anew at a checkpoint of theirs,
    /// which nothing else tells if they have committed nothing since.
    pub(super) fn has_moved(&self, journal: &Journal, state: &State, newest: u64) -> io::Result<bool> {
        if !self.is_at_tail(state, newest) {
            return Ok(true);
        }
        if planted::is_journal(JournalBug::TailNotFound) {
            return Ok(false);
        }
        let number = |checkpoint: &Checkpoint| checkpoint.number;
        let known = state.checkpoint.as_ref().map(number);
        // Whoever goes on in the journal at that checkpoint and is killed leaves no other trace.
        let may_be_followed = |checkpoint: &Checkpoint| !self.is_journaled() && checkpoint.txn() == newest;
        if state.checkpoint.as_ref().is_some_and(may_be_followed) {
            return Ok(true);
        }
        Ok(journal.newest_checkpoint()?.as_ref().map(number) != known)
    }

    /// Before a commit without a record: nothing in the journal may have its number. Such a record was never
    /// committed, since its process was killed, and others would go on behind it.
    fn make_way(&self, journal: &Journal, state: &State) -> io::Result<()> {
        match state.tail.filter(|_| !self.is_journaled()) {
            Some(tail) => journal.log.retract_uncommitted(tail),
            None => Ok(()),
        }
    }

    /// Learns what other processes have done to the journal. The next record goes where those lead that follow
    /// the newest checkpoint, since nothing else is applied after a loss of power.
    pub(super) fn find_tail(&self, journal: &Journal, state: &mut State, newest: u64) -> io::Result<()> {
        let checkpoint = journal.newest_checkpoint()?;
        if checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.is_suspect) {
            state.broken = Some("a flush of its data has failed in another process".to_owned());
            return Ok(());
        }
        let is_of_now = |machine| journal.machine.is_still(machine);
        if !state.may_write
            && checkpoint.as_ref().is_some_and(|found| found.txn() == newest && is_of_now(&found.machine))
        {
            state.may_write = self.pin_newest(newest).is_ok();
        }
        let number = |checkpoint: &Option<Checkpoint>| checkpoint.as_ref().map(|found| found.number);
        let is_known = number(&checkpoint) == number(&state.checkpoint);
        if !is_known && checkpoint.is_some() {
            // Whoever wrote it down may have been killed before it was flushed.
            journal.log.files.flush_checkpoint()?;
        }
        let starts = [state.tail.filter(|_| is_known), checkpoint.as_ref().map(|found| found.position)];
        state.checkpoint = checkpoint;
        state.tail = None;
        for start in starts.into_iter().flatten() {
            state.tail = journal.log.find(start, newest)?;
            if state.tail.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Tells the other processes which state is pinned, so that they do not take it for a read.
    pub(super) fn note_pin(&self) {
        if let Some(locks) = &self.locks {
            locks.note_pin(self.env.oldest_pin());
        }
    }

    /// Pins the newest state, which is that of commit `newest`.
    pub(super) fn pin_newest(&self, newest: u64) -> Result<(), KvError> {
        if planted::is_journal(JournalBug::NoPin) {
            return Ok(());
        }
        loop {
            match self.env.pin().map_err(kv_error)? {
                Some(pinned) if pinned as u64 == newest => {
                    self.note_pin();
                    return Ok(());
                }
                Some(_) => {
                    return Err(KvError::Unavailable {
                        detail: "the store changed within the write turn".into(),
                    });
                }
                None => self.take_place()?,
            }
        }
    }

    /// Commits through the journal, with the writes in `record` that have been put off. Returns how many pages these have
    /// freed. An error of LMDB's commit is returned as it is, for the caller to interpret.
    pub(in crate::kv::embedded) fn commit_journaled(
        &self,
        journal: &Journal,
        mut txn: lmdb::WriteTxn<'_>,
        mut record: Record,
        put_off: Mutations,
    ) -> Result<(usize, lmdb::Result<()>), NotCommitted> {
        let number = txn.id() as u64;
        let bytes = record.file_bytes();
        let mut state = journal.state();
        let tail = self.room_for(journal, &mut state, bytes)?;
        let appended = journal.log.append(tail, &mut record);
        let after = match appended {
            Ok(after) => after,
            Err(AppendError::NotWritten(error)) if is_full(&error) => return Err(failed(&error).into()),
            // A disk that fails a write cannot be trusted about what it did. The next record takes the place of
            // this one, and writes every block of it again.
            Err(AppendError::NotWritten(error) | AppendError::Unknown(error)) => {
                return Err(unknown(&error).into());
            }
        };
        // While the disk writes the record, the tree takes the writes, and LMDB writes its pages to memory.
        let freed = match self.tables.apply_all(&mut txn, put_off) {
            Ok(freed) => freed,
            Err(error) => {
                let retracted = Self::retract(journal, tail);
                return Err(retracted.map_or_else(NotCommitted::Failed, |()| NotCommitted::NotApplied(error)));
            }
        };
        let mut flushed = Ok(());
        let committed = txn.commit_after(&mut || {
            JournalCounters::add(&journal.counters.flushes, 1);
            flushed = journal.log.flush(after);
            if flushed.is_ok() {
                planted::has_flushed();
            }
            flushed.is_ok()
        });
        // The next record takes the place of this one, as above.
        flushed.map_err(|error| unknown(&error))?;
        if committed.is_err() {
            return Ok((freed, Self::retract(journal, tail).map(|()| committed)?));
        }
        JournalCounters::add(&journal.counters.records, 1);
        JournalCounters::add(&journal.counters.bytes, bytes);
        // A transaction that changed nothing after all is no commit for LMDB, and the next one has its number.
        if self.env.info().last_txn as u64 == number {
            state.tail = Some(after);
        }
        self.has_written(&mut state, bytes);
        Ok((freed, committed))
    }

    /// The record behind `tail` must not come back after a loss of power: its callers learn that nothing was written.
    fn retract(journal: &Journal, tail: Position) -> Result<(), KvError> {
        journal.log.retract(tail).map_err(|error| unknown(&error))
    }

    /// Notes a commit, and has a checkpoint made if one is due.
    pub(super) fn has_written(&self, state: &mut State, bytes: u64) {
        state.written = clock::now();
        state.bytes += bytes;
        let was_dirty = std::mem::replace(&mut state.is_dirty, true);
        let is_due = self.is_checkpoint_due(state);
        if !was_dirty || is_due {
            self.checkpointer.wake(is_due);
        }
    }

    /// The end of the journal, in a segment with room for a record of so many bytes.
    fn room_for(&self, journal: &Journal, state: &mut State, bytes: u64) -> Result<Position, KvError> {
        let tail =
            state.tail.ok_or_else(|| failed(&io::Error::other("the end of the journal is not known")))?;
        let log = &journal.log;
        if log.has_room(tail, bytes).map_err(|error| failed(&error))? {
            return Ok(tail);
        }
        let least = (BLOCK_BYTES as u64 + bytes).max(SEGMENT_BYTES_FIRST);
        if tail.is_start() {
            log.files.make_ready(tail.file(), least).map_err(|error| failed(&error))?;
            return Ok(tail);
        }
        // The other file can be used again once a checkpoint covers what it holds.
        let first = log.first_of(tail).map_err(|error| failed(&error))?;
        let covers = |state: &State| state.checkpoint.as_ref().is_some_and(|found| found.txn() >= first);
        if !covers(state) {
            state.checkpoint = journal.newest_checkpoint().map_err(|error| failed(&error))?;
        }
        if !covers(state) {
            self.checkpoint_in_turn(journal, state, tail.number)?;
        }
        let wanted = Self::next_segment_bytes(&log.files, state, tail).map_err(|error| failed(&error))?;
        let next = log.switch(tail, wanted.max(least)).map_err(|error| failed(&error))?;
        state.tail = Some(next);
        Ok(next)
    }

    /// The size for the next segment: twice that of the last one, if that was filled soon.
    fn next_segment_bytes(files: &Files, state: &State, tail: Position) -> io::Result<u64> {
        let bytes = files.segment_bytes(tail.file())?;
        let is_busy = clock::now().duration_since(state.checked).as_secs() < BUSY_SECONDS;
        let is_busy = is_busy && !planted::is_to_die();
        Ok(if is_busy { (2 * bytes).min(SEGMENT_BYTES_MAX) } else { bytes.min(SEGMENT_BYTES_MAX) })
    }

    /// Commits without the journal and without a flush.
    pub(in crate::kv::embedded) fn commit_relaxed(
        &self,
        journal: &Journal,
        txn: lmdb::WriteTxn<'_>,
        record: &Record,
    ) -> lmdb::Result<()> {
        let number = txn.id();
        let committed = txn.commit();
        if committed.is_ok() {
            let mut state = journal.state();
            if self.env.info().last_txn == number {
                state.unjournaled = Some(number as u64);
            }
            self.has_written(&mut state, record.file_bytes());
        }
        committed
    }

    /// Commits without the journal, and makes a checkpoint of it: for what is too large for the journal.
    pub(in crate::kv::embedded) fn commit_by_checkpoint(
        &self,
        journal: &Journal,
        txn: lmdb::WriteTxn<'_>,
    ) -> Result<lmdb::Result<()>, KvError> {
        let number = txn.id();
        let mut state = journal.state();
        // Nobody in this process reads this state before the disk has it.
        let hidden = self.unsettled.hide(number);
        let committed = txn.commit();
        if committed.is_ok() && self.env.info().last_txn == number {
            state.is_dirty = true;
            if let Err(error) = self.checkpoint_in_turn(journal, &mut state, number as u64) {
                hidden.keep();
                return Err(unknown(&error));
            }
        }
        Ok(committed)
    }
}

// The largest record fits a segment, and the largest segment some of them.
const _: () = assert!(LARGEST_IN_SEGMENT * RECORD_BYTES_MAX + BLOCK_BYTES as u64 <= SEGMENT_BYTES_MAX);

pub(super) fn failed(error: &io::Error) -> KvError {
    if is_full(error) {
        return KvError::Full { detail: format!("the disk, or a quota on it, is full: {error}") };
    }
    KvError::of_system(format!("the journal of the store failed: {error}"), error)
}

fn unknown(error: &dyn std::fmt::Display) -> KvError {
    KvError::UnknownOutcome { detail: format!("the commit failed: {error}") }
}

fn broken(why: &str) -> KvError {
    KvError::Unusable {
        detail: format!(
            "{why}, so nobody knows what the disk holds; close the store in all processes and open it again: what \
             was acknowledged is in the journal, and is applied again"
        ),
    }
}
