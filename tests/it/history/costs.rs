//! What history costs, counted: a restore and a fork are the same operations whatever the size, a commit writes one
//! row more, and an actor without history has none of its rows.

use std::sync::Arc;

use batondb::engine::{Commit, Engine, PageWrite, PinRequest, PointRef, PointsRequest, Preload};
use batondb::kv::Kv;
use batondb::kv::metered::{Counts, MeteredKv};
use batondb::metrics::{Now, SqlTotals, Value};
use batondb::types::{ActorId, Generation, HistoryPolicy, HistoryTier, PageCount, PageNumber, Txid};

use super::world::Clock;
use crate::support::{Place, commit, content, id, on_every_backend, rows, start, tags_of};

on_every_backend!(
    a_restore_and_a_fork_are_the_same_operations_whatever_the_size,
    a_start_of_a_fork_of_forks_takes_two_more_rounds_at_most,
    forks_beside_an_owner_that_commits_cost_it_no_retry,
    an_actor_without_history_has_none_of_its_rows,
);

fn for_ever() -> HistoryPolicy {
    HistoryPolicy { keep_all_ms: u64::MAX, then: vec![] }
}

async fn made(engine: &Engine, actor: &ActorId, pages: u32) -> (Generation, Txid) {
    let generation = start(engine, actor).await.meta.generation;
    let first = commit(engine, actor, generation, Txid(0), 1..=pages, 1).await.unwrap();
    (generation, commit(engine, actor, generation, first, [1, pages], 2).await.unwrap())
}

async fn a_restore_and_a_fork_are_the_same_operations_whatever_the_size(place: Place) {
    let meter = Arc::new(MeteredKv::new(place.kv()));
    // What a restore begins in the background is not part of it.
    let clock = Clock::at(1_700_000_000_000);
    let engine = Engine::open(Arc::clone(&meter) as _, Arc::new(clock.clone())).await.unwrap();
    engine.keep_history(Some(for_ever()));
    let mut costs: Vec<[Counts; 2]> = Vec::new();
    for (name, pages) in [("small", 8), ("large", place.rounds(20_000, 3_000))] {
        let actor = id(name);
        let (_, head) = made(&engine, &actor, pages).await;
        clock.run_background().await;
        let points = engine.points(&actor, &PointsRequest::default()).await.unwrap();
        let first = points.last().unwrap().txid;
        meter.take();
        engine.fork(&actor, &id(&format!("{name} fork")), PointRef::Txid(first)).await.unwrap();
        let fork = meter.take();
        let restored = engine.restore(&actor, PointRef::Txid(first)).await.unwrap();
        assert_eq!((restored.to, restored.undo), (first, head));
        let restore = meter.take();
        clock.run_background().await;
        costs.push([fork, restore]);
    }
    assert_eq!(costs[0], costs[1], "the costs of a small and of a large database");
    let [fork, restore] = costs[0];
    // Fence, head, line, point, policy, and a pin on the source.
    assert_eq!((fork.transactions, fork.puts), (1, 6), "{fork:?}");
    // Fence, head, point, line, and the pin of the state before.
    assert_eq!((restore.transactions, restore.puts), (1, 5), "{restore:?}");
}

/// Its own pages come in the round of the head, or in the next one; those of all others in one more.
async fn a_start_of_a_fork_of_forks_takes_two_more_rounds_at_most(place: Place) {
    let meter = Arc::new(MeteredKv::new(place.kv()));
    let clock = Clock::at(1_700_000_000_000);
    let engine = Engine::open(Arc::clone(&meter) as _, Arc::new(clock.clone())).await.unwrap();
    made(&engine, &id("fork 1"), 8).await;
    for depth in 2..=8 {
        let fork = id(&format!("fork {depth}"));
        engine.fork(&id(&format!("fork {}", depth - 1)), &fork, PointRef::Head).await.unwrap();
        let started = start(&engine, &fork).await;
        let (generation, head) = (started.meta.generation, started.meta.head_txid);
        let page = PageNumber::new(depth).unwrap();
        let data = content(depth, u64::from(depth));
        let pages = vec![PageWrite { page, data: &data }];
        let commit = Commit { generation, head_txid: head, size_pages: PageCount(8), pages };
        engine.commit(&fork, commit).await.unwrap();
    }
    let preload = Preload { ranges: vec![(1, 9)], bytes_max: 1 << 20, ..Preload::default() };
    let mut fewest = u64::MAX;
    // A busy cluster may ask for another try, whose rounds count, too.
    for _ in 0..3 {
        meter.take_rounds();
        let started = engine.load_startup(&id("fork 8"), &preload).await.unwrap();
        fewest = fewest.min(meter.take_rounds());
        let tags: Vec<u64> = tags_of(&started.pages);
        assert_eq!(tags, [2, 2, 3, 4, 5, 6, 7, 8], "the page of each ancestor");
    }
    if matches!(place, Place::Memory(_) | Place::FoundationDb(_)) {
        assert!(fewest <= 3, "{fewest} rounds");
    }
}

async fn forks_beside_an_owner_that_commits_cost_it_no_retry(place: Place) {
    let owner = place.open().await;
    owner.keep_history(Some(for_ever()));
    let forks = place.rounds(10_000, 300);
    let actor = id("source");
    let (generation, mut head) = made(&owner, &actor, 4).await;
    let others = place.open().await;
    let forking = {
        let actor = actor.clone();
        tokio::spawn(async move {
            for number in 0..forks {
                others.fork(&actor, &id(&format!("fork {number}")), PointRef::Head).await.unwrap();
            }
        })
    };
    let mut commits = 0;
    while !forking.is_finished() {
        head = commit(&owner, &actor, generation, head, [1, 4], commits).await.unwrap();
        commits += 1;
    }
    forking.await.unwrap();
    assert!(commits > 0);
    let families = owner.metrics().families(&SqlTotals::default(), &Now::default());
    let conflicts = families.into_iter().flat_map(|family| family.series);
    let conflicts: Vec<Value> =
        conflicts.filter(|one| one.path == "attempts.conflicts").map(|one| one.value).collect();
    assert!(matches!(conflicts[..], [Value::Number(0)]), "{commits} commits beside {forks} forks");
}

async fn an_actor_without_history_has_none_of_its_rows(place: Place) {
    let engine = place.open().await;
    let actor = id("plain");
    let (generation, head) = made(&engine, &actor, 5).await;
    commit(&engine, &actor, generation, head, [2], 3).await.unwrap();
    engine.idle().await;
    let kv: Arc<dyn Kv> = place.kv();
    let mut kinds: Vec<u8> = Vec::new();
    for (key, value) in rows(&kv).await {
        // The kind comes behind the id, which here ends with its only NUL.
        if let Some(end) = key.iter().position(|byte| *byte == 0).filter(|_| key[0] == 2) {
            kinds.push(key[end + 1]);
            assert_eq!(value[0], 1, "the format version of {key:02x?}");
        }
    }
    kinds.dedup();
    assert_eq!(kinds, [1, 2], "head and pages");
    // A pin makes them, and they go with it.
    engine.pin(&actor, PointRef::Head, PinRequest { name: "p".to_owned(), expires_at_ms: 0 }).await.unwrap();
    assert!(engine.unpin_name(&actor, "p".to_owned()).await.unwrap() > 0);
    engine.idle().await;
    engine.thin(&actor).await.unwrap();
    for (key, value) in rows(&kv).await {
        if let Some(end) = key.iter().position(|byte| *byte == 0).filter(|_| key[0] == 2) {
            assert!(key[end + 1] <= 2 && value[0] == 1, "{key:02x?} is left");
        }
    }
}

/// A week of commits, thinned as it goes, stays within what the policy says.
#[tokio::test]
async fn a_week_of_commits_stays_within_the_bound_of_its_policy() {
    const MINUTE: u64 = 60_000;
    let place = Place::memory();
    let clock = Clock::at(1_700_000_000_000);
    let engine = Engine::open(place.kv(), Arc::new(clock.clone())).await.unwrap();
    let tier = |every_ms, for_ms| HistoryTier { every_ms, for_ms };
    let week = 7 * 24 * 60 * MINUTE;
    let then = vec![tier(5 * MINUTE, 24 * 60 * MINUTE), tier(60 * MINUTE, week)];
    engine.keep_history(Some(HistoryPolicy { keep_all_ms: 10 * MINUTE, then }));
    let actor = id("busy");
    let generation = start(&engine, &actor).await.meta.generation;
    let mut head = commit(&engine, &actor, generation, Txid(0), 1..=20, 0).await.unwrap();
    let mut most = 0;
    for number in 0..week / MINUTE {
        clock.advance(MINUTE);
        let pages = [1, 2 + u32::try_from(number % 7).unwrap(), 20];
        head = commit(&engine, &actor, generation, head, pages, number).await.unwrap();
        clock.run_background().await;
        if number % 500 == 0 {
            most = most.max(engine.points(&actor, &PointsRequest::default()).await.unwrap().len());
        }
    }
    // Those of 10 minutes, of a day and of a week, one at each seam, and those of 64 commits that were not
    // thinned yet.
    let bound = 10 + 24 * 12 + 6 * 24 + 3 + 64;
    assert!(most <= bound, "{most} points, at most {bound}");
    let rows = engine.inspect(&actor).await.unwrap().unwrap().rows;
    // Between two points, each has at most the pages that were written in between.
    assert!(rows.superseded.rows <= bound as u64 * 9, "{rows:?}");
}
