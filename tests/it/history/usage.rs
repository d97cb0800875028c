//! What is said to be held by history is what goes when the history ends.

use std::sync::Arc;

use batondb::codec::ActorKeys;
use batondb::engine::{Engine, HistoryUsage, PinRequest, PointRef};
use batondb::types::{ActorId, Generation, HistoryPolicy, Txid};

use super::world::Clock;
use crate::support::{Place, commit, id, on_every_backend, rows, start};

on_every_backend!(
    what_history_holds_is_what_goes_with_it,
    a_restored_actor_shows_rows_from_before_the_gap,
    a_fork_says_what_it_shares,
    a_survey_adds_up_the_actors_with_history,
    an_actor_that_commits_all_the_time_is_counted,
);

fn for_ever() -> HistoryPolicy {
    HistoryPolicy { keep_all_ms: u64::MAX, then: vec![] }
}

async fn open(place: &Place) -> (Engine, Clock, ActorId, Generation, Txid) {
    let clock = Clock::at(1_700_000_000_000);
    let engine = Engine::open(place.kv(), Arc::new(clock.clone())).await.unwrap();
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, generation, Txid(0), 1..=9, 1).await.unwrap();
    engine.set_history(&actor, Some(Some(for_ever()))).await.unwrap();
    (engine, clock, actor, generation, head)
}

/// The number and the bytes of an actor's rows other than fence, head and hints: of pages, and of history.
async fn stored(place: &Place, actor: &ActorId) -> [(u64, u64); 2] {
    let keys = ActorKeys::new(actor);
    let mut counts = [(0, 0); 2];
    for (key, value) in rows(&place.kv()).await {
        let is_page = keys.parse_page(&key).is_ok();
        let is_of_history = keys.history_rows().contains(&key);
        let count = match (is_page, is_of_history) {
            (true, _) => &mut counts[0],
            (_, true) => &mut counts[1],
            _ => continue,
        };
        count.0 += 1;
        count.1 += (key.len() + value.len()) as u64;
    }
    counts
}

/// Whether a usage goes with what is stored, and with what an inspection says.
async fn assert_sound(engine: &Engine, place: &Place, actor: &ActorId, usage: &HistoryUsage) {
    let [pages, history] = stored(place, actor).await;
    let all = usage.held.plus(usage.own);
    assert_eq!((all.rows, all.bytes()), (pages.0 + history.0, pages.1 + history.1));
    let inspected = engine.inspect(actor).await.unwrap().unwrap();
    assert_eq!(inspected.problems.told, []);
    let past = inspected.past;
    assert_eq!((past.points, past.pins, past.held), (usage.points, usage.pins, usage.held));
    assert_eq!(past.oldest, usage.oldest.map(|(txid, _)| txid));
    assert_eq!(inspected.rows.live, usage.own);
}

async fn what_history_holds_is_what_goes_with_it(place: Place) {
    let (engine, clock, actor, generation, mut head) = open(&place).await;
    for tag in 2..=9 {
        clock.advance(1_000);
        head = commit(&engine, &actor, generation, head, [1, 2, 9], tag).await.unwrap();
    }
    engine.pin(&actor, PointRef::Head, PinRequest::default()).await.unwrap();
    let usage = engine.history_usage(&actor).await.unwrap();
    assert_eq!((usage.points, usage.pins, usage.oldest), (9, 1, Some((Txid(1), 1_700_000_000_000))));
    assert_eq!((usage.own.rows, usage.shared.rows), (9, 0));
    assert_sound(&engine, &place, &actor, &usage).await;

    engine.unpin_point(&actor, head).await.unwrap();
    engine.set_history(&actor, None).await.unwrap();
    engine.keep_history(None);
    engine.thin(&actor).await.unwrap();
    clock.run_background().await;
    assert_eq!(stored(&place, &actor).await, [(usage.own.rows, usage.own.bytes()), (0, 0)]);
    let without = engine.history_usage(&actor).await.unwrap();
    assert_eq!(without, HistoryUsage { own: usage.own, ..HistoryUsage::default() });
}

async fn a_restored_actor_shows_rows_from_before_the_gap(place: Place) {
    let (engine, _clock, actor, generation, first) = open(&place).await;
    commit(&engine, &actor, generation, first, [1, 2], 2).await.unwrap();
    engine.restore(&actor, PointRef::Txid(first)).await.unwrap();
    let usage = engine.history_usage(&actor).await.unwrap();
    // The nine pages of the first commit; the two of the second one are there for the past alone.
    let history = stored(&place, &actor).await[1].0;
    assert_eq!((usage.own.rows, usage.held.rows), (9, 2 + history));
    assert_sound(&engine, &place, &actor, &usage).await;

    let started = start(&engine, &actor).await.meta;
    commit(&engine, &actor, started.generation, started.head_txid, [1, 9], 3).await.unwrap();
    let usage = engine.history_usage(&actor).await.unwrap();
    let history = stored(&place, &actor).await[1].0;
    assert_eq!((usage.own.rows, usage.held.rows), (9, 4 + history));
    assert_sound(&engine, &place, &actor, &usage).await;
}

async fn a_fork_says_what_it_shares(place: Place) {
    let (engine, clock, source, ..) = open(&place).await;
    let fork = id("fork");
    engine.fork(&source, &fork, PointRef::Head).await.unwrap();
    let started = start(&engine, &fork).await.meta;
    commit(&engine, &fork, started.generation, started.head_txid, [4, 9], 2).await.unwrap();
    let usage = engine.history_usage(&fork).await.unwrap();
    assert_eq!((usage.own.rows, usage.shared.rows), (2, 7));
    assert_eq!(usage.ancestors, std::slice::from_ref(&source));
    assert_sound(&engine, &place, &fork, &usage).await;
    // What it shares is what a flattening copies.
    engine.flatten(&fork).await.unwrap();
    clock.run_background().await;
    let flat = engine.history_usage(&fork).await.unwrap();
    assert_eq!((flat.own.rows, flat.shared.rows, flat.ancestors.len()), (9, 0, 0));
    // Of a deleted actor, what a pin keeps is still held.
    engine.pin(&source, PointRef::Head, PinRequest::default()).await.unwrap();
    engine.delete(&source).await.unwrap();
    clock.run_background().await;
    let deleted = engine.history_usage(&source).await.unwrap();
    assert_eq!((deleted.points, deleted.pins, deleted.own.rows), (1, 1, 0));
    let [pages, history] = stored(&place, &source).await;
    assert_eq!((pages.0, deleted.held.rows), (9, 9 + history.0));
}

async fn a_survey_adds_up_the_actors_with_history(place: Place) {
    let (engine, _clock, actor, generation, head) = open(&place).await;
    commit(&engine, &actor, generation, head, [1], 2).await.unwrap();
    engine.fork(&actor, &id("b"), PointRef::Head).await.unwrap();
    for number in 0..300 {
        start(&engine, &id(&format!("plain {number}"))).await;
    }
    let survey = async |prefix: &str| {
        let mut survey = engine.history_survey(prefix);
        let (mut actors, mut counted) = (0, Vec::new());
        while let Some(step) = survey.next().await.unwrap() {
            actors += step.actors;
            counted.extend(step.counted);
        }
        (actors, counted)
    };
    let (actors, counted) = survey("").await;
    assert_eq!(actors, 302);
    let each = [id("a"), id("b")];
    for ((counted, usage), actor) in counted.iter().zip(&each) {
        assert_eq!((counted, usage), (actor, &engine.history_usage(actor).await.unwrap()));
    }
    assert_eq!(counted.len(), 2);
    let (actors, counted) = survey("plain").await;
    assert_eq!((actors, counted), (300, vec![]));
}

async fn an_actor_that_commits_all_the_time_is_counted(place: Place) {
    let (engine, _clock, actor, generation, mut head) = open(&place).await;
    head = commit(&engine, &actor, generation, head, 1..=3_000, 2).await.unwrap();
    let (other, counts) = (place.open().await, place.open().await);
    let before = other.history_usage(&actor).await.unwrap();
    let counting = {
        let actor = actor.clone();
        tokio::spawn(async move { counts.history_usage(&actor).await })
    };
    let mut tag = 2;
    while !counting.is_finished() {
        tag += 1;
        head = commit(&engine, &actor, generation, head, [1, 2_999, 3_000], tag).await.unwrap();
    }
    let usage = counting.await.unwrap().unwrap();
    let after = other.history_usage(&actor).await.unwrap();
    assert_eq!(usage.own.rows, 3_000);
    // Nothing is dropped meanwhile.
    assert!((before.points..=after.points).contains(&usage.points), "{usage:?}");
    assert!((before.held.rows..=after.held.rows).contains(&usage.held.rows), "{usage:?}");
}
