//! The write turn: which process may write to the directory now.
//!
//! LMDB has a write lock of its own, a robust mutex in shared memory. It is not enough:
//!
//! - The kernel frees such a mutex when a thread dies that has the owner's number, and numbers belong to a
//!   PID namespace. A thread that is killed while it *waits* in one container can free what a thread of the
//!   same number holds in another, and then two threads write at once.
//! - Waiting for it has no timeout.
//! - It is unfair: a process that commits in a tight loop takes it again before a process that sleeps on it
//!   wakes up.
//!
//! So a writer holds two file locks. The kernel ties them to a descriptor instead of a number, and drops them
//! when their process dies. The steps are:
//!
//! 1. take the *gate* (`turnstile`)
//! 2. take the *turn* (`writer`)
//! 3. release the gate
//! 4. begin LMDB's transaction, write, commit
//! 5. release the turn
//!
//! In step 4 LMDB's mutex is always free: nobody waits for it.
//!
//! File locks belong to a descriptor, which all threads of a process share. So threads first take turns among
//! themselves.
//!
//! Only one process at a time waits in step 2, and a process that has just committed cannot pass step 1, so the waiting
//! one comes next. A process that has passed the gate leaves out steps 1 and 3 for [`GATE_PAUSE`], which saves two of four
//! system calls, and tries step 2 at once. So of two processes, neither waits for more than that time and the transaction
//! that is running.
//!
//! Earlier releases held only the gate, and only until LMDB's transaction had begun. They and this one
//! exclude each other by LMDB's mutex.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::super::clock;
use super::files::Making;
use super::processes::{Process, Processes};
use super::waiting::{PAUSE_MAX, Waiting};

/// The names of the files inside a store's directory.
pub(super) const GATE_NAME: &str = "turnstile";
pub(super) const TURN_NAME: &str = "writer";

/// For so long a process that has passed the gate takes the turn without it.
const GATE_PAUSE: Duration = Duration::from_millis(1);

/// Why the turn could not be taken.
#[derive(Debug)]
pub(in crate::kv::embedded) enum NoTurn {
    /// Another process had it all the time: the holder, if that is noted, or else one of the others.
    Waited { waited: Duration, holder: Option<Holder>, others: Vec<Process> },
    /// The operating system failed.
    Failed(io::Error),
}

impl NoTurn {
    fn waited(waited: Duration, notes: Option<&Processes>) -> Self {
        Self::Waited { waited, holder: holder(notes), others: Vec::new() }
    }
}

/// Who has the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kv::embedded) struct Holder {
    /// `None` if it left no note.
    pub process: Option<Process>,
    pub since: SystemTime,
}

/// The two files.
pub(in crate::kv::embedded) struct Turns {
    threads: Threads,
    gate: File,
    turn: File,
    /// When this process last passed the gate. For whoever has the turn among its threads.
    passed: Mutex<Option<Instant>>,
    /// The same file as `turn`, opened once more to find out whether it is locked.
    probe: File,
}

impl Turns {
    pub(super) fn open(directory: &Path, making: &Making) -> io::Result<Self> {
        let turn = directory.join(TURN_NAME);
        Ok(Self {
            threads: Threads::default(),
            gate: making.open(&directory.join(GATE_NAME))?,
            turn: making.open(&turn)?,
            passed: Mutex::default(),
            probe: making.open(&turn)?,
        })
    }

    /// Who has the turn now, as far as it is noted.
    pub(super) fn holder(&self, notes: Option<&Processes>) -> Option<Holder> {
        let holder = holder(notes)?;
        // A process that was killed has left its note, but lost its lock.
        match self.probe.try_lock_shared() {
            Ok(()) => {
                let _unlocked = self.probe.unlock();
                None
            }
            Err(_) => Some(holder),
        }
    }

    /// Waits for the turn until it is free, `limit` has passed, or `goes_on` says that nobody wants it any
    /// more.
    pub(super) fn take<'t>(
        &'t self,
        notes: Option<&'t Processes>,
        limit: Duration,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Turn<'t>, NoTurn> {
        let began = clock::now();
        let Some(thread) = self.threads.take(goes_on) else {
            return Err(NoTurn::waited(clock::now().duration_since(began), notes));
        };
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        if passed.is_some_and(|passed| clock::now().saturating_duration_since(passed) < GATE_PAUSE)
            && self.turn.try_lock().is_ok()
        {
            return Ok(self.taken(notes, thread));
        }
        let waiting = Waiting::at_most(limit);
        let over = || NoTurn::waited(waiting.elapsed(), notes);
        let goes_on = || {
            thread.waits_for_others();
            goes_on()
        };
        if !waiting.lock(&self.gate, &goes_on).map_err(NoTurn::Failed)? {
            return Err(over());
        }
        let taken = waiting.lock(&self.turn, &goes_on);
        thread.waits_no_more();
        // A gate that cannot be released would stop every writer; dropping the turn releases it.
        let turn = match taken {
            Ok(true) => Ok(self.taken(notes, thread)),
            Ok(false) => Err(over()),
            Err(error) => Err(NoTurn::Failed(error)),
        };
        self.gate.unlock().map_err(NoTurn::Failed)?;
        *passed = turn.is_ok().then(clock::now);
        turn
    }

    fn taken<'t>(&'t self, notes: Option<&'t Processes>, thread: ThreadTurn<'t>) -> Turn<'t> {
        if let Some(notes) = notes {
            notes.note_turn();
        }
        Turn { file: &self.turn, notes, _thread: thread }
    }
}

/// The turn among the threads of this process. Whoever has it waits for other processes only, and not for
/// ever.
#[derive(Default)]
struct Threads {
    is_taken: Mutex<bool>,
    given_back: Condvar,
    /// Whether the one that has it waits for other processes.
    waits_for_others: AtomicBool,
}

impl Threads {
    /// Waits until no other thread has it. While that one waits for other processes, this one does, too, and `goes_on`
    /// is asked.
    fn take(&self, goes_on: &dyn Fn() -> bool) -> Option<ThreadTurn<'_>> {
        let mut is_taken = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_taken {
            let waited = self.given_back.wait_timeout(is_taken, PAUSE_MAX);
            is_taken = waited.unwrap_or_else(PoisonError::into_inner).0;
            if *is_taken && self.waits_for_others.load(Ordering::Relaxed) && !goes_on() {
                return None;
            }
        }
        *is_taken = true;
        Some(ThreadTurn(self))
    }
}

/// This thread's turn, until it is dropped, by whichever thread.
struct ThreadTurn<'t>(&'t Threads);

impl ThreadTurn<'_> {
    fn waits_for_others(&self) {
        self.0.waits_for_others.store(true, Ordering::Relaxed);
    }

    fn waits_no_more(&self) {
        self.0.waits_for_others.store(false, Ordering::Relaxed);
    }
}

impl Drop for ThreadTurn<'_> {
    fn drop(&mut self) {
        self.waits_no_more();
        *self.0.is_taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.given_back.notify_one();
    }
}

fn holder(notes: Option<&Processes>) -> Option<Holder> {
    let notes = notes?;
    let (identity, since) = notes.turn()?;
    Some(Holder { process: notes.find(identity), since })
}

/// The turn, until it is dropped.
pub(in crate::kv::embedded) struct Turn<'t> {
    file: &'t File,
    notes: Option<&'t Processes>,
    /// Given back after the file is unlocked.
    _thread: ThreadTurn<'t>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(notes) = self.notes {
            notes.note_turn_over();
        }
        if let Err(error) = self.file.unlock() {
            // Other processes would wait until this process ends, and their errors say so.
            tracing::error!(
                name: "kv.turn-kept", target: "baton::kv", %error,
                "could not let other processes write"
            );
        }
    }
}
