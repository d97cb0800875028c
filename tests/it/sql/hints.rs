//! What a start learns, and what it is worth to the next one.

use batondb::database::{DatabaseOptions, WriteDurability};
use batondb::engine::Preload;

use super::support::{Db, Host, NO_DEADLINE_MS};
use crate::support::{Place, first_page, on_every_backend};

on_every_backend!(
    a_start_brings_along_what_the_last_one_has_read,
    without_hints_nothing_is_learned_or_brought,
);

const QUERY: &str = "SELECT count(*) FROM t WHERE n BETWEEN 900 AND 1100";

/// A start that runs the query. Its round trips after the start, and the pages that it brought along.
async fn start(host: &Host, hints: bool) -> (Db, u64, usize) {
    let preload = Preload { hints, ..first_page() };
    let options = DatabaseOptions {
        preload,
        read_ahead: false,
        queue_max: 100,
        transaction_timeout_ms: NO_DEADLINE_MS,
        may_block: false,
        durability: WriteDurability::Full,
    };
    let db = host.open_with("a", &options).await.unwrap();
    assert_eq!(db.integer(QUERY).await, 201);
    let (trips, pages) = (db.stats().round_trips, db.database.opened().pages_preloaded);
    (db, trips, pages)
}

async fn a_start_brings_along_what_the_last_one_has_read(place: Place) {
    let host = Host::with_table(&place).await;
    let (db, trips, pages) = start(&host, true).await;
    assert!(trips > 5, "{trips}");
    assert_eq!(pages, 1);
    db.close().await;
    let (db, trips_then, pages) = start(&host, true).await;
    assert_eq!((trips_then, pages as u64), (0, 1 + trips));
    assert_eq!(db.stats().preload_hits, 1 + trips);
    db.close().await;
}

async fn without_hints_nothing_is_learned_or_brought(place: Place) {
    let host = Host::with_table(&place).await;
    let (db, trips, _) = start(&host, false).await;
    db.close().await;
    let (db, trips_then, pages) = start(&host, true).await;
    assert_eq!((trips_then, pages), (trips, 1));
    db.close().await;
    let (db, trips_then, pages) = start(&host, false).await;
    assert_eq!((trips_then, pages), (trips, 1));
    db.close().await;
}
