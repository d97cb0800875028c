//! Calls that stop their caller's thread while another process has the turn to write: they wait for that a moment, and
//! then throw, unless they may block.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use batondb::database::{Answer, Call, DatabaseError, DatabaseOptions, Kind, WriteDurability};
use batondb::kv::embedded::{EmbeddedKv, EmbeddedOptions};

use super::support::{Db, Host, Value, options, run};

/// The turn, as another process would have it: the lock belongs to an open file.
struct Other(File);

impl Other {
    fn takes_the_turn(path: &Path) -> Self {
        let turn = File::options().read(true).write(true).open(path.join("writer")).unwrap();
        turn.lock().unwrap();
        Self(turn)
    }

    fn ends(self) {
        self.0.unlock().unwrap();
    }
}

async fn host(path: &Path) -> Host {
    Host::new(Arc::new(EmbeddedKv::open(&EmbeddedOptions::at(path)).unwrap()), 1 << 20).await
}

async fn open(host: &Host, actor: &str, options: DatabaseOptions) -> Db {
    let db = host.open_with(actor, &options).await.unwrap();
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, body BLOB)").await.unwrap();
    db.call(Call::Flush).await.unwrap();
    host.engine.idle().await;
    db
}

async fn here(db: &Db, call: Call) -> Result<Answer, DatabaseError> {
    let database = Arc::clone(&db.database);
    tokio::task::spawn_blocking(move || database.call_here(0, call)).await.unwrap()
}

fn insert(n: i64) -> Call {
    run(Kind::Run, "INSERT INTO t(n) VALUES (?)", &[n.into()])
}

async fn rows(db: &Db) -> Vec<Vec<Value>> {
    db.all("SELECT n FROM t ORDER BY n", &[]).await.unwrap().rows
}

fn expect_left(answer: Result<Answer, DatabaseError>) {
    let Err(DatabaseError::WouldWait(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("nothing was written"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_undone_while_another_process_has_the_turn() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(directory.path()).await;
    let db = open(&host, "a", options()).await;
    here(&db, insert(1)).await.unwrap();
    let other = Other::takes_the_turn(directory.path());
    for _ in 0..2 {
        expect_left(here(&db, insert(2)).await);
        // It goes on from what was there, and reads wait for nothing.
        let count = here(&db, run(Kind::Get, "SELECT count(*) FROM t", &[])).await;
        assert!(count.is_ok(), "{count:?}");
        assert_eq!(rows(&db).await, [[1.into()]]);
    }
    other.ends();
    here(&db, insert(2)).await.unwrap();
    assert_eq!(rows(&db).await, [[1.into()], [2.into()]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_of_several_calls_is_undone_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(directory.path()).await;
    let db = open(&host, "a", options()).await;
    let other = Other::takes_the_turn(directory.path());
    here(&db, run(Kind::Run, "BEGIN", &[])).await.unwrap();
    here(&db, insert(1)).await.unwrap();
    here(&db, insert(2)).await.unwrap();
    expect_left(here(&db, run(Kind::Run, "COMMIT", &[])).await);
    assert!(!db.database.is_transaction());
    other.ends();
    here(&db, insert(3)).await.unwrap();
    assert_eq!(rows(&db).await, [[3.into()]]);
}

/// More than fits in memory is written while the transaction runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_transaction_is_undone() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(directory.path()).await;
    let db = open(&host, "a", options()).await;
    let other = Other::takes_the_turn(directory.path());
    let large = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 1500)
                 INSERT INTO t SELECT n, randomblob(4000) FROM c";
    expect_left(here(&db, run(Kind::Run, large, &[])).await);
    other.ends();
    here(&db, run(Kind::Run, large, &[])).await.unwrap();
    assert_eq!(db.integer("SELECT count(*) FROM t").await, 1_500);
}

/// A call that does not stop a thread waits, and keeps the lead; the one behind it leaves before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_behind_one_that_waits_leaves_alone() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(directory.path()).await;
    let (first, second) = (open(&host, "a", options()).await, open(&host, "b", options()).await);
    let other = Other::takes_the_turn(directory.path());
    let mut waits = first.submit(0, insert(1));
    // The first of these may lead, and takes nobody along when it leaves.
    for _ in 0..4 {
        expect_left(here(&second, insert(1)).await);
    }
    assert_eq!(waits.try_recv(), Ok(None));
    other.ends();
    waits.await.unwrap().unwrap();
    here(&second, insert(2)).await.unwrap();
    assert_eq!(rows(&first).await, [[1.into()]]);
    assert_eq!(rows(&second).await, [[2.into()]]);
}

/// The one that leaves leads, and those behind it wait on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_leaves_takes_nobody_along() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(directory.path()).await;
    let (first, second) = (open(&host, "a", options()).await, open(&host, "b", options()).await);
    let other = Other::takes_the_turn(directory.path());
    let database = Arc::clone(&first.database);
    let leaves = tokio::task::spawn_blocking(move || database.call_here(0, insert(1)));
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let mut waits = second.submit(0, insert(2));
    expect_left(leaves.await.unwrap());
    assert_eq!(waits.try_recv(), Ok(None));
    other.ends();
    waits.await.unwrap().unwrap();
    assert_eq!(rows(&second).await, [[2.into()]]);
    assert!(rows(&first).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_may_block_waits() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(directory.path()).await;
    let db = open(&host, "a", DatabaseOptions { may_block: true, ..options() }).await;
    let other = Other::takes_the_turn(directory.path());
    let database = Arc::clone(&db.database);
    let writes = tokio::task::spawn_blocking(move || database.call_here(0, insert(1)));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!writes.is_finished());
    other.ends();
    writes.await.unwrap().unwrap();
    assert_eq!(rows(&db).await, [[1.into()]]);
}

/// Nobody waits for its commit, which has answered others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deferred_write_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let host = host(directory.path()).await;
    let deferred = DatabaseOptions { durability: WriteDurability::Deferred, ..options() };
    let db = open(&host, "a", deferred).await;
    let other = Other::takes_the_turn(directory.path());
    for n in 1..=50 {
        here(&db, insert(n)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    other.ends();
    db.call(Call::Flush).await.unwrap();
    assert_eq!(rows(&db).await.len(), 50);
}
