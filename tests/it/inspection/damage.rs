//! No silent damage (G9): a flipped bit in any stored row is told with its place, never passed on.

use std::sync::Arc;

use batondb::codec::ActorKeys;
use batondb::engine::{Engine, StoreError};
use batondb::kv::Kv;
use batondb::types::Txid;

use crate::support::{Place, commit, first_page, id, on_every_backend, page, put_row, rows, start, tags};

on_every_backend!(
    every_flipped_byte_of_a_stored_page_is_told_with_its_place,
    a_damaged_fence_or_head_is_told_and_changes_nothing,
    a_page_row_under_another_key_is_damage,
    a_key_space_that_is_not_ours_is_refused,
);

async fn row(kv: &Arc<dyn Kv>, key: &[u8]) -> Vec<u8> {
    rows(kv).await.into_iter().find(|(stored, _)| stored == key).map(|(_, value)| value).unwrap()
}

async fn every_flipped_byte_of_a_stored_page_is_told_with_its_place(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, generation, Txid(0), [1, 2, 3], 1).await.unwrap();
    let key = ActorKeys::new(&actor).page(page(2), head);
    let good = row(&kv, &key).await;
    for position in 0..good.len() {
        let mut damaged = good.clone();
        damaged[position] ^= 1 << (position % 8);
        put_row(&kv, &key, &damaged).await;
        let error = engine.get_pages(&actor, generation, None, &[1, 2, 3].map(page)).await.unwrap_err();
        let StoreError::Corrupt { actor: of, page: at, txid, .. } = &error else { panic!("{error:?}") };
        assert_eq!((of, at, txid), (&Some(actor.clone()), &Some(page(2)), &Some(head)), "byte {position}");
    }
    let preload = batondb::engine::Preload { pages: vec![page(2)], ..first_page() };
    let refused = engine.load_startup(&actor, &preload).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_CORRUPT");
    put_row(&kv, &key, &good).await;
    // The start that failed has taken nothing over.
    assert_eq!(tags(&engine, &actor, generation, 3).await, [1; 3]);
}

async fn a_damaged_fence_or_head_is_told_and_changes_nothing(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, generation, Txid(0), [1], 1).await.unwrap();
    let keys = ActorKeys::new(&actor);
    for key in [keys.fence(), keys.head()] {
        let good = row(&kv, &key).await;
        for position in 0..good.len() {
            let mut damaged = good.clone();
            damaged[position] ^= 0x10;
            put_row(&kv, &key, &damaged).await;
            let errors = [
                engine.load_startup(&actor, &first_page()).await.unwrap_err(),
                engine.get_pages(&actor, generation, None, &[page(1)]).await.unwrap_err(),
                commit(&engine, &actor, generation, head, [1], 2).await.unwrap_err(),
                engine.stat(&actor).await.unwrap_err(),
                engine.delete(&actor).await.unwrap_err(),
            ];
            assert!(errors.iter().all(|error| error.code() == "ERR_CORRUPT"), "{errors:?}");
            assert!(errors.iter().all(|error| error.to_string().contains("\"a\"")), "{errors:?}");
        }
        put_row(&kv, &key, &good).await;
    }
    assert_eq!(tags(&engine, &actor, generation, 1).await, [1]);
}

async fn a_page_row_under_another_key_is_damage(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, generation, Txid(0), [1, 2], 1).await.unwrap();
    let keys = ActorKeys::new(&actor);
    let other = row(&kv, &keys.page(page(1), head)).await;
    put_row(&kv, &keys.page(page(2), head), &other).await;
    let error = engine.get_pages(&actor, generation, None, &[page(2)]).await.unwrap_err();
    assert_eq!(error.code(), "ERR_CORRUPT", "{error}");
}

async fn a_key_space_that_is_not_ours_is_refused(place: Place) {
    let kv = place.kv();
    put_row(&kv, b"\x01somebody else's", b"row").await;
    let refused = Engine::open(Arc::clone(&kv), Arc::new(batondb::env::SystemEnv)).await.err().unwrap();
    assert_eq!(refused.code(), "ERR_INVALID_ARG");
    assert_eq!(rows(&kv).await.len(), 1);
}
