//! The thread that writes: group commit.
//!
//! One thread for each opened directory takes transactions from a queue, runs as many as wait, one after
//! the other, inside one LMDB transaction, commits once and only then answers all of them.
//!
//! - A body reads what the bodies before it in the batch decided. Therefore a refusal too is answered after
//!   the commit, for it may rest on a write that is not durable before.
//! - A body only reads; its writes are checked for size and then applied. A body that panics or asks for too
//!   much has touched nothing, and fails alone.
//! - If applying fails half way, or the commit finds no room, the batch is undone and each of its
//!   transactions is run again on its own, so that only the guilty one fails.
//! - A transaction whose caller has gone takes effect all the same: nobody can tell whether it had begun.
//! - The thread ends when all senders of its queue are gone and the queue is empty.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::environment::{Store, WriteTxn};
use super::values;
use super::view::TxnView;
use crate::kv::{BodyRunner, KvError, Mutations};
use crate::sync::{block_on, mpsc, oneshot};

/// How many transactions may wait for the thread before their callers wait to queue them.
pub(super) const QUEUE_JOBS_MAX: usize = 1_024;
/// A batch ends at this many transactions or at so many written bytes, so that the first one in it does not
/// wait for ever.
const BATCH_JOBS_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How often the reads of dead processes are looked for.
const BATCHES_PER_READER_CHECK: u64 = 1_000;

/// A transaction to run, and where its caller waits.
pub(super) struct Job {
    pub(super) body: Arc<dyn BodyRunner>,
    pub(super) answer: oneshot::Sender<Result<(), KvError>>,
}

/// What became of a job inside a batch that is not committed yet.
struct Ran {
    job: Job,
    /// How many bytes it wrote; `Ok(0)` is a refusal.
    outcome: Result<usize, KvError>,
}

/// Works the queue off until nobody can add to it.
pub(super) fn serve(store: &Store, mut queue: mpsc::Receiver<Job>) {
    let mut batches: u64 = 0;
    while let Some(first) = queue.blocking_recv() {
        run_batch(store, first, &mut queue);
        batches += 1;
        if batches.is_multiple_of(BATCHES_PER_READER_CHECK) {
            store.clear_stale_readers();
        }
    }
}

fn run_batch(store: &Store, first: Job, queue: &mut mpsc::Receiver<Job>) {
    let txn = match store.write_txn() {
        Ok(txn) => txn,
        Err(error) => return answer(first, Err(error)),
    };
    let mut view = TxnView::new(store.tables, txn);
    let mut batch: Vec<Ran> = Vec::new();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(job) = next {
        match run_job(store, &mut view, &job) {
            Ok(outcome) => {
                bytes += outcome.as_ref().copied().unwrap_or(0);
                batch.push(Ran { job, outcome });
            }
            Err(error) => {
                view.into_txn().abort();
                return undo(store, batch, job, error);
            }
        }
        let room = batch.len() < BATCH_JOBS_MAX && bytes < BATCH_BYTES_MAX;
        next = if room { queue.try_recv().ok() } else { None };
    }
    finish(store, view.into_txn(), batch);
}

/// Runs one body and applies what it decided. The outer error says that the transaction must be aborted.
fn run_job(
    store: &Store,
    view: &mut TxnView<WriteTxn<'_>>,
    job: &Job,
) -> Result<Result<usize, KvError>, KvError> {
    let decided = catch_unwind(AssertUnwindSafe(|| block_on(job.body.run(view))));
    let mutations = match decided {
        Ok(mutations) => mutations,
        Err(panic) => return Ok(Err(panicked(&*panic))),
    };
    if let Err(error) = mutations.iter().try_for_each(values::check) {
        return Ok(Err(error));
    }
    apply(store, view.txn_mut(), &mutations)?;
    Ok(Ok(mutations.bytes()))
}

fn apply(store: &Store, txn: &mut WriteTxn<'_>, mutations: &Mutations) -> Result<(), KvError> {
    mutations.iter().try_for_each(|mutation| store.tables.apply(txn, mutation))
}

/// Commits what a batch wrote, if anything, and answers its callers.
fn finish(store: &Store, txn: WriteTxn<'_>, mut batch: Vec<Ran>) {
    let wrote = batch.iter().any(|ran| matches!(ran.outcome, Ok(1..)));
    let committed = if wrote {
        store.commit(txn)
    } else {
        txn.abort();
        Ok(())
    };
    if let Err(error @ KvError::Full { .. }) = committed {
        let last = batch.pop().expect("a batch that wrote has a job");
        return undo(store, batch, last.job, error);
    }
    for ran in batch {
        answer(ran.job, fate(ran.outcome, &committed));
    }
}

/// What a job is told whose transaction ended with `committed`.
fn fate(outcome: Result<usize, KvError>, committed: &Result<(), KvError>) -> Result<(), KvError> {
    match (outcome, committed) {
        (Err(own), _) => Err(own),
        (Ok(_), Ok(())) => Ok(()),
        // Whoever wrote nothing is told so, even where the fate of the others' writes is unknown.
        (Ok(0), Err(error)) if error.may_have_committed() => {
            Err(KvError::Unavailable { detail: error.to_string() })
        }
        (Ok(_), Err(error)) => Err(error.clone()),
    }
}

/// Runs the jobs of an aborted batch again, each in a transaction of its own. `last` failed, or was merely
/// the last of a batch that did not fit; alone in its batch it was the guilty one.
fn undo(store: &Store, earlier: Vec<Ran>, last: Job, error: KvError) {
    if earlier.is_empty() {
        return answer(last, Err(error));
    }
    for job in earlier.into_iter().map(|ran| ran.job).chain([last]) {
        run_alone(store, job);
    }
}

fn run_alone(store: &Store, job: Job) {
    let txn = match store.write_txn() {
        Ok(txn) => txn,
        Err(error) => return answer(job, Err(error)),
    };
    let mut view = TxnView::new(store.tables, txn);
    match run_job(store, &mut view, &job) {
        Ok(outcome) => finish(store, view.into_txn(), vec![Ran { job, outcome }]),
        Err(error) => {
            view.into_txn().abort();
            answer(job, Err(error));
        }
    }
}

fn answer(job: Job, outcome: Result<(), KvError>) {
    // A caller that has gone needs no answer; what it asked for was done.
    let _gone = job.answer.send(outcome);
}

fn panicked(panic: &(dyn Any + Send)) -> KvError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    tracing::error!(name: "kv.panicked", target: "baton::kv", error = text, "a transaction's body panicked");
    KvError::Unavailable { detail: format!("the transaction's body panicked: {text}") }
}
