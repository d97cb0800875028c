//! What history counts and tells: each number by what makes it grow.

use std::sync::Arc;

use batondb::engine::{Engine, PinRequest, PointRef};
use batondb::metrics::{Now, SqlTotals};
use batondb::types::{ActorId, Generation, HistoryPolicy, Token, Txid};

use super::world::Clock;
use crate::inspection::metrics::{Numbers, assert_grown, numbers_of};
use crate::support::{Place, commit, id, on_every_backend, rows, start};

on_every_backend!(
    restores_and_forks_are_counted_by_how_they_end,
    a_flattening_counts_the_rows_that_it_copies,
    thinnings_count_what_they_drop,
    pins_are_counted_by_what_they_are_for,
);

fn numbers(engine: &Engine) -> Numbers {
    let all = numbers_of(engine.metrics().families(&SqlTotals::default(), &Now::default()));
    all.into_iter().filter(|(path, _)| path.starts_with("history.")).collect()
}

async fn open(place: &Place) -> (Engine, Clock, ActorId, Generation, Txid) {
    let clock = Clock::at(1_700_000_000_000);
    let engine = Engine::open(place.kv(), Arc::new(clock.clone())).await.unwrap();
    engine.keep_history(Some(HistoryPolicy { keep_all_ms: 10_000, then: vec![] }));
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, generation, Txid(0), 1..=9, 1).await.unwrap();
    (engine, clock, actor, generation, head)
}

async fn restores_and_forks_are_counted_by_how_they_end(place: Place) {
    let (engine, _clock, actor, _, head) = open(&place).await;
    let before = numbers(&engine);
    engine.restore(&actor, PointRef::Txid(head)).await.unwrap();
    engine.fork(&actor, &id("fork"), PointRef::Head).await.unwrap();
    let grown = [("history.restores.completed", 1), ("history.forks.completed", 1)];
    assert_grown(&before, &numbers(&engine), &[&grown[..], &[("history.pins.made.undo", 1)]].concat());

    let before = numbers(&engine);
    engine.restore(&actor, PointRef::Txid(Txid(77))).await.unwrap_err();
    engine.restore(&id("nobody"), PointRef::Head).await.unwrap_err();
    engine.fork(&actor, &id("fork"), PointRef::Head).await.unwrap_err();
    engine.fork(&actor, &actor, PointRef::Head).await.unwrap_err();
    let grown = [("history.restores.failed", 2), ("history.forks.failed", 2)];
    assert_grown(&before, &numbers(&engine), &grown);
}

async fn a_flattening_counts_the_rows_that_it_copies(place: Place) {
    let (engine, clock, source, ..) = open(&place).await;
    let fork = id("fork");
    engine.fork(&source, &fork, PointRef::Head).await.unwrap();
    let page_rows = async || -> (u64, u64) {
        let keys = batondb::codec::ActorKeys::new(&fork);
        let rows = rows(&place.kv()).await;
        let pages = rows.iter().filter(|(key, _)| keys.parse_page(key).is_ok());
        let sizes: Vec<usize> = pages.map(|(key, value)| key.len() + value.len()).collect();
        (sizes.len() as u64, sizes.iter().sum::<usize>() as u64)
    };
    assert_eq!(page_rows().await, (0, 0));
    let before = numbers(&engine);
    engine.flatten(&fork).await.unwrap();
    let (pages, bytes) = page_rows().await;
    assert_eq!(pages, 9);
    let copied = [("history.flattenings.pages", pages), ("history.flattenings.bytes", bytes)];
    assert_grown(&before, &numbers(&engine), &[&copied[..], &[("history.flattenings.call", 1)]].concat());
    // It stands by itself: nothing is done, and nothing is counted.
    clock.run_background().await;
    let before = numbers(&engine);
    engine.flatten(&fork).await.unwrap();
    assert_grown(&before, &numbers(&engine), &[]);

    // The eighth line is flattened in the background.
    let mut last = fork;
    for depth in 1..=8 {
        let next = id(&format!("fork {depth}"));
        engine.fork(&last, &next, PointRef::Head).await.unwrap();
        let started = start(&engine, &next).await.meta;
        commit(&engine, &next, started.generation, started.head_txid, 1..=9, depth).await.unwrap();
        last = next;
    }
    clock.run_background().await;
    let after = numbers(&engine);
    assert_eq!(after["history.flattenings.background"], 1);
    assert_eq!((after["history.flattenings.call"], after["history.flattenings.failed"]), (1, 0));
}

async fn thinnings_count_what_they_drop(place: Place) {
    let (engine, clock, actor, generation, mut head) = open(&place).await;
    for tag in 2..=30 {
        head = commit(&engine, &actor, generation, head, [1, 2], tag).await.unwrap();
    }
    clock.drop_background();
    clock.advance(20_000);
    let before = numbers(&engine);
    assert_eq!(engine.thin(&actor).await.unwrap(), 29);
    let grown = [("history.thinnings.seconds", 1), ("history.thinnings.pointsDropped", 29)];
    assert_grown(&before, &numbers(&engine), &[&grown[..], &[("history.thinnings.steps", 1)]].concat());
    let before = numbers(&engine);
    assert_eq!(engine.thin(&actor).await.unwrap(), 0);
    assert_grown(&before, &numbers(&engine), &[("history.thinnings.seconds", 1)]);
}

async fn pins_are_counted_by_what_they_are_for(place: Place) {
    let (engine, clock, actor, _, head) = open(&place).await;
    let before = numbers(&engine);
    let expires_at_ms = clock.now() + 5_000;
    let pin = |name: &str, expires_at_ms| PinRequest { name: name.to_owned(), expires_at_ms };
    engine.pin(&actor, PointRef::Head, pin("for ever", 0)).await.unwrap();
    engine.pin(&actor, PointRef::Head, pin("for a while", expires_at_ms)).await.unwrap();
    engine.pin(&actor, PointRef::Head, pin("for ever", 0)).await.unwrap_err();
    let reader = Token([7; 16]);
    engine.hold_for_reader(&actor, PointRef::Head, reader).await.unwrap();
    // Renewing it makes no other one.
    engine.hold_for_reader(&actor, PointRef::Txid(head), reader).await.unwrap();
    engine.restore(&actor, PointRef::Txid(head)).await.unwrap();
    let made = [("history.pins.made.user", 2), ("history.pins.made.reader", 1)];
    let restored = [("history.pins.made.undo", 1), ("history.restores.completed", 1)];
    assert_grown(&before, &numbers(&engine), &[made, restored].concat());

    clock.run_background().await;
    let before = numbers(&engine);
    clock.advance(8 * 24 * 3_600_000);
    engine.thin(&actor).await.unwrap();
    let after = numbers(&engine);
    for (kind, expired) in [("user", 1), ("undo", 1), ("reader", 1)] {
        let path = format!("history.pins.expired.{kind}");
        assert_eq!(after[path.as_str()] - before[path.as_str()], expired, "{kind}");
    }
    assert_eq!(engine.inspect(&actor).await.unwrap().unwrap().past.pins, 1);
}
