//! What a store counts: each number by what makes it grow, and nothing else grows with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batondb::codec::ActorKeys;
use batondb::engine::{Commit, Engine, LargeCommit, Outcome, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::metrics::{Family, Migration, Now, SqlTotals, Value};
use batondb::types::{ActorId, Generation, PageCount, PageSize, Txid};

use crate::support::{Place, commit, content, first_page, id, on_every_backend, page, rows, start};

on_every_backend!(
    starts_are_counted_by_how_they_end,
    commits_are_counted_with_their_pages_and_rows,
    each_retry_is_counted_by_its_reason,
    a_lost_answer_is_counted_by_what_becomes_of_it,
    every_refusal_of_an_owner_that_is_none_is_counted,
    a_stage_that_is_given_up_is_a_rollback_and_no_commit,
    whole_databases_are_counted,
    two_stores_count_for_themselves,
);

/// Numbers by their place; of a histogram how many values it has.
pub type Numbers = BTreeMap<&'static str, u64>;

pub fn numbers_of(families: Vec<Family>) -> Numbers {
    let of = |value| match value {
        Value::Number(number) => number,
        Value::Distribution(distribution) => distribution.count,
    };
    families.into_iter().flat_map(|family| family.series).map(|one| (one.path, of(one.value))).collect()
}

fn numbers(engine: &Engine) -> Numbers {
    numbers_of(engine.metrics().families(&SqlTotals::default(), &Now::default()))
}

/// By how much the numbers have grown, and no other one has.
#[track_caller]
pub fn assert_grown(before: &Numbers, after: &Numbers, expected: &[(&'static str, u64)]) {
    assert_eq!(before.len(), after.len());
    let grown = after.iter().map(|(path, number)| (*path, number - before[path]));
    let grown: Numbers = grown.filter(|(_, by)| *by > 0).collect();
    assert_eq!(grown, expected.iter().copied().collect());
}

/// A store in which the transactions with these numbers, counted from 0 and from now, go wrong.
async fn faulty(place: &Place, faults: &'static [Option<Fault>]) -> (Engine, Arc<FaultyKv>) {
    // Made here, so that opening it again only reads.
    drop(place.open().await);
    let transactions = AtomicU64::new(0);
    let kv = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        let number = operation.writes.then(|| transactions.fetch_add(1, Ordering::SeqCst))?;
        *faults.get(usize::try_from(number).unwrap())?
    }));
    (Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap(), kv)
}

/// A generation and a head of nine pages.
async fn prepared(place: &Place) -> (Engine, ActorId, Generation, Txid) {
    let (engine, actor) = (place.open().await, id("a"));
    let generation = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, generation, Txid(0), 1..=9, 1).await.unwrap();
    (engine, actor, generation, head)
}

async fn starts_are_counted_by_how_they_end(place: Place) {
    let (other, actor, ..) = prepared(&place).await;
    let before = numbers(&other);
    start(&other, &actor).await;
    let won = [("startups.won", 1), ("startups.pages", 1), ("startups.takeoverSeconds", 1)];
    assert_grown(&before, &numbers(&other), &won);

    let (engine, kv) = faulty(&place, &[Some(Fault::Conflict), Some(Fault::HoldBefore)]).await;
    let before = numbers(&engine);
    let preload = first_page();
    let losing = engine.load_startup(&actor, &preload);
    let winning = async {
        kv.held(1).await;
        start(&other, &actor).await;
        kv.release();
    };
    let (lost, ()) = futures::future::join(losing, winning).await;
    assert_eq!(lost.unwrap().outcome, Outcome::Lost);
    let lost = [("startups.lost", 1), ("attempts.conflicts", 1), ("attempts.retries.conflict", 1)];
    assert_grown(&before, &numbers(&engine), &lost);

    let (engine, _) = faulty(&place, &[Some(Fault::Unavailable)]).await;
    let before = numbers(&engine);
    assert!(engine.load_startup(&actor, &first_page()).await.is_err());
    assert_grown(&before, &numbers(&engine), &[("startups.failed", 1)]);
}

async fn commits_are_counted_with_their_pages_and_rows(place: Place) {
    let (engine, actor) = (place.open().await, id("a"));
    let generation = start(&engine, &actor).await.meta.generation;
    let keys = ActorKeys::new(&actor);
    let page_rows = async || -> u64 {
        let rows = rows(&place.kv()).await;
        let of_pages = rows.iter().filter(|(key, _)| keys.parse_page(key).is_ok());
        of_pages.map(|(key, value)| (key.len() + value.len()) as u64).sum()
    };
    let mut head = Txid(0);
    let mut bytes = 0;
    for (pages, path, seconds) in [
        (1..=3, "commits.small", "commits.smallSeconds"),
        (4..=2_003, "commits.staged", "commits.stagedSeconds"),
    ] {
        let count = pages.clone().count() as u64;
        let before = numbers(&engine);
        head = commit(&engine, &actor, generation, head, pages, 1).await.unwrap();
        engine.idle().await;
        let stored = page_rows().await - bytes;
        bytes += stored;
        let (page_bytes, stored_bytes) =
            (("commits.pageBytes", count * 4096), ("commits.storedBytes", stored));
        let expected = [(path, 1), (seconds, 1), ("commits.pages", count), page_bytes, stored_bytes];
        assert_grown(&before, &numbers(&engine), &expected);
    }
    let before = numbers(&engine);
    let nothing = Commit { generation, head_txid: head, size_pages: PageCount(0), pages: Vec::new() };
    engine.commit(&actor, nothing).await.unwrap();
    assert_grown(&before, &numbers(&engine), &[("commits.small", 1), ("commits.smallSeconds", 1)]);
}

async fn each_retry_is_counted_by_its_reason(place: Place) {
    let (other, actor, generation, mut head) = prepared(&place).await;
    for (fault, expected) in [
        (&[Some(Fault::Conflict)], &["attempts.conflicts", "attempts.retries.conflict"][..]),
        (&[Some(Fault::TooOld)], &["attempts.retries.tooOld"]),
        (&[Some(Fault::Busy)], &["attempts.retries.busy"]),
        (&[Some(Fault::LostBefore)], &["attempts.retries.lostAnswer", "attempts.lostAnswers.resolved"]),
    ] {
        let (engine, _) = faulty(&place, fault).await;
        let before = numbers(&engine);
        head = commit(&engine, &actor, generation, head, [1], 2).await.unwrap();
        let after = numbers(&engine);
        let grown = expected.iter().map(|path| (*path, 1));
        let stored = ("commits.storedBytes", after["commits.storedBytes"]);
        let committed = [("commits.small", 1), ("commits.smallSeconds", 1), ("commits.pages", 1)];
        let bytes = [("commits.pageBytes", 4096), stored];
        assert_grown(&before, &after, &grown.chain(committed).chain(bytes).collect::<Vec<_>>());
    }
    assert_eq!(numbers(&other)["attempts.conflicts"], 0);
}

async fn a_lost_answer_is_counted_by_what_becomes_of_it(place: Place) {
    let (_, actor, generation, head) = prepared(&place).await;
    // In, and found out by the call itself.
    let (engine, _) = faulty(&place, &[Some(Fault::LostAfter)]).await;
    let head = commit(&engine, &actor, generation, head, [1], 2).await.unwrap();
    let after = numbers(&engine);
    assert_eq!((after["attempts.lostAnswers.resolved"], after["attempts.retries.lostAnswer"]), (1, 1));
    assert_eq!((after["commits.small"], after["commits.failed"], after["commits.pages"]), (1, 0, 1));

    // In, and not found out, because the store is away; then asked again.
    let (engine, _) = faulty(&place, &[Some(Fault::LostAfter), Some(Fault::Unavailable)]).await;
    let before = numbers(&engine);
    let unknown = commit(&engine, &actor, generation, head, [1], 3).await.unwrap_err();
    let StoreError::CommitUnknown { token: Some(token), .. } = unknown else { panic!("{unknown:?}") };
    let expected =
        [("attempts.lostAnswers.unknown", 1), ("attempts.retries.lostAnswer", 1), ("commits.failed", 1)];
    assert_grown(&before, &numbers(&engine), &expected);
    let before = numbers(&engine);
    let found = engine.resolve_commit(&actor, generation, head, token).await.unwrap();
    assert!(found.is_some());
    assert_grown(&before, &numbers(&engine), &[("attempts.lostAnswers.resolvedLater", 1)]);

    // A start finds its own token.
    let (engine, _) = faulty(&place, &[Some(Fault::LostAfter)]).await;
    assert_eq!(start(&engine, &actor).await.outcome, Outcome::Won);
    let after = numbers(&engine);
    assert_eq!((after["attempts.lostAnswers.resolved"], after["startups.won"]), (1, 1));

    // A staged commit of which the end is lost, and cannot be asked for.
    let (engine, _) = faulty(&place, &[None, None, None, None, Some(Fault::LostBefore)]).await;
    let begun = start(&engine, &actor).await.meta;
    let before = numbers(&engine);
    commit(&engine, &actor, begun.generation, begun.head_txid, 1..=2_000, 4).await.unwrap();
    let after = numbers(&engine);
    assert_eq!(after["attempts.lostAnswers.resolved"] - before["attempts.lostAnswers.resolved"], 1);
    assert_eq!((after["commits.staged"], after["commits.pages"]), (1, 2_000));
}

async fn every_refusal_of_an_owner_that_is_none_is_counted(place: Place) {
    let (engine, actor, generation, head_txid) = prepared(&place).await;
    let page_size = PageSize::DEFAULT;
    let large = LargeCommit { generation, head_txid, page_size };
    let mut writers = Vec::new();
    for name in ["finished", "written", "read"] {
        let held = start(&engine, &id(name)).await.meta.generation;
        let large = LargeCommit { generation: held, head_txid: Txid(0), page_size };
        let mut writer = engine.begin_large_commit(&id(name), large).await.unwrap();
        writer.write(vec![(page(1), content(1, 2).into())]).await.unwrap();
        // In before the takeover, so that it meets nobody.
        writer.read(&[page(1)]).await.unwrap();
        writers.push(writer);
    }
    let other = place.open().await;
    for name in ["a", "finished", "written", "read"] {
        start(&other, &id(name)).await;
    }
    let before = numbers(&engine);
    let refused =
        |answer: Result<(), StoreError>| assert_eq!(answer.unwrap_err().code(), "ERR_FENCE_MISMATCH");
    refused(commit(&engine, &actor, generation, head_txid, [1], 2).await.map(drop));
    refused(engine.get_pages(&actor, generation, None, &[page(1)]).await.map(drop));
    refused(engine.store_hints(&actor, generation, &[]).await);
    refused(engine.begin_large_commit(&actor, large).await.map(drop));
    let [finished, mut written, mut read] = writers.try_into().ok().unwrap();
    refused(finished.finish(PageCount(1)).await.map(drop));
    // A part is on its way when it is written; its refusal is told by what waits for it.
    written.write(vec![(page(2), content(2, 2).into())]).await.ok();
    refused(written.write(vec![(page(1), content(1, 2).into())]).await);
    refused(read.read(&[page(1)]).await.map(drop));
    assert_grown(&before, &numbers(&engine), &[("fenceMismatches", 7), ("commits.failed", 2)]);
}

async fn a_stage_that_is_given_up_is_a_rollback_and_no_commit(place: Place) {
    let (engine, kv) = faulty(&place, &[None, None, None, Some(Fault::HoldBefore)]).await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let large = LargeCommit { generation, head_txid: Txid(0), page_size: PageSize::DEFAULT };
    let before = numbers(&engine);
    let mut writer = engine.begin_large_commit(&actor, large).await.unwrap();
    writer.write(vec![(page(1), content(1, 1).into())]).await.unwrap();
    // In, so that the next transaction is the rollback's.
    writer.read(&[page(1)]).await.unwrap();
    assert_eq!(engine.queues().1, 0);
    drop(writer);
    kv.held(1).await;
    assert_eq!(engine.queues().1, 1);
    assert_grown(&before, &numbers(&engine), &[]);
    kv.release();
    engine.idle().await;
    assert_eq!(engine.queues(), (0, 0));
    assert_grown(&before, &numbers(&engine), &[("commits.rollbacks", 1)]);
}

async fn whole_databases_are_counted(place: Place) {
    let engine = place.open().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("one.sqlite");
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE t(n)").unwrap();
    let (imported, missing) = (id("imported"), id("missing"));

    let before = numbers(&engine);
    let meta = engine.import_from(&imported, &file, false).await.unwrap();
    engine.idle().await;
    let after = numbers(&engine);
    let stored = ("commits.storedBytes", after["commits.storedBytes"]);
    let committed = [("commits.staged", 1), ("commits.stagedSeconds", 1), ("commits.pages", 2), stored];
    let started = [("startups.won", 1), ("startups.takeoverSeconds", 1), ("imports.completed", 1)];
    let page_bytes = [("commits.pageBytes", 2 * 4096)];
    assert_grown(&before, &after, &[&committed[..], &started, &page_bytes].concat());

    let before = numbers(&engine);
    assert!(engine.import_from(&imported, &directory.path().join("none"), false).await.is_err());
    engine.export_to(&imported, &directory.path().join("exported")).await.unwrap();
    assert!(engine.export_to(&missing, &directory.path().join("nothing")).await.is_err());
    let pages =
        engine.get_pages(&imported, meta.generation, None, &[page(1), page(2), page(9)]).await.unwrap();
    assert_eq!(pages.pages.len(), 2);
    let files = [("imports.failed", 1), ("exports.completed", 1), ("exports.failed", 1)];
    let read = [("reads.answered", 1), ("reads.seconds", 1), ("reads.pages", 2)];
    assert_grown(&before, &numbers(&engine), &[files, read].concat());

    let before = numbers(&engine);
    assert_eq!(engine.delete(&imported).await, Ok(true));
    assert_eq!(engine.delete(&missing).await, Ok(false));
    engine.metrics().migrated(Migration::Completed);
    engine.metrics().migrated(Migration::Failed);
    engine.metrics().migrated(Migration::Failed);
    engine.metrics().migrated(Migration::Invalidated);
    let migrated = [("migrations.completed", 1), ("migrations.failed", 2), ("migrations.invalidated", 1)];
    assert_grown(&before, &numbers(&engine), &[&migrated[..], &[("deletions", 1)]].concat());
}

async fn two_stores_count_for_themselves(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    start(&one, &id("a")).await;
    assert_eq!((numbers(&one)["startups.won"], numbers(&other)["startups.won"]), (1, 0));
    // Closed, a store still says what it has done.
    one.close().await;
    assert_eq!((numbers(&one)["startups.won"], one.queues()), (1, (0, 0)));
}
