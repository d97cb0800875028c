//! What operations cost, counted in backend operations: the cost depends on the pages asked for, not on the
//! size of the database, the number of commits or the number of actors (G5). On a backend that answers over a
//! network also in rounds of reads, one behind the other.

use std::sync::Arc;

use batondb::engine::{Engine, Preload};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::metered::{Counts, MeteredKv};
use batondb::types::{ActorId, Generation, PageRange, Txid};

use crate::support::{Place, commit, first_page, id, on_every_backend, page, start};

on_every_backend!(
    the_cost_of_each_operation_is_known_and_the_same_in_a_small_and_a_large_database,
    long_runs_are_read_side_by_side_and_only_what_hints_name_takes_another_round,
    a_staged_commit_is_finalized_by_one_small_transaction_whatever_its_size,
);

async fn metered(place: &Place) -> (Engine, Arc<MeteredKv>) {
    let kv = Arc::new(MeteredKv::new(place.kv()));
    let engine = Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap();
    (engine, kv)
}

/// Where reads side by side save time, as over a network: the memory backend imitates one. Each operation
/// then takes as few rounds of reads as it can. The embedded engine answers each read at once, so a read more
/// or less counts there and rounds do not.
fn has_rounds(place: &Place) -> bool {
    matches!(place, Place::Memory(_) | Place::FoundationDb(_))
}

#[track_caller]
fn assert_rounds(place: &Place, meter: &MeteredKv, rounds: u64, what: &str) {
    let counted = meter.take_rounds();
    if has_rounds(place) {
        assert_eq!(counted, rounds, "rounds of {what}");
    }
}

/// A database of this size whose page 2, 5 and last were rewritten often, and what holds it.
async fn with_history(engine: &Engine, actor: &ActorId, size: u32) -> (Generation, Txid) {
    let generation = start(engine, actor).await.meta.generation;
    let mut head = commit(engine, actor, generation, Txid(0), 1..=size, 1).await.unwrap();
    for _ in 0..20 {
        head = commit(engine, actor, generation, head, [2, 5, size], 2).await.unwrap();
    }
    engine.idle().await;
    (generation, head)
}

async fn the_cost_of_each_operation_is_known_and_the_same_in_a_small_and_a_large_database(place: Place) {
    // A serial backend first reads the generation, to tell a race by it; an optimistic one does not need to.
    let serial = u64::from(matches!(place, Place::Embedded(..)));
    let (engine, meter) = metered(&place).await;
    for (name, size, neighbours) in [("small", 8, 0), ("large", 20_000, 200)] {
        let actor = id(name);
        for number in 0..neighbours {
            start(&engine, &id(&format!("neighbour {number}"))).await;
        }
        let (_, head) = with_history(&engine, &actor, size).await;
        meter.take();
        meter.take_rounds();

        let mut generation = start(&engine, &actor).await.meta.generation;
        let takeover = Counts {
            transactions: 1,
            reads: serial,
            gets: 2 + serial,
            scans: 1,
            rows_scanned: 1,
            puts: 1,
            ..Counts::default()
        };
        assert_eq!(meter.take(), takeover, "loadStartup of page 1, {name}");
        assert_rounds(&place, &meter, 1, "loadStartup of page 1");

        let preload = Preload { ranges: vec![(1, 7)], pages: vec![page(8)], ..first_page() };
        engine.load_startup(&actor, &preload).await.unwrap();
        generation = generation.next();
        let expected = Counts { scans: 2, rows_scanned: 7, ..takeover };
        assert_eq!(meter.take(), expected, "loadStartup of two runs, {name}");
        assert_rounds(&place, &meter, 1, "loadStartup of two runs");

        engine.get_pages(&actor, generation, None, &[2, 3, 4, 7].map(page)).await.unwrap();
        let read = Counts { reads: 1, gets: 2, scans: 2, rows_scanned: 4, ..Counts::default() };
        assert_eq!(meter.take(), read, "getPages of two runs, {name}");
        assert_rounds(&place, &meter, 1, "getPages");

        commit(&engine, &actor, generation, head, [1, 3, 4, size], 3).await.unwrap();
        let write = Counts { transactions: 1, gets: 2, puts: 5, range_clears: 4, ..Counts::default() };
        assert_eq!(meter.take(), write, "commit of four pages, {name}");
        assert_rounds(&place, &meter, 1, "commit");

        engine.load_startup(&actor, &first_page()).await.unwrap();
        engine.stat(&actor).await.unwrap().unwrap();
        assert_eq!(meter.take().reads, serial + 1, "stat is one read, {name}");
        assert_rounds(&place, &meter, 2, "loadStartup and stat");
    }
}

/// Where reads go side by side, what is longer than a round trip is as many reads, in one round. What nobody
/// can know before the first round has come back takes a second one, and only that.
async fn long_runs_are_read_side_by_side_and_only_what_hints_name_takes_another_round(place: Place) {
    let (engine, meter) = metered(&place).await;
    let actor = id("a");
    let (generation, _) = with_history(&engine, &actor, 2_000).await;
    meter.take();
    meter.take_rounds();
    let pages = |last: u32| (1..=last).map(page).collect::<Vec<_>>();

    // 256 pages of 4,096 bytes in pieces of 64 KiB.
    let preload = Preload { ranges: vec![(1, 257)], ..first_page() };
    assert_eq!(engine.load_startup(&actor, &preload).await.unwrap().pages.pages, pages(256));
    let generation = generation.next();
    let counts = meter.take();
    assert_eq!((counts.transactions, counts.scans), (1, if has_rounds(&place) { 16 } else { 1 }));
    assert_rounds(&place, &meter, 1, "loadStartup of 1 MiB");

    assert_eq!(engine.get_pages(&actor, generation, None, &pages(256)).await.unwrap().pages, pages(256));
    assert_eq!(meter.take().scans, if has_rounds(&place) { 16 } else { 1 });
    assert_rounds(&place, &meter, 1, "getPages of 1 MiB");

    // More than is read before the head is known.
    assert_eq!(engine.get_pages(&actor, generation, None, &pages(257)).await.unwrap().pages, pages(257));
    assert_eq!(meter.take().scans, if has_rounds(&place) { 17 } else { 1 });
    assert_rounds(&place, &meter, 2, "getPages of more than 1 MiB");

    let hints = [PageRange { first: page(900), last: page(950) }];
    engine.store_hints(&actor, generation, &hints).await.unwrap();
    meter.take();
    meter.take_rounds();
    let hinted = Preload { hints: true, ..first_page() };
    assert_eq!(engine.load_startup(&actor, &hinted).await.unwrap().pages.pages.len(), 52);
    assert_eq!(meter.take().transactions, 1);
    assert_rounds(&place, &meter, 2, "loadStartup with hints");
    engine.store_hints(&actor, generation.next(), &[]).await.unwrap();
    meter.take_rounds();
    engine.load_startup(&actor, &hinted).await.unwrap();
    assert_rounds(&place, &meter, 1, "loadStartup that finds no hints");
}

async fn a_staged_commit_is_finalized_by_one_small_transaction_whatever_its_size(place: Place) {
    let (engine, meter) = metered(&place).await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let mut head = Txid(0);
    for (superseded, size) in [(0, 2_000), (2_000, 8_000)] {
        meter.take();
        head = commit(&engine, &actor, generation, head, 1..=size, 1).await.unwrap();
        engine.idle().await;
        let counts = meter.take();
        let rows = u64::from(size);
        // Every page and manifest is written once, and a manifest again at whose rows a sweep had enough; the rest is
        // opening, finalizing and the end of the sweep.
        let parts = counts.deletes;
        assert!((2..=rows / 100).contains(&parts), "every manifest is swept: {counts:?}");
        let again = counts.puts - rows - 3 - parts;
        let bounded = u64::from(meter.limits().freed_bytes.is_some());
        assert!(again <= bounded * superseded / 200, "{again} sweeps ended inside a manifest: {counts:?}");
        // One transaction opens, one finalizes, one a part writes, one sweeps four parts, or 219 rows.
        assert!(counts.transactions <= 2 + parts + parts / 4 + 1 + again, "{counts:?}");
    }
}
