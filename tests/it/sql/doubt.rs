//! A commit whose answer is lost while the store goes away: the caller hears that nobody knows, and the database goes on
//! by itself once the store is back, from what the store then says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use batondb::database::DatabaseError;
use batondb::engine::StoreError;
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};

use super::support::{Db, Host, Value};
use crate::support::{Place, on_every_backend};

on_every_backend!(
    a_database_goes_on_after_a_commit_that_took_place_unheard,
    a_database_goes_on_after_a_commit_that_was_lost,
    a_later_owner_fences_a_database_in_doubt,
);

const WELL: u8 = 0;
/// The next transaction that writes is lost after, or before, it has taken place, and everything from then on fails.
const LOSE_AFTER: u8 = 1;
const LOSE_BEFORE: u8 = 2;
const DOWN: u8 = 3;

/// A store with a switch.
async fn with_a_switch(place: &Place) -> (Host, Arc<AtomicU8>) {
    let state = Arc::new(AtomicU8::new(WELL));
    let switch = Arc::clone(&state);
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        let state = switch.load(Ordering::SeqCst);
        let lost = match state {
            LOSE_AFTER if operation.writes => Some(Fault::LostAfter),
            LOSE_BEFORE if operation.writes => Some(Fault::LostBefore),
            DOWN => return Some(Fault::Unavailable),
            _ => None,
        };
        if lost.is_some() {
            switch.store(DOWN, Ordering::SeqCst);
        }
        lost
    });
    (Host::new(Arc::new(kv), 64 << 10).await, state)
}

async fn filled(place: &Place) -> (Host, Arc<AtomicU8>, Db) {
    let (host, switch) = with_a_switch(place).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, body TEXT); CREATE VIRTUAL TABLE words USING fts5(body)")
        .await
        .unwrap();
    insert(&db, 1..=20).await.unwrap();
    // SQLite and the page cache know every page.
    assert_eq!(sum(&db).await.unwrap(), 210);
    (host, switch, db)
}

/// Rows enough for the database to grow by some pages.
async fn insert(db: &Db, numbers: std::ops::RangeInclusive<i64>) -> Result<(), DatabaseError> {
    let (first, last) = (*numbers.start(), *numbers.end());
    let sql = format!(
        "BEGIN; WITH RECURSIVE c(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM c WHERE n < {last})
         INSERT INTO t SELECT n, hex(randomblob(700)) FROM c; INSERT INTO words VALUES ('word {first}'); COMMIT"
    );
    db.exec(&sql).await
}

async fn sum(db: &Db) -> Result<i64, DatabaseError> {
    match db.value("SELECT sum(n) FROM t").await? {
        Value::Integer(sum) => Ok(sum),
        other => panic!("a sum is a number, got {other:?}"),
    }
}

async fn is_sound(db: &Db) {
    assert_eq!(db.value("PRAGMA integrity_check").await.unwrap(), Value::Text("ok".to_owned()));
    db.exec("INSERT INTO words(words) VALUES ('integrity-check')").await.unwrap();
}

/// Loses one commit, and lets the database find out.
async fn lose(db: &Db, switch: &AtomicU8, how: u8, numbers: std::ops::RangeInclusive<i64>) {
    switch.store(how, Ordering::SeqCst);
    let error = insert(db, numbers).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Store(StoreError::CommitUnknown { .. })), "{error:?}");
    let error = sum(db).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Store(StoreError::Unavailable(_))), "still away: {error:?}");
    switch.store(WELL, Ordering::SeqCst);
}

async fn a_database_goes_on_after_a_commit_that_took_place_unheard(place: Place) {
    let (host, switch, db) = filled(&place).await;
    // Settings of the connection stay.
    db.exec("PRAGMA foreign_keys = OFF; CREATE TEMP TABLE mine AS SELECT 7 AS n").await.unwrap();
    lose(&db, &switch, LOSE_AFTER, 21..=40).await;
    assert_eq!(sum(&db).await.unwrap(), 820);
    insert(&db, 41..=42).await.unwrap();
    assert_eq!(sum(&db).await.unwrap(), 903);
    assert_eq!(db.integer("SELECT n FROM mine").await, 7);
    assert_eq!(db.integer("PRAGMA foreign_keys").await, 0);
    is_sound(&db).await;
    // One that is too large for memory.
    lose_large(&db, &switch).await;
    assert_eq!(db.integer("SELECT count(*) FROM t").await, 42 + 12_000);
    is_sound(&db).await;
    drop(db);
    let reopened = host.open("a").await;
    assert_eq!(reopened.integer("SELECT count(*) FROM t").await, 42 + 12_000);
    is_sound(&reopened).await;
}

/// A commit of more than four mebibytes, whose end is what is lost.
async fn lose_large(db: &Db, switch: &AtomicU8) {
    let tx = db.begin().await.unwrap();
    tx.exec(
        "WITH RECURSIVE c(n) AS (SELECT 1001 UNION ALL SELECT n + 1 FROM c WHERE n < 13000)
         INSERT INTO t SELECT n, hex(randomblob(400)) FROM c",
    )
    .await
    .unwrap();
    // A last page may still be on its way to the stage: only the end of the commit is to be lost.
    switch.store(LOSE_AFTER, Ordering::SeqCst);
    let error = tx.commit().await.unwrap_err();
    let lost = matches!(error, DatabaseError::Store(StoreError::CommitUnknown { .. }));
    switch.store(WELL, Ordering::SeqCst);
    if !lost {
        // It was a part: the transaction is undone, and made again without a loss.
        let again = db.begin().await.unwrap();
        again
            .exec(
                "WITH RECURSIVE c(n) AS (SELECT 1001 UNION ALL SELECT n + 1 FROM c WHERE n < 13000)
                 INSERT INTO t SELECT n, hex(randomblob(400)) FROM c",
            )
            .await
            .unwrap();
        again.commit().await.unwrap();
    }
}

async fn a_database_goes_on_after_a_commit_that_was_lost(place: Place) {
    let (host, switch, db) = filled(&place).await;
    for round in 0..3 {
        lose(&db, &switch, LOSE_BEFORE, 21..=40).await;
        assert_eq!(sum(&db).await.unwrap(), 210, "round {round}");
    }
    insert(&db, 21..=40).await.unwrap();
    assert_eq!(sum(&db).await.unwrap(), 820);
    is_sound(&db).await;
    drop(db);
    assert_eq!(sum(&host.open("a").await).await.unwrap(), 820);
}

async fn a_later_owner_fences_a_database_in_doubt(place: Place) {
    let (_host, switch, db) = filled(&place).await;
    switch.store(LOSE_AFTER, Ordering::SeqCst);
    insert(&db, 21..=40).await.unwrap_err();
    let other = Host::at(&place).await.open("a").await;
    switch.store(WELL, Ordering::SeqCst);
    for _ in 0..2 {
        let error = sum(&db).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Store(StoreError::FenceMismatch { .. })), "{error:?}");
    }
    assert_eq!(sum(&other).await.unwrap(), 820);
}
