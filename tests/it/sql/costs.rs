//! What SQL costs, counted in backend operations.

use std::sync::Arc;

use batondb::database::{DatabaseOptions, WriteDurability};
use batondb::kv::metered::{Counts, MeteredKv};

use super::support::{Db, Host, NO_DEADLINE_MS, Value};
use crate::support::{Place, first_page, on_every_backend};

on_every_backend!(
    a_start_with_its_first_query_and_a_write_takes_one_transaction_each,
    a_page_that_is_in_memory_costs_nothing,
    a_commit_is_one_transaction_whatever_it_holds,
    idle_databases_take_little_memory,
    a_scan_takes_few_round_trips_also_where_the_cache_has_no_room_for_it,
);

async fn metered(place: &Place) -> (Host, Arc<MeteredKv>) {
    drop(Host::with_table(place).await);
    let kv = Arc::new(MeteredKv::new(place.kv()));
    (Host::new(Arc::clone(&kv) as _, 8 << 20).await, kv)
}

/// Without pages that nobody has asked for, so that the numbers are those of the queries.
async fn open(host: &Host) -> Db {
    let options = DatabaseOptions {
        preload: first_page(),
        read_ahead: false,
        queue_max: 100,
        transaction_timeout_ms: NO_DEADLINE_MS,
        may_block: false,
        durability: WriteDurability::Full,
    };
    host.open_with("a", &options).await.unwrap()
}

async fn a_start_with_its_first_query_and_a_write_takes_one_transaction_each(place: Place) {
    // A serial backend first reads the generation, to tell a race by it; an optimistic one does not need to.
    let serial = u64::from(matches!(place, Place::Embedded(..)));
    let (host, meter) = metered(&place).await;
    meter.take();
    let db = open(&host).await;
    let start = meter.take();
    assert_eq!((start.transactions, start.reads, start.refusals), (1, serial, 0), "{start:?}");

    let rows = db.all("SELECT c FROM t WHERE n = 1500", &[]).await.unwrap().rows;
    assert_eq!(rows.len(), 1);
    let query = meter.take();
    // Root and leaf of the table; the schema is on page 1, which came with the start.
    assert_eq!((query.reads, query.transactions), (2, 0), "{query:?}");
    assert_eq!(db.stats().round_trips, 2);

    db.run("UPDATE t SET c = 'x' WHERE n = 1500", &[]).await.unwrap();
    host.engine.idle().await;
    let write = meter.take();
    // The leaf, page 1 with its change counter, and the head.
    let expected = Counts { transactions: 1, gets: 2, puts: 3, range_clears: 2, ..Counts::default() };
    assert_eq!(write, expected);
    db.run("UPDATE t SET c = 'y' WHERE n = 1500", &[]).await.unwrap();
    // Alone on its file, SQLite counts its changes once.
    let expected = Counts { transactions: 1, gets: 2, puts: 2, range_clears: 1, ..Counts::default() };
    assert_eq!(meter.take(), expected);
}

async fn a_scan_takes_few_round_trips_also_where_the_cache_has_no_room_for_it(place: Place) {
    let rows = 12_000;
    for cache_bytes in [0, 64 << 20] {
        let host = Host::new(place.kv(), cache_bytes).await;
        let actor = format!("with {cache_bytes}");
        let db = host.open(&actor).await;
        // Two tables that grow in turns, so that neither lies in one piece.
        db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, c); CREATE TABLE u(n INTEGER PRIMARY KEY, c)")
            .await
            .unwrap();
        db.exec(&format!(
            "CREATE TRIGGER both AFTER INSERT ON t BEGIN INSERT INTO u VALUES (new.n, new.c); END;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             INSERT INTO t SELECT i, hex(zeroblob(100)) FROM n"
        ))
        .await
        .unwrap();
        db.close().await;
        let options = DatabaseOptions {
            preload: first_page(),
            read_ahead: true,
            queue_max: 100,
            transaction_timeout_ms: NO_DEADLINE_MS,
            may_block: false,
            durability: WriteDurability::Full,
        };
        let db = host.open_with(&actor, &options).await.unwrap();
        let pages = u64::try_from(db.integer("SELECT count(*) FROM t JOIN u USING (n)").await).unwrap() / 18;
        assert_eq!(pages, 12_000 / 18);
        let stats = db.stats();
        assert!(stats.pages_fetched > pages, "{stats:?}");
        assert!(stats.pages_fetched < 3 * pages, "{stats:?}");
        // One for each of several pages: without read-ahead it would be one for each of them.
        assert!(stats.round_trips * 10 < stats.pages_fetched, "{cache_bytes}: {stats:?}");
        db.close().await;
    }
}

async fn a_page_that_is_in_memory_costs_nothing(place: Place) {
    let (host, meter) = metered(&place).await;
    let db = open(&host).await;
    assert_eq!(db.integer("SELECT count(*) FROM t WHERE c IS NOT NULL").await, 2000);
    meter.take();
    for _ in 0..3 {
        assert_eq!(db.integer("SELECT count(*) FROM t WHERE c IS NOT NULL").await, 2000);
    }
    assert_eq!(meter.take(), Counts::default());
    // Out of SQLite's cache, the pages are still in that of the store.
    db.exec("PRAGMA cache_size = 5; PRAGMA shrink_memory").await.unwrap();
    assert_eq!(db.integer("SELECT count(*) FROM t WHERE c IS NOT NULL").await, 2000);
    assert_eq!(meter.take(), Counts::default());
    let before = db.stats().cache_hits;
    // Also those that were written.
    db.run("UPDATE t SET c = 'short'", &[]).await.unwrap();
    meter.take();
    assert_eq!(db.integer("SELECT count(*) FROM t WHERE c = 'short'").await, 2000);
    assert_eq!(meter.take(), Counts::default());
    assert!(db.stats().cache_hits > before);
}

async fn a_commit_is_one_transaction_whatever_it_holds(place: Place) {
    let (host, meter) = metered(&place).await;
    let db = open(&host).await;
    db.exec("SELECT sum(length(c)) FROM t; UPDATE t SET n = n WHERE n = 1").await.unwrap();
    meter.take();
    let tx = db.begin().await.unwrap();
    for n in 0..20 {
        tx.run("UPDATE t SET c = c || '.' WHERE n = ?", &[Value::Integer(n * 90 + 1)]).await.unwrap();
    }
    assert_eq!(meter.take(), Counts::default(), "a transaction has written before its commit");
    tx.commit().await.unwrap();
    let commit = meter.take();
    assert_eq!((commit.transactions, commit.reads, commit.scans), (1, 0, 0), "{commit:?}");
    for (sql, transactions) in [
        ("BEGIN; SELECT 1; COMMIT", 0),
        ("BEGIN IMMEDIATE; COMMIT", 0),
        ("BEGIN; DELETE FROM t WHERE n < 0; COMMIT", 0),
    ] {
        db.exec(sql).await.unwrap();
        assert_eq!(meter.take(), Counts { transactions, ..Counts::default() }, "{sql}");
    }
    let tx = db.begin().await.unwrap();
    tx.run("DELETE FROM t", &[]).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(meter.take(), Counts::default(), "a rollback that fits memory asks the store for nothing");
}

async fn idle_databases_take_little_memory(place: Place) {
    let (host, _) = metered(&place).await;
    let db = open(&host).await;
    assert_eq!(db.integer("SELECT count(*) FROM t WHERE n < 10").await, 9);
    assert!(db.stats().memory_bytes > 0);
    assert!(db.stats().memory_bytes < 150 << 10, "{:?}", db.stats());
}
