//! Nothing is left behind: the rows of an actor are its fence, its head and one row a page.

use batondb::engine::{Commit, Engine, PageWrite};
use batondb::types::{ActorId, Generation, PageCount, Txid};

use crate::support::{Place, commit, content, id, on_every_backend, page, rows, start, tags};

on_every_backend!(
    five_hundred_rewrites_leave_the_live_rows_and_nothing_else,
    rewrites_in_stages_leave_the_live_rows_and_nothing_else,
    a_deletion_leaves_a_tombstone,
    a_shrink_leaves_nothing_of_what_it_cut_off,
);

/// The largest size of the file that is no growth. What was replaced since the last checkpoint cannot be used yet, and
/// on a busy machine a commit only waits for one after two shares of 256 KiB and an eighth of the file.
fn most_bytes(warm: u64) -> u64 {
    warm + warm / 2 + (1 << 20)
}

/// The store's mark, the fence and the head.
const OTHER_ROWS: usize = 3;

async fn rewrite(engine: &Engine, actor: &ActorId, generation: Generation, pages: u32, rounds: u64) -> Txid {
    let mut head = engine.stat(actor).await.unwrap().unwrap().head_txid;
    for round in 0..rounds {
        head = commit(engine, actor, generation, head, 1..=pages, round).await.unwrap();
    }
    engine.idle().await;
    head
}

async fn five_hundred_rewrites_leave_the_live_rows_and_nothing_else(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    rewrite(&engine, &actor, generation, 64, 20).await;
    let (rows_warm, file_warm) = (rows(&kv).await, place.file_bytes());
    for _ in 0..24 {
        rewrite(&engine, &actor, generation, 64, 20).await;
        let now = rows(&kv).await;
        assert_eq!(now.len(), 64 + OTHER_ROWS);
        let bytes = |rows: &[(Vec<u8>, Vec<u8>)]| {
            rows.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
        };
        let drift = bytes(&now).abs_diff(bytes(&rows_warm));
        assert!(drift < 64 * 16, "the same pages take {drift} bytes more or less");
        assert!(place.file_bytes() <= most_bytes(file_warm), "the file grows from round to round");
    }
    assert_eq!(tags(&engine, &actor, generation, 64).await, [19; 64]);
}

async fn rewrites_in_stages_leave_the_live_rows_and_nothing_else(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    rewrite(&engine, &actor, generation, 1_500, 10).await;
    let file_warm = place.file_bytes();
    rewrite(&engine, &actor, generation, 1_500, 10).await;
    assert_eq!(rows(&kv).await.len(), 1_500 + OTHER_ROWS);
    assert!(place.file_bytes() <= most_bytes(file_warm), "the file grows from round to round");
    assert_eq!(tags(&engine, &actor, generation, 1_500).await, [9; 1_500]);
}

async fn a_deletion_leaves_a_tombstone(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    rewrite(&engine, &actor, generation, 1_500, 2).await;
    assert_eq!(engine.delete(&actor).await, Ok(true));
    engine.idle().await;
    assert_eq!(rows(&kv).await.len(), OTHER_ROWS);
    assert_eq!(place.parts(), 0);
}

async fn a_shrink_leaves_nothing_of_what_it_cut_off(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    for pages in [900, 5_000] {
        let head = rewrite(&engine, &actor, generation, pages, 1).await;
        commit(&engine, &actor, generation, head, [1, 2], 7).await.unwrap();
        engine.idle().await;
        assert_eq!(rows(&kv).await.len(), 2 + OTHER_ROWS, "shrunk from {pages} pages");
    }
}

/// Raw pages of 4,096 bytes do not fit one small LMDB value; their second halves must go with them.
#[tokio::test(flavor = "multi_thread")]
async fn incompressible_pages_leave_no_second_halves() {
    let place = Place::embedded();
    let engine = place.open().await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let mut head = Txid(0);
    for round in 0..10 {
        // Two halves that do not compress.
        let noise =
            |number| [&content(number, round)[..2048], &content(number + 100, round)[..2048]].concat();
        let data: Vec<Vec<u8>> = (1..=8).map(noise).collect();
        let pages = (1..).zip(&data).map(|(number, data)| PageWrite { page: page(number), data }).collect();
        let commit = Commit { generation, head_txid: head, size_pages: PageCount(8), pages };
        head = engine.commit(&actor, commit).await.unwrap();
    }
    assert_eq!(place.parts(), 8, "one second half a page");
    assert_eq!(engine.delete(&actor).await, Ok(true));
    assert_eq!(place.parts(), 0);
}
