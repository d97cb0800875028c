//! A disk that fails, fills up, or is slow.

use std::sync::Arc;
use std::time::Duration;

use batondb::engine::{Engine, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::embedded::{EmbeddedKv, EmbeddedOptions};
use batondb::types::{Generation, Txid};

use crate::support::{commit, id, start, tags};
use crate::survival::disk::{ALWAYS, Control, Controls};
use crate::survival::note_again;
use crate::survival::resources::{engine, errno, place, run};

/// The head and the generation of an actor with one commit of pages 1 to 3.
async fn one_commit(engine: &Engine) -> (Generation, Txid) {
    let generation = start(engine, &id("a")).await.meta.generation;
    (generation, commit(engine, &id("a"), generation, Txid(0), 1..=3, 1).await.unwrap())
}

#[test]
fn a_write_or_a_flush_that_failed_once_costs_nothing() {
    run(
        "survival::resources::disk::a_write_or_a_flush_that_failed_once_costs_nothing",
        "survival::resources::disk::a_child_whose_disk_fails_once",
    );
}

/// The first attempt fails and shows nothing; the commit's mark says so, and it is made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_whose_disk_fails_once() {
    let Some((path, controls)) = place() else { return };
    let engine = engine(&path).await;
    let (generation, mut head) = one_commit(&engine).await;
    controls.set(Control::ErrorNumber, errno(libc::EIO));
    for (tag, fault) in (2..).zip([Control::SyncErrors, Control::WriteErrors, Control::ShortWrites]) {
        controls.set(fault, 1);
        head = commit(&engine, &id("a"), generation, head, 1..=3, tag).await.unwrap();
        assert_eq!(controls.get(fault), 0, "{fault:?} has happened");
        assert_eq!(tags(&engine, &id("a"), generation, 3).await, [tag; 3]);
    }
}

#[test]
fn a_disk_that_goes_on_failing_is_unknown_and_then_known() {
    run(
        "survival::resources::disk::a_disk_that_goes_on_failing_is_unknown_and_then_known",
        "survival::resources::disk::a_child_whose_disk_fails_for_a_while",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_whose_disk_fails_for_a_while() {
    let Some((path, controls)) = place() else { return };
    let engine = engine(&path).await;
    let (generation, head) = one_commit(&engine).await;
    controls.set(Control::ErrorNumber, errno(libc::EIO));
    controls.set(Control::SyncErrors, ALWAYS);
    let error = commit(&engine, &id("a"), generation, head, 1..=3, 2).await.unwrap_err();
    let StoreError::CommitUnknown { detail, token, .. } = &error else { panic!("{error:?}") };
    assert!(detail.contains("Input/output error"), "{detail}");
    // Reads go on, of what was acknowledged.
    assert_eq!(tags(&engine, &id("a"), generation, 3).await, [1; 3]);
    controls.set(Control::SyncErrors, 0);
    // A checkpoint may have failed, too, and then the store has to be opened again.
    engine.close().await;
    drop(engine);
    let engine = crate::survival::resources::engine(&path).await;
    // Its record may be in the journal, although no flush said so. Once it is asked for, it is known.
    let resolved = engine.resolve_commit(&id("a"), generation, head, token.unwrap()).await.unwrap();
    let head = resolved.map_or(head, |meta| meta.head_txid);
    let tag = if resolved.is_some() { 2 } else { 1 };
    assert_eq!(tags(&engine, &id("a"), generation, 3).await, [tag; 3]);
    commit(&engine, &id("a"), generation, head, 1..=3, 3).await.unwrap();
    assert_eq!(tags(&engine, &id("a"), generation, 3).await, [3; 3]);
}

#[test]
fn data_that_could_not_be_flushed_asks_for_the_store_to_be_opened_again() {
    run(
        "survival::resources::disk::data_that_could_not_be_flushed_asks_for_the_store_to_be_opened_again",
        "survival::resources::disk::a_child_whose_data_is_not_flushed",
    );
}

/// The kernel may have forgotten what it could not write. It says so once: to the flush, or to who waits for a part of
/// the data before. What was acknowledged is in the journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_whose_data_is_not_flushed() {
    let Some((path, controls)) = place() else { return };
    controls.set(Control::ErrorNumber, errno(libc::EIO));
    for fault in [Control::SyncErrors, Control::WriteBackErrors] {
        let path = path.join(format!("{fault:?}"));
        let kv = Arc::new(EmbeddedKv::open(&EmbeddedOptions::at(&path)).unwrap());
        let first = Engine::open(Arc::clone(&kv) as Arc<dyn Kv>, Arc::new(SystemEnv)).await.unwrap();
        let (generation, head) = one_commit(&first).await;
        // Checkpoints that follow each other closely are flushed at once.
        tokio::time::sleep(Duration::from_millis(50)).await;
        controls.set(fault, 1);
        kv.checkpoint().unwrap_err();
        assert_eq!(controls.get(fault), 0, "{fault:?} has happened");
        // The disk is well again, but nobody knows what it holds: nothing is written before it was read again.
        let after = commit(&first, &id("a"), generation, head, 1..=3, 2).await.unwrap_err();
        assert_eq!(after.code(), "ERR_UNAVAILABLE");
        assert!(after.to_string().contains("close the store in all processes and open it again"), "{after}");
        assert_eq!(tags(&first, &id("a"), generation, 3).await, [1; 3]);
        first.close().await;
        drop((first, kv));
        let second = engine(&path).await;
        let meta = start(&second, &id("a")).await.meta;
        assert_eq!(tags(&second, &id("a"), meta.generation, 3).await, [1; 3]);
        commit(&second, &id("a"), meta.generation, meta.head_txid, 1..=3, 3).await.unwrap();
        assert_eq!(tags(&second, &id("a"), meta.generation, 3).await, [3; 3]);
    }
}

#[test]
fn a_flush_that_failed_in_another_process_is_no_checkpoint_of_this_one() {
    run(
        "survival::resources::disk::a_flush_that_failed_in_another_process_is_no_checkpoint_of_this_one",
        "survival::resources::disk::a_child_beside_one_whose_data_is_not_flushed",
    );
}

/// The other one hears of it while this one flushes, which goes well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_beside_one_whose_data_is_not_flushed() {
    let Some((path, controls)) = place() else { return };
    let kv = Arc::new(EmbeddedKv::open(&EmbeddedOptions::at(&path)).unwrap());
    let engine = Engine::open(Arc::clone(&kv) as Arc<dyn Kv>, Arc::new(SystemEnv)).await.unwrap();
    let (generation, head) = one_commit(&engine).await;
    kv.checkpoint().unwrap();
    let head = commit(&engine, &id("a"), generation, head, 1..=3, 2).await.unwrap();
    let before = controls.get(Control::SyncsSeen);
    controls.set(Control::SyncsHeld, 1);
    let background = Arc::clone(&kv);
    let checkpoint = std::thread::spawn(move || background.checkpoint());
    until_a_flush_waits(&controls, before).await;
    let checkpoints = path.join("checkpoint");
    note_again(&checkpoints, true);
    let distrusted = std::fs::read(&checkpoints).unwrap();
    controls.set(Control::SyncsHeld, 0);
    checkpoint.join().unwrap().unwrap_err();
    assert_eq!(std::fs::read(&checkpoints).unwrap(), distrusted, "the last good checkpoint is still there");
    let after = commit(&engine, &id("a"), generation, head, 1..=3, 3).await.unwrap_err();
    assert!(after.to_string().contains("close the store in all processes and open it again"), "{after}");
    engine.close().await;
    drop((engine, kv));
    let second = crate::survival::resources::engine(&path).await;
    let meta = start(&second, &id("a")).await.meta;
    assert_eq!(tags(&second, &id("a"), meta.generation, 3).await, [2; 3]);
}

#[test]
fn a_full_disk_is_told_and_work_goes_on_when_there_is_room() {
    run(
        "survival::resources::disk::a_full_disk_is_told_and_work_goes_on_when_there_is_room",
        "survival::resources::disk::a_child_whose_disk_is_full",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_whose_disk_is_full() {
    let Some((path, controls)) = place() else { return };
    let engine = engine(&path).await;
    let (generation, head) = one_commit(&engine).await;
    let host = crate::sql::support::Host::on(Arc::clone(&engine), 1 << 20);
    let db = host.open("sql").await;
    db.exec("CREATE TABLE t(x); INSERT INTO t VALUES (1)").await.unwrap();
    for number in [libc::ENOSPC, libc::EDQUOT] {
        controls.set(Control::ErrorNumber, errno(number));
        controls.set(Control::WriteErrors, ALWAYS);
        let error = commit(&engine, &id("a"), generation, head, 1..=3, 2).await.unwrap_err();
        assert_eq!(error.code(), "ERR_QUOTA_EXCEEDED", "{error}");
        assert!(error.to_string().contains("the disk, or a quota on it, is full"), "{error}");
        let error = crate::sql::support::store_error(db.exec("INSERT INTO t VALUES (2)").await.unwrap_err());
        assert_eq!(error.code(), "ERR_QUOTA_EXCEEDED", "{error}");
        assert_eq!(tags(&engine, &id("a"), generation, 3).await, [1; 3]);
        assert_eq!(db.integer("SELECT count(*) FROM t").await, 1);
        controls.set(Control::WriteErrors, 0);
    }
    commit(&engine, &id("a"), generation, head, 1..=3, 3).await.unwrap();
    assert_eq!(tags(&engine, &id("a"), generation, 3).await, [3; 3]);
    db.exec("INSERT INTO t VALUES (3)").await.unwrap();
    assert_eq!(db.integer("SELECT count(*) FROM t").await, 2);
}

#[test]
fn reads_go_on_while_a_flush_takes_its_time() {
    run(
        "survival::resources::disk::reads_go_on_while_a_flush_takes_its_time",
        "survival::resources::disk::a_child_whose_disk_is_slow",
    );
}

async fn until_a_flush_waits(controls: &Controls, before: u32) {
    while controls.get(Control::SyncsSeen) == before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_whose_disk_is_slow() {
    let Some((path, controls)) = place() else { return };
    let engine = engine(&path).await;
    let (generation, head) = one_commit(&engine).await;
    controls.set(Control::SyncDelay, 20_000);
    let head = commit(&engine, &id("a"), generation, head, 1..=3, 2).await.unwrap();
    controls.set(Control::SyncDelay, 0);

    let before = controls.get(Control::SyncsSeen);
    controls.set(Control::SyncsHeld, 1);
    let writing = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { commit(&engine, &id("a"), generation, head, 1..=3, 3).await }
    });
    until_a_flush_waits(&controls, before).await;
    // The commit cannot be through, and does not show; whoever reads does not wait for it.
    for _ in 0..20 {
        assert_eq!(tags(&engine, &id("a"), generation, 3).await, [2; 3]);
    }
    assert!(!writing.is_finished(), "a commit was acknowledged before it was flushed");
    controls.set(Control::SyncsHeld, 0);
    writing.await.unwrap().unwrap();
    assert_eq!(tags(&engine, &id("a"), generation, 3).await, [3; 3]);
}
