//! What operations cost, counted in backend operations: the cost depends on the pages asked for, not on the
//! size of the database, the number of commits or the number of actors (G5).

use std::sync::Arc;

use batondb::engine::{Engine, Preload};
use batondb::env::SystemEnv;
use batondb::kv::metered::{Counts, MeteredKv};
use batondb::types::Txid;

use crate::support::{Place, commit, first_page, id, on_every_backend, page, start};

on_every_backend!(
    the_cost_of_each_operation_is_known_and_the_same_in_a_small_and_a_large_database,
    a_staged_commit_is_finalized_by_one_small_transaction_whatever_its_size,
);

async fn metered(place: &Place) -> (Engine, Arc<MeteredKv>) {
    let kv = Arc::new(MeteredKv::new(place.kv()));
    let engine = Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap();
    (engine, kv)
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
        let mut generation = start(&engine, &actor).await.meta.generation;
        let mut head = commit(&engine, &actor, generation, Txid(0), 1..=size, 1).await.unwrap();
        for _ in 0..20 {
            head = commit(&engine, &actor, generation, head, [2, 5, size], 2).await.unwrap();
        }
        engine.idle().await;

        meter.take();
        generation = start(&engine, &actor).await.meta.generation;
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

        let preload = Preload { ranges: vec![(1, 7)], pages: vec![page(8)], ..first_page() };
        engine.load_startup(&actor, &preload).await.unwrap();
        generation = generation.next();
        let expected = Counts { scans: 2, rows_scanned: 7, ..takeover };
        assert_eq!(meter.take(), expected, "loadStartup of two runs, {name}");

        engine.get_pages(&actor, generation, None, &[2, 3, 4, 7].map(page)).await.unwrap();
        let read = Counts { reads: 1, gets: 2, scans: 2, rows_scanned: 4, ..Counts::default() };
        assert_eq!(meter.take(), read, "getPages of two runs, {name}");

        commit(&engine, &actor, generation, head, [1, 3, 4, size], 3).await.unwrap();
        let write = Counts { transactions: 1, gets: 2, puts: 5, range_clears: 4, ..Counts::default() };
        assert_eq!(meter.take(), write, "commit of four pages, {name}");

        engine.load_startup(&actor, &first_page()).await.unwrap();
        engine.stat(&actor).await.unwrap().unwrap();
        assert_eq!(meter.take().reads, serial + 1, "stat is one read, {name}");
    }
}

async fn a_staged_commit_is_finalized_by_one_small_transaction_whatever_its_size(place: Place) {
    let (engine, meter) = metered(&place).await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let mut head = Txid(0);
    for size in [2_000, 8_000] {
        meter.take();
        head = commit(&engine, &actor, generation, head, 1..=size, 1).await.unwrap();
        engine.idle().await;
        let counts = meter.take();
        let rows = u64::from(size);
        // Every page and manifest is written once; the rest is opening, finalizing and the end of the sweep.
        let parts = counts.puts - rows - 3;
        assert!((2..=rows / 100).contains(&parts), "{counts:?}");
        assert_eq!(counts.deletes, parts, "every manifest is swept");
        // One transaction opens, one finalizes, one a part writes, one sweeps four parts.
        assert!(counts.transactions <= 2 + parts + parts / 4 + 1, "{counts:?}");
    }
}
