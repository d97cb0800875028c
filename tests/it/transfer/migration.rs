//! Imports of v1 data: cut off at every step, with every answer lost, against each other, and beside their lease.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use batondb::database::recover;
use batondb::engine::{Commit, Engine, StoreError, V1Begun, V1Entry, V1Import};
use batondb::env::{Env, SystemEnv};
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::types::{ActorId, Generation, Meta, Origin, PageCount, Token, Txid};
use futures::future::BoxFuture;

use crate::support::{Place, commit, content, first_page, id, on_every_backend, page, rows, start};

on_every_backend!(
    one_fault_at_any_operation_changes_no_answer,
    an_importer_cut_off_at_any_operation_leaves_nothing_half_done,
    a_lease_keeps_others_away_until_it_is_over,
    an_importer_at_work_renews_its_lease,
    an_import_that_fails_before_its_stage_is_open_stands_in_nobodys_way,
    a_reset_whose_answer_was_lost_leaves_the_next_import_alone,
    what_is_not_an_unfinished_import_stays_byte_for_byte_as_it_was,
    nothing_of_a_displaced_import_is_left,
    the_generation_of_an_import_is_nobodys,
);

/// A database of a megabyte or so: several parts of a stage.
fn database() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("v1.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let fill = "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
        INSERT INTO t SELECT i, randomblob(1000) FROM n;";
    connection.execute_batch(fill).unwrap();
    drop(connection);
    std::fs::read(file).unwrap()
}

fn entries(database: &[u8]) -> Vec<V1Entry> {
    let bytes = u64::try_from(database.len()).unwrap();
    let size: Vec<u8> = [1, 0].into_iter().chain(bytes.to_be_bytes().into_iter().rev()).collect();
    let chunks = database.chunks(4096).zip(0u32..);
    let chunks =
        chunks.map(|(chunk, number)| ([&[8, 1, 1, 0][..], &number.to_be_bytes()].concat(), chunk.to_vec()));
    std::iter::once((vec![8, 1, 0, 0], size)).chain(chunks).collect()
}

async fn begin(engine: &Engine, actor: &ActorId) -> Result<V1Import, StoreError> {
    match engine.begin_v1_import(actor).await? {
        V1Begun::Import(import) => Ok(*import),
        V1Begun::Finished(meta) => panic!("finished before: {meta:?}"),
    }
}

async fn finish(import: &mut V1Import, actor: &ActorId) -> Result<Meta, StoreError> {
    let actor = actor.clone();
    import.finish(move |file: &Path| recover(&actor, file)).await
}

/// As a caller does it: an import that fails is given up.
async fn migrate(engine: &Engine, actor: &ActorId, database: &[u8]) -> Result<Meta, StoreError> {
    let mut import = match engine.begin_v1_import(actor).await? {
        V1Begun::Import(import) => import,
        V1Begun::Finished(meta) => return Ok(meta),
    };
    let mut ended = import.take(entries(database)).await.map(|()| None);
    if ended.is_ok() {
        ended = finish(&mut import, actor).await.map(Some);
    }
    match ended {
        Ok(meta) => Ok(meta.unwrap()),
        Err(error) => {
            let _left = import.give_up().await;
            Err(error)
        }
    }
}

async fn exported(engine: &Engine, actor: &ActorId) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("exported");
    engine.export_to(actor, &file).await.unwrap();
    std::fs::read(file).unwrap()
}

async fn faulty(
    place: &Place,
    script: impl Fn(u64) -> Option<Fault> + Send + Sync + 'static,
) -> (Engine, Arc<FaultyKv>) {
    // The operations of opening are not counted.
    drop(place.open().await);
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        operation.number.checked_sub(1).filter(|number| *number > 0).and_then(&script)
    });
    let kv = Arc::new(kv);
    (Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap(), kv)
}

fn incomplete(actor: &ActorId) -> StoreError {
    StoreError::MigrationIncomplete { actor: actor.clone() }
}

fn displaced(actor: &ActorId) -> StoreError {
    StoreError::ConcurrentTakeover { actor: actor.clone() }
}

/// Everything that concerns imports, with everything that the caller is told.
async fn work(engine: &Engine, name: &str, database: &[u8]) {
    let actor = id(name);
    let prepared = engine.prepare_v1_migration(&actor).await.unwrap();
    assert_eq!((prepared.generation.0, prepared.origin), (1, Origin::MigratingFromV1));
    let mut gone = begin(engine, &actor).await.unwrap();
    gone.take(entries(database)).await.unwrap();
    assert_eq!(engine.invalidate_v1_migration(&actor).await, Ok(true));
    assert_eq!(engine.invalidate_v1_migration(&actor).await, Ok(false));
    assert_eq!(finish(&mut gone, &actor).await, Err(displaced(&actor)));
    gone.give_up().await.unwrap();
    let mut refused = begin(engine, &actor).await.unwrap();
    assert_eq!(finish(&mut refused, &actor).await.unwrap_err().code(), "ERR_INVALID_ARG");
    refused.give_up().await.unwrap();
    assert_eq!(engine.load_startup(&actor, &first_page()).await, Err(incomplete(&actor)));
    let meta = migrate(engine, &actor, database).await.unwrap();
    assert_eq!(meta.origin, Origin::MigratedFromV1);
    assert_eq!(meta.size_pages.0 as usize, database.len() / 4096);
    assert_eq!(start(engine, &actor).await.meta.generation, meta.generation.next());
    assert_eq!(engine.delete(&actor).await, Ok(true));
}

async fn one_fault_at_any_operation_changes_no_answer(place: Place) {
    let database = database();
    let (engine, kv) = faulty(&place, |_| None).await;
    work(&engine, "without faults", &database).await;
    let operations = kv.operations();
    assert!(operations > 15, "{operations}");
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Conflict, Fault::Busy] {
        for number in (1..operations).step_by(place.rounds(1, 3)) {
            let (engine, _) = faulty(&place, move |at| (at == number).then_some(fault)).await;
            work(&engine, &format!("{fault:?} at {number}"), &database).await;
        }
    }
}

/// From one operation on the importer reaches nothing, as if its process had died there; the answer to the last one
/// that it reached may have been lost.
async fn an_importer_cut_off_at_any_operation_leaves_nothing_half_done(place: Place) {
    let database = database();
    let (engine, kv) = faulty(&place, |_| None).await;
    migrate(&engine, &id("whole"), &database).await.unwrap();
    let operations = kv.operations();
    let other = place.open().await;
    for last in [None, Some(Fault::LostAfter)] {
        for number in (1..=operations).step_by(place.rounds(1, 2)) {
            let actor = id(&format!("{last:?} {number}"));
            let (engine, _) = faulty(&place, move |at| match at.cmp(&number) {
                std::cmp::Ordering::Less => None,
                std::cmp::Ordering::Equal => last.or(Some(Fault::Unavailable)),
                std::cmp::Ordering::Greater => Some(Fault::Unavailable),
            })
            .await;
            let told = migrate(&engine, &actor, &database).await;
            match other.stat(&actor).await.unwrap() {
                None => assert!(told.is_err(), "{actor:?}"),
                Some(meta) if meta.origin == Origin::MigratedFromV1 => {
                    // Whoever was told otherwise was told that nobody knows.
                    let unknown = |error: &StoreError| error.code() == "ERR_COMMIT_UNKNOWN";
                    assert!(told.as_ref().err().is_none_or(unknown), "{actor:?}: {told:?}");
                }
                Some(meta) => {
                    assert!(told.is_err(), "{actor:?}: {told:?}");
                    assert_eq!((meta.size_pages, meta.head_txid), (PageCount(0), Txid(0)), "{actor:?}");
                    assert_eq!(other.load_startup(&actor, &first_page()).await, Err(incomplete(&actor)));
                    let reset = other.invalidate_v1_migration(&actor).await.unwrap();
                    assert!(reset || number == 1, "{actor:?}: a stage is open from the beginning");
                }
            }
            let meta = migrate(&other, &actor, &database).await.unwrap();
            assert_eq!(meta.origin, Origin::MigratedFromV1);
            assert_eq!(exported(&other, &actor).await, database, "{actor:?}");
        }
    }
}

/// The system's environment with a clock that can be put forward.
struct Clock {
    ahead_ms: Arc<AtomicU64>,
}

impl Env for Clock {
    fn now_ms(&self) -> u64 {
        SystemEnv.now_ms() + self.ahead_ms.load(Ordering::SeqCst)
    }
    fn elapsed(&self) -> Duration {
        SystemEnv.elapsed() + Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst))
    }
    fn token(&self) -> Token {
        SystemEnv.token()
    }
    fn random_below(&self, bound: u64) -> u64 {
        SystemEnv.random_below(bound)
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemEnv.sleep(duration)
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        SystemEnv.spawn(task);
    }
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        SystemEnv.run_blocking(work);
    }
    fn block_on(&self, task: BoxFuture<'_, ()>) {
        SystemEnv.block_on(task);
    }
}

async fn with_clock(place: &Place) -> (Engine, Arc<AtomicU64>) {
    let ahead_ms = Arc::new(AtomicU64::new(0));
    let env = Arc::new(Clock { ahead_ms: Arc::clone(&ahead_ms) });
    (Engine::open(place.kv(), env).await.unwrap(), ahead_ms)
}

async fn a_lease_keeps_others_away_until_it_is_over(place: Place) {
    let (database, actor) = (database(), id("a"));
    let (importer, other) = (place.open().await, with_clock(&place).await);
    let (other, ahead_ms) = other;
    let mut import = begin(&importer, &actor).await.unwrap();
    import.take(entries(&database)).await.unwrap();
    for ahead in [0, 50_000] {
        ahead_ms.store(ahead, Ordering::SeqCst);
        assert_eq!(migrate(&other, &actor, &database).await, Err(incomplete(&actor)));
        assert_eq!(other.prepare_v1_migration(&actor).await, Err(incomplete(&actor)));
    }
    ahead_ms.store(60_000, Ordering::SeqCst);
    let meta = migrate(&other, &actor, &database).await.unwrap();
    assert_eq!((meta.generation, meta.origin), (Generation(2), Origin::MigratedFromV1));
    // The first one was slow, not dead.
    assert_eq!(finish(&mut import, &actor).await, Err(displaced(&actor)));
    import.give_up().await.unwrap();
    assert_eq!(other.stat(&actor).await.unwrap().unwrap(), meta);
    assert_eq!(exported(&other, &actor).await, database);
}

/// It has taken over from a dead importer, whose stage it could not roll back.
async fn an_import_that_fails_before_its_stage_is_open_stands_in_nobodys_way(place: Place) {
    let (database, actor) = (database(), id("a"));
    let dead = place.open().await;
    let mut import = begin(&dead, &actor).await.unwrap();
    import.take(entries(&database)).await.unwrap();
    drop(place.open().await);
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), |operation| {
        // Behind the store's opening and the reservation.
        (operation.number == 3).then_some(Fault::Unavailable)
    });
    let env = Arc::new(Clock { ahead_ms: Arc::new(AtomicU64::new(60_000)) });
    let failing = Engine::open(Arc::new(kv), env).await.unwrap();
    let failed = migrate(&failing, &actor, &database).await.unwrap_err();
    assert_eq!(failed.code(), "ERR_UNAVAILABLE");
    assert_eq!(dead.invalidate_v1_migration(&actor).await, Ok(false), "nothing is staged");
    assert_eq!(migrate(&dead, &actor, &database).await.unwrap().origin, Origin::MigratedFromV1);
    drop(import);
}

async fn an_importer_at_work_renews_its_lease(place: Place) {
    let (database, actor) = (database(), id("a"));
    let (importer, its_clock) = with_clock(&place).await;
    let (other, ahead_ms) = with_clock(&place).await;
    let mut import = begin(&importer, &actor).await.unwrap();
    let all = entries(&database);
    for (step, entries) in (1u64..).zip(all.chunks(all.len().div_ceil(5))) {
        let now = step * 25_000;
        its_clock.store(now, Ordering::SeqCst);
        import.take(entries.to_vec()).await.unwrap();
        ahead_ms.store(now + 50_000, Ordering::SeqCst);
        let refused = begin(&other, &actor).await.err();
        assert_eq!(refused, Some(incomplete(&actor)), "after {now} ms");
    }
    let meta = finish(&mut import, &actor).await.unwrap();
    assert_eq!(meta.generation, Generation(1));
    assert_eq!(exported(&other, &actor).await, database);
}

async fn a_reset_whose_answer_was_lost_leaves_the_next_import_alone(place: Place) {
    let (database, actor) = (database(), id("a"));
    let other = place.open().await;
    drop(begin(&other, &actor).await.unwrap());
    other.idle().await;
    let _ = other.invalidate_v1_migration(&actor).await.unwrap();
    let (mut dead, other) = (begin(&other, &actor).await.unwrap(), other);
    let (engine, kv) = faulty(&place, |at| match at {
        1 => Some(Fault::LostAfter),
        2 => Some(Fault::HoldBefore),
        _ => None,
    })
    .await;
    let asked = actor.clone();
    let reset = tokio::spawn(async move { engine.invalidate_v1_migration(&asked).await });
    kv.held(1).await;
    assert_eq!(finish(&mut dead, &actor).await.unwrap_err().code(), "ERR_INVALID_ARG");
    dead.give_up().await.unwrap();
    // The first attempt has reset it, nobody knows, and somebody begins anew.
    let mut next = loop {
        match begin(&other, &actor).await {
            Ok(next) => break next,
            Err(error) => assert_eq!(error, incomplete(&actor)),
        }
        assert!(other.invalidate_v1_migration(&actor).await.unwrap());
    };
    kv.release();
    assert_eq!(reset.await.unwrap(), Ok(true));
    next.take(entries(&database)).await.unwrap();
    assert_eq!(finish(&mut next, &actor).await.unwrap().origin, Origin::MigratedFromV1);
}

async fn what_is_not_an_unfinished_import_stays_byte_for_byte_as_it_was(place: Place) {
    let (engine, database) = (place.open().await, database());
    let native = id("native");
    let generation = start(&engine, &native).await.meta.generation;
    commit(&engine, &native, generation, Txid(0), 1..=20, 1).await.unwrap();
    // An owner's own stage is no import's.
    let request = batondb::engine::LargeCommit {
        generation,
        head_txid: Txid(1),
        page_size: batondb::types::PageSize::DEFAULT,
    };
    let mut staged = engine.begin_large_commit(&native, request).await.unwrap();
    staged.write(vec![(page(1), content(1, 9).into())]).await.unwrap();
    migrate(&engine, &id("finished"), &database).await.unwrap();
    engine.prepare_v1_migration(&id("prepared")).await.unwrap();
    let deleted = id("deleted");
    start(&engine, &deleted).await;
    engine.delete(&deleted).await.unwrap();
    engine.idle().await;
    let before = rows(&place.kv()).await;
    for actor in ["native", "finished", "prepared", "deleted", "nobody"] {
        assert_eq!(engine.invalidate_v1_migration(&id(actor)).await, Ok(false), "{actor}");
    }
    let refusals = [
        engine.prepare_v1_migration(&native).await,
        engine.prepare_v1_migration(&id("finished")).await,
        migrate(&engine, &native, &database).await,
    ];
    for refused in refusals.map(Result::unwrap_err) {
        assert!(matches!(refused, StoreError::Occupied { .. }) && !refused.is_retryable(), "{refused:?}");
    }
    assert_eq!(rows(&place.kv()).await, before);
    assert_eq!(staged.finish(PageCount(20)).await, Ok(Txid(2)));
}

/// Rows of pages above the head would turn visible one day.
async fn nothing_of_a_displaced_import_is_left(place: Place) {
    let (engine, database, actor) = (place.open().await, database(), id("a"));
    for round in 0..3 {
        let mut import = begin(&engine, &actor).await.unwrap();
        import.take(entries(&database)).await.unwrap();
        if round == 1 {
            assert_eq!(engine.delete(&actor).await, Ok(true));
        } else {
            assert_eq!(engine.invalidate_v1_migration(&actor).await, Ok(true));
        }
        assert_eq!(finish(&mut import, &actor).await, Err(displaced(&actor)));
    }
    engine.delete(&actor).await.unwrap();
    engine.idle().await;
    // The store's own row, and the fence and head that outlive a deletion.
    assert_eq!(rows(&place.kv()).await.len(), 3);
    migrate(&engine, &actor, &database).await.unwrap();
    assert_eq!(exported(&engine, &actor).await, database);
}

async fn the_generation_of_an_import_is_nobodys(place: Place) {
    let (engine, database, actor) = (place.open().await, database(), id("a"));
    let mut import = begin(&engine, &actor).await.unwrap();
    let Meta { generation, head_txid, .. } = engine.stat(&actor).await.unwrap().unwrap();
    let mine = content(1, 1);
    for pages in [1, 900] {
        let writes = (1..=pages).map(|number| batondb::engine::PageWrite { page: page(number), data: &mine });
        let commit = Commit { generation, head_txid, size_pages: PageCount(pages), pages: writes.collect() };
        assert_eq!(engine.commit(&actor, commit).await, Err(incomplete(&actor)));
    }
    let read = engine.get_pages(&actor, generation, None, &[page(1)]).await;
    assert_eq!(read, Err(incomplete(&actor)));
    assert_eq!(engine.store_hints(&actor, generation, &[]).await, Err(incomplete(&actor)));
    import.take(entries(&database)).await.unwrap();
    finish(&mut import, &actor).await.unwrap();
    assert_eq!(exported(&engine, &actor).await, database);
}
