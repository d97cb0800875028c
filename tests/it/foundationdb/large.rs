//! A transaction of 200 MiB, twenty times what FoundationDB takes in one of its own: it becomes visible as one, and one
//! that ends half way leaves nothing in the way of the next owner.

use std::time::Duration;

use batondb::engine::{Engine, LargeCommit, LargeCommitWriter};
use batondb::types::{ActorId, Generation, PageCount, PageNumber, PageSize, Txid};
use tokio::time::Instant;

use crate::support::{
    Child, Place, child_arguments, commit, first_page, id, page, rows, start, tags, tell_parent,
};

const PAGES: u32 = 200 << 8;
/// As many as a spill of SQLite's cache brings.
const PAGES_PER_WRITE: usize = 1_024;
/// A start is one small transaction, also where much is left to tidy up. Generous, for a busy machine.
const START_MAX: Duration = Duration::from_secs(5);
/// The store's mark, the fence and the head.
const OTHER_ROWS: usize = 3;

/// 4,096 bytes of noise, which no compression makes smaller.
fn noise(number: u32, tag: u64) -> Box<[u8]> {
    let mut state = ((u64::from(number) << 32) ^ tag.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1;
    let words = (0..512).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    });
    words.collect()
}

async fn begin(engine: &Engine, actor: &ActorId, generation: Generation, head: Txid) -> LargeCommitWriter {
    let request = LargeCommit { generation, head_txid: head, page_size: PageSize::DEFAULT };
    engine.begin_large_commit(actor, request).await.unwrap()
}

/// Stages pages 1 to `count`.
async fn write(writer: &mut LargeCommitWriter, count: u32, tag: u64) {
    let numbers: Vec<u32> = (1..=count).collect();
    for numbers in numbers.chunks(PAGES_PER_WRITE) {
        let pages = numbers.iter().map(|&number| (page(number), noise(number, tag))).collect();
        writer.write(pages).await.unwrap();
    }
}

/// Every page is of `tag`.
async fn check(engine: &Engine, actor: &ActorId, generation: Generation, tag: u64) {
    let numbers: Vec<PageNumber> = (1..=PAGES).map(page).collect();
    for numbers in numbers.chunks(PAGES_PER_WRITE) {
        let set = engine.get_pages(actor, generation, None, numbers).await.unwrap();
        for &number in numbers {
            let found = set.get(number).unwrap_or_else(|| panic!("page {number} is not there"));
            assert!(found == &*noise(number.get(), tag), "page {number} is not of {tag}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_of_200_mib_commits_as_one() {
    let test = "foundationdb::large::a_transaction_of_200_mib_commits_as_one";
    let Some(place) = Place::foundationdb(test) else { return };
    let (engine, actor) = (place.open().await, id("a"));
    let generation = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, generation, Txid(0), 1..=3, 1).await.unwrap();
    let mut writer = begin(&engine, &actor, generation, head).await;
    write(&mut writer, PAGES, 2).await;
    assert_eq!(tags(&engine, &actor, generation, 3).await, [1; 3], "nothing shows before the end");
    let finished = Instant::now();
    assert_eq!(writer.finish(PageCount(PAGES)).await, Ok(head.next()));
    println!("finished in {:?}", finished.elapsed());
    check(&engine, &actor, generation, 2).await;
    engine.idle().await;
    check(&place.open().await, &actor, generation, 2).await;
}

/// In a child: half of a transaction of 200 MiB, until the child is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_is_killed_half_way() {
    let Some(arguments) = child_arguments() else { return };
    let (engine, actor) = (Place::at(&arguments[0]).open().await, id("a"));
    let meta = start(&engine, &actor).await.meta;
    let mut writer = begin(&engine, &actor, meta.generation, meta.head_txid).await;
    write(&mut writer, PAGES / 2, 2).await;
    tell_parent("half");
    write(&mut writer, PAGES, 3).await;
    panic!("the child was not killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_of_200_mib_that_dies_half_way_leaves_nothing() {
    let test = "foundationdb::large::a_transaction_of_200_mib_that_dies_half_way_leaves_nothing";
    let Some(place) = Place::foundationdb(test) else { return };
    let (engine, actor) = (place.open().await, id("a"));
    let generation = start(&engine, &actor).await.meta.generation;
    commit(&engine, &actor, generation, Txid(0), 1..=3, 1).await.unwrap();
    let address = place.address();
    let mut child = Child::start("foundationdb::large::a_child_that_is_killed_half_way", &[&address]);
    assert_eq!(child.hear().as_deref(), Some("half"));
    child.kill();

    let begun = Instant::now();
    let started = engine.load_startup(&actor, &first_page()).await.unwrap();
    let waited = begun.elapsed();
    println!("started in {waited:?}");
    assert!(waited < START_MAX, "the next owner waited {waited:?}");
    let (generation, head) = (started.meta.generation, started.meta.head_txid);
    assert_eq!(tags(&engine, &actor, generation, 3).await, [1; 3]);
    let begun = Instant::now();
    let head = commit(&engine, &actor, generation, head, 2..=3, 4).await.unwrap();
    println!("committed in {:?}", begun.elapsed());
    assert_eq!(tags(&engine, &actor, generation, 3).await, [1, 4, 4]);

    // The same with a writer that is let go of, by an owner that stays.
    let mut writer = begin(&engine, &actor, generation, head).await;
    write(&mut writer, PAGES / 2, 5).await;
    drop(writer);
    commit(&engine, &actor, generation, head, [3], 6).await.unwrap();
    assert_eq!(tags(&engine, &actor, generation, 3).await, [1, 4, 6]);
    engine.idle().await;
    assert_eq!(rows(&place.kv()).await.len(), 3 + OTHER_ROWS, "all that was staged is gone");
}
