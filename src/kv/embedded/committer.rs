//! The thread that writes: group commit.
//!
//! One thread for each open directory takes transactions from a queue. It runs all that wait, one after the
//! other, inside one LMDB transaction, commits once, and only then answers all of them.
//!
//! - A transaction function reads what those before it in the batch decided. Therefore even a refusal is
//!   answered only after the commit: it may depend on a write that is not durable before.
//! - A transaction function only reads; its writes are checked for size and then applied. One that panics or
//!   writes too much has changed nothing, and fails alone.
//! - A transaction that needs more room than is left is refused before it is applied, so that deletions
//!   always find some.
//! - If applying fails half way, or the commit finds no room, the batch is rolled back and each of its
//!   transactions is run again on its own, so that only the faulty one fails.
//! - A transaction whose caller has gone still takes effect: nobody can tell whether it had begun. A
//!   transaction that its caller has cancelled, which is something else, is not begun.
//! - Other processes write, too. While one of them has the write turn, jobs wait, but not for ever: if that
//!   process is stopped, they fail with an error that names it.
//! - The thread ends when all senders of its queue are gone and the queue is empty.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::clock;
use super::environment::{Room, Store, WriteTxn};
use super::values;
use super::view::TxnView;
use crate::kv::{KvError, TransactionRunner};
use crate::sync::{block_on, mpsc, oneshot};

/// How many transactions may be queued for the thread before further callers wait.
pub(super) const QUEUE_JOBS_MAX: usize = 1_024;
/// A batch ends at this many transactions or this many written bytes, so that its first transaction does not
/// wait for ever.
const BATCH_JOBS_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A batch also ends at this many pages that its rows have freed. LMDB lists what a commit has freed in one
/// record, and later commits carry that record on until it is used up: one page has room for 509 numbers, two
/// for 1,021. A cleanup step frees 219 (`Limits::freed_bytes`), plus the paths to the rows.
const BATCH_FREED_PAGES_MAX: usize = 500;
/// How often the reads of other processes are checked, for dead readers and for long reads: after this time
/// or this many batches.
const READERS_CHECK_PAUSE: Duration = Duration::from_secs(1);
const READERS_CHECK_BATCHES: u64 = 1_000;

/// A transaction to run, and where its caller waits.
pub(super) struct Job {
    /// `None` if the caller only wants to know when everything queued before has its answer.
    pub(super) body: Option<Arc<dyn TransactionRunner>>,
    pub(super) answer: oneshot::Sender<Result<(), KvError>>,
}

impl Job {
    /// Whether its caller still wants it. A job that has not begun can still be dropped.
    fn is_wanted(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.is_wanted())
    }
}

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

/// Serves the queue until nobody can add to it.
pub(super) fn serve(store: &Store, mut queue: mpsc::Receiver<Job>) {
    let (mut checked, mut batches) = (clock::now(), 0_u64);
    while let Some(first) = queue.blocking_recv() {
        if first.body.is_none() {
            answer(first, Ok(()));
            continue;
        }
        run_batch(store, first, &mut queue);
        batches += 1;
        let now = clock::now();
        let is_due = now.duration_since(checked) >= READERS_CHECK_PAUSE;
        if is_due || batches.is_multiple_of(READERS_CHECK_BATCHES) {
            checked = now;
            store.clear_stale_readers();
            store.tell_of_old_reads();
        }
    }
    store.end_writing();
}

fn run_batch(store: &Store, first: Job, queue: &mut mpsc::Receiver<Job>) {
    let txn = match begin(store, &first) {
        Ok(txn) => txn,
        Err(error) => return refuse(first, &error, queue),
    };
    let mut view = TxnView::new(store.tables, txn);
    let mut batch = Batch::new(store.room());
    let mut next = Some(first);
    while let Some(job) = next {
        match run_job(store, &mut view, &mut batch.room, &job) {
            Ok(outcome) => batch.push(job, outcome),
            Err(error) => {
                view.into_txn().abort();
                return undo(store, batch.ran, job, error);
            }
        }
        next = if batch.is_full() { None } else { queue.try_recv().ok() };
    }
    let txn = view.into_txn();
    match commit(store, txn, &batch) {
        Err(error @ KvError::Full { .. }) => {
            let last = batch.ran.pop().expect("a batch that wrote has a job");
            undo(store, batch.ran, last.job, error);
        }
        committed => finish(store, batch, &committed),
    }
}

/// Answers a job whose transaction could not begin. If that took time, the jobs behind it have waited, too.
fn refuse(first: Job, error: &KvError, queue: &mut mpsc::Receiver<Job>) {
    let is_left = !first.is_wanted();
    answer(first, Err(error.clone()));
    while !is_left && let Ok(job) = queue.try_recv() {
        let outcome = if job.body.is_some() { Err(error.clone()) } else { Ok(()) };
        answer(job, outcome);
    }
}

/// Begins a transaction for a job, if it is still wanted when its turn has come.
fn begin<'s>(store: &'s Store, job: &Job) -> Result<WriteTxn<'s>, KvError> {
    if !job.is_wanted() {
        return Err(left());
    }
    store.write_txn(&|| job.is_wanted())
}

/// The error of a job that was not begun because nobody waited for it any more.
fn left() -> KvError {
    KvError::Unavailable {
        detail: "its caller stopped waiting before its turn came; nothing was written".into(),
    }
}

/// Runs one transaction function and applies its decision. The outer error means that the transaction must be
/// aborted.
fn run_job(
    store: &Store,
    view: &mut TxnView<WriteTxn<'_>>,
    room: &mut Room,
    job: &Job,
) -> Result<Result<Wrote, KvError>, KvError> {
    let Some(body) = &job.body else { return Ok(Ok(Wrote::default())) };
    if !job.is_wanted() {
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
    let txn = view.txn_mut();
    let mut wrote = Wrote { bytes: mutations.bytes(), freed_pages: 0 };
    for mutation in mutations.iter() {
        wrote.freed_pages += txn.apply(store.tables, mutation)?;
    }
    Ok(Ok(wrote))
}

/// Commits what a batch wrote, if anything.
fn commit(store: &Store, txn: WriteTxn<'_>, batch: &Batch) -> Result<(), KvError> {
    if batch.wrote.bytes > 0 {
        return store.commit(txn);
    }
    txn.abort();
    Ok(())
}

/// Answers the callers of a batch.
fn finish(store: &Store, batch: Batch, committed: &Result<(), KvError>) {
    for ran in batch.ran {
        answer(ran.job, fate(ran.outcome, committed));
    }
    if committed.is_ok() {
        store.note_freed(batch.wrote.freed_pages);
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

fn run_alone(store: &Store, job: Job) {
    let txn = match begin(store, &job) {
        Ok(txn) => txn,
        Err(error) => return answer(job, Err(error)),
    };
    let mut view = TxnView::new(store.tables, txn);
    let mut batch = Batch::new(store.room());
    match run_job(store, &mut view, &mut batch.room, &job) {
        Ok(outcome) => {
            batch.push(job, outcome);
            let committed = commit(store, view.into_txn(), &batch);
            finish(store, batch, &committed);
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

fn panicked(panic: &(dyn Any + Send)) -> KvError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    tracing::error!(name: "kv.panicked", target: "baton::kv", error = text, "a transaction's body panicked");
    KvError::Unavailable { detail: format!("the transaction's body panicked: {text}") }
}
