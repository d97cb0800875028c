//! Deferred databases whose commit fails: writes are lost that were answered already. So the database ends, everybody
//! hears why, and it goes on from what is durable once it is opened again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use batondb::database::{Answer, Behavior, Call, DatabaseError, DatabaseOptions, Kind, WriteDurability};
use batondb::engine::StoreError;
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::faulty::{Fault, FaultyKv};

use super::support::{Db, Host, Value, options, run, store_error};
use crate::support::{Place, on_every_backend};

on_every_backend!(
    a_commit_that_took_place_unheard_ends_a_deferred_database,
    a_commit_that_was_lost_ends_a_deferred_database,
    a_full_store_ends_a_deferred_database,
    a_store_that_is_away_ends_a_deferred_database,
    a_loss_that_nobody_heard_of_is_told_at_close,
    a_doubt_that_nobody_heard_of_is_told_at_close,
    a_loss_is_told_to_all_who_wait_for_it,
    a_loss_is_told_to_who_closes_meanwhile,
    a_call_that_is_told_of_a_loss_spares_who_closes,
    a_transaction_above_a_loss_hears_the_same,
    a_large_transaction_above_a_loss_hears_the_same,
    a_large_transaction_in_doubt_ends_no_deferred_database,
);

const WELL: u8 = 0;
/// The next transaction that writes is lost after, or before, it has taken place, and everything from then on fails.
const LOSE_AFTER: u8 = 1;
const LOSE_BEFORE: u8 = 2;
const DOWN: u8 = 3;
/// Nothing can be written.
const FULL: u8 = 4;

/// A store with a switch, and a deferred database on it whose first three rows are durable.
struct Store {
    host: Host,
    db: Db,
    switch: Arc<AtomicU8>,
    /// What holds the next transaction back that writes, before the switch has its say.
    gate: Arc<FaultyKv>,
    hold: Arc<AtomicBool>,
}

fn deferred() -> DatabaseOptions {
    DatabaseOptions { may_block: true, durability: WriteDurability::Deferred, ..options() }
}

impl Store {
    async fn new(place: &Place) -> Self {
        let switch = Arc::new(AtomicU8::new(WELL));
        let state = Arc::clone(&switch);
        let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
            let now = state.load(Ordering::SeqCst);
            let (fault, then) = match now {
                LOSE_AFTER if operation.writes => (Fault::LostAfter, DOWN),
                LOSE_BEFORE if operation.writes => (Fault::LostBefore, DOWN),
                FULL if operation.writes => (Fault::Full, FULL),
                DOWN => (Fault::Unavailable, DOWN),
                _ => return None,
            };
            state.store(then, Ordering::SeqCst);
            Some(fault)
        });
        let hold = Arc::new(AtomicBool::new(false));
        let holds = Arc::clone(&hold);
        let gate = Arc::new(FaultyKv::new(Arc::new(kv), Arc::new(SystemEnv), move |operation| {
            (operation.writes && holds.swap(false, Ordering::SeqCst)).then_some(Fault::HoldBefore)
        }));
        let host = Host::new(Arc::clone(&gate) as Arc<dyn Kv>, 1 << 20).await;
        let db = host.open_with("a", &deferred()).await.unwrap();
        db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, body BLOB)").await.unwrap();
        for n in 1..=3 {
            db.call(insert(n)).await.unwrap();
        }
        db.call(Call::Flush).await.unwrap();
        host.engine.idle().await;
        Self { host, db, switch, gate, hold }
    }

    fn turn(&self, to: u8) {
        self.switch.store(to, Ordering::SeqCst);
    }

    /// Writes rows that are answered and, as the switch says, lost.
    async fn write_in_vain(&self, switch: u8, rows: std::ops::RangeInclusive<i64>) {
        self.turn(switch);
        for n in rows {
            // Once the commit has failed, the call hears so.
            if self.db.call(insert(n)).await.is_err() {
                return;
            }
        }
    }

    /// Writes a row whose commit fails as the switch says, and waits for that, without a call that would be told.
    async fn lose(&self, switch: u8, n: i64) {
        self.turn(switch);
        let before = self.gate.operations();
        self.db.call(insert(n)).await.unwrap();
        while self.gate.operations() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // If it has not failed by now, the next call waits for it, and nothing else is different.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// Writes a row whose commit is held back.
    async fn hold(&self, n: i64) {
        self.hold.store(true, Ordering::SeqCst);
        self.db.call(insert(n)).await.unwrap();
        self.gate.held(1).await;
    }

    /// Lets the commit go on that is held, to fail as the switch says.
    fn fail(&self, switch: u8) {
        self.turn(switch);
        self.gate.release();
    }

    /// Every kind of call fails with this error, on every thread, and nothing is written.
    async fn is_over(&self, why: &StoreError) {
        let lost = Err(DatabaseError::Store(why.clone()));
        let read = || run(Kind::Get, "SELECT count(*) FROM t", &[]);
        let calls = || [read(), insert(100), Call::Flush, Call::Point, Call::Serialize, batch(101), begin()];
        for call in calls() {
            assert_eq!(self.db.call(call).await, lost);
        }
        for call in calls() {
            let database = Arc::clone(&self.db.database);
            let here = tokio::task::spawn_blocking(move || database.call_here(0, call)).await.unwrap();
            assert_eq!(here, lost);
        }
    }

    /// The rows that the next owner finds, who can write.
    async fn rows_afterwards(&self) -> Vec<i64> {
        let next = self.host.open_with("a", &deferred()).await.unwrap();
        let rows = next.all("SELECT n FROM t ORDER BY n", &[]).await.unwrap().rows;
        next.call(insert(1_000)).await.unwrap();
        next.call(Call::Flush).await.unwrap();
        next.close().await;
        let number = |row: Vec<Value>| match row[..] {
            [Value::Integer(n)] => n,
            _ => panic!("{row:?}"),
        };
        rows.into_iter().map(number).collect()
    }
}

fn insert(n: i64) -> Call {
    run(Kind::Run, "INSERT INTO t VALUES (?, 'row')", &[n.into()])
}

fn batch(n: i64) -> Call {
    Call::Batch(vec![(format!("INSERT INTO t VALUES ({n}, 'row')"), None)])
}

fn begin() -> Call {
    Call::Begin(Behavior::Immediate, None)
}

/// More than fits in memory.
const LARGE: &str = "WITH RECURSIVE c(n) AS (SELECT 2001 UNION ALL SELECT n + 1 FROM c WHERE n < 3500)
                     INSERT INTO t SELECT n, randomblob(4000) FROM c";
const LARGE_ROWS: i64 = 1_500;

/// As a new store is.
async fn empty(store: &Store) {
    let db = store.host.open("a").await;
    db.exec("DROP TABLE t").await.unwrap();
    db.close().await;
}

/// A commit fails as the switch says; the database tells everybody so, and is closed.
async fn loses(store: &Store, switch: u8) -> StoreError {
    store.write_in_vain(switch, 4..=6).await;
    let why = store_error(store.db.call(Call::Flush).await.unwrap_err());
    store.is_over(&why).await;
    store.turn(WELL);
    // It does not come back, since writes are missing that it has answered.
    store.is_over(&why).await;
    assert_eq!(store.db.call(Call::Close).await, Ok(Answer::Done), "told before");
    assert!(why.to_string().contains("open the database again"), "{why}");
    why
}

async fn a_commit_that_took_place_unheard_ends_a_deferred_database(place: Place) {
    let store = Store::new(&place).await;
    let why = loses(&store, LOSE_AFTER).await;
    assert_eq!(why.code(), "ERR_COMMIT_UNKNOWN", "{why:?}");
    // Of what was written, a beginning.
    let rows = store.rows_afterwards().await;
    assert!(rows.len() >= 4 && rows.len() <= 6, "{rows:?}");
    assert_eq!(rows, (1..=6).take(rows.len()).collect::<Vec<_>>());
}

async fn a_commit_that_was_lost_ends_a_deferred_database(place: Place) {
    let store = Store::new(&place).await;
    let why = loses(&store, LOSE_BEFORE).await;
    assert_eq!(why.code(), "ERR_COMMIT_UNKNOWN", "{why:?}");
    assert_eq!(store.rows_afterwards().await, [1, 2, 3]);
}

async fn a_full_store_ends_a_deferred_database(place: Place) {
    let store = Store::new(&place).await;
    let why = loses(&store, FULL).await;
    assert!(matches!(why, StoreError::QuotaExceeded(_)), "{why:?}");
    assert_eq!(store.rows_afterwards().await, [1, 2, 3]);
}

async fn a_store_that_is_away_ends_a_deferred_database(place: Place) {
    let store = Store::new(&place).await;
    let why = loses(&store, DOWN).await;
    // The same call does not succeed later.
    assert!(matches!(why, StoreError::Unusable(_)), "{why:?}");
    assert_eq!(store.rows_afterwards().await, [1, 2, 3]);
}

async fn a_loss_that_nobody_heard_of_is_told_at_close(place: Place) {
    let store = Store::new(&place).await;
    store.lose(FULL, 4).await;
    let told = store_error(store.db.call(Call::Close).await.unwrap_err());
    assert_eq!(told.code(), "ERR_QUOTA_EXCEEDED", "{told:?}");
    store.turn(WELL);
    assert_eq!(store.rows_afterwards().await, [1, 2, 3]);
}

async fn a_doubt_that_nobody_heard_of_is_told_at_close(place: Place) {
    let store = Store::new(&place).await;
    store.lose(LOSE_AFTER, 4).await;
    let told = store_error(store.db.call(Call::Close).await.unwrap_err());
    assert_eq!(told.code(), "ERR_COMMIT_UNKNOWN", "{told:?}");
    store.turn(WELL);
    assert_eq!(store.rows_afterwards().await, [1, 2, 3, 4]);
}

async fn a_loss_is_told_to_all_who_wait_for_it(place: Place) {
    let store = Store::new(&place).await;
    store.hold(4).await;
    let waiting = [Call::Flush, Call::Point, Call::Flush].map(|call| store.db.submit(0, call));
    store.fail(FULL);
    for told in waiting {
        assert_eq!(store_error(told.await.unwrap().unwrap_err()).code(), "ERR_QUOTA_EXCEEDED");
    }
    store.turn(WELL);
    assert_eq!(store.rows_afterwards().await, [1, 2, 3]);
}

async fn a_loss_is_told_to_who_closes_meanwhile(place: Place) {
    let store = Store::new(&place).await;
    store.hold(4).await;
    let closed = store.db.submit(0, Call::Close);
    store.fail(FULL);
    assert_eq!(store_error(closed.await.unwrap().unwrap_err()).code(), "ERR_QUOTA_EXCEEDED");
    store.turn(WELL);
    assert_eq!(store.rows_afterwards().await, [1, 2, 3]);
}

async fn a_call_that_is_told_of_a_loss_spares_who_closes(place: Place) {
    let store = Store::new(&place).await;
    store.hold(4).await;
    // It runs while the commit fails below it.
    let long =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 3000000) SELECT max(n) FROM c";
    let running = store.db.submit(0, run(Kind::Get, long, &[]));
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.fail(FULL);
    let told = running.await.unwrap();
    let code = told.map_err(|error| store_error(error).code());
    assert_eq!(code.unwrap_err(), "ERR_QUOTA_EXCEEDED");
    assert_eq!(store.db.call(Call::Close).await, Ok(Answer::Done));
}

async fn a_transaction_above_a_loss_hears_the_same(place: Place) {
    for switch in [LOSE_BEFORE, FULL, DOWN] {
        let store = Store::new(&place).await;
        store.hold(4).await;
        let tx = store.db.begin().await.unwrap();
        tx.call(insert(5)).await.unwrap();
        store.fail(switch);
        let mut n = 6;
        let told = loop {
            match tx.call(insert(n)).await {
                Ok(_) => n += 1,
                Err(error) => break store_error(error),
            }
        };
        let lost = Err(DatabaseError::Store(told.clone()));
        assert_eq!(tx.call(insert(n)).await, lost);
        assert_eq!(tx.call(Call::End(true)).await, lost);
        store.is_over(&told).await;
        store.turn(WELL);
        assert_eq!(store.rows_afterwards().await, [1, 2, 3]);
        empty(&store).await;
    }
}

async fn a_large_transaction_above_a_loss_hears_the_same(place: Place) {
    let store = Store::new(&place).await;
    store.hold(4).await;
    // It waits for what is below it before it goes to the store.
    let large = store.db.submit(0, run(Kind::Run, LARGE, &[]));
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.fail(LOSE_BEFORE);
    let told = store_error(large.await.unwrap().unwrap_err());
    assert_eq!(told.code(), "ERR_COMMIT_UNKNOWN", "{told:?}");
    store.is_over(&told).await;
    store.turn(WELL);
    assert_eq!(store.rows_afterwards().await, [1, 2, 3]);
}

/// It is durable when it is answered, so nothing was answered that is lost.
async fn a_large_transaction_in_doubt_ends_no_deferred_database(place: Place) {
    let store = Store::new(&place).await;
    let tx = store.db.begin().await.unwrap();
    tx.exec(LARGE).await.unwrap();
    store.turn(LOSE_AFTER);
    let told = store_error(tx.commit().await.unwrap_err());
    assert!(["ERR_COMMIT_UNKNOWN", "ERR_UNAVAILABLE"].contains(&told.code()), "{told:?}");
    store.turn(WELL);
    let count = store.db.integer("SELECT count(*) FROM t").await;
    assert!([3, 3 + LARGE_ROWS].contains(&count), "{count}");
    store.db.call(insert(4)).await.unwrap();
    store.db.call(Call::Flush).await.unwrap();
    assert_eq!(i64::try_from(store.rows_afterwards().await.len()).unwrap(), count + 1);
}
