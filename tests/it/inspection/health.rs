//! Ping and status: what they read, and what they say of damage and of trouble.

use std::sync::Arc;
use std::time::Duration;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};

use crate::support::{Place, on_every_backend, put_row, remove_row};

on_every_backend!(
    ping_measures_a_read,
    ping_tells_of_a_store_that_was_cleared_or_damaged,
    ping_tries_again_and_gives_up,
);

/// The row that marks a store.
const MARK: &[u8] = &[0];

async fn ping_measures_a_read(place: Place) {
    let engine = place.open().await;
    assert!(engine.ping().await.unwrap() > Duration::ZERO);
    let status = engine.status().await.unwrap();
    assert_eq!(status.backend, place.kv().name());
    assert!(status.available && status.healthy, "{status:?}");
}

async fn ping_tells_of_a_store_that_was_cleared_or_damaged(place: Place) {
    let engine = place.open().await;
    put_row(&place.kv(), MARK, b"something else").await;
    assert_eq!(engine.ping().await.unwrap_err().code(), "ERR_CORRUPT");
    remove_row(&place.kv(), MARK).await;
    let gone = engine.ping().await.unwrap_err();
    assert_eq!(gone.code(), "ERR_CORRUPT");
    assert!(gone.to_string().contains("cleared"), "{gone}");
}

async fn ping_tries_again_and_gives_up(place: Place) {
    drop(place.open().await);
    // The first operation is the opening.
    let busy = |number| (2..=3).contains(&number).then_some(Fault::Busy);
    faulty(&place, busy).await.ping().await.unwrap();
    let away = |number| (number > 1).then_some(Fault::Unavailable);
    assert_eq!(faulty(&place, away).await.ping().await.unwrap_err().code(), "ERR_UNAVAILABLE");
}

async fn faulty(place: &Place, script: fn(u64) -> Option<Fault>) -> Engine {
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| script(operation.number));
    Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap()
}
