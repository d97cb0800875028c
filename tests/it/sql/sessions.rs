//! Sessions and changesets on a store that fails: what was lost is in no changeset, what was committed is, and a failed
//! call changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use batondb::database::{
    Answer, Call, ChangeForm, Changes, Conflict, DatabaseError, Decide, NotRun, ReadOnlyOptions, Resolution,
};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};

use super::support::{Db, Draw, Host, NO_DEADLINE_MS};
use crate::support::{Place, on_every_backend};

on_every_backend!(
    a_changeset_has_what_was_committed_and_nothing_of_what_was_lost,
    a_read_that_fails_ends_neither_the_session_nor_the_database,
    a_session_of_a_reader_outlives_a_read_that_fails,
);

const SEEDS: u64 = 12;
const WRITES: u64 = 40;

/// Gives up at the first conflict.
#[derive(Debug)]
struct Strict;

impl Decide for Strict {
    fn takes(&self, _: &str) -> Result<bool, NotRun> {
        Ok(true)
    }

    fn resolve(&self, _: Conflict) -> Result<Resolution, NotRun> {
        Ok(Resolution::Abort)
    }
}

async fn record(db: &Db, database: &str) -> u32 {
    let call = Changes::Record(database.to_owned(), None);
    let Answer::Recording(id) = db.call(Call::Changes(call)).await.unwrap() else { panic!("no number") };
    id
}

async fn recorded(db: &Db, id: u32) -> Result<Vec<u8>, DatabaseError> {
    let answer = db.call(Call::Changes(Changes::Recorded(id, ChangeForm::Changeset))).await?;
    let Answer::Rows(mut bytes) = answer else { panic!("no bytes") };
    Ok(bytes.pop().unwrap())
}

async fn apply(db: &Db, bytes: Vec<u8>) -> Result<bool, DatabaseError> {
    let answer = db.call(Call::Changes(Changes::Apply(bytes, Box::new(Strict)))).await?;
    let Answer::Applied(applied) = answer else { panic!("not told") };
    Ok(applied)
}

const TABLE: &str = "CREATE TABLE t(n INTEGER PRIMARY KEY, c TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
    INSERT INTO t SELECT i, hex(zeroblob(100)) FROM n";

/// A host whose operation of this number from now on fails, 0 for none, and the number.
async fn failing(place: &Place) -> (Host, Arc<AtomicI64>) {
    let left = Arc::new(AtomicI64::new(0));
    let switch = Arc::clone(&left);
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |_| {
        (switch.fetch_sub(1, Ordering::SeqCst) == 1).then_some(Fault::Unavailable)
    });
    (Host::new(Arc::new(kv), 0).await, left)
}

async fn a_changeset_has_what_was_committed_and_nothing_of_what_was_lost(place: Place) {
    let (mut done, mut failed) = (0, 0);
    for seed in 1..=SEEDS {
        let place = place.afresh();
        let faults = Arc::new(AtomicU64::new(0));
        let switch = Arc::clone(&faults);
        let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
            let chance = Draw::new(seed ^ operation.number.wrapping_mul(0x9E37_79B9)).below(20);
            match switch.load(Ordering::SeqCst) * (chance + 1) {
                1..=2 => Some(Fault::LostAfter),
                3..=4 => Some(Fault::LostBefore),
                5..=7 => Some(Fault::Unavailable),
                _ => None,
            }
        });
        let host = Host::new(Arc::new(kv), 64 << 10).await;
        let (db, copy) = (host.open("a").await, host.open("copy").await);
        for each in [&db, &copy] {
            each.exec(TABLE).await.unwrap();
        }
        let session = record(&db, "main").await;
        let mut draw = Draw::new(seed);
        faults.store(1, Ordering::SeqCst);
        for _ in 0..WRITES {
            let (n, other) = (draw.below(450), draw.below(450));
            let sql = match draw.below(4) {
                0 => format!("INSERT OR REPLACE INTO t VALUES ({n}, 'new {other}')"),
                1 => format!("DELETE FROM t WHERE n BETWEEN {n} AND {n} + 3"),
                2 => format!("UPDATE OR IGNORE t SET n = {other} WHERE n = {n}"),
                _ => format!(
                    "BEGIN; UPDATE t SET c = c || {other} WHERE n = {n}; DELETE FROM t WHERE n = {other}; COMMIT"
                ),
            };
            let ended = db.exec(&sql).await;
            *(if ended.is_ok() { &mut done } else { &mut failed }) += 1;
            if db.database.is_transaction() {
                let _ = db.exec("ROLLBACK").await;
            }
        }
        faults.store(0, Ordering::SeqCst);
        // Finds out what became of a lost answer.
        let rows = db.all("SELECT * FROM t", &[]).await.unwrap().rows;
        let changeset = recorded(&db, session).await.unwrap();
        assert_eq!(apply(&copy, changeset).await, Ok(true), "seed {seed}");
        assert_eq!(copy.all("SELECT * FROM t", &[]).await.unwrap().rows, rows, "seed {seed}");
        assert_eq!(host.open("a").await.all("SELECT * FROM t", &[]).await.unwrap().rows, rows, "seed {seed}");
    }
    assert!(done > 100 && failed > 20, "{done} done, {failed} failed");
}

async fn a_read_that_fails_ends_neither_the_session_nor_the_database(place: Place) {
    let (host, left) = failing(&place).await;
    let (db, copy) = (host.open("a").await, host.open("copy").await);
    for each in [&db, &copy] {
        each.exec(TABLE).await.unwrap();
        each.exec("PRAGMA cache_size = 2").await.unwrap();
    }
    let session = record(&db, "main").await;
    db.exec("UPDATE t SET c = n WHERE n % 3 = 0; DELETE FROM t WHERE n % 5 = 0").await.unwrap();
    let rows = db.all("SELECT * FROM t", &[]).await.unwrap().rows;
    let before = copy.all("SELECT * FROM t", &[]).await.unwrap().rows;
    let changeset = recorded(&db, session).await.unwrap();
    let mut failures = 0;
    for number in 1..=12 {
        left.store(number, Ordering::SeqCst);
        let again = recorded(&db, session).await;
        left.store(0, Ordering::SeqCst);
        if let Err(error) = again {
            assert!(matches!(error, DatabaseError::Store(_)), "{error:?}");
            failures += 1;
        }
        assert_eq!(recorded(&db, session).await.unwrap(), changeset);

        left.store(number, Ordering::SeqCst);
        let applied = apply(&copy, changeset.clone()).await;
        left.store(0, Ordering::SeqCst);
        let now = copy.all("SELECT * FROM t", &[]).await.unwrap().rows;
        match applied {
            Ok(true) => {
                assert_eq!(now, rows);
                copy.exec("DROP TABLE t").await.unwrap();
                copy.exec(TABLE).await.unwrap();
            }
            other => {
                assert!(matches!(other, Err(DatabaseError::Store(_))), "{other:?}");
                assert_eq!(now, before);
                failures += 1;
            }
        }
    }
    assert!(failures >= 8, "{failures}");
    assert_eq!(apply(&copy, changeset).await, Ok(true));
}

async fn a_session_of_a_reader_outlives_a_read_that_fails(place: Place) {
    let owner = Host::at(&place).await.open("a").await;
    owner.exec(&tables(0)).await.unwrap();
    let (host, left) = failing(&place).await;
    let options = ReadOnlyOptions {
        read_ahead: true,
        queue_max: 100,
        transaction_timeout_ms: NO_DEADLINE_MS,
        may_block: true,
    };
    let reader = host.open_read_only("a", &options).await.unwrap();
    reader.exec("CREATE TEMP TABLE mine(n INTEGER PRIMARY KEY)").await.unwrap();
    let session = record(&reader, "temp").await;
    reader.exec("INSERT INTO mine VALUES (1), (2)").await.unwrap();
    let changeset = recorded(&reader, session).await.unwrap();
    let mut failures = 0;
    for number in 1..=12 {
        // The schema has many pages, and all of them are new.
        owner.exec(&tables(number)).await.unwrap();
        left.store(number, Ordering::SeqCst);
        failures += u32::from(recorded(&reader, session).await.is_err());
        left.store(0, Ordering::SeqCst);
        assert_eq!(recorded(&reader, session).await.unwrap(), changeset);
    }
    assert!(failures > 0);
}

/// Tables whose schema takes many pages.
fn tables(version: i64) -> String {
    let table = |n: u32| {
        let comment = "x".repeat(900);
        format!("DROP TABLE IF EXISTS t{n}; CREATE TABLE t{n}(a, v{version} /* {comment} */);")
    };
    format!("BEGIN; {} COMMIT", (0..40).map(table).collect::<String>())
}
