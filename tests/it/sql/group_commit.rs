//! Calls in flight on one database share commits, and no answer leaves before all that it has seen is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use batondb::database::{Answer, Call, DatabaseError, Kind};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::kv::metered::MeteredKv;
use futures::channel::oneshot::Receiver;
use libsqlite3_sys as ffi;

use super::support::{Db, Draw, Host, Value, code_of, dump, plain, run, store_error};
use crate::support::{Place, on_every_backend};

on_every_backend!(
    calls_in_flight_share_two_commits,
    no_answer_leaves_before_what_it_has_seen_is_durable,
    a_long_read_behind_a_write_does_not_delay_its_answer,
    what_was_sealed_is_lost_with_its_commit_and_the_database_goes_on,
    temporary_tables_keep_what_a_lost_transaction_did_to_them,
    a_transaction_open_above_lost_ones_is_over,
    an_iteration_above_lost_transactions_ends_with_their_error,
    a_fence_ends_all_that_is_sealed_and_the_database,
    of_a_commit_in_doubt_only_its_own_calls_are_in_doubt,
    more_than_may_gather_waits_and_loses_nothing,
    a_transaction_too_large_for_memory_comes_behind_what_is_sealed,
    closing_answers_when_all_is_durable,
    databases_that_shrink_and_grow_in_one_commit_are_sound,
    merged_commits_leave_what_single_ones_would,
);

const WELL: u8 = 0;
/// The next transaction that writes waits for its release, and then goes well or does not.
const HOLD: u8 = 1;
const LOSE_AFTER: u8 = 2;
const LOSE_BEFORE: u8 = 3;
const DOWN: u8 = 4;
const FULL: u8 = 5;

type Told = Receiver<Result<Answer, DatabaseError>>;

/// A store that holds a commit back when it is asked to, counts, and fails as a switch says.
struct Store {
    host: Host,
    db: Db,
    gate: Arc<FaultyKv>,
    hold: Arc<AtomicU8>,
    after: Arc<AtomicU8>,
    meter: Arc<MeteredKv>,
}

impl Store {
    async fn new(place: &Place) -> Self {
        Self::with(place, "CREATE TABLE t(n INTEGER PRIMARY KEY, c)").await
    }

    async fn with(place: &Place, schema: &str) -> Self {
        let meter = Arc::new(MeteredKv::new(place.kv()));
        let [hold, after] = [WELL, WELL].map(|state| Arc::new(AtomicU8::new(state)));
        let switch = Arc::clone(&after);
        let faulty =
            FaultyKv::new(Arc::clone(&meter) as Arc<dyn Kv>, Arc::new(SystemEnv), move |operation| {
                let fault = match switch.load(Ordering::SeqCst) {
                    LOSE_AFTER if operation.writes => Fault::LostAfter,
                    LOSE_BEFORE if operation.writes => Fault::LostBefore,
                    FULL if operation.writes => return Some(Fault::Full),
                    DOWN => return Some(Fault::Unavailable),
                    _ => return None,
                };
                switch.store(DOWN, Ordering::SeqCst);
                Some(fault)
            });
        let switch = Arc::clone(&hold);
        let gate = Arc::new(FaultyKv::new(Arc::new(faulty), Arc::new(SystemEnv), move |operation| {
            let holds = operation.writes
                && switch.compare_exchange(HOLD, WELL, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            holds.then_some(Fault::HoldBefore)
        }));
        let host = Host::new(Arc::clone(&gate) as Arc<dyn Kv>, 8 << 20).await;
        let db = host.open("a").await;
        db.exec(schema).await.unwrap();
        host.engine.idle().await;
        Self { host, db, gate, hold, after, meter }
    }

    /// Submits a write whose commit is held back, and waits until it is.
    async fn hold(&self, write: Call) -> Told {
        self.hold.store(HOLD, Ordering::SeqCst);
        let told = self.db.submit(0, write);
        self.gate.held(1).await;
        told
    }

    /// Waits until every earlier call has run, whether or not it was answered.
    async fn all_have_run(&self) {
        // The beginning of a transaction shows nothing, so its answer waits for nothing.
        let tx = self.db.begin().await.unwrap();
        drop(tx.submit(0, Call::End(false)));
    }

    /// Lets the commit that is held begin.
    fn release(&self, then: u8) {
        self.after.store(then, Ordering::SeqCst);
        self.gate.release();
    }

    async fn numbers(&self) -> Vec<Value> {
        self.db.all("SELECT n FROM t ORDER BY n", &[]).await.unwrap().rows.concat()
    }

    async fn is_sound(&self) {
        assert_eq!(self.db.value("PRAGMA integrity_check").await.unwrap(), Value::Text("ok".to_owned()));
    }
}

fn insert(n: i64) -> Call {
    run(Kind::Run, "INSERT INTO t VALUES (?, 'row')", &[n.into()])
}

fn integers(numbers: impl IntoIterator<Item = i64>) -> Vec<Value> {
    numbers.into_iter().map(Value::Integer).collect()
}

async fn code(told: Told) -> &'static str {
    store_error(told.await.unwrap().unwrap_err()).code()
}

async fn calls_in_flight_share_two_commits(place: Place) {
    let store = Store::new(&place).await;
    let before = store.db.stats();
    store.meter.take();
    let first = store.hold(insert(1)).await;
    let others: Vec<Told> = (2..=50).map(|n| store.db.submit(0, insert(n))).collect();
    store.all_have_run().await;
    store.release(WELL);
    for told in [first].into_iter().chain(others) {
        told.await.unwrap().unwrap();
    }
    let after = store.db.stats();
    assert_eq!((after.commits - before.commits, after.transactions - before.transactions), (2, 50));
    store.host.engine.idle().await;
    assert_eq!(store.meter.take().transactions, 2);
    assert_eq!(store.numbers().await, integers(1..=50));
    // Another owner finds the same.
    let other = Host::at(&place).await.open("a").await;
    assert_eq!(other.integer("SELECT count(*) FROM t").await, 50);
}

async fn no_answer_leaves_before_what_it_has_seen_is_durable(place: Place) {
    let store = Store::new(&place).await;
    store.db.call(insert(0)).await.unwrap();
    let seen_nothing = store.db.integer("SELECT count(*) FROM t").await;
    assert_eq!(seen_nothing, 1);
    let write = store.hold(insert(1)).await;
    let read = store.db.submit(0, run(Kind::All, "SELECT count(*) FROM t", &[]));
    let twice = store.db.submit(0, insert(1));
    let described = store.db.submit(0, Call::Describe("SELECT n FROM t".to_owned()));
    let later = store.db.submit(0, insert(2));
    store.all_have_run().await;
    let mut all = [write, read, twice, described, later];
    for told in &mut all {
        assert_eq!(told.try_recv(), Ok(None), "an answer has left before its commit");
    }
    store.release(WELL);
    let [write, read, twice, described, later] = all;
    write.await.unwrap().unwrap();
    let Ok(Answer::Rows(_)) = read.await.unwrap() else { panic!("the read failed") };
    assert_eq!(code_of(&twice.await.unwrap().unwrap_err()), ffi::SQLITE_CONSTRAINT_PRIMARYKEY);
    described.await.unwrap().unwrap();
    later.await.unwrap().unwrap();
    assert_eq!(store.numbers().await, integers(0..=2));
}

async fn a_long_read_behind_a_write_does_not_delay_its_answer(place: Place) {
    let store = Store::new(&place).await;
    let forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n, t";
    let write = store.db.submit(0, insert(1));
    let read = store.db.submit(7, run(Kind::All, forever, &[]));
    write.await.unwrap().unwrap();
    store.db.database.cancel(7);
    assert!(matches!(read.await.unwrap(), Err(DatabaseError::Aborted(_))));
}

async fn what_was_sealed_is_lost_with_its_commit_and_the_database_goes_on(place: Place) {
    for (how, expected) in [(DOWN, "ERR_UNAVAILABLE"), (FULL, "ERR_QUOTA_EXCEEDED")] {
        let place = place.afresh();
        let store = Store::new(&place).await;
        store.db.call(insert(0)).await.unwrap();
        let held = store.hold(insert(1)).await;
        // A table that SQLite believes in, and rows enough for several pages.
        let table = store.db.submit(0, run(Kind::Run, "CREATE TABLE u(a)", &[]));
        let rows = store.db.submit(0, run(Kind::Run, "INSERT INTO u VALUES (zeroblob(20000))", &[]));
        let read = store.db.submit(0, run(Kind::All, "SELECT * FROM u", &[]));
        store.all_have_run().await;
        store.release(how);
        for told in [held, table, rows, read] {
            assert_eq!(code(told).await, expected);
        }
        store.after.store(WELL, Ordering::SeqCst);
        assert_eq!(store.numbers().await, integers([0]));
        let error = store.db.all("SELECT * FROM u", &[]).await.unwrap_err();
        assert_eq!(code_of(&error), ffi::SQLITE_ERROR, "{error}");
        store.db.exec("CREATE TABLE u(a, b); INSERT INTO u VALUES (1, 2)").await.unwrap();
        store.db.call(insert(7)).await.unwrap();
        assert_eq!(store.numbers().await, integers([0, 7]));
        store.is_sound().await;
    }
}

async fn temporary_tables_keep_what_a_lost_transaction_did_to_them(place: Place) {
    let store = Store::new(&place).await;
    store.db.exec("CREATE TEMP TABLE k(n)").await.unwrap();
    let both =
        ["INSERT INTO t VALUES (1, 'x')", "INSERT INTO k VALUES (1)"].map(|sql| (sql.to_owned(), None));
    let held = store.hold(Call::Batch(both.to_vec())).await;
    store.release(DOWN);
    assert_eq!(code(held).await, "ERR_UNAVAILABLE");
    store.after.store(WELL, Ordering::SeqCst);
    assert_eq!(store.numbers().await, []);
    // They are not part of the database, and SQLite considers the transaction committed.
    assert_eq!(store.db.integer("SELECT count(*) FROM temp.k").await, 1);
}

async fn a_transaction_open_above_lost_ones_is_over(place: Place) {
    let store = Store::new(&place).await;
    let held = store.hold(insert(1)).await;
    let tx = store.db.begin().await.unwrap();
    let inside = tx.submit(0, insert(2));
    let nested = tx.begin().await.unwrap();
    let outside = store.db.submit(0, insert(3));
    store.release(DOWN);
    assert_eq!(code(held).await, "ERR_UNAVAILABLE");
    assert_eq!(code(inside).await, "ERR_UNAVAILABLE");
    store.after.store(WELL, Ordering::SeqCst);
    for over in [nested.call(insert(4)).await, tx.call(insert(5)).await, tx.call(Call::End(true)).await] {
        let error = over.unwrap_err();
        assert!(matches!(error, DatabaseError::Store(_) | DatabaseError::Closed(_)), "{error:?}");
    }
    // It came after the transaction, and may have met a store that was still down.
    let counts = outside.await.unwrap().is_ok();
    let expected = if counts { integers([3]) } else { Vec::new() };
    assert_eq!(store.numbers().await, expected);
    store.is_sound().await;
}

async fn an_iteration_above_lost_transactions_ends_with_their_error(place: Place) {
    let store = Store::new(&place).await;
    let fill = "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 5000)
                INSERT INTO t SELECT n, hex(zeroblob(50)) FROM i";
    store.db.run(fill, &[]).await.unwrap();
    let chunk = store.db.iterate("SELECT n, c FROM t").await.unwrap();
    assert_ne!(chunk.cursor, 0);
    let held = store.hold(insert(9_000)).await;
    store.release(DOWN);
    assert_eq!(code(held).await, "ERR_UNAVAILABLE");
    store.after.store(WELL, Ordering::SeqCst);
    let error = store.db.fetch(chunk.cursor).await.unwrap_err();
    assert_eq!(store_error(error).code(), "ERR_UNAVAILABLE");
    assert_eq!(store.db.integer("SELECT count(*) FROM t").await, 5_000);
}

async fn a_fence_ends_all_that_is_sealed_and_the_database(place: Place) {
    let store = Store::new(&place).await;
    let held = store.hold(insert(1)).await;
    let behind = store.db.submit(0, insert(2));
    let read = store.db.submit(0, run(Kind::All, "SELECT * FROM t", &[]));
    store.all_have_run().await;
    let other = Host::at(&place).await.open("a").await;
    store.release(WELL);
    for told in [held, behind, read] {
        assert_eq!(code(told).await, "ERR_FENCE_MISMATCH");
    }
    let error = store.db.all("SELECT 1", &[]).await.unwrap_err();
    assert_eq!(store_error(error).code(), "ERR_FENCE_MISMATCH");
    assert_eq!(other.integer("SELECT count(*) FROM t").await, 0);
    store.db.close().await;
}

async fn of_a_commit_in_doubt_only_its_own_calls_are_in_doubt(place: Place) {
    for (how, lands) in [(LOSE_AFTER, true), (LOSE_BEFORE, false)] {
        let place = place.afresh();
        let store = Store::new(&place).await;
        let held = store.hold(insert(1)).await;
        let behind = store.db.submit(0, insert(2));
        let read = store.db.submit(0, run(Kind::All, "SELECT * FROM t", &[]));
        store.all_have_run().await;
        store.release(how);
        assert_eq!(code(held).await, "ERR_COMMIT_UNKNOWN");
        assert_eq!(code(behind).await, "ERR_UNAVAILABLE");
        assert_eq!(code(read).await, "ERR_UNAVAILABLE");
        // Nothing is read or written on a guess.
        let error = store.db.all("SELECT 1", &[]).await.unwrap_err();
        assert_eq!(store_error(error).code(), "ERR_UNAVAILABLE");
        store.after.store(WELL, Ordering::SeqCst);
        let expected = if lands { vec![1] } else { vec![] };
        assert_eq!(store.numbers().await, integers(expected.clone()));
        store.db.call(insert(3)).await.unwrap();
        assert_eq!(store.numbers().await, integers(expected.into_iter().chain([3])));
        store.is_sound().await;
    }
}

async fn more_than_may_gather_waits_and_loses_nothing(place: Place) {
    let store = Store::new(&place).await;
    let before = store.db.stats();
    let held = store.hold(insert(0)).await;
    let many: Vec<Told> = (1..=600).map(|n| store.db.submit(0, insert(n))).collect();
    let large = run(Kind::Run, "INSERT INTO t VALUES (?, randomblob(700000))", &[1_000.into()]);
    let larger = run(Kind::Run, "INSERT INTO t VALUES (?, randomblob(700000))", &[1_001.into()]);
    let two = [store.db.submit(0, large), store.db.submit(0, larger)];
    store.release(WELL);
    for told in [held].into_iter().chain(many).chain(two) {
        told.await.unwrap().unwrap();
    }
    let after = store.db.stats();
    assert_eq!(after.transactions - before.transactions, 603);
    let commits = after.commits - before.commits;
    assert!(commits >= 4, "{commits} commits for more than may gather in three");
    assert_eq!(store.db.integer("SELECT count(*) FROM t").await, 603);
    store.is_sound().await;
}

async fn a_transaction_too_large_for_memory_comes_behind_what_is_sealed(place: Place) {
    let store = Store::new(&place).await;
    let held = store.hold(insert(1)).await;
    let behind = store.db.submit(0, insert(2));
    let large = store.db.submit(0, run(Kind::Run, "INSERT INTO t VALUES (3, randomblob(12000000))", &[]));
    let last = store.db.submit(0, insert(4));
    store.release(WELL);
    for told in [held, behind, large, last] {
        told.await.unwrap().unwrap();
    }
    assert_eq!(store.numbers().await, integers(1..=4));
    store.is_sound().await;
    // And one that finds what is sealed lost.
    let held = store.hold.compare_exchange(WELL, HOLD, Ordering::SeqCst, Ordering::SeqCst);
    assert!(held.is_ok());
    let held = store.db.submit(0, insert(5));
    store.gate.held(2).await;
    let large = store.db.submit(0, run(Kind::Run, "INSERT INTO t VALUES (6, randomblob(12000000))", &[]));
    store.release(DOWN);
    assert_eq!(code(held).await, "ERR_UNAVAILABLE");
    assert_eq!(code(large).await, "ERR_UNAVAILABLE");
    store.after.store(WELL, Ordering::SeqCst);
    assert_eq!(store.numbers().await, integers(1..=4));
    store.is_sound().await;
}

async fn closing_answers_when_all_is_durable(place: Place) {
    let store = Store::new(&place).await;
    let held = store.hold(insert(1)).await;
    let behind = store.db.submit(0, insert(2));
    let mut closed = store.db.submit(0, Call::Close);
    while store.db.stats().memory_bytes > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(closed.try_recv(), Ok(None), "closed before all was durable");
    store.release(WELL);
    held.await.unwrap().unwrap();
    behind.await.unwrap().unwrap();
    assert_eq!(closed.await.unwrap(), Ok(Answer::Done));
    let other = Host::at(&place).await.open("a").await;
    assert_eq!(other.integer("SELECT count(*) FROM t").await, 2);
}

async fn databases_that_shrink_and_grow_in_one_commit_are_sound(place: Place) {
    let schema = "PRAGMA auto_vacuum = full; CREATE TABLE t(n INTEGER PRIMARY KEY, c)";
    let store = Store::with(&place, schema).await;
    for n in 1..=6 {
        store.db.run("INSERT INTO t VALUES (?, randomblob(30000))", &[n.into()]).await.unwrap();
    }
    let held = store.hold(insert(100)).await;
    let mut told = Vec::new();
    for n in 1..=6_i64 {
        // Cut off, and grown again by less and by more.
        let bytes = [9_000, 60_000][usize::try_from(n % 2).unwrap()];
        told.push(store.db.submit(0, run(Kind::Run, "DELETE FROM t WHERE n = ?", &[n.into()])));
        let params = [(10 + n).into(), Value::Integer(bytes)];
        told.push(store.db.submit(0, run(Kind::Run, "INSERT INTO t VALUES (?, randomblob(?))", &params)));
    }
    store.all_have_run().await;
    store.release(WELL);
    for told in [held].into_iter().chain(told) {
        told.await.unwrap().unwrap();
    }
    store.is_sound().await;
    let other = Host::new(place.kv(), 0).await.open("a").await;
    assert_eq!(other.value("PRAGMA integrity_check").await.unwrap(), Value::Text("ok".to_owned()));
    assert_eq!(other.integer("SELECT count(*) FROM t").await, 7);
}

/// Random transactions, all in flight at once, on a store that fails now and then: what is acknowledged is what a
/// plain file holds on which only that was run.
async fn merged_commits_leave_what_single_ones_would(place: Place) {
    let files = tempfile::tempdir().unwrap();
    let (mut merged, mut refused) = (0, 0);
    for seed in 1..=20 {
        let place = place.afresh();
        let mut draw = Draw::new(seed);
        let vacuum = draw.of(&["none", "full"]);
        let schema = format!(
            "PRAGMA auto_vacuum = {vacuum}; CREATE TABLE t(n INTEGER PRIMARY KEY, c); CREATE INDEX tc ON t(c)"
        );
        let store = Store::with(&place, &schema).await;
        let file = rusqlite::Connection::open_in_memory().unwrap();
        file.execute_batch(&schema).unwrap();
        for _ in 0..6 {
            let scripts: Vec<String> = (0..draw.below(12) + 4).map(|_| script(&mut draw)).collect();
            let fails = draw.below(3) == 0;
            store.after.store(if fails { DOWN } else { WELL }, Ordering::SeqCst);
            let told: Vec<Told> = scripts
                .iter()
                .map(|sql| store.db.submit(0, Call::Run(Kind::Exec, (sql.clone(), None))))
                .collect();
            let mut was_refused = false;
            for (sql, told) in scripts.iter().zip(told) {
                match told.await.unwrap() {
                    Ok(_) => {
                        file.execute_batch(sql).unwrap();
                    }
                    Err(DatabaseError::Store(error)) => {
                        assert_eq!(error.code(), "ERR_UNAVAILABLE", "seed {seed}");
                        was_refused = true;
                    }
                    Err(other) => panic!("seed {seed}: {sql}: {other:?}"),
                }
            }
            refused += u64::from(was_refused);
            assert!(fails || !was_refused, "seed {seed}");
            store.after.store(WELL, Ordering::SeqCst);
            let rows = "SELECT n, c FROM t ORDER BY n";
            let ours = store.db.all(rows, &[]).await.unwrap().rows;
            assert_eq!(ours, plain(&file, rows, &[]).unwrap(), "seed {seed}");
        }
        let stats = store.db.stats();
        merged += stats.transactions - stats.commits;
        let exported = store.host.exported("a", &files.path().join(format!("{seed}.sqlite"))).await;
        assert_eq!(dump(&exported), dump(&file), "seed {seed}");
    }
    println!("{merged} transactions came with others, {refused} rounds were refused");
    assert!(merged > 50 && refused > 10, "{merged} merged, {refused} refused");
}

/// A transaction of one or several statements.
fn script(draw: &mut Draw) -> String {
    let statement = |draw: &mut Draw| {
        let (n, bytes) = (draw.below(40), draw.of(&[10, 300, 9_000, 50_000]));
        match draw.below(5) {
            0 => format!("DELETE FROM t WHERE n >= {n} AND n < {n} + 5"),
            1 => format!("UPDATE t SET c = hex(zeroblob({bytes} / 4)) WHERE n = {n}"),
            _ => format!("INSERT OR REPLACE INTO t VALUES ({n}, zeroblob({bytes}))"),
        }
    };
    match draw.below(3) {
        0 => statement(draw),
        _ => format!("BEGIN; {}; {}; COMMIT", statement(draw), statement(draw)),
    }
}
