//! Makes the tree on the disk whole, so that what the journal holds before is not needed any more.
//!
//! 1. Within the write turn: pin the newest state, and copy its meta page.
//! 2. Flush the data. All pages of that state were written before. Where nobody waits for it, the disk takes them in
//!    parts, so that the commits meanwhile do not wait for all of them.
//! 3. Within the write turn: write the checkpoint down, and flush that.
//! 4. Release the older pins.
//!
//! Only step 2 takes long, and others write meanwhile. If another process has made a newer checkpoint before
//! step 3, that one serves: the pin is at an older state than it.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::background;
use super::commit::failed;
use crate::kv::KvError;
use crate::kv::embedded::environment::Store;
use crate::kv::embedded::errors::no_turn;
use crate::kv::embedded::journal::{Checkpoint, Journal, JournalCounters, Position, State};
use crate::kv::embedded::locks::Locks;
use crate::kv::embedded::{clock, data_file};

/// How long the background waits for the write turn.
const TURN_WAIT: Duration = Duration::from_secs(1);

/// Checkpoints within this time follow each other closely.
const CLOSE: Duration = Duration::from_millis(16);

/// A flush of the data has failed, for this reason.
struct FlushFailed(String);

/// How a flush of the data treats the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    AtOnce,
    /// Commits that go on meanwhile have the disk to themselves between the parts.
    InParts,
}

/// A checkpoint of which the first step is done.
struct Begun {
    checkpoint: Checkpoint,
    /// The journal does not lead to its state, and begins anew there.
    is_fresh: bool,
    /// What the journal had since the checkpoint before.
    bytes: u64,
    at: Instant,
}

impl Store {
    /// Makes a checkpoint of the newest state, that of commit `newest`, within the write turn.
    pub(super) fn checkpoint_in_turn(
        &self,
        journal: &Journal,
        state: &mut State,
        newest: u64,
    ) -> Result<(), KvError> {
        let begun = self.begin_checkpoint(journal, state, newest)?;
        let flushed = self.flush_data(journal, Pace::AtOnce);
        let done = flushed
            .map_err(|failed| Self::distrust(journal, state, failed))
            .and_then(|()| self.finish_checkpoint(journal, state, begun));
        state.is_dirty |= done.is_err();
        done?;
        state.tail = state.checkpoint.as_ref().map(|checkpoint| checkpoint.position);
        Ok(())
    }

    /// Makes a checkpoint while others write, if something was written since the last one.
    pub(in crate::kv::embedded) fn checkpoint(&self) -> Result<(), KvError> {
        let (Some(journal), Some(locks)) = (&self.journal, &self.locks) else { return Ok(()) };
        let done = self.checkpoint_in_background(journal, locks);
        if done.is_err() {
            journal.state().is_dirty = true;
        }
        done
    }

    fn checkpoint_in_background(&self, journal: &Journal, locks: &Locks) -> Result<(), KvError> {
        let (begun, pace) = {
            let _turn = locks.take_turn(TURN_WAIT, &|| true).map_err(no_turn)?;
            let mut state = journal.state();
            if !state.is_dirty || !state.may_write || state.broken.is_some() {
                return Ok(());
            }
            let newest = self.env.info().last_txn as u64;
            if self.has_moved(journal, &state, newest).map_err(|error| failed(&error))? {
                self.find_tail(journal, &mut state, newest).map_err(|error| failed(&error))?;
            }
            if state.broken.is_some() {
                return Ok(());
            }
            let pace = Self::pace_after(clock::now().saturating_duration_since(state.checked));
            (self.begin_checkpoint(journal, &mut state, newest)?, pace)
        };
        let flushed = self.flush_data(journal, pace);
        let turn = locks.take_turn(TURN_WAIT, &|| true);
        let mut state = journal.state();
        if let Err(failed) = flushed {
            let error = Self::distrust_alone(&mut state, failed);
            if turn.is_ok() {
                Self::note_distrust(journal, &mut state);
            }
            return Err(error);
        }
        let _turn = turn.map_err(no_turn)?;
        if state.broken.is_some() {
            return Ok(());
        }
        self.finish_checkpoint(journal, &mut state, begun)
    }

    /// How to flush, so long after the last checkpoint. Where so much is written that they follow each other closely,
    /// commits wait for the disk in any case, and what a checkpoint makes free is needed soon: 64 actors that write
    /// pages as fast as they can lost a tenth of their commits to the parts.
    fn pace_after(pause: Duration) -> Pace {
        if pause < CLOSE { Pace::AtOnce } else { Pace::InParts }
    }

    /// Flushes the data. One flush at a time, and none after one that failed: the kernel tells of a failure
    /// once, to one of those who wait, and what it could not write it forgets.
    fn flush_data(&self, journal: &Journal, pace: Pace) -> Result<(), FlushFailed> {
        let mut failed = journal.flush_failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none() {
            JournalCounters::add(&journal.counters.flushes, 1);
            let written = if pace == Pace::InParts { self.env.write_back(clock::now) } else { Ok(()) };
            *failed = written.and_then(|()| self.env.sync()).err().map(|error| error.to_string());
        }
        failed.clone().map_or(Ok(()), |error| Err(FlushFailed(error)))
    }

    fn begin_checkpoint(&self, journal: &Journal, state: &mut State, newest: u64) -> Result<Begun, KvError> {
        let at = clock::now();
        let (before, position, is_fresh) =
            self.next_position(journal, state, newest).map_err(|error| failed(&error))?;
        self.pin_newest(newest)?;
        let page_bytes = self.env.page_bytes();
        let meta = data_file::meta_of(&journal.data, page_bytes, newest).map_err(|error| failed(&error))?;
        let meta = meta.ok_or_else(|| KvError::Corrupt {
            detail: format!("the meta page of commit {newest} is not in the file"),
        })?;
        let checkpoint = Checkpoint {
            number: before.map_or(1, |before| before.number + 1),
            store: journal.log.store,
            position,
            machine: journal.machine,
            page_bytes: u32::try_from(page_bytes).expect("pages are small"),
            meta,
            is_suspect: false,
        };
        // What is committed from here on is for the next checkpoint.
        state.is_dirty = false;
        Ok(Begun { checkpoint, is_fresh, bytes: state.bytes, at })
    }

    /// The newest checkpoint so far, where the journal goes on from the newest state, and whether it begins anew
    /// there.
    fn next_position(
        &self,
        journal: &Journal,
        state: &State,
        newest: u64,
    ) -> io::Result<(Option<Checkpoint>, Position, bool)> {
        let before = journal.newest_checkpoint()?;
        let tail = state.tail.filter(|tail| self.is_journaled() && tail.number == newest);
        if let Some(tail) = tail {
            return Ok((before, tail, false));
        }
        // The journal does not lead to this state, so what it holds is never applied to it.
        let segment = before.as_ref().map_or(0, |before| before.position.segment);
        let segment = segment.max(journal.log.newest_segment()?) + 1;
        let chain = getrandom::u64().map_err(|_| io::Error::other("the system has no randomness"))?;
        Ok((before, Position::start_of(segment, newest, chain), true))
    }

    fn finish_checkpoint(&self, journal: &Journal, state: &mut State, begun: Begun) -> Result<(), KvError> {
        let Begun { mut checkpoint, is_fresh, bytes, at } = begun;
        let newer = journal.newest_checkpoint().map_err(|error| failed(&error))?;
        if newer.as_ref().is_some_and(|newer| newer.is_suspect) {
            // Only one process hears of a flush that has failed. The last good checkpoint stays.
            return Err(Self::distrust(journal, state, FlushFailed("in another process".to_owned())));
        }
        let is_served = newer
            .as_ref()
            .is_some_and(|newer| newer.txn() >= checkpoint.txn() && journal.machine.is_still(&newer.machine));
        if is_served {
            checkpoint = newer.expect("it is the one that serves");
            // Whoever wrote it down may have been killed before it was flushed.
            journal.log.files.flush_checkpoint().map_err(|error| failed(&error))?;
        } else {
            if let Some(newer) = newer.as_ref().filter(|_| is_fresh) {
                let live = Self::live(journal, newer, checkpoint.txn()).map_err(|error| failed(&error))?;
                checkpoint.position = live.unwrap_or(checkpoint.position);
            }
            checkpoint.number = newer.map_or(1, |newer| newer.number + 1);
            JournalCounters::add(&journal.counters.flushes, 1);
            let files = &journal.log.files;
            files.note_checkpoint(&checkpoint).map_err(|error| failed(&error))?;
            if let Err(error) = files.flush_checkpoint() {
                // Others must not take it for one that the disk has.
                if files.revoke_checkpoint(&checkpoint).is_err() {
                    return Err(Self::distrust(journal, state, FlushFailed(error.to_string())));
                }
                return Err(failed(&error));
            }
        }
        if is_served || is_fresh {
            // The journal that follows it may be another one than that which this process knew.
            state.tail = None;
        }
        self.unsettled.settle();
        self.forget_freed_through(journal, state, checkpoint.txn())?;
        // Pins at or below a checkpoint keep it whole; the newest of these is enough.
        let pinned = usize::try_from(checkpoint.txn()).unwrap_or(usize::MAX);
        self.env.release_pins_but_newest_through(pinned);
        self.note_pin();
        state.may_write = true;
        state.bytes = state.bytes.saturating_sub(bytes);
        state.checked = clock::now();
        state.checkpoint = Some(checkpoint);
        journal.counters.checkpoint_took(state.checked.saturating_duration_since(at));
        Ok(())
    }

    /// Where the journal has gone on from the state of commit `txn`, if others have written to it there.
    fn live(journal: &Journal, newest: &Checkpoint, txn: u64) -> io::Result<Option<Position>> {
        let found = journal.log.find(newest.position, txn)?;
        let goes_on = |at: &Position| matches!(journal.log.find(*at, txn + 1), Ok(Some(_)));
        Ok(found.filter(goes_on))
    }

    /// Releases the memory of pages that were freed up to a checkpoint. What lies beside them and was written
    /// since is flushed first: the kernel keeps what is not on the disk, with all that it holds in one piece
    /// with it.
    fn forget_freed_through(&self, journal: &Journal, state: &mut State, txn: u64) -> Result<(), KvError> {
        let is_covered = |freed: &usize| *freed as u64 <= txn;
        let (covered, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.freed).into_iter().partition(is_covered);
        state.freed = later;
        if !covered.is_empty() {
            self.flush_data(journal, Pace::AtOnce)
                .map_err(|failed| Self::distrust(journal, state, failed))?;
            self.forget_freed(&covered);
        }
        Ok(())
    }

    /// A flush of the data has failed. The kernel may have forgotten what it could not write, and later
    /// flushes say that all is well. So nothing is written any more, and the next opening goes back to the
    /// last checkpoint and applies the journal.
    fn distrust(journal: &Journal, state: &mut State, failed: FlushFailed) -> KvError {
        let error = Self::distrust_alone(state, failed);
        Self::note_distrust(journal, state);
        error
    }

    /// The same without the write turn, and so without telling others.
    fn distrust_alone(state: &mut State, FlushFailed(error): FlushFailed) -> KvError {
        let why = format!("a flush of its data has failed ({error})");
        if state.broken.is_none() {
            tracing::error!(
                name: "kv.distrusted", target: "baton::kv", why,
                "the store has to be closed in all processes and opened again"
            );
            state.broken = Some(why);
        }
        KvError::UnknownOutcome { detail: format!("a flush of the store's data failed: {error}") }
    }

    /// Tells other processes, and whoever opens the store next, that the kernel's memory of the data is not
    /// to be trusted. Within the write turn.
    fn note_distrust(journal: &Journal, state: &mut State) {
        if std::mem::replace(&mut state.is_distrust_noted, true) {
            return;
        }
        if let Ok(Some(newest)) = journal.newest_checkpoint()
            && !newest.is_suspect
        {
            let suspect = Checkpoint { number: newest.number + 1, is_suspect: true, ..newest };
            // If this fails, too, other processes find out by a flush of their own.
            let _noted = journal.log.files.note_checkpoint(&suspect);
        }
    }

    /// Starts the thread that makes checkpoints in the background, if anything will be written.
    pub(in crate::kv::embedded) fn begin_checkpoints(self: &Arc<Self>) -> io::Result<()> {
        match &self.journal {
            Some(_) => background::start(&self.checkpointer, Arc::downgrade(self)),
            None => Ok(()),
        }
    }

    /// Nothing more is written: leaves a tree that needs no journal.
    pub(in crate::kv::embedded) fn end_writing(&self) {
        self.checkpointer.stop();
        self.note_distrust_at_last();
        let is_dirty = |journal: &Journal| journal.state().is_dirty;
        if !self.journal.as_ref().is_some_and(is_dirty) {
            return;
        }
        if let Err(error) = self.checkpoint() {
            // Nothing is lost: the journal has it.
            tracing::warn!(name: "kv.no-checkpoint", target: "baton::kv", %error, "no checkpoint was made");
        }
    }

    /// Tells of a failed flush, if that was not possible before because another process kept the turn.
    fn note_distrust_at_last(&self) {
        let (Some(journal), Some(locks)) = (&self.journal, &self.locks) else { return };
        let is_late = {
            let state = journal.state();
            state.broken.is_some() && !state.is_distrust_noted
        };
        if is_late && let Ok(_turn) = locks.take_turn(TURN_WAIT, &|| true) {
            Self::note_distrust(journal, &mut journal.state());
        }
    }

    /// Gives up the right to write until the next write, so that an idle process keeps no space. Everything
    /// is in a checkpoint.
    pub(super) fn rest(&self) -> Result<(), KvError> {
        let (Some(journal), Some(locks)) = (&self.journal, &self.locks) else { return Ok(()) };
        let _turn = locks.take_turn(TURN_WAIT, &|| true).map_err(no_turn)?;
        let mut state = journal.state();
        if !state.is_dirty {
            state.may_write = false;
            self.env.release_pins();
            self.note_pin();
        }
        Ok(())
    }

    /// Commits through the journal, and checkpoints, since the store was opened.
    #[cfg(feature = "testing")]
    pub(in crate::kv::embedded) fn journal_counts(&self) -> Option<(u64, u64)> {
        let usage = self.journal.as_ref()?.counters.usage();
        Some((usage.records, usage.checkpoints))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_takes_the_data_in_parts_unless_checkpoints_follow_closely() {
        assert_eq!(Store::pace_after(Duration::ZERO), Pace::AtOnce);
        assert_eq!(Store::pace_after(CLOSE), Pace::InParts);
    }
}
