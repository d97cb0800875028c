//! What `verify` and `status` tell of the journal of a store in a directory: what a loss of power would cost, and
//! nothing while others merely write.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use batondb::engine::{Engine, Problem, RowKind, Severity, VerifyScope};
use batondb::env::{Env, SystemEnv};
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use batondb::kv::{JournalStatus, Kv};
use batondb::types::Txid;

use crate::support::{Child, child_arguments, commit, id, start, tell_parent};

const BLOCK_BYTES: u64 = 4_096;
const NO_BLOCK: &[u8] = &[0; 4_096];
/// Where the records of the first segment begin, and in which file.
const FIRST_RECORD: (&str, u64) = ("journal-1", BLOCK_BYTES);

async fn engine(path: &Path, durability: Durability, read_only: bool) -> (Engine, Arc<EmbeddedKv>) {
    let options = EmbeddedOptions { durability, read_only, ..EmbeddedOptions::at(path) };
    let kv = Arc::new(EmbeddedKv::open(&options).unwrap());
    let shared: Arc<dyn Kv> = Arc::clone(&kv) as _;
    let engine = if read_only {
        Engine::open_existing(shared, Arc::new(SystemEnv)).await
    } else {
        Engine::open(shared, Arc::new(SystemEnv)).await
    };
    (engine.unwrap(), kv)
}

async fn problems(engine: &Engine) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut verification = engine.verify(VerifyScope::Everything);
    while let Some(step) = verification.next().await.unwrap() {
        problems.extend(step.problems.told);
    }
    problems
}

/// What is told to somebody who opens the store to read it.
async fn told(path: &Path) -> Vec<Problem> {
    let (engine, _kv) = engine(path, Durability::Strict, true).await;
    let problems = problems(&engine).await;
    engine.close().await;
    problems
}

#[track_caller]
fn expect_one(problems: &[Problem], kind: RowKind, severity: Severity, fragment: &str) {
    let is_meant = |problem: &Problem| {
        (problem.kind, problem.severity) == (kind, severity) && problem.detail.contains(fragment)
    };
    assert!(problems.len() == 1 && is_meant(&problems[0]), "{kind:?} {fragment:?}: {problems:?}");
}

fn overwrite(path: &Path, (file, at): (&str, u64), bytes: &[u8]) {
    let file = fs::File::options().write(true).open(path.join(file)).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

async fn journal_of(engine: &Engine) -> JournalStatus {
    engine.status().await.unwrap().journal.expect("the store has a journal")
}

/// In a child: commits until it is killed. Arguments: the directory, and the durability.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_commits_until_it_is_killed() {
    let Some(arguments) = child_arguments() else { return };
    let durability = if arguments[1] == "strict" { Durability::Strict } else { Durability::Relaxed };
    let (engine, _kv) = engine(Path::new(&arguments[0]), durability, false).await;
    let generation = start(&engine, &id("a")).await.meta.generation;
    let mut head = Txid(0);
    for tag in 1.. {
        head = commit(&engine, &id("a"), generation, head, [1, 2], tag).await.unwrap();
        if tag == 5 {
            tell_parent("going");
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// A process that commits, and has done so some times.
fn committing(path: &Path, durability: &str) -> Child {
    let name = "inspection::journal::a_child_that_commits_until_it_is_killed";
    let mut child = Child::start(name, &[path.to_str().unwrap(), durability]);
    assert_eq!(child.hear().as_deref(), Some("going"));
    child
}

#[tokio::test]
async fn what_a_loss_of_power_would_cost_after_a_kill_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("store");
    drop(committing(&path, "strict"));
    let (reader, _kv) = engine(&path, Durability::Strict, true).await;
    let status = journal_of(&reader).await;
    let (checkpoint, records) = (status.checkpoint.unwrap(), status.records);
    assert_eq!(checkpoint + records, status.newest, "{status:?}");
    assert!(
        records > 5 && status.bytes >= records * BLOCK_BYTES && !status.segments.is_empty(),
        "{status:?}"
    );
    assert_eq!(problems(&reader).await, [], "a kill alone costs nothing");
    reader.close().await;

    let file = path.join(FIRST_RECORD.0);
    let sound = fs::read(&file).unwrap();
    let next = checkpoint + 1;
    // A byte of its body, then all of it, then the header of the segment, then all that there is.
    overwrite(&path, (FIRST_RECORD.0, FIRST_RECORD.1 + 40), &[0xff]);
    expect_one(
        &told(&path).await,
        RowKind::Journal,
        Severity::Error,
        &format!("the record of commit {next} "),
    );
    overwrite(&path, FIRST_RECORD, NO_BLOCK);
    expect_one(&told(&path).await, RowKind::Journal, Severity::Error, &format!("on to commit {next},"));
    fs::write(&file, &sound).unwrap();
    assert_eq!(told(&path).await, []);
    fs::write(&file, vec![0; sound.len()]).unwrap();
    expect_one(
        &told(&path).await,
        RowKind::Journal,
        Severity::Warning,
        &format!("after {checkpoint} is in no"),
    );
    // A file that is missing.
    fs::remove_file(&file).unwrap();
    expect_one(&told(&path).await, RowKind::Journal, Severity::Error, "journal-1 is not there");
    fs::write(&file, &sound).unwrap();
    assert_eq!(told(&path).await, []);
}

#[tokio::test]
async fn a_process_that_writes_meanwhile_is_no_damage() {
    for durability in ["strict", "relaxed"] {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("store");
        let _child = committing(&path, durability);
        let (reader, _kv) = engine(&path, Durability::Strict, true).await;
        let looks = if durability == "strict" { 100 } else { 1 };
        for _ in 0..looks {
            assert_eq!(problems(&reader).await, [], "{durability}");
        }
    }
}

/// It makes a checkpoint soon, so there is nothing to wait for.
#[tokio::test]
async fn a_relaxed_process_does_not_wait_for_itself() {
    let scratch = tempfile::tempdir().unwrap();
    let (engine, _kv) = engine(&scratch.path().join("store"), Durability::Relaxed, false).await;
    let generation = start(&engine, &id("a")).await.meta.generation;
    let mut head = Txid(0);
    let begun = SystemEnv.elapsed();
    for tag in 1..=20 {
        head = commit(&engine, &id("a"), generation, head, [1], tag).await.unwrap();
        assert_eq!(problems(&engine).await, []);
    }
    let took = SystemEnv.elapsed().saturating_sub(begun);
    assert!(took.as_secs() < 5, "{took:?}");
}

#[tokio::test]
async fn what_relaxed_commits_would_cost_after_a_kill_is_a_warning() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("store");
    drop(committing(&path, "relaxed"));
    expect_one(&told(&path).await, RowKind::Journal, Severity::Warning, "as `relaxed` allows");
}

#[tokio::test]
async fn a_store_that_was_closed_needs_no_journal() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("store");
    let (engine, _kv) = engine(&path, Durability::Strict, false).await;
    start(&engine, &id("a")).await;
    engine.close().await;
    for name in ["journal-0", "journal-1"] {
        let length = fs::metadata(path.join(name)).unwrap().len();
        fs::write(path.join(name), vec![0xff; usize::try_from(length).unwrap()]).unwrap();
    }
    assert_eq!(told(&path).await, []);
    // As a backup has it: the data alone.
    for name in ["journal-0", "journal-1", "checkpoint"] {
        fs::remove_file(path.join(name)).unwrap();
    }
    assert_eq!(told(&path).await, []);
}

#[tokio::test]
async fn damage_to_the_slots_of_the_checkpoint_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("store");
    let (engine, kv) = engine(&path, Durability::Strict, false).await;
    for actor in ["a", "b", "c"] {
        start(&engine, &id(actor)).await;
        kv.checkpoint().unwrap();
    }
    assert_eq!(problems(&engine).await, []);
    let status = journal_of(&engine).await;
    assert_eq!((status.checkpoint, status.records), (Some(status.newest), 0), "{status:?}");
    assert!(status.checkpoint_age.unwrap().as_secs() < 60, "{status:?}");
    let sound = fs::read(path.join("checkpoint")).unwrap();
    let number = |slot: usize| u64::from_be_bytes(sound[slot * 4_096 + 8..][..8].try_into().unwrap());
    let newer = u64::from(number(1) > number(0));
    overwrite(&path, ("checkpoint", (1 - newer) * BLOCK_BYTES + 50), &[0xff]);
    expect_one(&problems(&engine).await, RowKind::Checkpoint, Severity::Warning, "one of its two slots");
    overwrite(&path, ("checkpoint", newer * BLOCK_BYTES + 50), &[0xff]);
    expect_one(&problems(&engine).await, RowKind::Checkpoint, Severity::Error, "both of its slots");
    overwrite(&path, ("checkpoint", 0), &vec![0; sound.len()]);
    expect_one(&problems(&engine).await, RowKind::Checkpoint, Severity::Error, "there is none");
    fs::write(path.join("checkpoint"), &sound).unwrap();
    assert_eq!(problems(&engine).await, []);
}

#[tokio::test]
async fn a_checkpoint_of_another_store_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let [path, other] = ["store", "other"].map(|name| scratch.path().join(name));
    for path in [&path, &other] {
        let (engine, _kv) = engine(path, Durability::Strict, false).await;
        start(&engine, &id("a")).await;
        engine.close().await;
    }
    let (reader, _kv) = engine(&path, Durability::Strict, true).await;
    // In place, so that the reader has no other file than before.
    overwrite(&path, ("checkpoint", 0), &fs::read(other.join("checkpoint")).unwrap());
    expect_one(&problems(&reader).await, RowKind::Checkpoint, Severity::Error, "that of another store");
}

/// A store of the format without a journal.
#[tokio::test]
async fn a_store_without_a_journal_has_no_problem_and_gets_one_when_it_is_written() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("store");
    fs::create_dir(&path).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0/store");
    fs::copy(fixture.join("data.mdb"), path.join("data.mdb")).unwrap();
    let (reader, _kv) = engine(&path, Durability::Strict, true).await;
    assert_eq!(reader.status().await.unwrap().journal, None);
    assert_eq!(problems(&reader).await, []);
    reader.close().await;
    let (writer, _kv) = engine(&path, Durability::Strict, false).await;
    start(&writer, &id("a")).await;
    assert!(journal_of(&writer).await.checkpoint.is_some());
    assert_eq!(problems(&writer).await, []);
}
