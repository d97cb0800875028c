//! Group commit: whoever leads runs all transactions that wait, one after the other, inside one LMDB transaction,
//! commits once, and only then answers all of them. `queue` says who leads.
//!
//! - A transaction function reads what those before it in the batch decided. Therefore even a refusal is
//!   answered only after the commit: it may depend on a write that is not durable before.
//! - A transaction function only reads; its writes are checked for size and then applied. One that panics or
//!   writes too much has changed nothing, and fails alone.
//! - Its writes are applied before the next one runs. Those of the last one are applied while the disk writes the
//!   journal's record.
//! - A transaction that needs more room than is left is refused before it is applied, so that deletions
//!   always find some.
//! - If applying fails half way, or the commit finds no room, the batch is rolled back and each of its
//!   transactions is run again on its own, so that only the faulty one fails.
//! - A transaction whose caller has gone still takes effect: nobody can tell whether it had begun. A
//!   transaction that its caller has cancelled, which is something else, is not begun.
//! - Other processes write, too. While one of them has the write turn, jobs wait, but not for ever: if that
//!   process is stopped, they fail with an error that names it.
//!   Jobs whose callers are in more of a hurry leave before.
//! - If all of this panics, the store commits nothing any more: nobody knows what is left of it.
//! - The thread ends when nobody can add to the queue, nobody leads, and the queue is empty.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::environment::{NotCommitted, Room, Store, WriteTxn};
use super::queue::{Job, Lead, Leader, Queue};
use super::values;
use super::view::TxnView;
use crate::blocking::leading;
use crate::kv::KvError;
use crate::sync::block_on;

/// A batch ends at this many transactions or this many written bytes, so that its first transaction does not
/// wait for ever.
const BATCH_JOBS_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A batch also ends at this many pages that its rows have freed. LMDB lists what a commit has freed in one
/// record, and later commits carry that record on until it is used up: one page has room for 509 numbers, two
/// for 1,021. A cleanup step frees 219 (`Limits::freed_bytes`), plus the paths to the rows.
const BATCH_FREED_PAGES_MAX: usize = 500;

/// The result of a job inside a batch that is not committed yet.
struct Ran {
    job: Job,
    outcome: Result<Wrote, KvError>,
}

/// What a job wrote.
#[derive(Clone, Copy, Default)]
struct Wrote {
    /// Zero for a refusal.
    bytes: usize,
    freed_pages: usize,
}

/// The jobs of one LMDB transaction.
struct Batch {
    ran: Vec<Ran>,
    wrote: Wrote,
    room: Room,
}

impl Batch {
    fn new(room: Room) -> Self {
        Self { ran: Vec::new(), wrote: Wrote::default(), room }
    }

    fn push(&mut self, job: Job, outcome: Result<Wrote, KvError>) {
        let wrote = outcome.as_ref().copied().unwrap_or_default();
        self.wrote.bytes += wrote.bytes;
        self.wrote.freed_pages += wrote.freed_pages;
        self.ran.push(Ran { job, outcome });
    }

    fn is_full(&self) -> bool {
        self.ran.len() >= BATCH_JOBS_MAX
            || self.wrote.bytes >= BATCH_BYTES_MAX
            || self.wrote.freed_pages >= BATCH_FREED_PAGES_MAX
    }
}

/// The store's own thread: leads when nobody else does, until nobody can add to the queue.
pub(super) fn serve(store: &Store, queue: &Arc<Queue>) {
    while let Some(lead) = queue.next_lead() {
        leading::gather(|| commit_batch(store, lead, Leader::Thread));
    }
    if !queue.is_broken() {
        store.end_writing();
    }
}

/// Commits one batch of what is queued, then gives the lead up.
pub(super) fn commit_batch(store: &Store, lead: Lead, leader: Leader) {
    let committed = catch_unwind(AssertUnwindSafe(|| {
        if let Some((jobs, limit)) = store.pace.worth_waiting_for() {
            lead.wait_for(jobs, limit);
        }
        while let Some(first) = lead.next() {
            if first.body.is_some() {
                store.pace.begin();
                let jobs = run_batch(store, first, &lead, leader);
                if store.pace.end(leader, jobs) {
                    store.clear_stale_readers();
                    store.tell_of_old_reads();
                }
                break;
            }
            answer(first, Ok(()));
        }
    }));
    if let Err(panic) = committed {
        let error = text(&*panic);
        tracing::error!(name: "kv.panicked", target: "baton::kv", error, "the store commits nothing any more");
        lead.break_off();
    }
}

/// Returns how many jobs were in it.
fn run_batch(store: &Store, first: Job, lead: &Lead, leader: Leader) -> usize {
    let txn = match begin(store, &first, Some((lead, leader))) {
        Ok(txn) => txn,
        Err(not_begun) => {
            match not_begun {
                NotBegun::Failed(error) => refuse(first, &error, lead),
                NotBegun::Left(error) => answer(first, Err(error)),
                NotBegun::Wanted(_) => lead.put_back(first),
            }
            return 0;
        }
    };
    let mut view = TxnView::new(store.tables, txn);
    let mut batch = Batch::new(store.room());
    let mut next = Some(first);
    while let Some(job) = next {
        // It reads what the one before it has written.
        match view.txn_mut().catch_up(store.tables) {
            Ok(freed) => batch.wrote.freed_pages += freed,
            Err(error) => {
                view.into_txn().abort();
                lead.put_back(job);
                return undo_last(store, batch, error);
            }
        }
        if batch.is_full() {
            lead.put_back(job);
            break;
        }
        match run_job(store, &mut view, &mut batch.room, &job) {
            Ok(outcome) => batch.push(job, outcome),
            Err(error) => {
                view.into_txn().abort();
                let jobs = batch.ran.len() + 1;
                undo(store, batch.ran, job, error);
                return jobs;
            }
        }
        next = if batch.is_full() { None } else { lead.next() };
    }
    let jobs = batch.ran.len();
    match commit(store, view.into_txn(), &batch) {
        Err(NotCommitted::NotApplied(error) | NotCommitted::Failed(error @ KvError::Full { .. })) => {
            undo_last(store, batch, error)
        }
        committed => {
            finish(store, batch, committed.map_err(KvError::from));
            jobs
        }
    }
}

/// Answers a job whose transaction could not begin. The jobs behind it have waited, too.
fn refuse(first: Job, error: &KvError, lead: &Lead) {
    answer(first, Err(error.clone()));
    while let Some(job) = lead.next() {
        let outcome = if job.body.is_some() { Err(error.clone()) } else { Ok(()) };
        answer(job, outcome);
    }
}

/// Why a transaction was not begun.
enum NotBegun {
    Failed(KvError),
    /// Its caller does not want it any more.
    Left(KvError),
    /// The thread that leads may not wait for other processes any longer: another one has to.
    Wanted(KvError),
}

/// Begins a transaction for a job, if it is still wanted when its turn has come. While other processes have the write
/// turn, those behind it may leave, and one of them may be the caller whose thread leads.
fn begin<'s>(store: &'s Store, job: &Job, lead: Option<(&Lead, Leader)>) -> Result<WriteTxn<'s>, NotBegun> {
    if !job.is_wanted(Duration::ZERO) {
        return Err(NotBegun::Left(left()));
    }
    let (is_left, is_led) = (Cell::new(false), Cell::new(true));
    let begun = store.write_txn(&|waited| {
        for unwanted in lead.map(|(lead, _)| lead.take_unwanted(waited)).into_iter().flatten() {
            leading::apart(|| answer(unwanted, Err(left())));
            is_led.set(lead.is_none_or(|(_, leader)| leader == Leader::Thread));
        }
        is_left.set(!job.is_wanted(waited));
        !is_left.get() && is_led.get()
    });
    begun.map_err(|error| match (is_left.get(), is_led.get()) {
        (true, _) => NotBegun::Left(error),
        (false, false) => NotBegun::Wanted(error),
        (false, true) => NotBegun::Failed(error),
    })
}

/// The error of a job that was not begun because nobody waited for it any more.
fn left() -> KvError {
    KvError::Unavailable {
        detail: "its caller stopped waiting before its turn came; nothing was written".into(),
    }
}

/// Runs one transaction function; its writes are put off until the next one runs, or until the commit. The outer error
/// means that the transaction must be aborted.
fn run_job(
    store: &Store,
    view: &mut TxnView<WriteTxn<'_>>,
    room: &mut Room,
    job: &Job,
) -> Result<Result<Wrote, KvError>, KvError> {
    let Some(body) = &job.body else { return Ok(Ok(Wrote::default())) };
    if !job.is_wanted(Duration::ZERO) {
        return Ok(Err(left()));
    }
    let decided = catch_unwind(AssertUnwindSafe(|| block_on(body.run(view))));
    let mutations = match decided {
        Ok(mutations) => mutations,
        Err(panic) => return Ok(Err(panicked(&*panic))),
    };
    if let Err(error) = mutations.iter().try_for_each(values::check) {
        return Ok(Err(error));
    }
    if let Err(error) = store.take_room(room, &mutations)? {
        return Ok(Err(error));
    }
    let wrote = Wrote { bytes: mutations.bytes(), freed_pages: 0 };
    view.txn_mut().put_off(mutations);
    Ok(Ok(wrote))
}

/// Commits what a batch wrote, if anything. Returns how many pages were freed by what had been put off.
fn commit(store: &Store, txn: WriteTxn<'_>, batch: &Batch) -> Result<usize, NotCommitted> {
    if batch.wrote.bytes > 0 {
        return store.commit(txn);
    }
    txn.abort();
    Ok(0)
}

/// Answers the callers of a batch.
fn finish(store: &Store, batch: Batch, committed: Result<usize, KvError>) {
    let (freed_pages, committed) = match committed {
        Ok(freed) => (batch.wrote.freed_pages + freed, Ok(())),
        Err(error) => (0, Err(error)),
    };
    for ran in batch.ran {
        answer(ran.job, fate(ran.outcome, &committed));
    }
    if committed.is_ok() {
        store.note_freed(freed_pages, batch.wrote.bytes);
    }
}

/// The answer to a job whose transaction ended with `committed`.
fn fate(outcome: Result<Wrote, KvError>, committed: &Result<(), KvError>) -> Result<(), KvError> {
    match (outcome, committed) {
        (Err(own), _) => Err(own),
        (Ok(_), Ok(())) => Ok(()),
        // A job that wrote nothing gets a definite answer, even if the fate of the others' writes is unknown.
        (Ok(Wrote { bytes: 0, .. }), Err(error)) if error.may_have_committed() => {
            Err(KvError::Unavailable { detail: error.to_string() })
        }
        (Ok(_), Err(error)) => Err(error.clone()),
    }
}

/// Runs the jobs of an aborted batch again, each in a transaction of its own. `last` failed, or was only the
/// last of a batch that did not fit. If it was alone in its batch, it is the faulty one, unless there is more
/// room now.
fn undo(store: &Store, earlier: Vec<Ran>, last: Job, error: KvError) {
    let is_roomier = matches!(error, KvError::Full { .. }) && store.make_room();
    if earlier.is_empty() && !is_roomier {
        return answer(last, Err(error));
    }
    for job in earlier.into_iter().map(|ran| ran.job).chain([last]) {
        run_alone(store, job);
    }
}

/// The same where the last job of the batch is the one that failed, or that did not fit. Returns how many jobs were in it.
fn undo_last(store: &Store, mut batch: Batch, error: KvError) -> usize {
    let jobs = batch.ran.len();
    let last = batch.ran.pop().expect("a batch that wrote has a job");
    undo(store, batch.ran, last.job, error);
    jobs
}

fn run_alone(store: &Store, job: Job) {
    let txn = match begin(store, &job, None) {
        Ok(txn) => txn,
        Err(NotBegun::Failed(error) | NotBegun::Left(error) | NotBegun::Wanted(error)) => {
            return answer(job, Err(error));
        }
    };
    let mut view = TxnView::new(store.tables, txn);
    let mut batch = Batch::new(store.room());
    match run_job(store, &mut view, &mut batch.room, &job) {
        Ok(outcome) => {
            batch.push(job, outcome);
            let committed = commit(store, view.into_txn(), &batch);
            finish(store, batch, committed.map_err(KvError::from));
        }
        Err(error) => {
            view.into_txn().abort();
            answer(job, Err(error));
        }
    }
}

fn answer(job: Job, outcome: Result<(), KvError>) {
    // A caller that has gone needs no answer; its request was carried out.
    let _gone = job.answer.send(outcome);
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

fn panicked(panic: &(dyn Any + Send)) -> KvError {
    let text = text(panic);
    tracing::error!(name: "kv.panicked", target: "baton::kv", error = text, "a transaction's body panicked");
    KvError::Unavailable { detail: format!("the transaction's body panicked: {text}") }
}
