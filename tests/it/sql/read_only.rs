//! Databases that only read: they take nothing over, follow the actor wherever it goes, and never show two commits
//! in one answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use batondb::database::{Call, DatabaseError, Kind, ReadOnlyOptions};
use batondb::engine::StoreError;
use batondb::kv::metered::MeteredKv;
use libsqlite3_sys as ffi;

use super::support::{Db, Host, NO_DEADLINE_MS, Value, code_of, run, store_error};
use crate::support::{
    Child, Place, across_processes, child_arguments, id, on_every_backend, rows, tell_parent,
};

on_every_backend!(
    nothing_is_written_and_the_owner_goes_on,
    what_would_write_is_refused_and_temporary_tables_are_not,
    each_statement_sees_the_newest_commit_and_a_transaction_sees_one,
    it_follows_takeovers_deletions_and_new_lives,
    it_follows_other_page_sizes_encodings_and_schemas_of_one_cookie,
    what_is_not_finished_does_not_show,
    an_iteration_stays_at_its_head_or_ends,
    sums_are_those_of_one_commit_beside_an_owner_that_never_rests,
    an_unmoved_head_costs_one_read,
);

across_processes!(sums_are_those_of_one_commit_beside_another_process);

const OPTIONS: ReadOnlyOptions = ReadOnlyOptions {
    read_ahead: true,
    queue_max: 1_000,
    transaction_timeout_ms: NO_DEADLINE_MS,
    may_block: false,
};

async fn open(host: &Host, actor: &str) -> Db {
    host.open_read_only(actor, &OPTIONS).await.unwrap()
}

#[track_caller]
fn assert_moved<T: std::fmt::Debug>(answer: Result<T, DatabaseError>) {
    assert_eq!(code_of(&answer.unwrap_err()), ffi::SQLITE_BUSY_SNAPSHOT);
}

/// `rows` rows of about a page each.
async fn fill(db: &Db, rows: i64) {
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, tag INTEGER, c)").await.unwrap();
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
               INSERT INTO t SELECT i, 0, hex(randomblob(1500)) FROM n";
    db.run(sql, &[rows.into()]).await.unwrap();
}

async fn nothing_is_written_and_the_owner_goes_on(place: Place) {
    let (host, other) = (Host::at(&place).await, Host::at(&place).await);
    let missing = other.open_read_only("a", &OPTIONS).await.map(drop).unwrap_err();
    assert!(matches!(store_error(missing), StoreError::NotFound { .. }));
    assert!(host.engine.stat(&id("a")).await.unwrap().is_none());
    let owner = host.open("a").await;
    fill(&owner, 50).await;
    host.engine.idle().await;
    let kv = place.kv();
    let (before, stat) = (rows(&kv).await, host.engine.stat(&id("a")).await.unwrap().unwrap());

    let reader = open(&other, "a").await;
    let opened = reader.database.opened();
    assert_eq!((opened.outcome, opened.meta, opened.pages_preloaded), (None, stat, 0));
    assert_eq!(reader.integer("SELECT count(*) FROM t WHERE c IS NOT NULL").await, 50);
    assert_eq!(reader.value("PRAGMA integrity_check").await, Ok(Value::Text("ok".into())));
    let tx = reader.begin().await.unwrap();
    assert_eq!(tx.integer("SELECT sum(tag) FROM t").await, 0);
    tx.commit().await.unwrap();
    reader.close().await;
    other.engine.idle().await;
    assert_eq!(rows(&kv).await, before);
    assert_eq!(host.engine.stat(&id("a")).await.unwrap().unwrap(), stat);
    owner.run("UPDATE t SET tag = 1", &[]).await.unwrap();
}

async fn what_would_write_is_refused_and_temporary_tables_are_not(place: Place) {
    let host = Host::at(&place).await;
    let owner = host.open("a").await;
    fill(&owner, 5).await;
    let before = host.head("a").await;
    let reader = open(&host, "a").await;
    for sql in [
        "INSERT INTO t(tag) VALUES (1)",
        "UPDATE t SET tag = 1",
        "DELETE FROM t WHERE n = 1 RETURNING n",
        "CREATE TABLE u(a)",
        "DROP TABLE t",
        "PRAGMA user_version = 7",
        "VACUUM",
    ] {
        for kind in [Kind::Run, Kind::All, Kind::Get, Kind::Iterate, Kind::Exec] {
            let refused = reader.call(run(kind, sql, &[])).await.unwrap_err();
            assert_eq!(code_of(&refused) & 0xFF, ffi::SQLITE_READONLY, "{kind:?} {sql}");
        }
    }
    let DatabaseError::Batch { index: 1, error } =
        reader.batch(&[("SELECT 1", &[]), ("DELETE FROM t", &[])]).await.unwrap_err()
    else {
        panic!("the batch names no statement");
    };
    assert_eq!(code_of(&error), ffi::SQLITE_READONLY);
    let tx = reader.begin().await.unwrap();
    assert_eq!(code_of(&tx.run("DELETE FROM t", &[]).await.unwrap_err()), ffi::SQLITE_READONLY);
    assert_eq!(tx.integer("SELECT count(*) FROM t").await, 5);
    tx.commit().await.unwrap();

    reader.exec("CREATE TEMP TABLE mine AS SELECT n FROM t; INSERT INTO mine VALUES (99)").await.unwrap();
    owner.run("DELETE FROM t WHERE n > 3", &[]).await.unwrap();
    let joined = "SELECT count(*) * 10 + (SELECT count(*) FROM t) FROM mine";
    assert_eq!(reader.integer(joined).await, 63);
    assert_eq!(host.head("a").await, before + 1);
    assert_eq!(reader.value("PRAGMA locking_mode").await, Ok(Value::Text("normal".into())));
}

async fn each_statement_sees_the_newest_commit_and_a_transaction_sees_one(place: Place) {
    let (host, other) = (Host::at(&place).await, Host::at(&place).await);
    let owner = host.open("a").await;
    let reader = open(&other, "a").await;
    assert_eq!(reader.integer("SELECT count(*) FROM sqlite_schema").await, 0);
    fill(&owner, 40).await;
    for tag in 1..=3 {
        owner.run("UPDATE t SET tag = ?", &[tag.into()]).await.unwrap();
        assert_eq!(reader.integer("SELECT sum(tag) FROM t").await, 40 * tag);
    }
    owner.exec("ALTER TABLE t ADD COLUMN more DEFAULT 7").await.unwrap();
    assert_eq!(reader.integer("SELECT max(more) FROM t").await, 7);

    let tx = reader.begin().await.unwrap();
    assert_eq!(tx.integer("SELECT sum(tag) FROM t").await, 120);
    owner.run("UPDATE t SET tag = 9", &[]).await.unwrap();
    // SQLite has these pages.
    assert_eq!(tx.integer("SELECT sum(tag) FROM t").await, 120);
    tx.commit().await.unwrap();
    assert_eq!(reader.integer("SELECT sum(tag) FROM t").await, 360);

    let cold = open(&Host::new(place.kv(), 0).await, "a").await;
    let tx = cold.begin().await.unwrap();
    tx.run("CREATE TEMP TABLE mine(a)", &[]).await.unwrap();
    assert_eq!(tx.integer("SELECT tag FROM t WHERE n = 1").await, 9);
    owner.run("UPDATE t SET tag = 1", &[]).await.unwrap();
    assert_moved(tx.all("SELECT sum(tag) FROM t", &[]).await);
    assert!(matches!(tx.all("SELECT 1", &[]).await, Err(DatabaseError::Closed(_))));
    assert_eq!(cold.integer("SELECT count(*) FROM sqlite_temp_schema").await, 0);
    assert_eq!(cold.integer("SELECT sum(tag) FROM t").await, 40);
    // The same with words.
    owner.run("UPDATE t SET tag = 3", &[]).await.unwrap();
    cold.exec("BEGIN; SELECT * FROM t LIMIT 1").await.unwrap();
    owner.run("UPDATE t SET tag = 2", &[]).await.unwrap();
    assert_moved(cold.exec("SELECT sum(tag) FROM t").await);
    assert_eq!(cold.integer("SELECT sum(tag) FROM t").await, 80);
}

async fn it_follows_takeovers_deletions_and_new_lives(place: Place) {
    let (host, other) = (Host::at(&place).await, Host::at(&place).await);
    fill(&host.open("a").await, 40).await;
    let reader = open(&other, "a").await;
    for tag in 1..=3 {
        host.open("a").await.run("UPDATE t SET tag = ?", &[tag.into()]).await.unwrap();
        assert_eq!(reader.integer("SELECT sum(tag) FROM t").await, 40 * tag);
    }
    let tx = reader.begin().await.unwrap();
    assert!(host.engine.delete(&id("a")).await.unwrap());
    tx.commit().await.unwrap();
    for _ in 0..2 {
        let gone = store_error(reader.all("SELECT 1", &[]).await.unwrap_err());
        assert!(matches!(gone, StoreError::NotFound { .. }));
    }
    let next = host.open("a").await;
    assert_eq!(reader.integer("SELECT count(*) FROM sqlite_schema").await, 0);
    fill(&next, 7).await;
    assert_eq!(reader.integer("SELECT count(*) FROM t").await, 7);
}

async fn it_follows_other_page_sizes_encodings_and_schemas_of_one_cookie(place: Place) {
    let directory = tempfile::tempdir().unwrap();
    let (host, other) = (Host::at(&place).await, Host::at(&place).await);
    let import = |name: &'static str, setup: &'static str| {
        let file = directory.path().join(name);
        let plain = rusqlite::Connection::open(&file).unwrap();
        plain.execute_batch(setup).unwrap();
        drop(plain);
        file
    };
    let files = [
        (import("1", "PRAGMA page_size = 1024; CREATE TABLE t(a); INSERT INTO t VALUES ('one')"), "one"),
        // The same change counter and cookie, another table.
        (
            import("2", "PRAGMA page_size = 1024; CREATE TABLE t(b, a); INSERT INTO t VALUES (0, 'two')"),
            "two",
        ),
        (import("3", "PRAGMA page_size = 8192; CREATE TABLE t(a); INSERT INTO t VALUES ('three')"), "three"),
        (
            import("4", "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(a); INSERT INTO t VALUES ('four')"),
            "four",
        ),
        (import("5", "PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES ('five')"), "five"),
    ];
    host.engine.import_from(&id("a"), &files[0].0, true).await.unwrap();
    let reader = open(&other, "a").await;
    let mut draw = super::support::Draw::new(3);
    for round in 0..25 {
        let (file, expected) =
            &files[if round < 5 { round } else { usize::try_from(draw.below(5)).unwrap() }];
        host.engine.import_from(&id("a"), file, true).await.unwrap();
        for _ in 0..2 {
            assert_eq!(reader.value("SELECT a FROM t").await, Ok(Value::Text((*expected).into())), "{round}");
        }
        assert_eq!(reader.value("PRAGMA integrity_check").await, Ok(Value::Text("ok".into())));
    }
}

async fn what_is_not_finished_does_not_show(place: Place) {
    let (host, other) = (Host::at(&place).await, Host::at(&place).await);
    let owner = host.open("a").await;
    fill(&owner, 3).await;
    let reader = open(&other, "a").await;
    let tx = owner.begin().await.unwrap();
    let sql = "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 3100)
               INSERT INTO t SELECT i, 1, hex(randomblob(1500)) FROM n";
    tx.run(sql, &[]).await.unwrap();
    assert_eq!(reader.integer("SELECT count(*) FROM t").await, 3);
    assert_eq!(reader.value("PRAGMA integrity_check").await, Ok(Value::Text("ok".into())));
    tx.commit().await.unwrap();
    assert_eq!(reader.integer("SELECT count(*) FROM t").await, 3_004);
}

async fn an_iteration_stays_at_its_head_or_ends(place: Place) {
    let (host, other) = (Host::at(&place).await, Host::new(place.kv(), 0).await);
    let owner = host.open("a").await;
    fill(&owner, 400).await;
    let reader = open(&other, "a").await;
    let sql = "SELECT tag, c FROM t";
    let (first, second) = (reader.iterate(sql).await.unwrap(), reader.iterate(sql).await.unwrap());
    assert!(first.cursor != 0 && second.cursor != 0, "all rows came at once");
    let left = reader.iterate(sql).await.unwrap();
    owner.run("UPDATE t SET tag = 1", &[]).await.unwrap();
    // Some of it was read ahead, then it ends; what it shows is of its own head.
    let mut ended = false;
    while !ended {
        match reader.fetch(first.cursor).await {
            Ok(more) => {
                assert!(more.cursor != 0, "an iteration was read to its end though its head is gone");
                assert!(more.rows.iter().all(|row| row[0] == Value::Integer(0)));
            }
            Err(error) => {
                assert_eq!(code_of(&error), ffi::SQLITE_BUSY_SNAPSHOT);
                ended = true;
            }
        }
    }
    assert_moved(reader.fetch(second.cursor).await);
    assert!(matches!(reader.fetch(second.cursor).await, Err(DatabaseError::Closed(_))));
    reader.call(Call::CloseCursor(left.cursor)).await.unwrap();
    assert_eq!(reader.integer("SELECT sum(tag) FROM t").await, 400);
}

/// Two tables and one row spread over pages, changed together so that the sum of all is 0.
async fn balance(owner: &Db) {
    owner
        .exec(
            "CREATE TABLE one(n INTEGER PRIMARY KEY, v, c); CREATE TABLE two(n INTEGER PRIMARY KEY, v, c);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
             INSERT INTO one SELECT i, 0, hex(randomblob(1500)) FROM n;
             INSERT INTO two SELECT n, v, c FROM one",
        )
        .await
        .unwrap();
}

async fn shift(owner: &Db, by: i64) {
    let by = [Value::Integer(by)];
    let statements = [("UPDATE one SET v = v + ?", &by[..]), ("UPDATE two SET v = v - ?", &by)];
    owner.batch(&statements).await.unwrap();
}

/// Checks sums until there were so many answers, of at least ten different commits.
async fn check_sums(reader: &Db, wanted: usize) {
    let (mut answered, mut seen) = (0, std::collections::BTreeSet::new());
    let sums = "SELECT (SELECT sum(v) FROM one), (SELECT sum(v) FROM two)";
    while answered < wanted || seen.len() < 10 {
        let pair = match answered % 3 {
            0 => reader.all(sums, &[]).await.map(|answer| answer.rows[0].clone()),
            1 => reader
                .batch(&[("SELECT sum(v) FROM one", &[]), ("SELECT sum(v) FROM two", &[])])
                .await
                .map(|parts| parts.into_iter().map(|mut part| part.rows.remove(0).remove(0)).collect()),
            _ => {
                let tx = reader.begin().await.unwrap();
                let one = tx.all("SELECT sum(v) FROM one", &[]).await;
                let two = tx.all("SELECT sum(v) FROM two", &[]).await;
                match (one, two) {
                    (Ok(mut one), Ok(mut two)) => {
                        tx.commit().await.unwrap();
                        Ok(vec![one.rows.remove(0).remove(0), two.rows.remove(0).remove(0)])
                    }
                    (Err(error), _) | (_, Err(error)) => Err(error),
                }
            }
        };
        match pair {
            Ok(pair) => {
                let [Value::Integer(one), Value::Integer(two)] = pair[..] else { panic!("{pair:?}") };
                assert_eq!(one + two, 0, "an answer mixes two commits");
                seen.insert(one);
                answered += 1;
            }
            Err(DatabaseError::Batch { error, .. }) => {
                assert_eq!(code_of(&error), ffi::SQLITE_BUSY_SNAPSHOT);
            }
            Err(error) => assert_eq!(code_of(&error), ffi::SQLITE_BUSY_SNAPSHOT),
        }
    }
}

async fn sums_are_those_of_one_commit_beside_an_owner_that_never_rests(place: Place) {
    let host = Host::at(&place).await;
    let owner = host.open("a").await;
    balance(&owner).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (stop, owner) = (Arc::clone(&stop), owner.clone());
        async move {
            let mut commits = 0;
            while !stop.load(Ordering::Relaxed) {
                shift(&owner, 1).await;
                commits += 1;
            }
            commits
        }
    });
    for cache_bytes in [0, 8 << 20] {
        let reader = open(&Host::new(place.kv(), cache_bytes).await, "a").await;
        let wanted = place.rounds(150, 30);
        check_sums(&reader, wanted).await;
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() >= 10);
}

#[test]
fn child_that_commits() {
    let Some(arguments) = child_arguments() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let host = Host::at(&Place::at(&arguments[0])).await;
        let owner = host.open("a").await;
        tell_parent("ready");
        loop {
            shift(&owner, 1).await;
        }
    });
}

async fn sums_are_those_of_one_commit_beside_another_process(place: Place) {
    let host = Host::at(&place).await;
    let owner = host.open("a").await;
    balance(&owner).await;
    owner.close().await;
    let reader = open(&host, "a").await;
    for _ in 0..2 {
        // Each takes the actor over, and is killed in the middle of a commit perhaps.
        let mut child = Child::start("sql::read_only::child_that_commits", &[&place.address()]);
        assert_eq!(child.hear().as_deref(), Some("ready"));
        let wanted = place.rounds(60, 15);
        check_sums(&reader, wanted).await;
        child.kill();
    }
}

async fn an_unmoved_head_costs_one_read(place: Place) {
    let host = Host::at(&place).await;
    let owner = host.open("a").await;
    fill(&owner, 40).await;
    let meter = Arc::new(MeteredKv::new(place.kv()));
    let other = Host::new(Arc::clone(&meter) as _, 8 << 20).await;
    meter.take();
    let reader = open(&other, "a").await;
    let opening = meter.take();
    assert_eq!((opening.reads, opening.transactions), (1, 0), "{opening:?}");
    assert_eq!(reader.integer("SELECT sum(tag) FROM t").await, 0);
    meter.take();
    for _ in 0..3 {
        assert_eq!(reader.integer("SELECT sum(tag) FROM t").await, 0);
        let query = meter.take();
        assert_eq!((query.reads, query.gets, query.scans, query.transactions), (1, 2, 0, 0), "{query:?}");
    }
    let tx = reader.begin().await.unwrap();
    for _ in 0..3 {
        tx.integer("SELECT sum(tag) FROM t").await;
    }
    tx.commit().await.unwrap();
    let transaction = meter.take();
    assert_eq!((transaction.reads, transaction.scans), (1, 0), "{transaction:?}");
    owner.run("UPDATE t SET tag = 1 WHERE n = 1", &[]).await.unwrap();
    assert_eq!(reader.integer("SELECT 1").await, 1);
    // The head and page 1 in one read.
    let moved = meter.take();
    assert_eq!((moved.reads, moved.gets, moved.scans), (1, 2, 1), "{moved:?}");
}
