//! Transactions larger than the memory that they may take: 4 MiB of written pages besides SQLite's cache of 2.

use batondb::database::DatabaseError;
use batondb::kv::Kv;
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use std::sync::Arc;

use super::support::{Db, Host, Value, code_of, dump, plain, run, store_error};
use crate::support::{Child, Place, child_arguments, on_every_backend, rows, tell_parent};

on_every_backend!(
    a_transaction_beyond_memory_commits_as_one,
    a_transaction_beyond_memory_that_is_rolled_back_leaves_nothing,
    a_savepoint_beyond_memory_is_undone_and_the_rest_commits,
    an_error_beyond_memory_undoes_what_it_should,
    a_takeover_in_the_middle_ends_a_transaction_beyond_memory,
    a_large_database_is_vacuumed,
    a_database_that_shrinks_gives_its_pages_back,
);

/// Pages of the store that a test of this size writes: 16 MiB, well above the budgets.
const ROWS: i64 = 4_000;

const FILL: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                    INSERT INTO t SELECT i, ?2, hex(zeroblob(1900)) FROM n";

async fn open(place: &Place) -> (Host, Db) {
    let host = Host::at(place).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, tag INT, c); CREATE INDEX t_tag ON t(tag, n)")
        .await
        .unwrap();
    (host, db)
}

async fn fill(db: &Db, rows: i64, tag: i64) -> Result<(), DatabaseError> {
    db.run(FILL, &[rows.into(), tag.into()]).await.map(drop)
}

/// The tags, how often each, once the store's copy is found sound.
async fn tags(host: &Host) -> Vec<Vec<Value>> {
    let files = tempfile::tempdir().unwrap();
    let copy = host.exported("a", &files.path().join("copy.sqlite")).await;
    plain(&copy, "SELECT tag, count(*) FROM t GROUP BY tag ORDER BY tag", &[]).unwrap()
}

fn expected<const N: usize>(tags: [(i64, i64); N]) -> Vec<Vec<Value>> {
    tags.map(|(tag, count)| vec![tag.into(), count.into()]).to_vec()
}

/// What the store holds once everything is tidied up.
async fn settled(host: &Host, place: &Place) -> Vec<(Vec<u8>, Vec<u8>)> {
    host.engine.idle().await;
    rows(&place.kv()).await
}

async fn a_transaction_beyond_memory_commits_as_one(place: Place) {
    let (host, db) = open(&place).await;
    let head = host.head("a").await;
    let tx = db.begin().await.unwrap();
    fill(&tx, ROWS, 0).await.unwrap();
    // Each rewrites all pages, which are in the stage by now, and reads them back.
    for tag in 1..=2 {
        tx.run("UPDATE t SET tag = ?", &[tag.into()]).await.unwrap();
        assert_eq!(tx.integer(&format!("SELECT count(*) FROM t WHERE tag = {tag}")).await, ROWS);
    }
    tx.exec("UPDATE t SET c = c || '!' WHERE n % 7 = 0; DELETE FROM t WHERE n % 5 = 0").await.unwrap();
    assert_eq!(tx.integer("SELECT count(*) FROM t WHERE length(c) > 3800").await, ROWS / 7 - ROWS / 35);
    assert_eq!(host.head("a").await, head);
    tx.commit().await.unwrap();
    assert!(host.head("a").await > head);
    assert_eq!(tags(&host).await, expected([(2, ROWS - ROWS / 5)]));
    // The same from the connection that has written it, and for the next owner.
    let check = async |db: Db| {
        assert_eq!(db.integer("SELECT sum(tag) FROM t").await, 2 * (ROWS - ROWS / 5));
        assert_eq!(db.value("PRAGMA integrity_check").await, Ok("ok".into()));
    };
    check(db).await;
    check(host.open("a").await).await;
}

async fn a_transaction_beyond_memory_that_is_rolled_back_leaves_nothing(place: Place) {
    let (host, db) = open(&place).await;
    fill(&db, 1_500, 1).await.unwrap();
    let (head, before) = (host.head("a").await, settled(&host, &place).await);
    let commits = db.stats().commits;
    for _ in 0..2 {
        let tx = db.begin().await.unwrap();
        tx.run("UPDATE t SET tag = 2, c = c || 'more'", &[]).await.unwrap();
        tx.run("INSERT INTO t SELECT n + 2000, 3, c FROM t", &[]).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!((host.head("a").await, db.stats().commits), (head, commits));
        assert_eq!(db.integer("SELECT sum(tag) FROM t").await, 1_500);
    }
    let after = settled(&host, &place).await;
    let pages = |rows: &[(Vec<u8>, Vec<u8>)]| rows.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    assert_eq!(pages(&after), pages(&before));
    // Only the head has moved on: the txids of the stages are taken.
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert_eq!(changed, 1);
    db.run("UPDATE t SET tag = 4", &[]).await.unwrap();
    assert_eq!(tags(&host).await, expected([(4, 1_500)]));
}

async fn a_savepoint_beyond_memory_is_undone_and_the_rest_commits(place: Place) {
    let (host, db) = open(&place).await;
    fill(&db, 1_000, 1).await.unwrap();
    let tx = db.begin().await.unwrap();
    tx.run("UPDATE t SET tag = 2 WHERE n <= 500", &[]).await.unwrap();
    for _ in 0..2 {
        let inner = tx.begin().await.unwrap();
        inner.run("UPDATE t SET tag = 3, c = c || c", &[]).await.unwrap();
        inner.run("INSERT INTO t SELECT n + 1000, 4, c FROM t", &[]).await.unwrap();
        inner.rollback().await.unwrap();
        assert_eq!(tx.integer("SELECT sum(tag) FROM t").await, 1_500);
    }
    tx.run("INSERT INTO t SELECT n + 1000, 5, c FROM t", &[]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(tags(&host).await, expected([(1, 500), (2, 500), (5, 1_000)]));
    assert_eq!(db.value("PRAGMA integrity_check").await, Ok("ok".into()));
}

async fn an_error_beyond_memory_undoes_what_it_should(place: Place) {
    let (host, db) = open(&place).await;
    fill(&db, 1_000, 1).await.unwrap();
    let head = host.head("a").await;
    // A statement that fails undoes itself, also when its pages are in a stage.
    let double =
        "INSERT INTO t SELECT CASE n WHEN 1 THEN 5000 ELSE n + 1000 END, 2, c || c FROM t ORDER BY n DESC";
    let tx = db.begin().await.unwrap();
    tx.run("INSERT INTO t VALUES (5000, 9, 'small')", &[]).await.unwrap();
    let error = tx.run(double, &[]).await.unwrap_err();
    assert_eq!(code_of(&error) & 0xFF, libsqlite3_sys::SQLITE_CONSTRAINT);
    tx.commit().await.unwrap();
    assert_eq!(tags(&host).await, expected([(1, 1_000), (9, 1)]));
    assert_eq!(
        db.run(double, &[]).await.map_err(|error| code_of(&error) & 0xFF),
        Err(libsqlite3_sys::SQLITE_CONSTRAINT)
    );
    assert_eq!(tags(&host).await, expected([(1, 1_000), (9, 1)]));
    // One that is stopped takes its transaction along.
    let tx = db.begin().await.unwrap();
    tx.run("UPDATE t SET c = c || c", &[]).await.unwrap();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                   INSERT INTO t(tag, c) SELECT 3, zeroblob(100) FROM n";
    // Until one has run: one that only waits leaves the transaction as it is.
    loop {
        let running = tx.submit(7, run(batondb::database::Kind::Run, endless, &[]));
        tokio::task::yield_now().await;
        db.database.cancel(7);
        match running.await.unwrap() {
            Err(DatabaseError::Aborted(message)) if message.contains("interrupted") => break,
            Err(DatabaseError::Aborted(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(tx.commit().await.is_err());
    assert_eq!(tags(&host).await, expected([(1, 1_000), (9, 1)]));
    db.run("DELETE FROM t WHERE tag = 9", &[]).await.unwrap();
    assert_eq!(tags(&host).await, expected([(1, 1_000)]));
    assert!(host.head("a").await > head);
}

async fn a_takeover_in_the_middle_ends_a_transaction_beyond_memory(place: Place) {
    let (host, db) = open(&place).await;
    fill(&db, 500, 1).await.unwrap();
    let other = Host::at(&place).await;
    let tx = db.begin().await.unwrap();
    fill_more(&tx).await.unwrap();
    let new = other.open("a").await;
    let mut error = None;
    for _ in 0..10 {
        if let Err(met) = fill_more(&tx).await {
            error = Some(met);
            break;
        }
    }
    // At the commit at the latest.
    let error = match error {
        Some(error) => error,
        None => tx.commit().await.unwrap_err(),
    };
    assert_eq!(store_error(error).code(), "ERR_FENCE_MISMATCH");
    assert_eq!(store_error(db.all("SELECT 1", &[]).await.unwrap_err()).code(), "ERR_FENCE_MISMATCH");
    assert_eq!(tags(&other).await, expected([(1, 500)]));
    new.run("INSERT INTO t(tag) VALUES (7)", &[]).await.unwrap();
    assert_eq!(tags(&other).await, expected([(1, 500), (7, 1)]));
    other.engine.idle().await;
    host.engine.idle().await;
    // The pages of the stage are gone: what is left is one version a page, and the actor's other rows.
    let pages = usize::try_from(new.integer("PRAGMA page_count").await).unwrap();
    assert!(rows(&place.kv()).await.len() <= pages + 3);
}

async fn fill_more(db: &Db) -> Result<(), DatabaseError> {
    db.run("INSERT INTO t(tag, c) SELECT 2, hex(zeroblob(6000)) FROM t LIMIT 1000", &[]).await.map(drop)
}

async fn a_large_database_is_vacuumed(place: Place) {
    let (host, db) = open(&place).await;
    fill(&db, ROWS, 1).await.unwrap();
    db.run("DELETE FROM t WHERE n % 4 <> 0", &[]).await.unwrap();
    let pages = db.integer("PRAGMA page_count").await;
    // Not inside a transaction, and an error in the middle changes nothing.
    let tx = db.begin().await.unwrap();
    assert!(tx.exec("VACUUM").await.is_err());
    tx.commit().await.unwrap();
    let running = db.submit(7, run(batondb::database::Kind::Exec, "VACUUM", &[]));
    db.database.cancel(7);
    let _ = running.await.unwrap();
    assert_eq!(tags(&host).await, expected([(1, ROWS / 4)]));
    let commits = db.stats().commits;
    db.exec("VACUUM").await.unwrap();
    assert!(db.stats().commits <= commits + 1);
    assert!(db.integer("PRAGMA page_count").await < pages / 3);
    assert_eq!(tags(&host).await, expected([(1, ROWS / 4)]));
    db.exec("PRAGMA auto_vacuum = full; VACUUM; DELETE FROM t WHERE n > 100").await.unwrap();
    assert!(db.integer("PRAGMA page_count").await < 60);
    assert_eq!(tags(&host).await, expected([(1, 25)]));
}

async fn a_database_that_shrinks_gives_its_pages_back(place: Place) {
    let host = Host::at(&place).await;
    let db = host.open("a").await;
    db.exec("PRAGMA auto_vacuum = full; CREATE TABLE t(n INTEGER PRIMARY KEY, tag INT, c)").await.unwrap();
    let empty = settled(&host, &place).await.len();
    for round in 0..2 {
        fill(&db, 2_000, round).await.unwrap();
        assert!(settled(&host, &place).await.len() > 2_000);
        db.run("DELETE FROM t", &[]).await.unwrap();
        assert_eq!(settled(&host, &place).await.len(), empty);
        // Filled and emptied within one transaction.
        let tx = db.begin().await.unwrap();
        fill(&tx, 3_000, round).await.unwrap();
        tx.run("DELETE FROM t WHERE n > 10", &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(tags(&host).await, expected([(round, 10)]));
        db.run("DELETE FROM t", &[]).await.unwrap();
        assert_eq!(settled(&host, &place).await.len(), empty);
    }
    assert_eq!(dump(&host.exported("a", &tempfile::tempdir().unwrap().path().join("copy")).await).len(), 2);
}

/// In the child: one transaction of 64 MiB, inserted and rewritten, with the memory that it took.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_commits_far_more_than_it_keeps() {
    let Some(arguments) = child_arguments() else { return };
    let options = EmbeddedOptions {
        path: (&arguments[0]).into(),
        durability: Durability::Relaxed,
        size_bytes_max: None,
        read_only: false,
        mode: None,
    };
    let kv: Arc<dyn Kv> = Arc::new(EmbeddedKv::open(&options).unwrap());
    let host = Host::new(kv, 2 << 20).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, tag INT, c)").await.unwrap();
    // What a transaction that fits memory takes is not what this is about.
    fill(&db, 2_000, 0).await.unwrap();
    db.run("DELETE FROM t", &[]).await.unwrap();
    let before = peak_kib();
    let tx = db.begin().await.unwrap();
    fill(&tx, 16_000, 1).await.unwrap();
    tx.run("UPDATE t SET tag = 2", &[]).await.unwrap();
    tx.commit().await.unwrap();
    tell_parent(&format!("{}", peak_kib() - before));
    assert_eq!(db.integer("SELECT sum(tag) FROM t").await, 32_000);
    tell_parent("sound");
}

/// The largest resident set so far, without the pages of the map, which the system may drop at any time.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_a_transaction_is_bounded_whatever_its_size() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let name = "sql::large::a_child_that_commits_far_more_than_it_keeps";
    let mut child = Child::start(name, &[store.to_str().unwrap()]);
    let grown: u64 = child.hear().expect("the child commits").parse().unwrap();
    assert_eq!(child.hear().as_deref(), Some("sound"));
    child.finish();
    println!("a transaction of 64 MiB took {} MiB", grown >> 10);
    assert!(grown < 40 << 10, "{grown} KiB");
}
