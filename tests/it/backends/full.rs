//! A store that has reached its `maxSizeBytes`: whatever filled it, owners can move, actors and rows can be deleted, and
//! what they took can be used again.

use std::path::Path;
use std::sync::Arc;

use batondb::engine::{Engine, LargeCommit, ListRequest, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use batondb::kv::{Kv, KvError, ReadFn, View, read};
use batondb::types::{PageSize, Txid};
use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt};
use tempfile::TempDir;

use crate::sql::support::{Db, Host, store_error};
use crate::support::{
    Child, child_arguments, commit, content, first_page, id, page, start, tags, tell_parent,
};

const SIZE: u64 = 8 << 20;

fn open_kv(path: &Path) -> Arc<dyn Kv> {
    let options = EmbeddedOptions {
        durability: Durability::Relaxed,
        size_bytes_max: Some(SIZE),
        ..EmbeddedOptions::at(path)
    };
    Arc::new(EmbeddedKv::open(&options).unwrap())
}

async fn open(path: &Path) -> Engine {
    Engine::open(open_kv(path), Arc::new(SystemEnv)).await.unwrap()
}

#[track_caller]
fn assert_full(error: &StoreError) {
    assert_eq!(error.code(), "ERR_QUOTA_EXCEEDED", "{error}");
    assert!(error.to_string().contains("maxSizeBytes"), "{error}");
}

/// The pages of one commit while a store is filled.
const STEP: u32 = 20;
const PAGES: u32 = 200;

/// Commits pages to actors of their own until the store takes no more of them, then single pages, then owners of new
/// actors. Says how many actors have [`PAGES`] pages.
async fn fill(engine: &Engine) -> usize {
    let mut filled = 0;
    while grow(engine, &format!("filler {filled}"), STEP, PAGES).await == PAGES {
        filled += 1;
    }
    fill_to_the_brim(engine).await;
    filled
}

async fn fill_to_the_brim(engine: &Engine) {
    grow(engine, "single", 1, u32::MAX).await;
    for number in 0.. {
        if let Err(error) = engine.load_startup(&id(&format!("owned {number}")), &first_page()).await {
            return assert_full(&error);
        }
    }
}

/// Commits `step` new pages at once to an actor that has none, until it has `pages_max` or the store is full. Says how many
/// it has then.
async fn grow(engine: &Engine, actor: &str, step: u32, pages_max: u32) -> u32 {
    let actor = id(actor);
    let meta = match engine.load_startup(&actor, &first_page()).await {
        Ok(started) => started.meta,
        Err(error) => {
            assert_full(&error);
            return 0;
        }
    };
    let (mut head, mut size) = (meta.head_txid, meta.size_pages.0);
    while size < pages_max {
        match commit(engine, &actor, meta.generation, head, size + 1..=size + step, 1).await {
            Ok(txid) => (head, size) = (txid, size + step),
            Err(error) => {
                assert_full(&error);
                break;
            }
        }
    }
    size
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_can_be_taken_over_and_deleted_and_their_room_used_again() {
    let directory = TempDir::new().unwrap();
    let engine = open(directory.path()).await;
    let actors = fill(&engine).await;
    assert!(actors > 5, "{actors} actors of {PAGES} pages fill 8 MiB");
    // Whoever owns them, and again and again.
    for _ in 0..50 {
        for number in 0..actors {
            start(&engine, &id(&format!("filler {number}"))).await;
        }
    }
    for actor in engine.list(&ListRequest::default()).await.unwrap() {
        assert_eq!(engine.delete(&actor).await, Ok(true), "{actor:?}");
    }
    let again = fill(&engine).await;
    assert!(again >= actors, "{again} actors where {actors} were");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stages_have_filled_takes_deletions() {
    let directory = TempDir::new().unwrap();
    let engine = open(directory.path()).await;
    let (small, large) = (id("small"), id("large"));
    let generation = start(&engine, &small).await.meta.generation;
    commit(&engine, &small, generation, Txid(0), 1..=300, 1).await.unwrap();
    let generation = start(&engine, &large).await.meta.generation;
    let page_size = PageSize::new(4_096).unwrap();
    let request = LargeCommit { generation, head_txid: Txid(0), page_size };
    let mut stage = engine.begin_large_commit(&large, request).await.unwrap();
    let mut next = 1;
    let error = loop {
        let first = next;
        next += 100;
        let pages = (first..first + 100).map(|number| (page(number), content(number, 1).into())).collect();
        if let Err(error) = stage.write(pages).await {
            break error;
        }
    };
    assert_full(&error);
    fill_to_the_brim(&engine).await;
    assert_eq!(engine.delete(&small).await, Ok(true));
    // What is staged goes, too, and the room is there for others.
    drop(stage);
    engine.idle().await;
    assert!(grow(&engine, "other", STEP, 500).await == 500);
}

async fn fill_table(db: &Db) -> i64 {
    loop {
        match db.run("INSERT INTO t(c) VALUES (randomblob(20000))", &[]).await {
            Ok(_) => {}
            Err(error) => {
                assert_full(&store_error(error));
                return db.integer("SELECT count(*) FROM t").await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_can_be_deleted_by_sql() {
    let directory = TempDir::new().unwrap();
    let host = Host::new(open_kv(directory.path()), 8 << 20).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, c)").await.unwrap();
    let rows = fill_table(&db).await;
    assert!(rows > 200, "{rows} rows of 20,000 bytes fill 8 MiB");
    // The owner moves, and nothing is lost.
    drop(db);
    let db = host.open("a").await;
    assert_eq!(db.integer("SELECT count(*) FROM t").await, rows);
    for n in 1..=20 {
        db.run("UPDATE t SET c = randomblob(20000) WHERE n = ?", &[n.into()]).await.unwrap();
    }
    db.run("DELETE FROM t WHERE n > 100", &[]).await.unwrap();
    // SQLite uses its free pages again, and gives back what it does not need.
    db.run("INSERT INTO t(c) VALUES (randomblob(20000))", &[]).await.unwrap();
    db.run("DELETE FROM t WHERE n > 10", &[]).await.unwrap();
    db.exec("VACUUM").await.unwrap();
    host.engine.idle().await;
    assert_eq!(db.value("PRAGMA integrity_check").await, Ok("ok".into()));
    let again = fill_table(&db).await;
    assert!(again >= rows - 10, "{again} rows where {rows} were");
}

/// A read of one state that goes on until it is told to end.
struct Long(std::sync::Mutex<Option<oneshot::Receiver<()>>>);

impl ReadFn for Long {
    type Output = ();
    type Error = KvError;

    fn run<'a>(&'a self, _: &'a dyn View) -> BoxFuture<'a, Result<(), KvError>> {
        let end = self.0.lock().unwrap().take().unwrap();
        async move { end.await.map_err(|_| KvError::Closed) }.boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_go_on_beside_a_long_read_and_what_they_free_comes_back_after_it() {
    let directory = TempDir::new().unwrap();
    let (kv, engine) = (open_kv(directory.path()), open(directory.path()).await);
    let actors = fill(&engine).await;
    let (end, ends) = oneshot::channel();
    let reading = tokio::spawn(async move { read(&*kv, &Arc::new(Long(Some(ends).into()))).await });
    while engine.file().reads == 0 {
        tokio::task::yield_now().await;
    }
    for number in 0..actors / 2 {
        assert_eq!(
            engine.delete(&id(&format!("filler {number}"))).await,
            Ok(true),
            "actor {number} of {actors}"
        );
    }
    engine.idle().await;
    assert_eq!(grow(&engine, "other", STEP, 500).await, 0, "somebody still reads all of it");
    end.send(()).unwrap();
    reading.await.unwrap().unwrap();
    assert_eq!(grow(&engine, "other", STEP, 500).await, 500);
}

/// In the child: fills the store, says so, and waits to be killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_fills_the_store() {
    let Some(arguments) = child_arguments() else { return };
    let engine = open(Path::new(&arguments[0])).await;
    tell_parent(&fill(&engine).await.to_string());
    std::future::pending::<()>().await;
}

#[test]
fn another_process_deletes_also_once_the_one_that_filled_it_is_killed() {
    let directory = TempDir::new().unwrap();
    let mut child =
        Child::start("backends::full::a_child_that_fills_the_store", &[directory.path().to_str().unwrap()]);
    let actors: usize = child.hear().expect("the child fills it").parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = open(directory.path()).await;
        let first = id("filler 0");
        let generation = start(&engine, &first).await.meta.generation;
        assert_eq!(tags(&engine, &first, generation, 10).await, [1; 10]);
        assert_eq!(engine.delete(&first).await, Ok(true));
        child.kill();
        for actor in engine.list(&ListRequest::default()).await.unwrap() {
            assert_eq!(engine.delete(&actor).await, Ok(true), "{actor:?}");
        }
        engine.close().await;
        let engine = open(directory.path()).await;
        assert!(fill(&engine).await >= actors);
    });
}
