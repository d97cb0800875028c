//! Ends: of a call that nobody waits for any more, of a runtime, of a store.

use std::sync::Arc;
use std::time::Duration;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::types::Txid;

use crate::support::{Place, commit, id, on_every_backend, rows, start, tags};

on_every_backend!(
    a_large_commit_that_nobody_waits_for_any_more_is_rolled_back,
    closing_stops_the_tidying_and_the_next_store_goes_on_with_it,
    a_closed_store_says_so,
);

/// The store's mark, the fence and the head.
const OTHER_ROWS: usize = 3;

async fn a_large_commit_that_nobody_waits_for_any_more_is_rolled_back(place: Place) {
    drop(place.open().await);
    // The mark, the start and the stage's opening pass, and some of its parts; some never go on.
    let kv = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), |operation| {
        (7..=9).contains(&operation.number).then_some(Fault::HoldBefore)
    }));
    let engine = Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap();
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    tokio::select! {
        answer = commit(&engine, &actor, generation, Txid(0), 1..=4_000, 1) => panic!("{answer:?}"),
        () = kv.held(3) => {}
    }
    engine.idle().await;
    assert_eq!(rows(&place.kv()).await.len(), OTHER_ROWS);
    commit(&engine, &id("a"), generation, Txid(0), 1..=3, 2).await.unwrap();
    assert_eq!(tags(&engine, &id("a"), generation, 9).await, [2; 3]);
}

async fn closing_stops_the_tidying_and_the_next_store_goes_on_with_it(place: Place) {
    let engine = place.open().await;
    let generation = start(&engine, &id("a")).await.meta.generation;
    let head = commit(&engine, &id("a"), generation, Txid(0), 1..=6_000, 1).await.unwrap();
    commit(&engine, &id("a"), generation, head, 1..=6_000, 2).await.unwrap();
    engine.close().await;
    let engine = place.open().await;
    let generation = start(&engine, &id("a")).await.meta.generation;
    engine.idle().await;
    assert_eq!(rows(&place.kv()).await.len(), 6_000 + OTHER_ROWS);
    assert_eq!(tags(&engine, &id("a"), generation, 6_000).await, vec![2; 6_000]);
}

async fn a_closed_store_says_so(place: Place) {
    let (engine, other) = (place.open().await, place.open().await);
    engine.close().await;
    engine.close().await;
    assert_eq!(engine.stat(&id("a")).await.unwrap_err().code(), "ERR_CLOSED");
    assert_eq!(
        commit(&engine, &id("a"), start(&other, &id("a")).await.meta.generation, Txid(0), [1], 1)
            .await
            .unwrap_err()
            .code(),
        "ERR_CLOSED"
    );
}

/// A process that ends drops what its runtime was doing, also in the middle of a stage.
#[test]
fn a_runtime_that_ends_in_the_middle_of_a_large_commit_does_not_panic() {
    end_a_runtime_in_the_middle(&Place::embedded());
}

#[test]
fn a_runtime_that_ends_in_the_middle_of_a_large_commit_on_a_cluster_does_not_panic() {
    let test = "ownership::lifecycle::a_runtime_that_ends_in_the_middle_of_a_large_commit_on_a_cluster_does_not_panic";
    if let Some(place) = Place::foundationdb(test) {
        end_a_runtime_in_the_middle(&place);
    }
}

fn end_a_runtime_in_the_middle(place: &Place) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = Arc::new(runtime.block_on(place.open()));
    let generation = runtime.block_on(start(&engine, &id("a"))).meta.generation;
    let begun = Arc::clone(&engine);
    let mut large =
        Box::pin(async move { commit(&begun, &id("a"), generation, Txid(0), 1..=9_000, 1).await });
    runtime.block_on(async {
        tokio::select! {
            answer = &mut large => panic!("{answer:?}"),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    });
    drop(runtime);
    // Outside of any runtime.
    drop(large);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let next = start(&place.open().await, &id("a")).await;
        assert_eq!(next.meta.head_txid, Txid(0));
    });
}
