//! What a caller sees of one actor: starts, commits, reads.

use batondb::engine::{Commit, ListRequest, Outcome, PageWrite, Preload, StoreError};
use batondb::types::{Generation, PageCount, PageSize, Txid};

use crate::support::{Place, commit, content, first_page, id, on_every_backend, page, start, tags, tags_of};

on_every_backend!(
    a_fresh_actor_starts_at_generation_1_without_pages,
    a_commit_is_read_back_and_brought_along_by_the_next_start,
    an_old_owner_can_neither_write_nor_read,
    a_second_commit_on_the_same_head_is_refused_with_both_heads,
    pages_that_were_never_written_read_as_zeros_and_none_lie_beyond_the_size,
    what_a_shrink_cuts_off_never_comes_back,
    every_legal_page_size_is_taken_from_the_first_commit,
    bad_commits_are_refused_by_name,
    an_actor_that_nobody_started_is_not_found,
    a_deleted_actor_is_gone_and_its_owner_stays_fenced_when_it_comes_back,
);

async fn a_fresh_actor_starts_at_generation_1_without_pages(place: Place) {
    let engine = place.open().await;
    let started = start(&engine, &id("a")).await;
    assert_eq!(started.outcome, Outcome::Won);
    assert_eq!(started.meta.generation, Generation(1));
    assert_eq!((started.meta.head_txid, started.meta.size_pages), (Txid(0), PageCount(0)));
    assert_eq!(started.meta.page_size, PageSize::DEFAULT);
    assert!(started.pages.pages.is_empty());
    assert_eq!(start(&engine, &id("a")).await.meta.generation, Generation(2));
}

async fn a_commit_is_read_back_and_brought_along_by_the_next_start(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let first = commit(&engine, &actor, generation, Txid(0), 1..=5, 1).await.unwrap();
    let second = commit(&engine, &actor, generation, first, [2, 4, 6], 2).await.unwrap();
    assert_eq!((first, second), (Txid(1), Txid(2)));
    assert_eq!(tags(&engine, &actor, generation, 9).await, [1, 2, 1, 2, 1, 2]);

    let preload = Preload { pages: vec![page(6)], ranges: vec![(3, 5), (9, 20)], ..first_page() };
    let started = engine.load_startup(&actor, &preload).await.unwrap();
    assert_eq!(started.pages.pages, [1, 3, 4, 6].map(page));
    assert_eq!(tags_of(&started.pages), [1, 1, 2, 2]);
    assert_eq!((started.pages.head_txid, started.meta.size_pages), (second, PageCount(6)));
}

async fn an_old_owner_can_neither_write_nor_read(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    let old = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, old, Txid(0), [1], 1).await.unwrap();
    let new = start(&engine, &actor).await.meta.generation;
    let expected = StoreError::FenceMismatch {
        actor: actor.clone(),
        held: old,
        current: new,
        held_head_txid: head,
        current_head_txid: head,
    };
    assert_eq!(commit(&engine, &actor, old, head, [1], 2).await, Err(expected.clone()));
    assert_eq!(engine.get_pages(&actor, old, None, &[page(1)]).await, Err(expected));
    assert_eq!(tags(&engine, &actor, new, 1).await, [1]);
}

async fn a_second_commit_on_the_same_head_is_refused_with_both_heads(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    commit(&engine, &actor, generation, Txid(0), [1], 1).await.unwrap();
    let refused = commit(&engine, &actor, generation, Txid(0), [1], 2).await.unwrap_err();
    let StoreError::FenceMismatch { held_head_txid, current_head_txid, .. } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((held_head_txid, current_head_txid), (Txid(0), Txid(1)));
    let stale = engine.get_pages(&actor, generation, Some(Txid(0)), &[page(1)]).await;
    assert!(matches!(stale, Err(StoreError::FenceMismatch { .. })));
}

async fn pages_that_were_never_written_read_as_zeros_and_none_lie_beyond_the_size(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    commit(&engine, &actor, generation, Txid(0), [3, 7], 1).await.unwrap();
    let pages: Vec<_> = [9, 8, 7, 6, 3, 2, 2, 1, u32::MAX].map(page).to_vec();
    let set = engine.get_pages(&actor, generation, None, &pages).await.unwrap();
    assert_eq!(set.pages, [1, 2, 3, 6, 7].map(page));
    for zero in [1, 2, 6] {
        assert_eq!(set.get(page(zero)).unwrap(), vec![0; 4096]);
    }
    for written in [3, 7] {
        assert_eq!(set.get(page(written)).unwrap(), content(written, 1));
    }
}

async fn what_a_shrink_cuts_off_never_comes_back(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    for pages in [5, 3_000] {
        let head = engine.stat(&actor).await.unwrap().unwrap().head_txid;
        let head = commit(&engine, &actor, generation, head, 1..=pages, 1).await.unwrap();
        let head = commit(&engine, &actor, generation, head, [1, 2], 2).await.unwrap();
        // Grown again without writing the pages in between.
        let _ = commit(&engine, &actor, generation, head, [pages], 3).await.unwrap();
        let all: Vec<_> = (1..=pages).map(page).collect();
        let set = engine.get_pages(&actor, generation, None, &all).await.unwrap();
        for number in 3..pages {
            assert_eq!(set.get(page(number)).unwrap(), vec![0; 4096], "page {number} of {pages}");
        }
    }
}

async fn every_legal_page_size_is_taken_from_the_first_commit(place: Place) {
    let engine = place.open().await;
    for log2 in 9..=16 {
        let bytes = 1 << log2;
        let actor = id(&format!("pages of {bytes}"));
        let generation = start(&engine, &actor).await.meta.generation;
        let data = vec![7; bytes];
        let write = |head_txid, data| Commit {
            generation,
            head_txid,
            size_pages: PageCount(1),
            pages: vec![PageWrite { page: page(1), data }],
        };
        let head = engine.commit(&actor, write(Txid(0), &data)).await.unwrap();
        assert_eq!(start(&engine, &actor).await.pages.data, data);
        assert_eq!(engine.stat(&actor).await.unwrap().unwrap().page_size.bytes(), bytes);
        let other = vec![7; if bytes == 512 { 1024 } else { 512 }];
        let generation = Generation(2);
        let refused = engine.commit(&actor, Commit { generation, ..write(head, &other) }).await.unwrap_err();
        assert_eq!(refused.code(), "ERR_INVALID_ARG", "{refused}");
    }
}

/// Page numbers and their bytes.
type Pages<'a> = &'a [(u32, &'a [u8])];

async fn bad_commits_are_refused_by_name(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let short = vec![0; 4095];
    let full = vec![0; 4096];
    let small = vec![0; 512];
    let cases: [(u32, Pages<'_>, &str); 5] = [
        (1, &[(1, &short)], "got 4095 bytes"),
        (3, &[(1, &full), (2, &small)], "page 2 has 512 bytes"),
        (3, &[(2, &full), (1, &full), (2, &full)], "page 2 is given twice"),
        (3, &[(4, &full)], "page 4 lies beyond sizePages 3"),
        (1, &[(1, &[])], "got 0 bytes"),
    ];
    for (size, pages, message) in cases {
        let pages = pages.iter().map(|(number, data)| PageWrite { page: page(*number), data }).collect();
        let bad = Commit { generation, head_txid: Txid(0), size_pages: PageCount(size), pages };
        let refused = engine.commit(&actor, bad).await.unwrap_err();
        assert_eq!(refused.code(), "ERR_INVALID_ARG");
        assert!(refused.to_string().contains(message), "{refused}");
    }
    assert_eq!(engine.stat(&actor).await.unwrap().unwrap().head_txid, Txid(0));
}

async fn an_actor_that_nobody_started_is_not_found(place: Place) {
    let engine = place.open().await;
    let actor = id("nobody");
    let not_found = StoreError::NotFound { actor: actor.clone() };
    assert_eq!(commit(&engine, &actor, Generation(1), Txid(0), [1], 1).await, Err(not_found.clone()));
    assert_eq!(engine.get_pages(&actor, Generation(1), None, &[page(1)]).await, Err(not_found));
    assert_eq!(engine.stat(&actor).await, Ok(None));
    assert_eq!(engine.delete(&actor).await, Ok(false));
}

async fn a_deleted_actor_is_gone_and_its_owner_stays_fenced_when_it_comes_back(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    let old = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, old, Txid(0), 1..=2_500, 1).await.unwrap();
    assert_eq!(engine.delete(&actor).await, Ok(true));
    assert_eq!(engine.delete(&actor).await, Ok(false));
    assert_eq!(engine.stat(&actor).await, Ok(None));
    assert!(engine.list(&ListRequest::default()).await.unwrap().is_empty());
    let refused = commit(&engine, &actor, old, head, [1], 2).await;
    assert_eq!(refused, Err(StoreError::NotFound { actor: actor.clone() }));

    let again = engine.load_startup(&actor, &first_page()).await.unwrap();
    assert!(again.meta.generation > old && again.pages.pages.is_empty());
    assert_eq!(again.meta.size_pages, PageCount(0));
    let refused = commit(&engine, &actor, old, again.meta.head_txid, [1], 2).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_FENCE_MISMATCH");
    let next = commit(&engine, &actor, again.meta.generation, again.meta.head_txid, [3], 3).await.unwrap();
    assert!(next > head, "txids are never reused");
    let set = engine.get_pages(&actor, again.meta.generation, None, &[page(1), page(2)]).await.unwrap();
    assert_eq!(set.data, vec![0; 2 * 4096], "nothing of the deleted database shows");
}
