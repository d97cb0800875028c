//! Commits in stages: atomic whatever happens half way (G4).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batondb::engine::{Engine, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::types::{ActorId, Generation, PageCount, Txid};
use tokio::task::JoinHandle;

use crate::support::{Place, commit, id, on_every_backend, rows, start, tags};

on_every_backend!(
    a_stage_that_stops_at_any_operation_leaves_nothing_and_the_next_owner_starts_at_once,
    a_stage_of_a_fenced_owner_never_becomes_visible,
    a_rollback_that_stops_half_way_lets_nobody_finalize_the_rest,
    a_failed_stage_is_rolled_back_without_being_asked,
);

/// The store's mark, the fence and the head.
const OTHER_ROWS: usize = 3;
/// Enough pages for five parts, so that a rollback takes two steps.
const PAGES: u32 = 2_000;

/// A store that fails for good after the given number of transactions from now, as if its process had died.
async fn dying(place: &Place, transactions: u64) -> (Engine, Arc<FaultyKv>) {
    drop(place.open().await);
    let left = AtomicU64::new(transactions);
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        if !operation.writes {
            return None;
        }
        let alive = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        (!alive).then_some(Fault::Unavailable)
    });
    let kv = Arc::new(kv);
    (Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap(), kv)
}

async fn a_stage_that_stops_at_any_operation_leaves_nothing_and_the_next_owner_starts_at_once(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    let mut generation = start(&engine, &actor).await.meta.generation;
    let mut head = commit(&engine, &actor, generation, Txid(0), 1..=3, 1).await.unwrap();
    let mut stopped = 0;
    for transactions in 0.. {
        let (dying, _) = dying(&place, transactions).await;
        let tag = 100 + transactions;
        let answer = commit(&dying, &actor, generation, head, 1..=PAGES, tag).await;
        if answer.is_ok() {
            break;
        }
        assert_eq!(answer.unwrap_err().code(), "ERR_UNAVAILABLE", "after {transactions} transactions");
        let next = start(&engine, &actor).await;
        generation = next.meta.generation;
        assert_eq!((next.meta.head_txid, next.meta.size_pages), (head, PageCount(3)));
        let before = head;
        head = commit(&engine, &actor, generation, before, 1..=3, 1 + transactions).await.unwrap();
        // Once the stage was open its txid is taken for good.
        assert_eq!(head.0, before.0 + if transactions == 0 { 1 } else { 2 }, "txids are never reused");
        assert_eq!(tags(&engine, &actor, generation, 9).await, [1 + transactions; 3]);
        engine.idle().await;
        assert_eq!(rows(&kv).await.len(), 3 + OTHER_ROWS, "after {transactions} transactions");
        stopped += 1;
    }
    assert!(stopped > 4, "the stage takes more transactions than {stopped}");
}

/// A large commit of an owner who is held back at its operation with this number.
async fn held_at(place: &Place, number: u64, actor: &ActorId, generation: Generation, head: Txid) -> Held {
    // Opening is operation 1.
    let kv = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        (operation.number == number + 1).then_some(Fault::HoldBefore)
    }));
    let engine = Arc::new(Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap());
    let (owner, actor) = (Arc::clone(&engine), actor.clone());
    let mut staging =
        tokio::spawn(async move { commit(&owner, &actor, generation, head, 1..=PAGES, 2).await });
    tokio::select! {
        () = kv.held(1) => {}
        answer = &mut staging => panic!("the commit has fewer than {number} operations: {answer:?}"),
    }
    Held { kv, engine, staging }
}

struct Held {
    kv: Arc<FaultyKv>,
    engine: Arc<Engine>,
    staging: JoinHandle<Result<Txid, StoreError>>,
}

impl Held {
    /// Lets the owner go on to its end.
    async fn go_on(self) -> Result<Txid, StoreError> {
        self.kv.release();
        let answer = self.staging.await.unwrap();
        self.engine.idle().await;
        answer
    }
}

/// How many operations a commit of [`PAGES`] pages has: opening, parts, end.
async fn operations(place: &Place) -> u64 {
    let engine = place.open().await;
    for limit in 0..100 {
        let (dying, _) = dying(place, limit).await;
        let actor = id(&format!("counted to {limit}"));
        let generation = start(&engine, &actor).await.meta.generation;
        if commit(&dying, &actor, generation, Txid(0), 1..=PAGES, 2).await.is_ok() {
            return limit;
        }
    }
    panic!("a commit of {PAGES} pages takes more than 100 operations");
}

async fn a_stage_of_a_fenced_owner_never_becomes_visible(place: Place) {
    let other = place.open().await;
    for held in 1..=operations(&place).await {
        let actor = id(&format!("held at {held}"));
        let generation = start(&other, &actor).await.meta.generation;
        let head = commit(&other, &actor, generation, Txid(0), 1..=3, 1).await.unwrap();
        let owner = held_at(&place, held, &actor, generation, head).await;
        let next = start(&other, &actor).await;
        assert_eq!(next.meta.head_txid, head);
        assert_eq!(owner.go_on().await.unwrap_err().code(), "ERR_FENCE_MISMATCH", "held at {held}");
        assert_eq!(tags(&other, &actor, next.meta.generation, PAGES).await, [1; 3]);
        commit(&other, &actor, next.meta.generation, head, [1], 3).await.unwrap();
        assert_eq!(tags(&other, &actor, next.meta.generation, PAGES).await, [3]);
    }
}

async fn a_rollback_that_stops_half_way_lets_nobody_finalize_the_rest(place: Place) {
    let other = place.open().await;
    let actor = id("a");
    let generation = start(&other, &actor).await.meta.generation;
    let head = commit(&other, &actor, generation, Txid(0), 1..=3, 1).await.unwrap();
    // Every part is written, the end is held back.
    let last = operations(&place).await;
    let rows_before = rows(&place.kv()).await.len();
    let owner = held_at(&place, last, &actor, generation, head).await;
    let rows_staged = rows(&place.kv()).await.len();
    assert!(rows_staged > rows_before + PAGES as usize);
    // Another holder of the same generation begins to roll the stage back and dies after one step: its
    // commit finds the stage open, and the first step of the rollback is the last thing it does.
    let (dying, _) = dying(&place, 2).await;
    let answer = commit(&dying, &actor, generation, head, [1], 9).await;
    assert_eq!(answer.unwrap_err().code(), "ERR_UNAVAILABLE");
    let rows_left = rows(&place.kv()).await.len();
    assert!(rows_before < rows_left && rows_left < rows_staged, "the rollback was to stop half way");
    let answer = owner.go_on().await;
    assert!(matches!(answer, Err(StoreError::ConcurrentTakeover { .. })), "{answer:?}");
    assert_eq!(tags(&other, &actor, generation, PAGES).await, [1; 3]);
    commit(&other, &actor, generation, head, 1..=3, 3).await.unwrap();
    other.idle().await;
    assert_eq!(tags(&other, &actor, generation, PAGES).await, [3; 3]);
    assert_eq!(rows(&place.kv()).await.len(), rows_before);
}

async fn a_failed_stage_is_rolled_back_without_being_asked(place: Place) {
    drop(place.open().await);
    let failing = AtomicU64::new(0);
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        // One part fails, and nothing after it.
        (operation.writes && failing.fetch_add(1, Ordering::SeqCst) == 3).then_some(Fault::Unavailable)
    });
    let engine = Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap();
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let answer = commit(&engine, &actor, generation, Txid(0), 1..=PAGES, 1).await;
    assert_eq!(answer.unwrap_err().code(), "ERR_UNAVAILABLE");
    engine.idle().await;
    assert_eq!(rows(&place.kv()).await.len(), OTHER_ROWS, "the mark, the fence and the head");
}
