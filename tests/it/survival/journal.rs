//! Kills between the flush of the journal and LMDB's commit, of the only process and of one of two: the record was
//! answered to nobody, and what is committed after it counts instead.
//!
//! After each kill the directory is copied. A copy is another file, so whoever opens it goes back to the checkpoint and
//! applies the journal, as after a loss of power.

use std::path::Path;
use std::sync::{Arc, Mutex};

use batondb::kv::embedded::planted::die_after_flushes;
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use batondb::kv::{Decision, Isolation, KvError, Mutations, TransactionFn, View, transact};
use futures::executor::block_on;
use futures::future::{BoxFuture, FutureExt};

use crate::support::{Child, child_arguments, tell_parent};
use crate::survival::crash::kills;
use crate::survival::disk::states::Chance;

const KILLS: u32 = 120;
const COUNT: &[u8] = b"count";
const ROW: &[u8] = b"row";
/// What a relaxed process counts, and what a strict one has last seen of it.
const BESIDE: &[u8] = b"beside";
const SEEN: &[u8] = b"seen";

/// Counts, and writes a row that begins with the number. Its size is another one each time, so that of two records for
/// one number one fits the end of a segment and the other does not.
struct Grow(Mutex<Chance>);

impl Grow {
    fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Chance::new(seed, 0))))
    }
}

impl TransactionFn for Grow {
    type Output = u64;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<u64>, KvError>> {
        async move {
            let count = count_of(view).await? + 1;
            let mut row = vec![1; 8 + self.0.lock().unwrap().below(90_000)];
            row[..8].copy_from_slice(&count.to_be_bytes());
            let mut mutations = Mutations::new();
            mutations.put(COUNT.to_vec(), count.to_be_bytes().to_vec());
            mutations.put(ROW.to_vec(), row);
            Ok(Decision::write(mutations, count))
        }
        .boxed()
    }
}

async fn count_of(view: &dyn View) -> Result<u64, KvError> {
    let count = view.get(COUNT, Isolation::Snapshot).await?;
    Ok(count.map_or(0, |bytes| u64::from_be_bytes(bytes[..].try_into().unwrap())))
}

/// Reads the count, and the number that the row begins with.
struct Look;

impl TransactionFn for Look {
    type Output = (u64, u64);
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, KvError>> {
        async move {
            let row = view.get(ROW, Isolation::Snapshot).await?;
            let number = row.map_or(0, |row| u64::from_be_bytes(row[..8].try_into().unwrap()));
            Ok(Decision::answer((count_of(view).await?, number)))
        }
        .boxed()
    }
}

fn open(path: &Path) -> EmbeddedKv {
    EmbeddedKv::open(&EmbeddedOptions::at(path)).unwrap()
}

fn grow(kv: &EmbeddedKv, body: &Arc<Grow>) -> u64 {
    block_on(transact(kv, body)).unwrap()
}

/// In the child: arguments are the directory, how many flushes it lives, and a seed.
#[test]
fn a_child_that_is_killed_between_flush_and_commit() {
    let Some(arguments) = child_arguments() else { return };
    let [path, flushes, seed] = arguments.as_slice() else { panic!("{arguments:?}") };
    let (kv, body) = (open(Path::new(path)), Grow::new(seed.parse().unwrap()));
    die_after_flushes(flushes.parse().unwrap());
    loop {
        tell_parent(&grow(&kv, &body).to_string());
    }
}

/// A copy of the directory.
fn copied(path: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(path).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

/// What somebody finds who goes back to the checkpoint and applies the journal.
fn recovered(path: &Path) -> u64 {
    let copy = copied(path);
    let kv = open(copy.path());
    let (count, row) = block_on(transact(&kv, &Arc::new(Look))).unwrap();
    assert_eq!(row, count, "the row of another commit");
    // It goes on.
    assert_eq!(grow(&kv, &Grow::new(count)), count + 1);
    count
}

fn kill_and_look(stays_open: bool) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let beside = stays_open.then(|| open(&path));
    let body = Grow::new(7);
    let mut acknowledged = 0;
    for kill in 0..kills(KILLS) {
        let (flushes, seed) = ((1 + kill % 7).to_string(), (1_000 + kill).to_string());
        let mut child = Child::start(
            "survival::journal::a_child_that_is_killed_between_flush_and_commit",
            &[path.to_str().unwrap(), &flushes, &seed],
        );
        while let Some(line) = child.hear() {
            acknowledged = line.parse().unwrap();
        }
        child.kill();
        // The record behind was flushed, and may count as long as nobody commits.
        let found = recovered(&path);
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "kill {kill}: {found}, not {acknowledged}"
        );
        if let Some(beside) = &beside {
            for _ in 0..kill % 5 {
                acknowledged += 1;
                assert_eq!(
                    grow(beside, &body),
                    acknowledged,
                    "kill {kill}: what was answered to nobody was not there"
                );
            }
            if kill % 5 > 0 {
                assert_eq!(recovered(&path), acknowledged, "kill {kill}");
            }
        }
    }
    assert!(acknowledged > u64::from(kills(KILLS)), "only {acknowledged} commits");
}

#[test]
fn what_was_flushed_and_not_committed_gives_way() {
    kill_and_look(false);
}

#[test]
fn what_one_of_two_processes_has_flushed_and_not_committed_gives_way() {
    kill_and_look(true);
}

/// Counts without the others' rows.
struct Beside;

impl TransactionFn for Beside {
    type Output = u64;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<u64>, KvError>> {
        async move {
            let count = number_at(view, BESIDE).await? + 1;
            let mut mutations = Mutations::new();
            mutations.put(BESIDE.to_vec(), count.to_be_bytes().to_vec());
            Ok(Decision::write(mutations, count))
        }
        .boxed()
    }
}

/// Writes down what is seen of the count.
struct See;

impl TransactionFn for See {
    type Output = u64;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<u64>, KvError>> {
        async move {
            let count = number_at(view, BESIDE).await?;
            let mut mutations = Mutations::new();
            mutations.put(SEEN.to_vec(), count.to_be_bytes().to_vec());
            Ok(Decision::write(mutations, count))
        }
        .boxed()
    }
}

/// Reads both.
struct Compare;

impl TransactionFn for Compare {
    type Output = (u64, u64);
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, KvError>> {
        async move { Ok(Decision::answer((number_at(view, BESIDE).await?, number_at(view, SEEN).await?))) }
            .boxed()
    }
}

async fn number_at(view: &dyn View, key: &[u8]) -> Result<u64, KvError> {
    let number = view.get(key, Isolation::Snapshot).await?;
    Ok(number.map_or(0, |bytes| u64::from_be_bytes(bytes[..].try_into().unwrap())))
}

/// In the child: counts without the journal, once for each line that it is told.
#[test]
fn a_child_that_commits_without_the_journal() {
    let Some(arguments) = child_arguments() else { return };
    let durability = Durability::Relaxed;
    let kv = EmbeddedKv::open(&EmbeddedOptions { durability, ..EmbeddedOptions::at(&arguments[0]) }).unwrap();
    for _ in std::io::stdin().lines() {
        tell_parent(&block_on(transact(&kv, &Arc::new(Beside))).unwrap().to_string());
    }
}

/// A record that was flushed by a process that was killed, then a commit without a record in its place, then one with
/// a record: what follows must not be applied behind what was never committed.
#[test]
fn a_commit_without_a_record_leaves_none_in_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let strict = open(&path);
    let name = "survival::journal::a_child_that_commits_without_the_journal";
    let mut relaxed = Child::start(name, &[path.to_str().unwrap()]);
    let mut beside = || {
        relaxed.tell("commit");
        relaxed.hear().unwrap().parse::<u64>().unwrap()
    };
    for kill in 0..kills(KILLS) / 3 {
        // Both have committed, so neither makes a checkpoint because it has just come.
        beside();
        block_on(transact(&strict, &Arc::new(See))).unwrap();
        let (flushes, seed) = ((1 + kill % 5).to_string(), (2_000 + kill).to_string());
        let mut child = Child::start(
            "survival::journal::a_child_that_is_killed_between_flush_and_commit",
            &[path.to_str().unwrap(), &flushes, &seed],
        );
        while child.hear().is_some() {}
        child.kill();
        let count = beside();
        assert_eq!(block_on(transact(&strict, &Arc::new(See))).unwrap(), count);
        let copy = copied(&path);
        let kv = open(copy.path());
        let (found, seen) = block_on(transact(&kv, &Arc::new(Compare))).unwrap();
        assert!(
            seen == count && found >= seen,
            "kill {kill}: {found} is there, and {seen} of {count} was seen"
        );
    }
}
