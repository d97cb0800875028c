//! Whose thread commits on the embedded engine, counted.

use std::sync::Arc;

use batondb::kv::embedded::EmbeddedKv;

use super::support::{Db, Host};
use crate::support::Place;

const DATABASES: usize = 16;
const COMMITS: usize = 20;

async fn host(place: &Place) -> (Host, Arc<EmbeddedKv>) {
    let kv = Arc::new(place.embedded_kv());
    (Host::new(Arc::clone(&kv) as _, 8 << 20).await, kv)
}

async fn with_table(host: &Host, actor: &str) -> Db {
    let db = host.open(actor).await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, c)").await.unwrap();
    db
}

async fn insert(db: &Db) {
    db.run("INSERT INTO t(c) VALUES ('row')", &[]).await.unwrap();
}

/// Two hand-overs between threads for a commit: to the thread that runs SQL, and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_database_commits_without_the_thread_of_the_store() {
    for place in [Place::embedded_for_processes(), Place::embedded()] {
        let (host, kv) = host(&place).await;
        let db = with_table(&host, "a").await;
        host.engine.idle().await;
        insert(&db).await;
        let (callers, thread) = kv.batches_led().unwrap();
        for _ in 0..COMMITS {
            insert(&db).await;
        }
        let commits = u64::try_from(COMMITS).unwrap();
        assert_eq!(kv.batches_led().unwrap(), (callers + commits, thread));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn databases_that_commit_side_by_side_share_flushes() {
    let place = Place::embedded_for_processes();
    let (host, kv) = host(&place).await;
    let mut databases = Vec::new();
    for number in 0..DATABASES {
        databases.push(with_table(&host, &format!("{number}")).await);
    }
    let batches = || kv.journal_counts().unwrap().0;
    let before = batches();
    futures::future::join_all(databases.iter().map(|db| async move {
        for _ in 0..COMMITS {
            insert(db).await;
        }
    }))
    .await;
    let (batches, commits) = (batches() - before, DATABASES * COMMITS);
    println!("{commits} commits in {batches} batches");
    assert!(batches * 3 < commits as u64 * 2, "{commits} commits took {batches} flushes");
    for db in &databases {
        assert_eq!(db.integer("SELECT count(*) FROM t").await, i64::try_from(COMMITS).unwrap());
    }
}
