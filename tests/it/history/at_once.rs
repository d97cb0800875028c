//! Two operations of history at once, and lost answers: what the simulation has found, one test for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batondb::engine::{
    Commit, Engine, LargeCommit, Outcome, PageWrite, PinRequest, PointRef, PointsRequest, StoreError,
};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::kv::memory::MemoryKv;
use batondb::kv::{Kv, Limits};
use batondb::planted::{self, Bug};
use batondb::types::{ActorId, HistoryPolicy, Meta, PageSize, Txid};

use super::world::Clock;
use crate::support::{Place, commit, content, first_page, id, on_every_backend, page, start, tags};

on_every_backend!(
    a_restore_whose_answer_was_lost_tells_what_it_has_done,
    a_fork_whose_answer_was_lost_tells_what_it_has_done,
    an_unpin_whose_answer_was_lost_has_unpinned,
    a_pin_that_is_tried_again_keeps_what_is_there_then,
    a_start_does_not_lose_against_a_restore,
    an_actor_that_was_made_again_has_no_state_yet,
    a_fork_that_is_overwritten_lets_go_of_its_source,
    a_check_finds_nothing_wrong_with_what_a_restore_passes,
);

const NOTHING: HistoryPolicy = HistoryPolicy { keep_all_ms: 0, then: vec![] };
const EVERYTHING: HistoryPolicy = HistoryPolicy { keep_all_ms: u64::MAX, then: vec![] };

/// A backend on which the writes of these numbers, from 1, have this fault.
fn faulty(kv: Arc<dyn Kv>, fault: Fault, numbers: &'static [u64]) -> Arc<FaultyKv> {
    let writes = AtomicU64::new(0);
    Arc::new(FaultyKv::new(kv, Arc::new(SystemEnv), move |operation| {
        let number = writes.fetch_add(u64::from(operation.writes), Ordering::SeqCst) + 1;
        (operation.writes && numbers.contains(&number)).then_some(fault)
    }))
}

async fn commits(engine: &Engine, actor: &ActorId, tags: std::ops::Range<u64>) -> Txid {
    let meta = start(engine, actor).await.meta;
    let mut head = meta.head_txid;
    for tag in tags {
        head = commit(engine, actor, meta.generation, head, 1..=4, tag).await.unwrap();
    }
    head
}

/// Another owner has committed since the first attempt, and others have committed more than a head remembers since
/// the second one.
async fn a_restore_whose_answer_was_lost_tells_what_it_has_done(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    engine.keep_history(Some(EVERYTHING));
    let first = commits(&engine, &actor, 0..1).await;
    // The first attempt meets a conflict, the second one takes place and its answer is lost.
    let lossy = faulty(faulty(place.kv(), Fault::Conflict, &[1]), Fault::LostAfter, &[2]);
    let held = faulty(lossy, Fault::HoldBefore, &[2, 3]);
    let restorer = Engine::open(Arc::clone(&held) as _, Arc::new(SystemEnv)).await.unwrap();
    let restoring = {
        let actor = actor.clone();
        tokio::spawn(async move { restorer.restore(&actor, PointRef::Txid(first)).await })
    };
    held.held(1).await;
    let before = commits(&engine, &actor, 1..2).await;
    let generation = engine.stat(&actor).await.unwrap().unwrap().generation;
    held.release();
    held.held(2).await;
    let latest = commits(&engine, &actor, 10..20).await;
    held.release();
    let restored = restoring.await.unwrap().unwrap();
    assert_eq!((restored.undo, restored.generation), (before, generation.next()));
    assert_eq!((restored.to, restored.txid), (first, Txid(before.0 + 1)));
    assert_eq!(engine.stat(&actor).await.unwrap().unwrap().head_txid, latest, "it took place twice");
}

async fn a_fork_whose_answer_was_lost_tells_what_it_has_done(place: Place) {
    let engine = place.open().await;
    let (source, child) = (id("source"), id("child"));
    engine.keep_history(Some(EVERYTHING));
    let first = commits(&engine, &source, 0..1).await;
    let lossy = faulty(place.kv(), Fault::LostAfter, &[1]);
    let held = faulty(lossy, Fault::HoldBefore, &[2]);
    let forker = Engine::open(Arc::clone(&held) as _, Arc::new(SystemEnv)).await.unwrap();
    let forking = {
        let (source, child) = (source.clone(), child.clone());
        tokio::spawn(async move { forker.fork(&source, &child, PointRef::Head).await })
    };
    held.held(1).await;
    let latest = commits(&engine, &child, 10..20).await;
    held.release();
    let forked = forking.await.unwrap().unwrap();
    assert_eq!((forked.generation.0, forked.at), (1, first));
    assert_eq!(engine.stat(&child).await.unwrap().unwrap().head_txid, latest);
}

async fn an_unpin_whose_answer_was_lost_has_unpinned(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    commits(&engine, &actor, 0..1).await;
    let pin = PinRequest { name: "one".to_owned(), expires_at_ms: 0 };
    engine.pin(&actor, PointRef::Head, pin).await.unwrap();
    let lossy = faulty(place.kv(), Fault::LostAfter, &[1]);
    let lossy = Engine::open(lossy, Arc::new(SystemEnv)).await.unwrap();
    assert_eq!(lossy.unpin_name(&actor, "one".to_owned()).await, Ok(1));
    assert_eq!(lossy.unpin_name(&actor, "one".to_owned()).await, Ok(0));
}

/// What the first attempt was about, and has not pinned, is gone.
async fn a_pin_that_is_tried_again_keeps_what_is_there_then(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    commits(&engine, &actor, 0..1).await;
    engine.set_history(&actor, Some(Some(NOTHING))).await.unwrap();
    let held = faulty(faulty(place.kv(), Fault::Conflict, &[1]), Fault::HoldBefore, &[2]);
    let pinner = Engine::open(Arc::clone(&held) as _, Arc::new(SystemEnv)).await.unwrap();
    let pinning = {
        let actor = actor.clone();
        tokio::spawn(async move { pinner.pin(&actor, PointRef::Head, PinRequest::default()).await })
    };
    held.held(1).await;
    let latest = commits(&engine, &actor, 1..3).await;
    engine.thin(&actor).await.unwrap();
    held.release();
    assert_eq!(pinning.await.unwrap(), Ok(latest));
    assert_eq!(engine.inspect(&actor).await.unwrap().unwrap().past.pins, 1);
}

/// Nobody owns the generation of a restore: a start that has noted the one before takes the actor over.
async fn a_start_does_not_lose_against_a_restore(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    engine.keep_history(Some(EVERYTHING));
    let first = commits(&engine, &actor, 0..1).await;
    let held = faulty(faulty(place.kv(), Fault::Conflict, &[1]), Fault::HoldBefore, &[2]);
    let starter = Engine::open(Arc::clone(&held) as _, Arc::new(SystemEnv)).await.unwrap();
    let starting = {
        let actor = actor.clone();
        tokio::spawn(async move { starter.load_startup(&actor, &first_page()).await })
    };
    held.held(1).await;
    let restored = engine.restore(&actor, PointRef::Txid(first)).await.unwrap();
    held.release();
    let started = starting.await.unwrap().unwrap();
    assert_eq!((started.outcome, started.meta.generation), (Outcome::Won, restored.generation.next()));
    assert_eq!(started.meta.head_txid, restored.txid);
}

/// Its head has the txid of a state of its earlier life, which somebody has pinned.
async fn an_actor_that_was_made_again_has_no_state_yet(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    let last = commits(&engine, &actor, 7..8).await;
    engine.pin(&actor, PointRef::Head, PinRequest::default()).await.unwrap();
    engine.delete(&actor).await.unwrap();
    let again = start(&engine, &actor).await.meta;
    assert_eq!((again.head_txid, again.size_pages.0), (last, 0));
    let forked = engine.fork(&actor, &id("fork"), PointRef::Head).await;
    assert!(matches!(forked, Err(StoreError::InvalidArg(_))), "{forked:?}");
    let pinned = engine.pin(&actor, PointRef::Head, PinRequest::default()).await;
    assert!(matches!(pinned, Err(StoreError::InvalidArg(_))), "{pinned:?}");
    let restored = engine.restore(&actor, PointRef::Head).await;
    assert!(matches!(restored, Err(StoreError::NotRetained { .. })), "{restored:?}");
    assert_eq!(engine.stat(&actor).await.unwrap().unwrap().generation, again.generation);
    // What was pinned can be had all the same.
    engine.unpin_point(&actor, Txid(last.0 + 9)).await.unwrap();
    engine.restore(&actor, PointRef::Txid(last)).await.unwrap();
    let generation = start(&engine, &actor).await.meta.generation;
    assert_eq!(tags(&engine, &actor, generation, 4).await, [7; 4]);
    assert_eq!(engine.inspect(&actor).await.unwrap().unwrap().problems.told, []);
}

/// A fork that keeps no history gets the content of a file.
async fn a_fork_that_is_overwritten_lets_go_of_its_source(place: Place) {
    let engine = place.open().await;
    let (source, fork) = (id("source"), id("fork"));
    commits(&engine, &source, 0..1).await;
    engine.fork(&source, &fork, PointRef::Head).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file.sqlite");
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE t(a)").unwrap();
    engine.import_from(&fork, &file, true).await.unwrap();
    engine.idle().await;
    start(&engine, &fork).await;
    engine.idle().await;
    let audited = engine.inspect(&source).await.unwrap().unwrap();
    assert_eq!((audited.past.pins, audited.past.points), (0, 0));
    assert_eq!(engine.inspect(&fork).await.unwrap().unwrap().rows.history.rows, 0);
}

/// The stage of the owner that it ends, and a state with pages of another size.
async fn a_check_finds_nothing_wrong_with_what_a_restore_passes(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    engine.keep_history(Some(EVERYTHING));
    let first = commits(&engine, &actor, 0..1).await;
    let meta = start(&engine, &actor).await.meta;
    let page_size = PageSize::new(4096).unwrap();
    let request = LargeCommit { generation: meta.generation, head_txid: first, page_size };
    let mut writer = engine.begin_large_commit(&actor, request).await.unwrap();
    // As many as do not fit one transaction.
    let pages = (1..=600).map(|number| (page(number), content(number, 5).into_boxed_slice()));
    writer.write(pages.collect()).await.unwrap();
    engine.restore(&actor, PointRef::Txid(first)).await.unwrap();
    assert_eq!(engine.inspect(&actor).await.unwrap().unwrap().problems.told, []);
    drop(writer);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file.sqlite");
    let small = "PRAGMA page_size = 1024; CREATE TABLE t(a)";
    rusqlite::Connection::open(&file).unwrap().execute_batch(small).unwrap();
    engine.import_from(&actor, &file, true).await.unwrap();
    engine.restore(&actor, PointRef::Txid(first)).await.unwrap();
    assert_eq!(engine.inspect(&actor).await.unwrap().unwrap().problems.told, []);
}

/// A store in memory in which one step drops the versions of two pages.
fn small_steps() -> Place {
    let limits = Limits { freed_bytes: Some(2 * 4096), ..Limits::default() };
    Place::Memory(MemoryKv::new().with_limits(limits))
}

/// A store whose background work does not run, and its clock.
async fn quiet(kv: Arc<dyn Kv>) -> (Engine, Clock) {
    let clock = Clock::at(1_000_000);
    (Engine::open(kv, Arc::new(clock.clone())).await.unwrap(), clock)
}

/// Drops a part of the newest point that is not kept, and no more.
async fn drop_a_part(place: &Place, actor: &ActorId) {
    let kv = faulty(place.kv(), Fault::Unavailable, &[2]);
    let (engine, clock) = quiet(kv).await;
    clock.advance(1_000);
    engine.thin(actor).await.unwrap_err();
}

/// What the half of a point that is gone has passed on to the next one is not named again.
#[tokio::test]
async fn a_flattening_comes_between_two_steps_of_dropping_a_point() {
    let place = small_steps();
    let (engine, clock) = quiet(place.kv()).await;
    let actor = id("a");
    let meta = start(&engine, &actor).await.meta;
    let first = commit(&engine, &actor, meta.generation, Txid(0), 1..=6, 1).await.unwrap();
    engine.set_history(&actor, Some(Some(NOTHING))).await.unwrap();
    engine.restore(&actor, PointRef::Txid(first)).await.unwrap();
    let meta = start(&engine, &actor).await.meta;
    let head = commit(&engine, &actor, meta.generation, meta.head_txid, [1, 2, 3, 6], 3).await.unwrap();
    clock.advance(1_000);
    // The restore's own state goes.
    engine.thin(&actor).await.unwrap();
    commit(&engine, &actor, meta.generation, head, [6], 4).await.unwrap();
    drop_a_part(&place, &actor).await;
    let listed = engine.points(&actor, &PointsRequest::default()).await.unwrap();
    assert!(listed.iter().all(|point| point.txid != head), "{listed:?}");
    engine.flatten(&actor).await.unwrap();
    clock.advance(1_000);
    engine.thin(&actor).await.unwrap();
    assert_eq!(tags(&engine, &actor, meta.generation, 6).await, [3, 3, 3, 1, 1, 4]);
}

/// What a point has got from the one before, half of which is gone, is cleared with it.
#[tokio::test]
async fn a_point_goes_before_the_rest_of_the_one_before() {
    let place = small_steps();
    let (engine, clock) = quiet(place.kv()).await;
    let actor = id("a");
    let meta = start(&engine, &actor).await.meta;
    let generation = meta.generation;
    let first = commit(&engine, &actor, generation, Txid(0), 1..=4, 1).await.unwrap();
    engine.set_history(&actor, Some(Some(NOTHING))).await.unwrap();
    engine.pin(&actor, PointRef::Head, PinRequest::default()).await.unwrap();
    let head = commit(&engine, &actor, generation, first, 1..=4, 2).await.unwrap();
    let head = commit(&engine, &actor, generation, head, [4], 3).await.unwrap();
    drop_a_part(&place, &actor).await;
    commit(&engine, &actor, generation, head, 1..=4, 4).await.unwrap();
    clock.advance(1_000);
    engine.thin(&actor).await.unwrap();
    let rows = engine.inspect(&actor).await.unwrap().unwrap().rows;
    assert_eq!((rows.live.rows, rows.superseded.rows), (4, 4), "{rows:?}");
}

/// Half of a state is gone: the oldest one that can be had is another.
#[tokio::test]
async fn what_is_being_dropped_is_not_the_oldest_state() {
    let place = small_steps();
    let (engine, _) = quiet(place.kv()).await;
    let actor = id("a");
    let meta = start(&engine, &actor).await.meta;
    let first = commit(&engine, &actor, meta.generation, Txid(0), 1..=6, 1).await.unwrap();
    engine.set_history(&actor, Some(Some(NOTHING))).await.unwrap();
    let head = commit(&engine, &actor, meta.generation, first, 1..=6, 2).await.unwrap();
    drop_a_part(&place, &actor).await;
    let told = [
        engine.get_pages_at(&actor, first, &[page(1)]).await.map(|_| ()),
        engine.find_point(&actor, PointRef::Txid(first)).await.map(|_| ()),
        engine.find_point(&actor, PointRef::Time(0)).await.map(|_| ()),
        engine.find_point(&actor, PointRef::Name("none".to_owned())).await.map(|_| ()),
        engine.restore(&actor, PointRef::Txid(first)).await.map(|_| ()),
    ];
    for answer in told {
        let Err(StoreError::NotRetained { oldest, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(oldest, Some(head));
    }
    let found = engine.find_point(&actor, PointRef::Time(u64::MAX)).await.unwrap();
    assert_eq!(found.txid, head);
}

/// A list that is cut short has as many as there are.
#[tokio::test]
async fn a_short_list_passes_what_is_being_dropped() {
    let place = small_steps();
    let (engine, _) = quiet(place.kv()).await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let first = commit(&engine, &actor, generation, Txid(0), 1..=4, 1).await.unwrap();
    engine.set_history(&actor, Some(Some(NOTHING))).await.unwrap();
    engine.pin(&actor, PointRef::Head, PinRequest::default()).await.unwrap();
    let head = commit(&engine, &actor, generation, first, 1..=4, 2).await.unwrap();
    let head = commit(&engine, &actor, generation, head, [4], 3).await.unwrap();
    drop_a_part(&place, &actor).await;
    let request = PointsRequest { limit: Some(2), ..PointsRequest::default() };
    let listed = engine.points(&actor, &request).await.unwrap();
    assert_eq!(listed.iter().map(|point| point.txid).collect::<Vec<_>>(), [head, first]);
}

/// The line that is being flattened has lost its last state, and is about to go: what is copied into it then is in
/// nobody's way, and nobody would clear it.
#[tokio::test]
async fn a_flattening_ends_with_the_last_state_of_its_line() {
    let place = Place::Memory(MemoryKv::new());
    let (engine, clock) = quiet(place.kv()).await;
    let actor = id("a");
    let meta = start(&engine, &actor).await.meta;
    // Two steps of a flattening.
    let first = commit(&engine, &actor, meta.generation, Txid(0), 1..=300, 1).await.unwrap();
    engine.set_history(&actor, Some(Some(NOTHING))).await.unwrap();
    engine.pin(&actor, PointRef::Head, PinRequest::default()).await.unwrap();
    let line = engine.restore(&actor, PointRef::Txid(first)).await.unwrap().txid;
    let held = faulty(place.kv(), Fault::HoldBefore, &[2]);
    let copier = Engine::open(Arc::clone(&held) as _, Arc::new(clock.clone())).await.unwrap();
    let flattening = {
        let actor = actor.clone();
        tokio::spawn(async move { copier.flatten(&actor).await })
    };
    held.held(1).await;
    engine.restore(&actor, PointRef::Txid(first)).await.unwrap();
    engine.unpin_point(&actor, line).await.unwrap();
    // Its state goes, and the line itself stays for now.
    drop_a_part(&place, &actor).await;
    held.release();
    flattening.await.unwrap().unwrap();
    clock.advance(1_000);
    engine.thin(&actor).await.unwrap();
    let audited = engine.inspect(&actor).await.unwrap().unwrap();
    assert_eq!((audited.rows.live.rows, audited.rows.superseded.rows), (300, 0));
    assert_eq!(audited.problems.told, []);
}

/// Pages of a fork whose owner, which keeps no history, rewrites one of them while this step of a flattening copies it:
/// neither waits for the other. Returns the rows that are shown, and those that are not.
async fn rewritten_while_it_is_copied(pages: u32, rewritten: u32, step: &'static [u64]) -> (u64, u64) {
    let place = Place::Memory(MemoryKv::new());
    let engine = place.open().await;
    let (source, child) = (id("source"), id("child"));
    let meta = start(&engine, &source).await.meta;
    commit(&engine, &source, meta.generation, meta.head_txid, 1..=pages, 1).await.unwrap();
    engine.fork(&source, &child, PointRef::Head).await.unwrap();
    let held = faulty(place.kv(), Fault::HoldWrites, step);
    let copier = Engine::open(Arc::clone(&held) as _, Arc::new(SystemEnv)).await.unwrap();
    let flattening = {
        let child = child.clone();
        tokio::spawn(async move { copier.flatten(&child).await })
    };
    held.held(1).await;
    let Meta { generation, head_txid, size_pages, .. } = start(&engine, &child).await.meta;
    let data = content(rewritten, 2);
    let pages_written = vec![PageWrite { page: page(rewritten), data: &data }];
    engine.commit(&child, Commit { generation, head_txid, size_pages, pages: pages_written }).await.unwrap();
    held.release();
    flattening.await.unwrap().unwrap();
    let audited = engine.inspect(&child).await.unwrap().unwrap();
    assert_eq!(audited.problems.told.len() as u64, audited.rows.superseded.rows, "{:?}", audited.problems);
    let shown = tags(&engine, &child, generation, pages).await;
    assert!((1..).zip(shown).all(|(page, tag)| tag == if page == rewritten { 2 } else { 1 }));
    (audited.rows.live.rows, audited.rows.superseded.rows)
}

#[tokio::test]
async fn a_page_that_is_rewritten_while_it_is_copied_has_one_version() {
    // One step copies 256 pages: the page is of the only step, of one that others follow, and of the last one.
    assert_eq!(rewritten_while_it_is_copied(4, 2, &[1]).await, (4, 0));
    assert_eq!(rewritten_while_it_is_copied(600, 2, &[1]).await, (600, 0));
    assert_eq!(rewritten_while_it_is_copied(600, 599, &[3]).await, (600, 0));
    planted::plant(Some(Bug::CopiesLeft));
    let with_bug = rewritten_while_it_is_copied(4, 2, &[1]).await;
    planted::plant(None);
    assert_eq!(with_bug, (4, 1), "the test misses what it is about");
}
