//! Actors that show many other lines: they are flattened in the background, or ask for it.

use std::sync::Arc;

use batondb::engine::{Commit, Engine, PageWrite, PointRef, StoreError};
use batondb::types::{ActorId, Generation, HistoryPolicy, PageCount, PageNumber, Txid};

use super::world::Clock;
use crate::support::{Place, commit, content, id, on_every_backend, page, start};

on_every_backend!(
    a_deep_fork_is_flattened_by_its_start,
    growing_over_hidden_rows_again_and_again_never_ends,
    a_commit_with_too_many_segments_is_refused_until_the_actor_is_flattened,
);

/// So large that a commit that grows to it cannot write an empty page for each one that it hides.
const LARGE: u32 = 40;

fn for_ever() -> HistoryPolicy {
    HistoryPolicy { keep_all_ms: u64::MAX, then: vec![] }
}

async fn open(place: &Place) -> (Engine, Clock) {
    let clock = Clock::at(1_700_000_000_000);
    let engine = Engine::open(place.kv(), Arc::new(clock.clone())).await.unwrap();
    engine.keep_history(Some(for_ever()));
    (engine, clock)
}

async fn ancestors(engine: &Engine, actor: &ActorId) -> Vec<ActorId> {
    engine.inspect(actor).await.unwrap().unwrap().past.ancestors
}

/// A database of `LARGE` pages, shrunk to one, and grown again by its last page.
struct Waves {
    engine: Engine,
    clock: Clock,
    actor: ActorId,
    generation: Generation,
    head: Txid,
}

impl Waves {
    async fn begin(place: &Place) -> Self {
        let (engine, clock) = open(place).await;
        let actor = id("waves");
        let generation = start(&engine, &actor).await.meta.generation;
        let head = commit(&engine, &actor, generation, Txid(0), 1..=LARGE, 1).await.unwrap();
        Self { engine, clock, actor, generation, head }
    }

    /// One page, of this tag.
    async fn shrink(&mut self, tag: u64) -> Result<(), StoreError> {
        let Self { engine, actor, generation, head, .. } = self;
        self.head = commit(engine, actor, *generation, *head, [1], tag).await?;
        Ok(())
    }

    async fn grow(&mut self, tag: u64) -> Result<(), StoreError> {
        let data = content(LARGE, tag);
        let pages = vec![PageWrite { page: page(LARGE), data: &data }];
        let Self { generation, head: head_txid, .. } = *self;
        let commit = Commit { generation, head_txid, size_pages: PageCount(LARGE), pages };
        self.head = self.engine.commit(&self.actor, commit).await?;
        Ok(())
    }

    /// The first page is of one tag, the last one of another, and all between are empty.
    async fn shows(&self, first: u64, last: u64) {
        let pages: Vec<PageNumber> = (1..=LARGE).map(page).collect();
        let set = self.engine.get_pages(&self.actor, self.generation, None, &pages).await.unwrap();
        for &number in &pages {
            let expected = match number.get() {
                1 => content(1, first),
                LARGE => content(LARGE, last),
                _ => vec![0; 4096],
            };
            assert!(set.get(number) == Some(expected.as_slice()), "page {number}");
        }
    }
}

async fn a_deep_fork_is_flattened_by_its_start(place: Place) {
    let (engine, clock) = open(&place).await;
    let mut source = id("fork 0");
    let generation = start(&engine, &source).await.meta.generation;
    commit(&engine, &source, generation, Txid(0), 1..=8, 0).await.unwrap();
    for depth in 1..=8 {
        let fork = id(&format!("fork {depth}"));
        engine.fork(&source, &fork, PointRef::Head).await.unwrap();
        let started = start(&engine, &fork).await.meta;
        let size = PageCount(8);
        let data = content(depth, u64::from(depth));
        let pages = vec![PageWrite { page: page(depth), data: &data }];
        let (generation, head_txid) = (started.generation, started.head_txid);
        engine.commit(&fork, Commit { generation, head_txid, size_pages: size, pages }).await.unwrap();
        // Before it gets deep, nothing is copied.
        if depth < 8 {
            clock.run_background().await;
            assert_eq!(ancestors(&engine, &fork).await.len(), depth as usize, "fork {depth}");
        }
        source = fork;
    }
    clock.drop_background();
    let (engine, clock) = open(&place).await;
    let generation = start(&engine, &source).await.meta.generation;
    assert_eq!(ancestors(&engine, &source).await.len(), 8);
    clock.run_background().await;
    assert_eq!(ancestors(&engine, &source).await, []);
    assert_eq!(crate::support::tags(&engine, &source, generation, 8).await, [1, 2, 3, 4, 5, 6, 7, 8]);
    // Nobody shows the others any more.
    for depth in 0..8 {
        engine.delete(&id(&format!("fork {depth}"))).await.unwrap();
    }
    clock.run_background().await;
    assert_eq!(crate::support::tags(&engine, &source, generation, 8).await, [1, 2, 3, 4, 5, 6, 7, 8]);
}

async fn growing_over_hidden_rows_again_and_again_never_ends(place: Place) {
    let mut waves = Waves::begin(&place).await;
    for tag in 2..300 {
        waves.shrink(tag).await.unwrap();
        waves.grow(tag).await.unwrap();
        waves.clock.advance(1_000);
        waves.clock.run_background().await;
    }
    waves.shows(299, 299).await;
}

async fn a_commit_with_too_many_segments_is_refused_until_the_actor_is_flattened(place: Place) {
    let mut waves = Waves::begin(&place).await;
    let mut tag = 1;
    let refused = loop {
        if let Err(error) = waves.shrink(tag + 1).await {
            break error;
        }
        tag += 1;
        waves.grow(tag).await.unwrap();
        waves.clock.drop_background();
        assert!(tag < 1_000, "never refused");
    };
    let text = refused.to_string();
    assert!(matches!(refused, StoreError::Unusable(_)) && text.contains("flatten"), "{text}");
    waves.shows(tag, tag).await;
    waves.engine.flatten(&waves.actor).await.unwrap();
    waves.shrink(tag + 1).await.unwrap();
    waves.grow(tag + 1).await.unwrap();
    waves.shows(tag + 1, tag + 1).await;
}
