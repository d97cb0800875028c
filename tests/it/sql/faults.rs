//! Transactions on a store that conflicts, forgets, fails and loses answers: what was acknowledged is there,
//! what was refused is not, and a connection stays good for the next transaction.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use batondb::database::DatabaseError;
use batondb::engine::StoreError;
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};

use super::support::{Db, Draw, Host, Value, plain};
use crate::support::{Place, on_every_backend};

on_every_backend!(
    acknowledged_transactions_are_there_and_refused_ones_are_not,
    a_transaction_whose_pages_cannot_be_staged_is_undone_and_the_next_one_works,
    a_large_transaction_is_undone_without_the_store,
    a_commit_that_the_store_refuses_leaves_the_connection_usable,
    a_read_that_fails_is_told_as_what_it_was_and_the_next_one_works,
);

const SEEDS: u64 = 24;
const TRANSACTIONS: i64 = 24;

/// What is known of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    In,
    Out,
    Either,
}

struct Script {
    draw: Draw,
    host: Host,
    db: Db,
    known: BTreeMap<i64, Known>,
    log: String,
}

/// Operations go wrong now and then, a few of them for good: above all those that ask what became of a
/// lost answer.
fn fault(seed: u64, number: u64) -> Option<Fault> {
    let draw = |number: u64| Draw::new(seed ^ number.wrapping_mul(0x9E37_79B9)).below(90);
    match draw(number) {
        11..50 if draw(number - 1) < 6 => Some(Fault::Unavailable),
        0..3 => Some(Fault::LostAfter),
        3..6 => Some(Fault::LostBefore),
        6..9 => Some(Fault::Conflict),
        9..11 => Some(Fault::TooOld),
        11..14 => Some(Fault::Unavailable),
        _ => None,
    }
}

async fn acknowledged_transactions_are_there_and_refused_ones_are_not(place: Place) {
    let mut seen = [0; 3];
    for seed in 1..=SEEDS {
        let place = place.afresh();
        let mut script = Script::new(&place, seed).await;
        for number in 1..=TRANSACTIONS {
            script.transaction(number).await;
        }
        for known in script.known.values() {
            seen[*known as usize] += 1;
        }
        script.check(&place).await;
    }
    println!("{} acknowledged, {} refused, {} unknown", seen[0], seen[1], seen[2]);
    assert!(seen[0] > 100 && seen[1] > 20 && seen[2] > 4, "{seen:?}");
}

impl Script {
    async fn new(place: &Place, seed: u64) -> Self {
        let setup = Host::at(place).await;
        let db = setup.open("a").await;
        db.exec(
            "CREATE TABLE one(n INTEGER PRIMARY KEY, c BLOB); CREATE TABLE two(n INTEGER PRIMARY KEY, c BLOB);
             CREATE INDEX two_c ON two(c, n); CREATE VIRTUAL TABLE words USING fts5(body)",
        )
        .await
        .unwrap();
        db.close().await;
        let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
            // The store itself and the first start are not what this is about.
            (operation.number > 4).then(|| fault(seed, operation.number)).flatten()
        });
        let host = Host::new(Arc::new(kv), 64 << 10).await;
        let db = host.open("a").await;
        Self { draw: Draw::new(seed), host, db, known: BTreeMap::new(), log: format!("seed {seed}\n") }
    }

    async fn transaction(&mut self, number: i64) {
        if self.draw.below(12) == 0 {
            self.reopen().await;
        }
        let large = self.draw.below(8) == 0;
        let result =
            if self.draw.below(3) == 0 { self.batch(number).await } else { self.steps(number, large).await };
        writeln!(self.log, "{number}: {result:?}").unwrap();
        let known = match &result {
            Ok(true) => Known::In,
            Err(error) if is_unknown(error) => Known::Either,
            Ok(false) | Err(_) => Known::Out,
        };
        self.known.insert(number, known);
        let fenced = matches!(&result, Err(error) if is_fenced(error));
        assert!(!fenced, "fenced by nobody\n{}", self.log);
        if result.is_err() {
            self.still_reads().await;
        }
    }

    /// The connection shows a state that may be, whatever has just gone wrong.
    async fn still_reads(&mut self) {
        for _ in 0..20 {
            match self.db.all("SELECT n FROM one ORDER BY n", &[]).await {
                Ok(rows) => return self.check_numbers(&rows.rows),
                Err(error) if is_fenced(&error) => return self.reopen().await,
                Err(DatabaseError::Store(StoreError::Unavailable(_))) => {}
                Err(other) => panic!("{other:?}\n{}", self.log),
            }
        }
        panic!("reads go on failing\n{}", self.log);
    }

    fn check_numbers(&self, rows: &[Vec<Value>]) {
        let found: Vec<&Value> = rows.iter().map(|row| &row[0]).collect();
        for (number, known) in &self.known {
            let is_there = found.contains(&&Value::Integer(*number));
            let fits = match known {
                Known::In => is_there,
                Known::Out => !is_there,
                Known::Either => true,
            };
            assert!(fits, "{number} is {known:?}, but found: {is_there}\n{}", self.log);
        }
    }

    async fn reopen(&mut self) {
        for _ in 0..20 {
            match self.host.try_open("a").await {
                Ok(db) => {
                    self.db = db;
                    return;
                }
                Err(DatabaseError::Store(StoreError::Unavailable(_))) => {}
                Err(other) => panic!("{other:?}\n{}", self.log),
            }
        }
        panic!("cannot be opened\n{}", self.log);
    }

    /// Whether it was committed.
    async fn steps(&mut self, number: i64, large: bool) -> Result<bool, DatabaseError> {
        let size = if large { 9 << 20 } else { self.draw.int(30_000) };
        let tx = self.db.begin().await?;
        let rollback = self.draw.below(6) == 0;
        let ended = async {
            tx.run("INSERT INTO one VALUES (?, zeroblob(?))", &[number.into(), size.into()]).await?;
            if large {
                tx.run("UPDATE one SET c = randomblob(length(c)) WHERE n = ?", &[number.into()]).await?;
            }
            tx.run("INSERT INTO words(rowid, body) VALUES (?, 'some words')", &[number.into()]).await?;
            tx.run("INSERT INTO two VALUES (?, randomblob(300))", &[number.into()]).await?;
            tx.run("DELETE FROM one WHERE n < 0", &[]).await
        };
        if let Err(error) = ended.await {
            // It may be rolled back already, and may fail like everything else; nothing may come of it.
            let _ = tx.rollback().await;
            return Err(error);
        }
        if rollback { tx.rollback().await.map(|()| false) } else { tx.commit().await.map(|()| true) }
    }

    async fn batch(&mut self, number: i64) -> Result<bool, DatabaseError> {
        let fails = self.draw.below(5) == 0;
        let last = if fails { "INSERT INTO one VALUES (?, 'twice')" } else { "DELETE FROM two WHERE n = -?" };
        let number = [Value::Integer(number)];
        let answer = self
            .db
            .batch(&[
                ("INSERT INTO one VALUES (?, randomblob(4000))", &number),
                ("INSERT INTO words(rowid, body) VALUES (?, 'batch')", &number),
                ("INSERT INTO two VALUES (?, randomblob(3))", &number),
                (last, &number),
            ])
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(DatabaseError::Batch { error, index }) => {
                if fails && index == 3 && matches!(*error, DatabaseError::Sql(_)) {
                    Ok(false)
                } else {
                    Err(*error)
                }
            }
            Err(other) => Err(other),
        }
    }

    async fn check(&self, place: &Place) {
        let host = Host::at(place).await;
        let db = host.open("a").await;
        let file = tempfile::tempdir().unwrap();
        let exported = host.exported("a", &file.path().join("exported.sqlite")).await;
        let one = plain(&exported, "SELECT n FROM one ORDER BY n", &[]).unwrap();
        assert_eq!(plain(&exported, "SELECT n FROM two ORDER BY n", &[]).unwrap(), one, "{}", self.log);
        assert_eq!(
            plain(&exported, "SELECT rowid FROM words ORDER BY rowid", &[]).unwrap(),
            one,
            "{}",
            self.log
        );
        self.check_numbers(&one);
        assert_eq!(db.all("SELECT n FROM one ORDER BY n", &[]).await.unwrap().rows, one);
    }
}

fn is_unknown(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Store(StoreError::CommitUnknown { .. }))
}

fn is_fenced(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Store(StoreError::FenceMismatch { .. }))
}

/// A host whose store is down while the switch is on.
async fn with_a_switch(place: &Place, cache_bytes: u64) -> (Host, Arc<AtomicBool>, Arc<AtomicU64>) {
    let (down, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (switch, count) = (Arc::clone(&down), Arc::clone(&failed));
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |_| {
        let is_down = switch.load(Ordering::SeqCst);
        count.fetch_add(u64::from(is_down), Ordering::SeqCst);
        is_down.then_some(Fault::Unavailable)
    });
    (Host::new(Arc::new(kv), cache_bytes).await, down, failed)
}

async fn a_transaction_whose_pages_cannot_be_staged_is_undone_and_the_next_one_works(place: Place) {
    let (host, down, failed) = with_a_switch(&place, 0).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, c BLOB); INSERT INTO t VALUES (1, zeroblob(1 << 20))")
        .await
        .unwrap();
    let head = host.head("a").await;
    let tx = db.begin().await.unwrap();
    tx.run("INSERT INTO t VALUES (2, 'small')", &[]).await.unwrap();
    down.store(true, Ordering::SeqCst);
    let error = tx.run("INSERT INTO t VALUES (3, zeroblob(12 << 20))", &[]).await.unwrap_err();
    assert_eq!(super::support::store_error(error).code(), "ERR_UNAVAILABLE");
    assert!(failed.load(Ordering::SeqCst) > 0);
    down.store(false, Ordering::SeqCst);
    // SQLite has rolled back by itself, so the transaction is over for its owner too.
    let over = tx.run("INSERT INTO t VALUES (4, 'outside')", &[]).await.unwrap_err();
    assert!(matches!(over, DatabaseError::Closed(_)), "{over:?}");
    assert_eq!(db.integer("SELECT count(*) FROM t").await, 1);
    db.run("INSERT INTO t VALUES (5, zeroblob(12 << 20))", &[]).await.unwrap();
    assert_eq!(host.head("a").await, host.head("a").await.max(head + 1));
    let file = tempfile::tempdir().unwrap();
    let exported = host.exported("a", &file.path().join("exported.sqlite")).await;
    let rows = plain(&exported, "SELECT n, length(c) FROM t", &[]).unwrap();
    assert_eq!(rows, [[1, 1 << 20], [5, 12 << 20]].map(|row| row.map(Value::Integer).to_vec()));
}

async fn a_large_transaction_is_undone_without_the_store(place: Place) {
    let (host, down, _) = with_a_switch(&place, 64 << 20).await;
    let db = host.open("a").await;
    db.exec(
        "CREATE TABLE t(n INTEGER PRIMARY KEY, c); CREATE TABLE u(n); INSERT INTO u VALUES (7);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO t SELECT i, zeroblob(3900) FROM n",
    )
    .await
    .unwrap();
    // All of it from the store, and so through the cache.
    let db = host.open("a").await;
    let whole = "SELECT sum(length(c)) FROM t WHERE c >= x'00'";
    assert_eq!((db.integer(whole).await, db.integer("SELECT n FROM u").await), (3000 * 3900, 7));
    let head = host.head("a").await;
    down.store(true, Ordering::SeqCst);
    let error = db.run("UPDATE t SET c = zeroblob(3800)", &[]).await.unwrap_err();
    assert_eq!(super::support::store_error(error).code(), "ERR_UNAVAILABLE");
    // The store is still down, but all pages are in memory, and what was written to them is forgotten.
    assert_eq!(db.integer("SELECT n FROM u").await, 7);
    assert_eq!(db.integer(whole).await, 3000 * 3900);
    down.store(false, Ordering::SeqCst);
    db.run("UPDATE t SET c = zeroblob(3700) WHERE n = 1", &[]).await.unwrap();
    assert_eq!((db.integer(whole).await, host.head("a").await > head), (3000 * 3900 - 200, true));
}

async fn a_commit_that_the_store_refuses_leaves_the_connection_usable(place: Place) {
    let (host, down, _) = with_a_switch(&place, 0).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, c)").await.unwrap();
    let head = host.head("a").await;
    for round in 0..3 {
        down.store(true, Ordering::SeqCst);
        let error = db.run("INSERT INTO t VALUES (1, 'no')", &[]).await.unwrap_err();
        assert_eq!(super::support::store_error(error).code(), "ERR_UNAVAILABLE", "round {round}");
        down.store(false, Ordering::SeqCst);
        assert_eq!(db.integer("SELECT count(*) FROM t").await, round);
        assert_eq!(host.head("a").await, head + u64::try_from(round).unwrap());
        db.run("INSERT INTO t VALUES (?, 'yes')", &[Value::Integer(10 + round)]).await.unwrap();
    }
    // The same of a transaction, which is over whether it went well or not.
    let tx = db.begin().await.unwrap();
    tx.run("UPDATE t SET c = 'changed'", &[]).await.unwrap();
    down.store(true, Ordering::SeqCst);
    assert_eq!(super::support::store_error(tx.commit().await.unwrap_err()).code(), "ERR_UNAVAILABLE");
    down.store(false, Ordering::SeqCst);
    assert_eq!(db.integer("SELECT count(*) FROM t WHERE c = 'yes'").await, 3);
}

async fn a_read_that_fails_is_told_as_what_it_was_and_the_next_one_works(place: Place) {
    let (host, down, _) = with_a_switch(&place, 0).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, c); INSERT INTO t VALUES (1, zeroblob(100000))")
        .await
        .unwrap();
    let db = host.open("a").await;
    down.store(true, Ordering::SeqCst);
    for sql in ["SELECT sum(length(hex(c))) FROM t", "INSERT INTO t VALUES (2, 1)", "PRAGMA user_version"] {
        let error = db.all(sql, &[]).await.unwrap_err();
        assert_eq!(super::support::store_error(error).code(), "ERR_UNAVAILABLE", "{sql}");
    }
    down.store(false, Ordering::SeqCst);
    assert_eq!(db.integer("SELECT length(hex(c)) FROM t").await, 200_000);
}
