//! What is left of an actor that was deleted: what its user has pinned is shown, and what its forks hold is theirs.

use batondb::engine::{Engine, PinRequest, PointRef, PointsRequest, StoreError};
use batondb::types::{ActorId, HistoryPolicy, Token, Txid};

use crate::support::{Place, commit, id, on_every_backend, page, start, tags, tags_of};

on_every_backend!(
    what_only_a_fork_holds_of_a_deleted_actor_is_not_shown,
    what_only_a_fork_holds_of_an_earlier_life_is_not_shown,
    a_state_on_which_a_pinned_one_builds_is_not_shown,
    a_fork_under_the_name_of_a_deleted_actor_shows_nothing_of_it,
);

const EVERYTHING: HistoryPolicy = HistoryPolicy { keep_all_ms: u64::MAX, then: vec![] };

async fn commits(engine: &Engine, actor: &ActorId, tags: std::ops::RangeInclusive<u64>) -> Vec<Txid> {
    let meta = start(engine, actor).await.meta;
    let (mut head, mut made) = (meta.head_txid, Vec::new());
    for tag in tags {
        head = commit(engine, actor, meta.generation, head, 1..=4, tag).await.unwrap();
        made.push(head);
    }
    made
}

async fn listed(engine: &Engine, actor: &ActorId) -> Vec<Txid> {
    let points = engine.points(actor, &PointsRequest::default()).await.unwrap();
    points.iter().map(|point| point.txid).collect()
}

fn named(name: &str) -> PinRequest {
    PinRequest { name: name.to_owned(), expires_at_ms: 0 }
}

/// Nothing gets at a point of an actor.
async fn is_hidden(engine: &Engine, actor: &ActorId, point: Txid, oldest: Option<Txid>) {
    let at = PointRef::Txid(point);
    let told = [
        engine.find_point(actor, at.clone()).await.map(|_| ()),
        engine.get_pages_at(actor, point, &[page(1)]).await.map(|_| ()),
        engine.peek_at(actor, point, &[page(1)]).await.map(|_| ()),
        engine.fork(actor, &id("another"), at.clone()).await.map(|_| ()),
        engine.pin(actor, at.clone(), PinRequest::default()).await.map(|_| ()),
        engine.hold_for_reader(actor, at.clone(), Token([7; 16])).await.map(|_| ()),
    ];
    for answer in told {
        let Err(StoreError::NotRetained { oldest: told, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(told, oldest);
    }
    let restored = engine.restore(actor, at).await;
    let refused = matches!(restored, Err(StoreError::NotRetained { .. } | StoreError::NotFound { .. }));
    assert!(refused, "{restored:?}");
}

/// A source with three states: a fork shows the first and the third, and its user has pinned the second.
async fn forked_and_deleted(engine: &Engine) -> (ActorId, Vec<Txid>) {
    let source = id("source");
    engine.keep_history(Some(EVERYTHING));
    let made = commits(engine, &source, 1..=3).await;
    engine.pin(&source, PointRef::Txid(made[1]), named("mine")).await.unwrap();
    engine.fork(&source, &id("first"), PointRef::Txid(made[0])).await.unwrap();
    engine.fork(&source, &id("third"), PointRef::Head).await.unwrap();
    assert_eq!(listed(engine, &source).await.len(), 3);
    assert!(engine.delete(&source).await.unwrap());
    (source, made)
}

async fn what_only_a_fork_holds_of_a_deleted_actor_is_not_shown(place: Place) {
    let engine = place.open().await;
    let (source, made) = forked_and_deleted(&engine).await;
    assert_eq!(listed(&engine, &source).await, [made[1]]);
    assert_eq!(engine.find_point(&source, PointRef::Time(u64::MAX)).await.unwrap().txid, made[1]);
    is_hidden(&engine, &source, made[0], Some(made[1])).await;
    is_hidden(&engine, &source, made[2], Some(made[1])).await;
    let usage = engine.history_usage(&source).await.unwrap();
    let audited = engine.inspect(&source).await.unwrap().unwrap();
    assert_eq!((usage.points, usage.oldest.map(|(txid, _)| txid)), (1, Some(made[1])));
    assert_eq!((audited.past.points, audited.past.oldest), (1, Some(made[1])));
    assert_eq!(audited.problems.told, []);
    // The pinned one can be had, and the forks have theirs.
    engine.fork(&source, &id("second"), PointRef::Name("mine".to_owned())).await.unwrap();
    for (fork, tag) in [("first", 1), ("second", 2), ("third", 3)] {
        let generation = start(&engine, &id(fork)).await.meta.generation;
        assert_eq!(tags(&engine, &id(fork), generation, 4).await, [tag; 4]);
    }
    // A reader keeps what was unpinned meanwhile.
    let reader = Token([7; 16]);
    engine.hold_for_reader(&source, PointRef::Txid(made[1]), reader).await.unwrap();
    engine.unpin_name(&source, "mine".to_owned()).await.unwrap();
    engine.thin(&source).await.unwrap();
    let read = engine.get_pages_at(&source, made[1], &[page(1)]).await.unwrap();
    assert_eq!(tags_of(&read), [2]);
    engine.release_reader(&source, made[1], reader).await.unwrap();
    assert_eq!(listed(&engine, &source).await, []);
    is_hidden(&engine, &source, made[1], None).await;
    let gone = engine.find_point(&source, PointRef::Time(u64::MAX)).await;
    assert!(matches!(gone, Err(StoreError::NotRetained { oldest: None, .. })), "{gone:?}");
}

async fn what_only_a_fork_holds_of_an_earlier_life_is_not_shown(place: Place) {
    let engine = place.open().await;
    let (source, made) = forked_and_deleted(&engine).await;
    let again = commits(&engine, &source, 11..=12).await;
    assert_eq!(listed(&engine, &source).await, [again[1], again[0], made[1]]);
    is_hidden(&engine, &source, made[0], Some(made[1])).await;
    is_hidden(&engine, &source, made[2], Some(made[1])).await;
    let found = engine.find_point(&source, PointRef::Time(0)).await;
    assert!(matches!(found, Err(StoreError::NotRetained { oldest, .. }) if oldest == Some(made[1])));
    let usage = engine.history_usage(&source).await.unwrap();
    assert_eq!((usage.points, usage.oldest.map(|(txid, _)| txid)), (3, Some(made[1])));
    // Also behind a restore to the earlier life, and another one.
    engine.restore(&source, PointRef::Name("mine".to_owned())).await.unwrap();
    engine.restore(&source, PointRef::Txid(again[0])).await.unwrap();
    engine.unpin_name(&source, "mine".to_owned()).await.unwrap();
    engine.idle().await;
    let listed = listed(&engine, &source).await;
    assert!(!listed.contains(&made[0]) && !listed.contains(&made[2]), "{listed:?}");
    assert!(listed.contains(&again[0]) && listed.contains(&again[1]), "{listed:?}");
    let generation = start(&engine, &source).await.meta.generation;
    assert_eq!(tags(&engine, &source, generation, 4).await, [11; 4]);
    assert_eq!(engine.inspect(&source).await.unwrap().unwrap().problems.told, []);
}

/// A line keeps the state on which it builds, but nobody has asked for that one.
async fn a_state_on_which_a_pinned_one_builds_is_not_shown(place: Place) {
    let engine = place.open().await;
    let actor = id("a");
    engine.keep_history(Some(EVERYTHING));
    let made = commits(&engine, &actor, 1..=3).await;
    engine.restore(&actor, PointRef::Txid(made[0])).await.unwrap();
    engine.pin(&actor, PointRef::Head, named("mine")).await.unwrap();
    let pinned = engine.stat(&actor).await.unwrap().unwrap().head_txid;
    engine.delete(&actor).await.unwrap();
    assert_eq!(listed(&engine, &actor).await, [pinned]);
    is_hidden(&engine, &actor, made[0], Some(pinned)).await;
    let read = engine.get_pages_at(&actor, pinned, &[page(1), page(4)]).await.unwrap();
    assert_eq!(tags_of(&read), [1, 1]);
}

async fn a_fork_under_the_name_of_a_deleted_actor_shows_nothing_of_it(place: Place) {
    let engine = place.open().await;
    let (source, made) = forked_and_deleted(&engine).await;
    engine.unpin_name(&source, "mine".to_owned()).await.unwrap();
    let other = id("other");
    commits(&engine, &other, 21..=21).await;
    engine.fork(&other, &source, PointRef::Head).await.unwrap();
    let head = engine.stat(&source).await.unwrap().unwrap().head_txid;
    assert_eq!(listed(&engine, &source).await, [head]);
    for point in made {
        is_hidden(&engine, &source, point, Some(head)).await;
    }
}
