//! No transaction is larger than the backend takes, whatever is done and whatever the actor is called.

use std::sync::Arc;

use batondb::engine::{Commit, Engine, LargeCommit, PageWrite};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::metered::MeteredKv;
use batondb::types::{ActorId, Generation, PageCount, PageSize, Txid};

use crate::support::{Place, id, on_every_backend, page, rows, start};

on_every_backend!(no_transaction_is_larger_than_the_backend_takes);

/// Small pages that compress to nothing: so many of them fit a transaction that their keys are most of it.
const PAGE_BYTES: usize = 512;
const PAGES: u32 = 3_000;

/// Commits the first `written` pages of a database of `size` pages.
async fn commit(
    engine: &Engine,
    actor: &ActorId,
    generation: Generation,
    head_txid: Txid,
    (written, size): (u32, u32),
) -> Txid {
    let data = vec![0; PAGE_BYTES];
    let pages = (1..=written).map(|number| PageWrite { page: page(number), data: &data }).collect();
    let commit = Commit { generation, head_txid, size_pages: PageCount(size), pages };
    let head = engine.commit(actor, commit).await.unwrap();
    engine.idle().await;
    head
}

async fn no_transaction_is_larger_than_the_backend_takes(place: Place) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "page_size", 512).unwrap();
    connection
        .execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(800000)), (randomblob(800000))")
        .unwrap();
    drop(connection);

    // The worst that an id can be: each of its 256 bytes takes two in a key.
    for name in ["a", &"\0".repeat(256)] {
        let meter = Arc::new(MeteredKv::new(place.kv()));
        let engine = Engine::open(Arc::clone(&meter) as _, Arc::new(SystemEnv)).await.unwrap();
        let actor = id(name);
        let generation = start(&engine, &actor).await.meta.generation;
        // Stages, and sweeps that find something.
        let head = commit(&engine, &actor, generation, Txid(0), (PAGES, PAGES)).await;
        let head = commit(&engine, &actor, generation, head, (PAGES, PAGES)).await;
        // As many pages as one transaction has at most.
        let head = commit(&engine, &actor, generation, head, (1_000, PAGES)).await;

        let page_size = PageSize::new(PAGE_BYTES).unwrap();
        let request = LargeCommit { generation, head_txid: head, page_size };
        let mut given_up = engine.begin_large_commit(&actor, request).await.unwrap();
        let zeros = vec![0; PAGE_BYTES].into_boxed_slice();
        given_up.write((1..=PAGES).map(|number| (page(number), zeros.clone())).collect()).await.unwrap();
        given_up.read(&[page(1)]).await.unwrap();
        drop(given_up);
        engine.idle().await;

        // A shrink that clears at once, and one that is trimmed in steps.
        let head = commit(&engine, &actor, generation, head, (0, 2_500)).await;
        let head = commit(&engine, &actor, generation, head, (0, 10)).await;
        assert_eq!(engine.stat(&actor).await.unwrap().unwrap().head_txid, head);
        engine.import_from(&actor, &file, true).await.unwrap();
        engine.idle().await;
        assert_eq!(engine.delete(&actor).await, Ok(true));

        let (largest, limit) = (meter.transaction_bytes_max(), meter.limits().transaction_bytes);
        assert!(largest < limit, "{largest} bytes of {limit}, id of {} bytes", name.len());
        assert!(largest > limit / 2, "only {largest} bytes of {limit}, id of {} bytes", name.len());
    }
    assert_eq!(rows(&place.kv()).await.len(), 1 + 2 * 2, "the mark, two fences and two heads");
}
