//! No thread can be started.

use batondb::engine::StoreError;
use batondb::kv::KvError;

use crate::sql::support::{Host, store_error};
use crate::support::id;
use crate::survival::disk::{ALWAYS, Control};
use crate::survival::resources::{engine, open, place, run};

#[test]
fn without_threads_sql_says_so_and_runs_again_when_there_are_some() {
    run(
        "survival::resources::threads::without_threads_sql_says_so_and_runs_again_when_there_are_some",
        "survival::resources::threads::a_child_without_threads",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_without_threads() {
    let Some((path, controls)) = place() else { return };
    let host = Host::on(engine(&path).await, 1 << 20);
    let db = host.open("a").await;
    // Before the first thread of the pool.
    controls.set(Control::ThreadErrors, ALWAYS);
    for _ in 0..3 {
        let error = store_error(db.exec("CREATE TABLE t(x)").await.unwrap_err());
        let StoreError::Unavailable(message) = &error else { panic!("{error:?}") };
        assert!(message.contains("no thread could be started") && message.contains("ulimit -u"), "{message}");
        assert!(error.is_retryable());
    }
    let copy = path.with_file_name("copy");
    let refused = host.engine.export_to(&id("a"), &copy).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_UNAVAILABLE", "{refused}");
    // Closing fails like anything else, and leaves the database open.
    let closed = db.call(batondb::database::Call::Close).await;
    assert!(matches!(store_error(closed.unwrap_err()), StoreError::Unavailable(_)));
    let other = open(&path.with_file_name("other"), None);
    let Err(KvError::Unavailable { detail }) = other else { panic!("a store without a thread opens") };
    assert!(detail.contains("other"), "{detail}");
    assert!(controls.get(Control::FaultsDone) > 4);

    controls.set(Control::ThreadErrors, 0);
    db.exec("CREATE TABLE t(x); INSERT INTO t VALUES (7)").await.unwrap();
    host.engine.export_to(&id("a"), &copy).await.unwrap();
    assert_eq!(db.integer("SELECT x FROM t").await, 7);
    // One thread is as good as many.
    controls.set(Control::ThreadErrors, ALWAYS);
    let second = host.open("b").await;
    let (one, two) = tokio::join!(db.run("INSERT INTO t VALUES (8)", &[]), second.exec("CREATE TABLE u(x)"));
    one.unwrap();
    two.unwrap();
    controls.set(Control::ThreadErrors, 0);
    drop(open(&path.with_file_name("other"), None).unwrap());
    db.close().await;
}
