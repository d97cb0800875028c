//! What the databases of a store count together: while they are open, and when they are closed.

use std::sync::Arc;

use batondb::database::{Behavior, Call, DatabaseOptions, Kind, WriteDurability};
use batondb::engine::Preload;
use batondb::kv::Kv;
use batondb::types::PageRange;

use super::support::{Host, NO_DEADLINE_MS, run, store_error};
use crate::inspection::metrics::{Numbers, assert_grown, numbers_of};
use crate::support::{Place, first_page, on_every_backend, page};

on_every_backend!(
    a_query_counts_its_round_trips_and_what_memory_has_answered,
    open_databases_and_their_calls_are_gauges_that_fall_again,
    what_is_preloaded_and_never_asked_for_is_waste_when_the_database_is_closed,
);

fn numbers(host: &Host) -> Numbers {
    let gauges = ["sql.memoryBytes", "cache.bytes", "sql.openDatabases"];
    let numbers = numbers_of(host.metrics());
    numbers.into_iter().filter(|(path, _)| !gauges.contains(path)).collect()
}

/// An actor with a table of two levels.
async fn prepared(place: &Place) -> Host {
    drop(Host::with_table(place).await);
    // Without what it has in memory.
    Host::at(place).await
}

fn options(preload: Preload) -> DatabaseOptions {
    DatabaseOptions {
        preload,
        read_ahead: false,
        queue_max: 100,
        transaction_timeout_ms: NO_DEADLINE_MS,
        may_block: false,
        durability: WriteDurability::Full,
    }
}

async fn a_query_counts_its_round_trips_and_what_memory_has_answered(place: Place) {
    let host = prepared(&place).await;
    let db = host.open_with("a", &options(first_page())).await.unwrap();
    let before = numbers(&host);
    assert_eq!(db.all("SELECT c FROM t WHERE n = 1500", &[]).await.unwrap().rows.len(), 1);
    let after = numbers(&host);
    let calls = [("sql.calls", 1), ("sql.callSeconds", 1), ("sql.callRoundTrips", 1)];
    // Root and leaf, one after the other; page 1 came with the start, and SQLite reads it twice: its header, then all.
    let fetched = [("sql.roundTrips", 2), ("sql.pagesFetched", 2), ("cache.misses", 2)];
    let read = [("reads.answered", 2), ("reads.seconds", 2), ("reads.pages", 2)];
    let hits = [("cache.hits", after["cache.hits"] - before["cache.hits"])];
    let preload = [("preload.hits", after["preload.hits"] - before["preload.hits"])];
    let known = [&calls[..], &fetched, &read, &hits, &preload].concat();
    assert_grown(&before, &after, &known.into_iter().filter(|(_, by)| *by > 0).collect::<Vec<_>>());
    assert_eq!((after["preload.pages"], after["preload.hits"]), (1, 1));
    assert_eq!(after["cache.hits"], db.stats().cache_hits);

    // SQLite has all of it now, and the next call waits for nothing.
    let before = after;
    db.all("SELECT c FROM t WHERE n = 1500", &[]).await.unwrap();
    assert_grown(&before, &numbers(&host), &calls);
    let round_trips = |host: &Host| {
        let families = host.metrics();
        let family = families.into_iter().find(|family| family.name == "sql_call_round_trips").unwrap();
        let batondb::metrics::Value::Distribution(of) = family.series[0].value.clone() else { panic!() };
        (of.buckets[..3].to_vec(), of.sum)
    };
    assert_eq!(round_trips(&host), (vec![(0.0, 1), (1.0, 1), (2.0, 2)], 2.0));
    // Out of SQLite's cache, pages come from that of the store.
    db.exec("PRAGMA cache_size = 5; PRAGMA shrink_memory").await.unwrap();
    let before = numbers(&host);
    db.all("SELECT c FROM t WHERE n = 1500", &[]).await.unwrap();
    let after = numbers(&host);
    assert_eq!((after["cache.misses"], after["sql.roundTrips"]), (2, 2));
    assert!(after["cache.hits"] > before["cache.hits"]);

    // What was counted stays when the database is gone, and what begins and ends a transaction is no query.
    let tx = db.begin().await.unwrap();
    tx.rollback().await.unwrap();
    db.close().await;
    let closed = numbers(&host);
    let expected: Numbers =
        after.into_iter().map(|(path, number)| (path, closed[path].max(number))).collect();
    assert_eq!(closed, expected);
    assert_eq!(closed["sql.calls"], 4);
}

async fn open_databases_and_their_calls_are_gauges_that_fall_again(place: Place) {
    let host = prepared(&place).await;
    let all = |host: &Host| numbers_of(host.metrics());
    assert_eq!(all(&host)["sql.openDatabases"], 0);
    let one = host.open("a").await;
    let other = host.open("b").await;
    assert_eq!(all(&host)["sql.openDatabases"], 2);
    other.close().await;
    other.call(Call::Close).await.unwrap_err();
    assert_eq!(all(&host)["sql.openDatabases"], 1);
    assert_eq!(one.integer("SELECT count(*) FROM t").await, 2000);
    let now = all(&host);
    assert!(now["sql.memoryBytes"] > 0 && now["cache.bytes"] > 100 * 4096, "{now:?}");

    let tx = one.begin_with(Behavior::Deferred, NO_DEADLINE_MS).await.unwrap();
    let waits = one.submit(0, run(Kind::All, "SELECT 1", &[]));
    assert_eq!((all(&host)["sql.waiting"], all(&host)["sql.running"]), (1, 0));
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let running = tx.submit(7, run(Kind::All, endless, &[]));
    while all(&host)["sql.running"] == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((all(&host)["sql.waiting"], all(&host)["sql.running"]), (1, 1));
    one.database.cancel(7);
    assert!(running.await.unwrap().is_err());
    tx.rollback().await.unwrap();
    waits.await.unwrap().unwrap();
    assert_eq!((all(&host)["sql.waiting"], all(&host)["sql.running"]), (0, 0));

    // One that is left behind without being closed.
    drop((one, tx));
    while all(&host)["sql.openDatabases"] != 0 {
        tokio::task::yield_now().await;
    }

    let none = DatabaseOptions { queue_max: 0, ..options(first_page()) };
    let full = host.open_with("a", &none).await.unwrap();
    full.exec("SELECT 1").await.unwrap_err();
    assert_eq!(all(&host)["sql.overloaded"], 1);
    // Another store takes the actor over, and the database asks.
    Host::at(&place).await.open("a").await;
    assert_eq!(full.database.check().await.unwrap_err().code(), "ERR_FENCE_MISMATCH");
    assert_eq!(all(&host)["fenceMismatches"], 1);
}

async fn what_is_preloaded_and_never_asked_for_is_waste_when_the_database_is_closed(place: Place) {
    let host = prepared(&place).await;
    let range = PageRange { first: page(2), last: page(11) };
    let preload = Preload {
        ranges: vec![(range.first.get(), range.last.get() + 1)],
        bytes_max: 1 << 20,
        ..Preload::default()
    };
    let db = host.open_with("a", &options(preload)).await.unwrap();
    // Root and a leaf, of ten pages and page 1.
    db.all("SELECT c FROM t WHERE n = 1", &[]).await.unwrap();
    let open = numbers(&host);
    let hits = open["preload.hits"];
    assert_eq!((open["preload.pages"], open["preload.wasted"]), (11, 0));
    assert!((2..11).contains(&hits), "{open:?}");
    db.close().await;
    let closed = numbers(&host);
    assert_eq!((closed["preload.hits"], closed["preload.wasted"]), (hits, 11 - hits));
}

/// A database that loses its actor learns so by a commit, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fenced_database_counts_the_refusal_once() {
    let place = Place::memory();
    let host = Host::at(&place).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n)").await.unwrap();
    Host::at(&place).await.open("a").await;
    for _ in 0..3 {
        let error = store_error(db.exec("INSERT INTO t VALUES (1)").await.unwrap_err());
        assert_eq!(error.code(), "ERR_FENCE_MISMATCH");
    }
    assert_eq!(numbers(&host)["fenceMismatches"], 1);
    assert_eq!(db.call(Call::Close).await, Ok(batondb::database::Answer::Done));
    let kv: Arc<dyn Kv> = place.kv();
    assert_eq!(kv.waiting(), 0);
}
