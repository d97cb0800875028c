//! A database that is open while its cluster is killed goes on with it, also from within a transaction beyond memory.

use std::time::Duration;

use batondb::database::DatabaseError;
use tokio::time::{Instant, sleep};

use crate::sql::support::{Db, Host, plain};
use crate::support::Place;
use crate::support::cluster::Cluster;

const ROWS: i64 = 4_000;
/// 16 MiB, well above what a database keeps in memory.
const FILL: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                    INSERT INTO t SELECT ?2 + i, ?2, hex(randomblob(2000)) FROM n";
/// How long a database has to write again once its cluster is back.
const RECOVERY_MAX: Duration = Duration::from_secs(60);

async fn fill(db: &Db, tag: i64) -> Result<(), DatabaseError> {
    db.run(FILL, &[ROWS.into(), tag.into()]).await.map(drop)
}

async fn count(db: &Db, tag: i64) -> i64 {
    db.integer(&format!("SELECT count(*) FROM t WHERE tag = {tag}")).await
}

/// Commits a row for each try, until one is in. What was tried before may be there, too.
async fn commit_again(db: &Db, name: &str) {
    let begun = Instant::now();
    while let Err(error) = db.run("INSERT INTO notes VALUES (?)", &[name.into()]).await {
        assert!(begun.elapsed() < RECOVERY_MAX, "{name}: {error:?}");
        sleep(Duration::from_millis(100)).await;
    }
    println!("{name}: a commit is in after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_open_database_goes_on_after_its_cluster_was_killed() {
    let test = "foundationdb::sql::an_open_database_goes_on_after_its_cluster_was_killed";
    let Some(cluster) = Cluster::private(test) else { return };
    let host = Host::at(&Place::on(&cluster.file())).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, tag INT, c); CREATE TABLE notes(name)").await.unwrap();
    let tx = db.begin().await.unwrap();
    fill(&tx, 0).await.unwrap();
    tx.commit().await.unwrap();

    cluster.kill();
    cluster.restart();
    commit_again(&db, "after a kill").await;
    assert_eq!(count(&db, 0).await, ROWS);

    // In the middle of a transaction that is in the store by half.
    let tx = db.begin().await.unwrap();
    fill(&tx, 100_000).await.unwrap();
    cluster.kill();
    cluster.restart();
    let fate = async { fill(&tx, 200_000).await.and(tx.commit().await) }.await;
    println!("the transaction: {fate:?}");
    if fate.is_err() {
        // SQLite may have rolled it back by itself.
        let _ = tx.rollback().await;
    }
    commit_again(&db, "after a kill inside a transaction").await;
    let (first, second) = (count(&db, 100_000).await, count(&db, 200_000).await);
    assert_eq!(first, second, "the transaction shows by half");
    match fate {
        Ok(()) => assert_eq!(first, ROWS, "the transaction was acknowledged"),
        Err(error) => println!("{first} rows after {error:?}"),
    }
    fill(&db, 300_000).await.unwrap();
    assert_eq!(count(&db, 300_000).await, ROWS);

    let files = tempfile::tempdir().unwrap();
    let copy = host.exported("a", &files.path().join("copy.sqlite")).await;
    let tags = plain(&copy, "SELECT DISTINCT tag FROM t ORDER BY tag", &[]).unwrap();
    assert_eq!(tags.len(), if first == 0 { 2 } else { 4 });
}
