//! Calls on their caller's own thread, and answers that leave before what they have written is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use batondb::database::{Answer, Call, DatabaseError, DatabaseOptions, Kind, WriteDurability};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::faulty::{Fault, FaultyKv};

use super::support::{Db, Host, NO_DEADLINE_MS, Value, run};
use crate::support::{Place, first_page, on_every_backend};

on_every_backend!(
    a_write_on_the_callers_thread_is_durable_when_it_returns,
    a_deferred_write_returns_at_once_and_a_flush_waits_for_it,
    a_call_on_the_callers_thread_waits_for_none_that_runs_sql,
);

/// A store that holds the next commit back when it is asked to.
struct Store {
    host: Host,
    db: Db,
    gate: Arc<FaultyKv>,
    hold: Arc<AtomicBool>,
}

impl Store {
    async fn new(place: &Place, durability: WriteDurability) -> Self {
        let hold = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&hold);
        let gate = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
            let holds = operation.writes && switch.swap(false, Ordering::SeqCst);
            holds.then_some(Fault::HoldBefore)
        }));
        let host = Host::new(Arc::clone(&gate) as Arc<dyn Kv>, 8 << 20).await;
        let options = DatabaseOptions {
            preload: first_page(),
            read_ahead: true,
            queue_max: 1_000,
            transaction_timeout_ms: NO_DEADLINE_MS,
            may_block: true,
            durability,
        };
        let db = host.open_with("a", &options).await.unwrap();
        db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY)").await.unwrap();
        db.call(Call::Flush).await.unwrap();
        host.engine.idle().await;
        Self { host, db, gate, hold }
    }

    /// Makes a call on a thread that may block.
    async fn here(&self, call: Call) -> Result<Answer, DatabaseError> {
        let database = Arc::clone(&self.db.database);
        tokio::task::spawn_blocking(move || database.call_here(0, call)).await.unwrap()
    }

    async fn stored(&self) -> Vec<Vec<Value>> {
        let reader = self.host.open("a").await;
        reader.all("SELECT n FROM t ORDER BY n", &[]).await.unwrap().rows
    }
}

fn insert(n: i64) -> Call {
    run(Kind::Run, "INSERT INTO t VALUES (?)", &[n.into()])
}

async fn a_write_on_the_callers_thread_is_durable_when_it_returns(place: Place) {
    let store = Store::new(&place, WriteDurability::Full).await;
    store.hold.store(true, Ordering::SeqCst);
    let database = Arc::clone(&store.db.database);
    let writing = tokio::task::spawn_blocking(move || database.call_here(0, insert(1)));
    store.gate.held(1).await;
    assert!(!writing.is_finished());
    // What it has written is not durable, so a read has to wait, and cannot.
    let read = store.here(run(Kind::Get, "SELECT count(*) FROM t", &[])).await;
    assert!(matches!(read, Err(DatabaseError::Busy(_))), "{read:?}");
    store.gate.release();
    writing.await.unwrap().unwrap();
    assert_eq!(store.stored().await, [[1.into()]]);
}

async fn a_deferred_write_returns_at_once_and_a_flush_waits_for_it(place: Place) {
    let store = Store::new(&place, WriteDurability::Deferred).await;
    store.hold.store(true, Ordering::SeqCst);
    for n in 1..=3 {
        store.here(insert(n)).await.unwrap();
    }
    store.gate.held(1).await;
    store.db.call(insert(4)).await.unwrap();
    let mut flushed = store.db.submit(0, Call::Flush);
    // A call behind it that is answered, so that it has had its turn.
    store.db.value("SELECT count(*) FROM t").await.unwrap();
    assert_eq!(flushed.try_recv(), Ok(None), "the gate has resolved early");
    store.here(insert(5)).await.unwrap();
    store.gate.release();
    assert_eq!(flushed.await.unwrap(), Ok(Answer::Done));
    store.db.call(Call::Flush).await.unwrap();
    assert_eq!(store.stored().await, [[1.into()], [2.into()], [3.into()], [4.into()], [5.into()]]);
    // Its commits are over: the actor has another owner.
    store.here(insert(6)).await.unwrap();
    let lost = store.db.call(Call::Flush).await;
    assert!(matches!(lost, Err(DatabaseError::Store(_))), "{lost:?}");
    assert_eq!(store.here(insert(7)).await, lost);
}

async fn a_call_on_the_callers_thread_waits_for_none_that_runs_sql(place: Place) {
    let store = Store::new(&place, WriteDurability::Full).await;
    let tx = store.db.begin().await.unwrap();
    let outside = store.here(insert(1)).await;
    assert!(matches!(outside, Err(DatabaseError::Busy(_))), "{outside:?}");
    tx.call(insert(2)).await.unwrap();
    let (database, scope) = (Arc::clone(&tx.database), tx.scope);
    tokio::task::spawn_blocking(move || database.call_here(scope, insert(3))).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    store.here(insert(4)).await.unwrap();
    assert_eq!(store.stored().await, [[2.into()], [3.into()], [4.into()]]);
}
