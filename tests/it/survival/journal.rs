//! Kills between the flush of the journal and LMDB's commit, of the only process and of one of two: the record was
//! answered to nobody, and what is committed after it counts instead.
//!
//! After each kill the directory is copied. A copy is another file, so whoever opens it goes back to the checkpoint and
//! applies the journal, as after a loss of power.

use std::path::Path;
use std::sync::Arc;

use batondb::kv::embedded::planted::die_after_flushes;
use batondb::kv::embedded::{EmbeddedKv, EmbeddedOptions};
use batondb::kv::{Decision, Isolation, KvError, Mutations, TransactionFn, View, transact};
use futures::executor::block_on;
use futures::future::{BoxFuture, FutureExt};

use crate::support::{Child, child_arguments, tell_parent};
use crate::survival::crash::kills;

const KILLS: u32 = 120;
const COUNT: &[u8] = b"count";
const ROW: &[u8] = b"row";

/// Counts, and writes a row whose size follows from the number: records of all sizes, so that some fit the end of a
/// segment and others do not.
struct Grow;

fn bytes_of(count: u64) -> usize {
    usize::try_from(count * 7_919 % 90_001).unwrap()
}

impl TransactionFn for Grow {
    type Output = u64;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<u64>, KvError>> {
        async move {
            let count = count_of(view).await? + 1;
            let mut mutations = Mutations::new();
            mutations.put(COUNT.to_vec(), count.to_be_bytes().to_vec());
            mutations.put(ROW.to_vec(), vec![1; bytes_of(count)]);
            Ok(Decision::write(mutations, count))
        }
        .boxed()
    }
}

async fn count_of(view: &dyn View) -> Result<u64, KvError> {
    let count = view.get(COUNT, Isolation::Snapshot).await?;
    Ok(count.map_or(0, |bytes| u64::from_be_bytes(bytes[..].try_into().unwrap())))
}

/// Reads the count, and the size of the row.
struct Look;

impl TransactionFn for Look {
    type Output = (u64, usize);
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, KvError>> {
        async move {
            let row = view.get(ROW, Isolation::Snapshot).await?.map_or(0, |row| row.len());
            Ok(Decision::answer((count_of(view).await?, row)))
        }
        .boxed()
    }
}

fn open(path: &Path) -> EmbeddedKv {
    EmbeddedKv::open(&EmbeddedOptions::at(path)).unwrap()
}

fn grow(kv: &EmbeddedKv) -> u64 {
    block_on(transact(kv, &Arc::new(Grow))).unwrap()
}

/// In the child: arguments are the directory, and how many flushes it lives.
#[test]
fn a_child_that_is_killed_between_flush_and_commit() {
    let Some(arguments) = child_arguments() else { return };
    let [path, flushes] = arguments.as_slice() else { panic!("{arguments:?}") };
    let kv = open(Path::new(path));
    die_after_flushes(flushes.parse().unwrap());
    loop {
        tell_parent(&grow(&kv).to_string());
    }
}

/// What somebody finds who goes back to the checkpoint and applies the journal.
fn recovered(path: &Path) -> u64 {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(path).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let kv = open(copy.path());
    let (count, row) = block_on(transact(&kv, &Arc::new(Look))).unwrap();
    assert_eq!(row, bytes_of(count), "the row of another commit than {count}");
    // It goes on.
    assert_eq!(grow(&kv), count + 1);
    count
}

fn kill_and_look(stays_open: bool) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let beside = stays_open.then(|| open(&path));
    let mut acknowledged = 0;
    for kill in 0..kills(KILLS) {
        let flushes = (1 + kill % 7).to_string();
        let mut child = Child::start(
            "survival::journal::a_child_that_is_killed_between_flush_and_commit",
            &[path.to_str().unwrap(), &flushes],
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
                    grow(beside),
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
