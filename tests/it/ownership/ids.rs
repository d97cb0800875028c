//! Actors never see each other's rows, whatever their ids.

use batondb::engine::ListRequest;
use batondb::types::{ActorId, Txid};

use crate::support::{Place, commit, id, on_every_backend, start, tags};

on_every_backend!(
    ids_that_prefix_each_other_stay_apart,
    ten_thousand_actors_are_listed_and_told_apart,
    the_longest_id_of_any_bytes_works,
);

async fn ids_that_prefix_each_other_stay_apart(place: Place) {
    let engine = place.open().await;
    let ids =
        ["a", "a/", "a/META", "a\0", "a\0\0", "\0", "\0\u{1}", "a\u{1}", "a\u{ff}", "b", "aa", "\u{10ffff}"];
    let mut starts = Vec::new();
    for (tag, name) in (1..).zip(ids) {
        let generation = start(&engine, &id(name)).await.meta.generation;
        commit(&engine, &id(name), generation, Txid(0), 1..=3, tag).await.unwrap();
        starts.push((tag, name, generation));
    }
    for &(tag, name, generation) in &starts {
        assert_eq!(tags(&engine, &id(name), generation, 3).await, [tag; 3], "{name:?}");
    }
    let mut sorted = ids;
    sorted.sort_unstable();
    let listed = engine.list(&ListRequest::default()).await.unwrap();
    assert_eq!(listed.iter().map(ActorId::as_str).collect::<Vec<_>>(), sorted);
    let of_a = engine.list(&ListRequest { prefix: "a\0".into(), ..ListRequest::default() }).await.unwrap();
    assert_eq!(of_a, [id("a\0"), id("a\0\0")]);
    // A deletion takes its own rows and nobody else's.
    assert_eq!(engine.delete(&id("a")).await, Ok(true));
    for &(tag, name, generation) in starts.iter().filter(|(_, name, _)| *name != "a") {
        assert_eq!(tags(&engine, &id(name), generation, 3).await, [tag; 3], "{name:?}");
    }
}

async fn ten_thousand_actors_are_listed_and_told_apart(place: Place) {
    let engine = std::sync::Arc::new(place.open().await);
    let name = |number: u32| id(&format!("tenant/{number:05}"));
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..50 {
        let engine = std::sync::Arc::clone(&engine);
        tasks.spawn(async move {
            for number in (worker..10_000).step_by(50) {
                let generation = start(&engine, &name(number)).await.meta.generation;
                if number % 100 == 0 {
                    commit(&engine, &name(number), generation, Txid(0), [1], u64::from(number))
                        .await
                        .unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
    let all = engine.list(&ListRequest::default()).await.unwrap();
    assert_eq!(all, (0..10_000).map(name).collect::<Vec<_>>());
    let mut paged = Vec::new();
    loop {
        let after = paged.last().map(ToString::to_string);
        let page = ListRequest { after, limit: Some(777), ..ListRequest::default() };
        let page: Vec<ActorId> = engine.list(&page).await.unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    for number in (0..10_000).step_by(50) {
        let meta = engine.stat(&name(number)).await.unwrap().unwrap();
        assert_eq!((meta.generation.0, meta.size_pages.0), (1, u32::from(number % 100 == 0)));
    }
}

/// 256 NUL bytes take 512 in a key, more than LMDB takes by default.
async fn the_longest_id_of_any_bytes_works(place: Place) {
    let engine = place.open().await;
    for (tag, actor) in [(1, id(&"\0".repeat(256))), (2, id(&"\u{e9}".repeat(128)))] {
        let generation = start(&engine, &actor).await.meta.generation;
        commit(&engine, &actor, generation, Txid(0), 1..=400, tag).await.unwrap();
        assert_eq!(tags(&engine, &actor, generation, 400).await, [tag; 400]);
        assert_eq!(engine.delete(&actor).await, Ok(true));
    }
}
