//! Commits that are written as they grow: a page may be written again and read back, and what is staged
//! beyond the final size never shows.

mod rewrites;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batondb::codec::ActorKeys;
use batondb::engine::{Engine, LargeCommit, LargeCommitWriter, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::kv::metered::{Counts, MeteredKv};
use batondb::types::{ActorId, Generation, PageCount, PageNumber, PageSize, Txid};

use crate::support::{
    Place, commit, content, id, on_every_backend, page, put_row, remove_row, rows, start, tag_of, tags,
    tags_of,
};

on_every_backend!(
    pages_are_rewritten_read_back_and_invisible_until_the_end,
    what_is_staged_beyond_the_size_never_shows,
    what_a_shrink_left_is_gone_before_a_commit_of_unknown_size_begins,
    a_dropped_commit_leaves_nothing,
    a_takeover_in_the_middle_is_told_by_the_next_call,
    a_failed_write_fails_all_that_follows,
    bad_pages_are_refused_and_harm_nothing,
    a_staged_page_that_vanished_or_was_damaged_is_told,
    the_cost_of_a_large_commit_is_known,
);

/// The store's mark, the fence and the head.
const OTHER_ROWS: usize = 3;

pub async fn begin(
    engine: &Engine,
    actor: &ActorId,
    generation: Generation,
    head: Txid,
) -> LargeCommitWriter {
    let request = LargeCommit { generation, head_txid: head, page_size: PageSize::DEFAULT };
    engine.begin_large_commit(actor, request).await.unwrap()
}

/// Pages with content of `tag`.
pub fn piece(numbers: impl IntoIterator<Item = u32>, tag: u64) -> Vec<(PageNumber, Box<[u8]>)> {
    numbers.into_iter().map(|number| (page(number), content(number, tag).into_boxed_slice())).collect()
}

/// An actor with pages 1 to 3 of tag 1.
async fn three_pages(engine: &Engine, actor: &ActorId) -> (Generation, Txid) {
    let generation = start(engine, actor).await.meta.generation;
    (generation, commit(engine, actor, generation, Txid(0), 1..=3, 1).await.unwrap())
}

async fn pages_are_rewritten_read_back_and_invisible_until_the_end(place: Place) {
    let (engine, actor) = (place.open().await, id("a"));
    let (generation, head) = three_pages(&engine, &actor).await;
    let mut writer = begin(&engine, &actor, generation, head).await;
    writer.write(piece(2..=2_000, 2)).await.unwrap();
    // Across the parts of the first call, and new pages with them.
    writer.write(piece((1..=2_100).rev().step_by(7), 3)).await.unwrap();
    writer.write(piece([1_999, 2_100], 4)).await.unwrap();
    writer.write(Vec::new()).await.unwrap();
    let expected = |number: u32| match number {
        1_999 | 2_100 => 4,
        number if number % 7 == 0 => 3,
        _ => 2,
    };
    assert!(writer.contains(page(2)) && writer.contains(page(2_100)) && !writer.contains(page(1)));
    let set = writer.read(&[2_100, 7, 8, 9, 1_999, 8].map(page)).await.unwrap();
    assert_eq!(set.pages, [7, 8, 9, 1_999, 2_100].map(page));
    assert_eq!(tags_of(&set), [3, 2, 2, 4, 4]);
    assert_eq!(set.head_txid, head.next());
    let stranger = writer.read(&[page(2), page(1)]).await.unwrap_err();
    assert_eq!(stranger.code(), "ERR_INVALID_ARG");
    assert_eq!(tags(&engine, &actor, generation, 9).await, [1; 3], "nothing shows before the end");

    assert_eq!(writer.finish(PageCount(2_100)).await, Ok(head.next()));
    engine.idle().await;
    let numbers: Vec<PageNumber> = (2..=2_000).chain([2_100]).map(page).collect();
    let set = engine.get_pages(&actor, generation, None, &numbers).await.unwrap();
    for &number in &numbers {
        let number = number.get();
        assert_eq!(tag_of(number, set.get(page(number)).unwrap()), expected(number), "page {number}");
    }
    let staged = 1_999 + (2_001..=2_100).filter(|number| number % 7 == 0).count();
    assert_eq!(rows(&place.kv()).await.len(), 1 + staged + OTHER_ROWS, "page 1 and what was staged");
}

/// Every page from `first` to the size reads as zeros, but the last one, which has this tag.
async fn zeros_between(engine: &Engine, actor: &ActorId, generation: Generation, first: u32, tag: u64) {
    let size = engine.stat(actor).await.unwrap().unwrap().size_pages.0;
    let pages: Vec<PageNumber> = (first..=size).map(page).collect();
    let set = engine.get_pages(actor, generation, None, &pages).await.unwrap();
    for number in first..size {
        assert!(set.get(page(number)).unwrap().iter().all(|byte| *byte == 0), "page {number} of {size}");
    }
    assert_eq!(tag_of(size, set.get(page(size)).unwrap()), tag);
}

async fn what_is_staged_beyond_the_size_never_shows(place: Place) {
    let engine = place.open().await;
    // So few that the end clears them itself, and so many that they become a debt; the database itself
    // shrinks with them or grows all the same.
    for (staged, size, waits) in
        [(900, 2, true), (900, 5, false), (2_500, 5, true), (2_500, 5, false), (2_500, 0, false)]
    {
        let actor = id(&format!("{staged} {size} {waits}"));
        let (generation, head) = three_pages(&engine, &actor).await;
        let mut writer = begin(&engine, &actor, generation, head).await;
        writer.write(piece(1..=staged, 2)).await.unwrap();
        let mut head = writer.finish(PageCount(size)).await.unwrap();
        assert_eq!(tags(&engine, &actor, generation, staged).await, vec![2; size as usize]);
        if waits {
            engine.idle().await;
        }
        head = commit(&engine, &actor, generation, head, [staged - 10], 3).await.unwrap();
        zeros_between(&engine, &actor, generation, size + 1, 3).await;
        // The same by way of another large commit, behind a shrink that nobody waits for.
        let mut writer = begin(&engine, &actor, generation, head).await;
        writer.write(piece(1..=staged, 4)).await.unwrap();
        head = writer.finish(PageCount(size)).await.unwrap();
        let mut writer = begin(&engine, &actor, generation, head).await;
        writer.write(piece([staged], 5)).await.unwrap();
        writer.finish(PageCount(staged)).await.unwrap();
        zeros_between(&engine, &actor, generation, size + 1, 5).await;
        engine.idle().await;
        zeros_between(&engine, &actor, generation, size + 1, 5).await;
    }
}

async fn what_a_shrink_left_is_gone_before_a_commit_of_unknown_size_begins(place: Place) {
    let (engine, actor) = (place.open().await, id("a"));
    let generation = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, generation, Txid(0), 1..=5_000, 1).await.unwrap();
    let head = commit(&engine, &actor, generation, head, [1], 2).await.unwrap();
    let mut writer = begin(&engine, &actor, generation, head).await;
    // The trimming of the shrink is over, or it would take these with it.
    writer.write(piece([4_000], 3)).await.unwrap();
    engine.idle().await;
    assert_eq!(tags_of(&writer.read(&[page(4_000)]).await.unwrap()), [3]);
    writer.finish(PageCount(4_000)).await.unwrap();
    zeros_between(&engine, &actor, generation, 2, 3).await;
}

async fn a_dropped_commit_leaves_nothing(place: Place) {
    let (engine, actor) = (place.open().await, id("a"));
    let (generation, head) = three_pages(&engine, &actor).await;
    let mut writer = begin(&engine, &actor, generation, head).await;
    writer.write(piece(1..=2_000, 2)).await.unwrap();
    writer.write(piece(500..=1_500, 3)).await.unwrap();
    drop(writer);
    engine.idle().await;
    assert_eq!(rows(&place.kv()).await.len(), 3 + OTHER_ROWS);
    assert_eq!(tags(&engine, &actor, generation, 2_000).await, [1; 3]);
    let next = commit(&engine, &actor, generation, head, [1], 4).await.unwrap();
    assert_eq!(next.0, head.0 + 2, "the txid of a stage is taken for good");
}

async fn a_takeover_in_the_middle_is_told_by_the_next_call(place: Place) {
    let (engine, other) = (place.open().await, place.open().await);
    for call in ["write", "rewrite", "read", "finish"] {
        let actor = id(call);
        let (generation, head) = three_pages(&engine, &actor).await;
        let mut writer = begin(&engine, &actor, generation, head).await;
        writer.write(piece(1..=1_200, 2)).await.unwrap();
        writer.read(&[page(1)]).await.unwrap();
        let next = start(&other, &actor).await;
        assert_eq!(next.meta.head_txid, head);
        let told = match call {
            "write" => {
                // On its way is not in: the end of the commit, or any other call, tells at the latest.
                let written = writer.write(piece([2_000], 3)).await;
                written.err().unwrap_or(writer.finish(PageCount(2_000)).await.unwrap_err())
            }
            "rewrite" => {
                let written = writer.write(piece([1], 3)).await;
                written.err().unwrap_or(writer.read(&[page(1)]).await.unwrap_err())
            }
            "read" => writer.read(&[page(1)]).await.unwrap_err(),
            _ => writer.finish(PageCount(2_000)).await.unwrap_err(),
        };
        let StoreError::FenceMismatch { held, current, .. } = told else { panic!("{call}: {told:?}") };
        assert_eq!((held, current), (generation, next.meta.generation), "{call}");
        assert_eq!(tags(&other, &actor, next.meta.generation, 9).await, [1; 3], "{call}");
        commit(&other, &actor, next.meta.generation, head, 1..=2, 5).await.unwrap();
        assert_eq!(tags(&other, &actor, next.meta.generation, 9).await, [5; 2], "{call}");
    }
}

async fn a_failed_write_fails_all_that_follows(place: Place) {
    drop(place.open().await);
    let writes = AtomicU64::new(0);
    // There are a start, a commit, the stage's opening, and the first part, which fails.
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        (operation.writes && writes.fetch_add(1, Ordering::SeqCst) == 3).then_some(Fault::Unavailable)
    });
    let engine = Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap();
    let actor = id("a");
    let (generation, head) = three_pages(&engine, &actor).await;
    let mut writer = begin(&engine, &actor, generation, head).await;
    let first = writer.write(piece([1], 2)).await;
    let first = first.err().unwrap_or(writer.read(&[page(1)]).await.unwrap_err());
    assert_eq!(first.code(), "ERR_UNAVAILABLE");
    assert_eq!(writer.write(piece([2], 2)).await, Err(first.clone()));
    assert_eq!(writer.read(&[page(1)]).await, Err(first.clone()));
    assert_eq!(writer.finish(PageCount(3)).await, Err(first));
    engine.idle().await;
    assert_eq!(tags(&engine, &actor, generation, 9).await, [1; 3]);
    assert_eq!(rows(&place.kv()).await.len(), 3 + OTHER_ROWS);
}

async fn bad_pages_are_refused_and_harm_nothing(place: Place) {
    let (engine, actor) = (place.open().await, id("a"));
    let (generation, head) = three_pages(&engine, &actor).await;
    let request = LargeCommit { generation, head_txid: head, page_size: PageSize::new(512).unwrap() };
    let refused = engine.begin_large_commit(&actor, request).await.err().unwrap();
    assert_eq!(refused.code(), "ERR_INVALID_ARG", "{refused}");
    let mut writer = begin(&engine, &actor, generation, head).await;
    let short = vec![(page(1), vec![0; 512].into_boxed_slice())];
    let refused = writer.write(short).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_INVALID_ARG");
    assert!(refused.to_string().contains("page 1 has 512 bytes"), "{refused}");
    let refused = writer.write([piece([4], 2), piece([4], 3)].concat()).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_INVALID_ARG");
    assert!(refused.to_string().contains("page 4 is given twice"), "{refused}");
    writer.write(piece([1], 2)).await.unwrap();
    writer.finish(PageCount(3)).await.unwrap();
    assert_eq!(tags(&engine, &actor, generation, 9).await, [2, 1, 1]);
}

async fn a_staged_page_that_vanished_or_was_damaged_is_told(place: Place) {
    let (engine, kv, actor) = (place.open().await, place.kv(), id("a"));
    let (generation, head) = three_pages(&engine, &actor).await;
    let mut writer = begin(&engine, &actor, generation, head).await;
    writer.write(piece([2, 3, 4], 2)).await.unwrap();
    writer.read(&[2, 3, 4].map(page)).await.unwrap();
    let keys = ActorKeys::new(&actor);
    // Page 3 has an older version below, page 4 has none.
    for vanished in [3, 4].map(page) {
        remove_row(&kv, &keys.page(vanished, head.next())).await;
        let told = writer.read(&[page(2), vanished]).await.unwrap_err();
        let StoreError::Corrupt { actor: of, page: at, txid, .. } = &told else { panic!("{told:?}") };
        assert_eq!((of, at, txid), (&Some(actor.clone()), &Some(vanished), &Some(head.next())));
    }
    put_row(&kv, &keys.page(page(2), head.next()), b"damaged").await;
    assert_eq!(writer.read(&[page(2)]).await.unwrap_err().code(), "ERR_CORRUPT");
}

async fn the_cost_of_a_large_commit_is_known(place: Place) {
    let meter = Arc::new(MeteredKv::new(place.kv()));
    // Where a step is bounded by what it frees, it looks at each range that it clears.
    let looks_first = meter.limits().freed_bytes.is_some();
    let engine = Engine::open(Arc::clone(&meter) as _, Arc::new(SystemEnv)).await.unwrap();
    let actor = id("a");
    let (generation, head) = three_pages(&engine, &actor).await;
    engine.idle().await;

    meter.take();
    let mut writer = begin(&engine, &actor, generation, head).await;
    let opening = Counts { transactions: 1, gets: 2, puts: 1, ..Counts::default() };
    assert_eq!(meter.take(), opening);

    writer.write(piece(1..=100, 2)).await.unwrap();
    writer.write(piece(51..=150, 3)).await.unwrap();
    writer.read(&[1, 2, 3, 90].map(page)).await.unwrap();
    // Two parts: fence, head, their own manifest; a row a page and the manifest. One read of two runs.
    let parts = Counts { transactions: 2, gets: 6, puts: 202, ..Counts::default() };
    assert_eq!(meter.take(), Counts { reads: 1, gets: 8, scans: 2, rows_scanned: 4 + 3, ..parts });

    writer.finish(PageCount(150)).await.unwrap();
    engine.idle().await;
    // The end, and one step that sweeps both parts.
    let (scans, rows_scanned) = if looks_first { (1 + 200, 2 + 3) } else { (1, 2) };
    let end = Counts { transactions: 2, gets: 4, puts: 2, scans, rows_scanned, ..Counts::default() };
    assert_eq!(meter.take(), Counts { deletes: 2, range_clears: 200, ..end });
}
