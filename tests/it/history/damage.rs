//! What a check finds of a damaged history, and that a sound one is not complained about.

use std::sync::Arc;

use batondb::codec::ActorKeys;
use batondb::engine::{Engine, PointRef, RowKind};
use batondb::kv::Kv;
use batondb::types::{ActorId, HistoryPolicy, Txid};

use crate::support::{Place, commit, id, on_every_backend, put_row, remove_row, rows, start};

on_every_backend!(a_missing_row_of_history_is_found);

async fn problems(engine: &Engine, actor: &ActorId) -> Vec<(RowKind, Option<Txid>)> {
    let audited = engine.inspect(actor).await.unwrap().unwrap();
    audited.problems.told.into_iter().map(|problem| (problem.kind, problem.txid)).collect()
}

/// The key of the first row of an actor that begins with these bytes behind its id.
async fn key_of(kv: &Arc<dyn Kv>, actor: &ActorId, kind: u8) -> (Vec<u8>, Vec<u8>) {
    let head = ActorKeys::new(actor).head();
    let prefix = [&head[..head.len() - 1], &[kind]].concat();
    rows(kv).await.into_iter().find(|(key, _)| key.starts_with(&prefix)).unwrap()
}

async fn a_missing_row_of_history_is_found(place: Place) {
    let engine = place.open().await;
    let (source, fork) = (id("source"), id("fork"));
    let policy = HistoryPolicy { keep_all_ms: u64::MAX, then: vec![] };
    engine.keep_history(Some(policy));
    let generation = start(&engine, &source).await.meta.generation;
    let first = commit(&engine, &source, generation, Txid(0), 1..=5, 1).await.unwrap();
    commit(&engine, &source, generation, first, [2], 2).await.unwrap();
    engine.fork(&source, &fork, PointRef::Txid(first)).await.unwrap();
    engine.restore(&source, PointRef::Txid(first)).await.unwrap();
    engine.idle().await;
    assert_eq!(problems(&engine, &source).await, []);
    assert_eq!(problems(&engine, &fork).await, []);

    let kv = place.kv();
    let (point, pin, line) = (6, 7, 8);
    for (damaged, kind, told_of, found) in [
        // The fork's pin on its source.
        (&source, pin, &fork, RowKind::Line),
        // The newest line of each.
        (&fork, line, &fork, RowKind::Line),
        (&source, line, &source, RowKind::Line),
    ] {
        let (key, value) = key_of(&kv, damaged, kind).await;
        remove_row(&kv, &key).await;
        let problems_now = problems(&engine, told_of).await;
        assert!(
            problems_now.iter().any(|(kind, _)| *kind == found),
            "{kind} of {damaged:?}: {problems_now:?}"
        );
        put_row(&kv, &key, &value).await;
        assert_eq!(problems(&engine, told_of).await, []);
    }
    // The point that the fork and the restore build on.
    let key = ActorKeys::new(&source).point(first);
    let (_, value) = rows(&kv).await.into_iter().find(|(other, _)| *other == key).unwrap();
    remove_row(&kv, &key).await;
    let found = problems(&engine, &source).await;
    assert!(found.contains(&(RowKind::Pin, Some(first))), "{found:?}");
    assert!(found.iter().any(|(kind, _)| *kind == RowKind::Line), "{found:?}");
    put_row(&kv, &key, &value).await;
    // A row that does not decode.
    let (key, mut value) = key_of(&kv, &source, point).await;
    *value.last_mut().unwrap() ^= 1;
    put_row(&kv, &key, &value).await;
    let found = problems(&engine, &source).await;
    assert!(found.iter().any(|(kind, _)| *kind == RowKind::Point), "{found:?}");
}
