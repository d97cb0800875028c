//! Preload hints: noted by an owner, brought along by the next start, never in the way.

use std::sync::Arc;

use batondb::codec::ActorKeys;
use batondb::engine::{Engine, Outcome, Preload, Startup};
use batondb::env::SystemEnv;
use batondb::kv::metered::{Counts, MeteredKv};
use batondb::types::{ActorId, Generation, PageNumber, PageRange, Txid};

use crate::support::{Place, commit, first_page, id, on_every_backend, page, put_row, rows, start, tags_of};

on_every_backend!(
    the_next_start_brings_the_hinted_pages_along_after_the_chosen_ones,
    hints_are_replaced_and_removed,
    damaged_hints_are_ignored,
    only_the_current_owner_writes_hints,
    bad_hints_are_refused,
    a_deletion_takes_the_hints_with_it,
    an_import_takes_the_hints_of_the_former_content_with_it,
    hints_cost_a_start_one_point_read,
);

/// The store's mark, the fence and the head.
const OTHER_ROWS: usize = 3;

fn range(first: u32, last: u32) -> PageRange {
    PageRange { first: page(first), last: page(last) }
}

fn hinted() -> Preload {
    Preload { hints: true, ..first_page() }
}

/// An actor with these many pages.
async fn with_pages(engine: &Engine, actor: &ActorId, pages: u32) -> Generation {
    let generation = start(engine, actor).await.meta.generation;
    commit(engine, actor, generation, Txid(0), 1..=pages, 1).await.unwrap();
    generation
}

#[track_caller]
fn numbers(startup: &Startup) -> Vec<u32> {
    assert_eq!(startup.outcome, Outcome::Won);
    assert!(tags_of(&startup.pages).iter().all(|tag| *tag == 1));
    startup.pages.pages.iter().copied().map(PageNumber::get).collect()
}

async fn the_next_start_brings_the_hinted_pages_along_after_the_chosen_ones(place: Place) {
    let (engine, actor) = (place.open().await, id("a"));
    let generation = with_pages(&engine, &actor, 20).await;
    let hints = [range(3, 4), range(7, 9), range(19, 4_000)];
    engine.store_hints(&actor, generation, &hints).await.unwrap();

    let started = engine.load_startup(&actor, &hinted()).await.unwrap();
    assert_eq!(numbers(&started), [1, 3, 4, 7, 8, 9, 19, 20]);
    assert_eq!(started.hints, hints, "what the row holds, also beyond the size");
    // They stay for the start after that.
    assert_eq!(numbers(&engine.load_startup(&actor, &hinted()).await.unwrap()).len(), 8);

    let unasked = start(&engine, &actor).await;
    assert_eq!((numbers(&unasked), unasked.hints), (vec![1], Vec::new()));

    let bytes_max = 5 * 4096;
    let chosen = Preload { pages: vec![page(18), page(8)], bytes_max, ..hinted() };
    let started = engine.load_startup(&actor, &chosen).await.unwrap();
    assert_eq!(numbers(&started), [1, 3, 4, 8, 18], "the chosen ones, then the hints that have room");
    let chosen = Preload { ranges: vec![(10, 20)], bytes_max, ..hinted() };
    assert_eq!(numbers(&engine.load_startup(&actor, &chosen).await.unwrap()), [1, 10, 11, 12, 13]);
}

async fn hints_are_replaced_and_removed(place: Place) {
    let (engine, actor) = (place.open().await, id("a"));
    let generation = with_pages(&engine, &actor, 9).await;
    engine.store_hints(&actor, generation, &[range(2, 3)]).await.unwrap();
    engine.store_hints(&actor, generation, &[range(5, 5)]).await.unwrap();
    let started = engine.load_startup(&actor, &hinted()).await.unwrap();
    assert_eq!(numbers(&started), [1, 5]);
    assert_eq!(rows(&place.kv()).await.len(), 9 + 1 + OTHER_ROWS);
    let generation = started.meta.generation;
    engine.store_hints(&actor, generation, &[]).await.unwrap();
    engine.store_hints(&actor, generation, &[]).await.unwrap();
    assert_eq!(rows(&place.kv()).await.len(), 9 + OTHER_ROWS);
    assert_eq!(numbers(&engine.load_startup(&actor, &hinted()).await.unwrap()), [1]);
}

async fn damaged_hints_are_ignored(place: Place) {
    let (engine, kv, actor) = (place.open().await, place.kv(), id("a"));
    let mut generation = with_pages(&engine, &actor, 9).await;
    engine.store_hints(&actor, generation, &[range(2, 3)]).await.unwrap();
    let key = ActorKeys::new(&actor).hints();
    let good = rows(&kv).await.into_iter().find(|(stored, _)| *stored == key).unwrap().1;
    for position in 0..good.len() {
        let mut damaged = good.clone();
        damaged[position] ^= 1 << (position % 8);
        put_row(&kv, &key, &damaged).await;
        let started = engine.load_startup(&actor, &hinted()).await.unwrap();
        assert_eq!((numbers(&started), &started.hints), (vec![1], &Vec::new()), "byte {position}");
        generation = started.meta.generation;
    }
    engine.store_hints(&actor, generation, &[range(4, 4)]).await.unwrap();
    assert_eq!(numbers(&engine.load_startup(&actor, &hinted()).await.unwrap()), [1, 4]);
}

async fn only_the_current_owner_writes_hints(place: Place) {
    let (engine, other, actor) = (place.open().await, place.open().await, id("a"));
    let nobody = engine.store_hints(&actor, Generation(1), &[range(2, 3)]).await.unwrap_err();
    assert_eq!(nobody.code(), "ERR_NOT_FOUND");
    let old = with_pages(&engine, &actor, 9).await;
    let current = start(&other, &actor).await.meta.generation;
    for hints in [&[range(2, 3)][..], &[]] {
        let stale = engine.store_hints(&actor, old, hints).await.unwrap_err();
        assert_eq!(stale.code(), "ERR_FENCE_MISMATCH");
    }
    other.store_hints(&actor, current, &[range(5, 5)]).await.unwrap();
    assert_eq!(numbers(&other.load_startup(&actor, &hinted()).await.unwrap()), [1, 5]);
}

async fn bad_hints_are_refused(place: Place) {
    let (engine, actor) = (place.open().await, id("a"));
    let generation = with_pages(&engine, &actor, 9).await;
    for (bad, code) in [
        (vec![range(3, 4), range(2, 2)], "ERR_INVALID_ARG"),
        (vec![range(3, 4), range(4, 5)], "ERR_INVALID_ARG"),
        (vec![range(4, 3)], "ERR_INVALID_ARG"),
        ((1..=257).map(|number| range(2 * number, 2 * number)).collect(), "ERR_OUT_OF_RANGE"),
    ] {
        assert_eq!(engine.store_hints(&actor, generation, &bad).await.unwrap_err().code(), code);
    }
    assert_eq!(engine.load_startup(&actor, &hinted()).await.unwrap().hints, []);
}

async fn a_deletion_takes_the_hints_with_it(place: Place) {
    let (engine, actor) = (place.open().await, id("a"));
    let generation = with_pages(&engine, &actor, 9).await;
    engine.store_hints(&actor, generation, &[range(2, 3)]).await.unwrap();
    assert_eq!(engine.delete(&actor).await, Ok(true));
    assert_eq!(rows(&place.kv()).await.len(), OTHER_ROWS);
    let late = engine.store_hints(&actor, generation, &[range(2, 3)]).await.unwrap_err();
    assert_eq!(late.code(), "ERR_NOT_FOUND");
    assert_eq!(engine.load_startup(&actor, &hinted()).await.unwrap().hints, []);
}

async fn an_import_takes_the_hints_of_the_former_content_with_it(place: Place) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.sqlite");
    rusqlite::Connection::open(&file)
        .unwrap()
        .execute_batch("CREATE TABLE t (a); CREATE TABLE u (b)")
        .unwrap();
    let (engine, actor) = (place.open().await, id("a"));
    let generation = with_pages(&engine, &actor, 9).await;
    engine.store_hints(&actor, generation, &[range(2, 3)]).await.unwrap();
    // One that is refused leaves them.
    assert_eq!(engine.import_from(&actor, &file, false).await.unwrap_err().code(), "ERR_INVALID_ARG");
    assert_eq!(engine.load_startup(&actor, &hinted()).await.unwrap().hints, [range(2, 3)]);
    engine.import_from(&actor, &file, true).await.unwrap();
    let started = engine.load_startup(&actor, &hinted()).await.unwrap();
    assert_eq!((started.hints, started.pages.pages), (Vec::new(), vec![page(1)]));
}

async fn hints_cost_a_start_one_point_read(place: Place) {
    let meter = Arc::new(MeteredKv::new(place.kv()));
    let engine = Engine::open(Arc::clone(&meter) as _, Arc::new(SystemEnv)).await.unwrap();
    let actor = id("a");
    let generation = with_pages(&engine, &actor, 9).await;
    engine.idle().await;
    meter.take();
    engine.store_hints(&actor, generation, &[range(2, 3)]).await.unwrap();
    let store = Counts { transactions: 1, gets: 2, puts: 1, ..Counts::default() };
    assert_eq!(meter.take(), store);
    start(&engine, &actor).await;
    let without = meter.take();
    engine.load_startup(&actor, &hinted()).await.unwrap();
    // The hinted pages follow page 1, so they are one range read with it; but where the pages are asked for
    // beside the head, page 1 comes before the hints are known.
    let scans = if matches!(place, Place::Memory(_) | Place::FoundationDb(_)) { 2 } else { 1 };
    assert_eq!(meter.take(), Counts { gets: without.gets + 1, scans, rows_scanned: 3, ..without });
}
