//! Several processes on one directory, and processes that are killed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use batondb::kv::embedded::Durability::{Relaxed, Strict};
use batondb::kv::embedded::EmbeddedKv;
use batondb::kv::{Decision, Isolation, Kv, KvError, Mutations, ReadFn, TransactionFn, View, read, transact};
use futures::executor::block_on;
use futures::future::{BoxFuture, FutureExt};

use crate::backends::embedded::support::{Increment, count, directory_of_parent, get, open, put, start};
use crate::support::tell_parent;

const ROUNDS: u64 = 300;

fn increment(kv: &EmbeddedKv) -> u64 {
    block_on(transact(kv, &Arc::new(Increment(b"counter")))).unwrap()
}

#[test]
fn increments() {
    let Some(directory) = directory_of_parent() else { return };
    let kv = open(&directory, Strict);
    for _ in 0..ROUNDS {
        increment(&kv);
    }
}

#[test]
fn processes_take_turns_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let children: Vec<_> =
        (0..2).map(|_| start("backends::embedded::processes::increments", directory.path())).collect();
    let kv = open(directory.path(), Strict);
    for _ in 0..ROUNDS {
        increment(&kv);
    }
    for child in children {
        child.finish();
    }
    assert_eq!(count(block_on(get(&kv, b"counter")).unwrap().as_deref()), 3 * ROUNDS);
}

/// Counts, and writes a large row of that number in the same transaction.
struct CountRows;

impl TransactionFn for CountRows {
    type Output = u64;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<u64>, KvError>> {
        async move {
            let Decision { mut mutations, output: count } = Increment(b"counter").run(view).await?;
            mutations.put(count.to_be_bytes().to_vec(), vec![1; 9_000]);
            Ok(Decision::write(mutations, count))
        }
        .boxed()
    }
}

/// Says each count once it was acknowledged.
#[test]
fn increments_for_ever() {
    let Some(directory) = directory_of_parent() else { return };
    let kv = open(&directory, Strict);
    loop {
        let count = block_on(transact(&kv, &Arc::new(CountRows))).unwrap();
        tell_parent(&count.to_string());
    }
}

/// Runs the process above until it has said `lines` counts, kills it, and gives the last count it said.
fn run_and_kill(directory: &Path, lines: usize) -> u64 {
    let mut child = start("backends::embedded::processes::increments_for_ever", directory);
    let count = |line: String| line.parse().expect("a count");
    let said = (0..lines).map(|_| child.hear().expect("the process goes on until it is killed"));
    let last = said.map(count).last().expect("the process has said something");
    child.kill();
    // What it had said by then and nobody had read was acknowledged too.
    std::iter::from_fn(|| child.hear()).map(count).max().unwrap_or(last)
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let acknowledged = run_and_kill(directory.path(), 3 + round);
        let kv = open(directory.path(), Strict);
        let counted = count(block_on(get(&kv, b"counter")).unwrap().as_deref());
        assert!(counted >= acknowledged, "round {round}: {counted} of {acknowledged}");
        assert!(counted <= acknowledged + 1, "round {round}: {counted} of {acknowledged}");
        for count in 1..=counted + 1 {
            let row = block_on(get(&kv, &count.to_be_bytes())).unwrap();
            let expected = (count <= counted).then(|| vec![1; 9_000]);
            assert!(row == expected, "round {round}: row {count} of {counted}");
        }
        block_on(kv.close());
    }
}

/// Of those that are killed many hold LMDB's write lock or the write turn just then.
#[test]
fn a_writer_that_is_killed_blocks_nobody() {
    const KILLS: usize = 40;
    let directory = tempfile::tempdir().unwrap();
    let kv = open(directory.path(), Strict);
    let over = AtomicBool::new(false);
    let mine = std::thread::scope(|scope| {
        let goes_on = scope.spawn(|| {
            let mut mine = 0;
            while !over.load(Ordering::Relaxed) {
                block_on(transact(&kv, &Arc::new(CountRows))).unwrap();
                mine += 1;
            }
            mine
        });
        for kill in 0..KILLS {
            let before = kv.commits().unwrap();
            run_and_kill(directory.path(), 2 + kill % 7);
            while kv.commits().unwrap() < before + 3 {
                std::thread::yield_now();
            }
        }
        over.store(true, Ordering::Relaxed);
        goes_on.join().unwrap()
    });
    let counted = count(block_on(get(&kv, b"counter")).unwrap().as_deref());
    assert!(counted >= mine + 2 * KILLS as u64, "{counted} in all, {mine} of them here");
    for count in 1..=counted + 1 {
        let row = block_on(get(&kv, &count.to_be_bytes())).unwrap();
        assert!(row == (count <= counted).then(|| vec![1; 9_000]), "row {count} of {counted}");
    }
}

/// Reads for a while, then writes, so that the committer is slower than those who queue.
struct Slow;

impl TransactionFn for Slow {
    type Output = ();
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, KvError>> {
        async move {
            for _ in 0..50 {
                view.get(b"slow", Isolation::Serializable).await?;
            }
            let mut mutations = Mutations::new();
            mutations.put(b"slow".to_vec(), vec![1]);
            Ok(Decision::write(mutations, ()))
        }
        .boxed()
    }
}

/// Has always more transactions waiting than fit into a batch, so that it begins the next one at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_without_a_pause() {
    let Some(directory) = directory_of_parent() else { return };
    let kv = Arc::new(open(&directory, Relaxed));
    for _ in 0..1_000 {
        let kv = Arc::clone(&kv);
        tokio::spawn(async move {
            loop {
                transact(&*kv, &Arc::new(Slow)).await.unwrap();
            }
        });
    }
    while kv.commits().unwrap() < 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tell_parent("busy");
    futures::future::pending::<()>().await;
}

/// A process that commits without a pause lets another one in when the batch that is running is committed.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test has to let another process run")]
fn a_busy_process_cannot_starve_another() {
    const TURNS: usize = 100;
    let directory = tempfile::tempdir().unwrap();
    let kv = open(directory.path(), Relaxed);
    let mut child = start("backends::embedded::processes::commits_without_a_pause", directory.path());
    assert_eq!(child.hear().as_deref(), Some("busy"));
    let waits: Vec<usize> = (0..TURNS)
        .map(|_| {
            // Long enough for the other process to be in the middle of a batch again.
            std::thread::sleep(Duration::from_millis(5));
            let before = kv.newest_commit().unwrap();
            increment(&kv);
            kv.newest_commit().unwrap() - before
        })
        .collect();
    child.kill();
    // Its own commit, the one that was under way, and one that slipped in before this process queued up. The
    // few exceptions are this process running late. Without turns four or more were usual, up to 16.
    let long = waits.iter().filter(|&&commits| commits > 3).count();
    assert!(long <= 3, "{waits:?}");
}

/// Reads until the process is killed.
struct ReadForEver;

impl ReadFn for ReadForEver {
    type Output = ();
    type Error = batondb::kv::KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<(), Self::Error>> {
        async move {
            view.get(b"key", batondb::kv::Isolation::Snapshot).await?;
            tell_parent("reading");
            futures::future::pending().await
        }
        .boxed()
    }
}

#[test]
fn reads_for_ever() {
    let Some(directory) = directory_of_parent() else { return };
    let kv = open(&directory, Relaxed);
    block_on(read(&kv, &Arc::new(ReadForEver))).unwrap();
}

#[test]
fn a_killed_reader_pins_no_space() {
    let directory = tempfile::tempdir().unwrap();
    let kv = open(directory.path(), Relaxed);
    let file_bytes = || std::fs::metadata(directory.path().join("data.mdb")).unwrap().len();
    block_on(put(&kv, b"key", vec![1; 20_000])).unwrap();
    let mut child = start("backends::embedded::processes::reads_for_ever", directory.path());
    assert_eq!(child.hear().as_deref(), Some("reading"));
    child.kill();
    for _ in 0..1_100 {
        block_on(put(&kv, b"key", vec![1; 20_000])).unwrap();
    }
    let after_check = file_bytes();
    assert!(after_check > 10_000_000, "the dead reader pinned its state until it was noticed");
    for _ in 0..1_100 {
        block_on(put(&kv, b"key", vec![1; 20_000])).unwrap();
    }
    // What was replaced since the last checkpoint cannot be used yet.
    assert!(file_bytes() <= after_check * 3 / 2, "what the dead reader had pinned was used again");
}

/// Dropping a handle while its transactions wait neither loses nor delays them.
#[tokio::test(flavor = "multi_thread")]
async fn letting_go_of_a_handle_finishes_what_was_queued() {
    let directory = tempfile::tempdir().unwrap();
    let kv = Arc::new(open(directory.path(), Strict));
    let mut queued: Vec<_> = Vec::new();
    for number in 0..100_u8 {
        let handle = Arc::clone(&kv);
        let job = async move { put(&handle, &[b'k', number], vec![number]).await }.boxed();
        let mut job = tokio::task::unconstrained(job);
        assert!(futures::poll!(&mut job).is_pending());
        queued.push(job);
    }
    drop(queued);
    drop(kv);
    let kv = open(directory.path(), Strict);
    for number in 0..100_u8 {
        // The new handle may have joined before the queue was worked off; its turn comes behind it.
        put(&kv, b"turn", vec![number]).await.unwrap();
        assert_eq!(get(&kv, &[b'k', number]).await.unwrap(), Some(vec![number]));
    }
    tokio::time::timeout(Duration::from_secs(30), kv.close()).await.unwrap();
}
