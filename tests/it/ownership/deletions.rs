//! Deletions that meet others: found by simulation, and made to happen here.

use std::sync::Arc;

use batondb::engine::{Engine, Held, Outcome};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::types::{Generation, Txid};

use crate::support::{Place, commit, first_page, id, on_every_backend, start, tags};

on_every_backend!(
    a_deletion_whose_answer_was_lost_spares_who_came_after_it,
    a_deletion_that_others_have_made_true_deletes_nothing_else,
    a_start_whose_generation_is_deleted_under_it_comes_after_the_deletion,
    an_owner_deletes_only_what_it_still_holds,
);

/// An engine, of whose operations behind its opening each meets the next one of `faults`.
async fn engine_with(place: &Place, faults: &'static [Option<Fault>]) -> (Engine, Arc<FaultyKv>) {
    let script = move |operation: batondb::kv::faulty::Operation| {
        let behind_opening = usize::try_from(operation.number).unwrap().checked_sub(2)?;
        faults.get(behind_opening).copied().flatten()
    };
    let kv = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), script));
    (Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap(), kv)
}

/// The deletion took place, its answer was lost, and before it is tried again the actor is made again: what its new
/// owner has committed stays (seed 361 of the simulation as it was first written).
async fn a_deletion_whose_answer_was_lost_spares_who_came_after_it(place: Place) {
    let owner = place.open().await;
    let actor = id("a");
    let first = start(&owner, &actor).await.meta.generation;
    commit(&owner, &actor, first, Txid(0), 1..=3, 1).await.unwrap();
    let (deleter, kv) = engine_with(&place, &[Some(Fault::LostAfter), Some(Fault::HoldBefore)]).await;
    let deletion = deleter.delete(&actor);
    let others = async {
        kv.held(1).await;
        let second = start(&owner, &actor).await.meta;
        assert_eq!((second.generation, second.size_pages.0), (Generation(3), 0), "it was deleted");
        commit(&owner, &actor, second.generation, second.head_txid, 1..=2, 2).await.unwrap();
        kv.release();
        second.generation
    };
    let (deleted, second) = futures::future::join(deletion, others).await;
    assert_eq!(deleted, Ok(true));
    assert_eq!(tags(&owner, &actor, second, 3).await, [2, 2]);
}

/// Who comes between keeps what it has written.
async fn an_owner_deletes_only_what_it_still_holds(place: Place) {
    let store = place.open().await;
    let actor = id("a");
    let first = start(&store, &actor).await.meta.generation;
    let seen = commit(&store, &actor, first, Txid(0), 1..=3, 1).await.unwrap();
    let head = commit(&store, &actor, first, seen, [3], 2).await.unwrap();
    let held = |generation, head_txid| Held::numbers(generation, head_txid);
    let refused = store.delete_held(&actor, held(first, Some(seen))).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_FENCE_MISMATCH", "it has changed since");
    let second = start(&store, &actor).await.meta.generation;
    for head_txid in [None, Some(head)] {
        let refused = store.delete_held(&actor, held(first, head_txid)).await.unwrap_err();
        assert_eq!(refused.code(), "ERR_FENCE_MISMATCH", "it was taken over");
    }
    assert_eq!(tags(&store, &actor, second, 3).await, [1, 1, 2]);
    assert_eq!(store.delete_held(&actor, held(second, Some(head))).await, Ok(true));
    assert_eq!(store.delete_held(&actor, held(second, None)).await, Ok(false), "there is nothing");
}

/// Somebody else deletes the actor and makes it again between two attempts that did nothing.
async fn a_deletion_that_others_have_made_true_deletes_nothing_else(place: Place) {
    let owner = place.open().await;
    let actor = id("a");
    start(&owner, &actor).await;
    let (deleter, kv) = engine_with(&place, &[Some(Fault::Conflict), Some(Fault::HoldBefore)]).await;
    let deletion = deleter.delete(&actor);
    let others = async {
        kv.held(1).await;
        assert_eq!(owner.delete(&actor).await, Ok(true));
        let second = start(&owner, &actor).await.meta.generation;
        commit(&owner, &actor, second, Txid(0), [1], 2).await.unwrap();
        kv.release();
        second
    };
    let (deleted, second) = futures::future::join(deletion, others).await;
    assert_eq!(deleted, Ok(true));
    assert_eq!(tags(&owner, &actor, second, 1).await, [2]);
}

/// The start has raised the fence alone; before it reads behind it, the actor is deleted. There is nobody to lose
/// against (seed 1513).
async fn a_start_whose_generation_is_deleted_under_it_comes_after_the_deletion(place: Place) {
    let owner = place.open().await;
    let actor = id("a");
    let held = start(&owner, &actor).await.meta.generation;
    commit(&owner, &actor, held, Txid(0), 1..=3, 1).await.unwrap();
    // A backend that serializes reads the generation first.
    let (starter, kv) = match place {
        Place::Embedded(..) => {
            engine_with(
                &place,
                &[None, Some(Fault::Conflict), Some(Fault::Conflict), None, Some(Fault::HoldBefore)],
            )
            .await
        }
        _ => {
            engine_with(
                &place,
                &[Some(Fault::Conflict), Some(Fault::Conflict), None, Some(Fault::HoldBefore)],
            )
            .await
        }
    };
    let preload = first_page();
    let start = starter.load_startup(&actor, &preload);
    let others = async {
        kv.held(1).await;
        assert_eq!(owner.stat(&actor).await.unwrap().unwrap().generation, Generation(2));
        assert_eq!(owner.delete(&actor).await, Ok(true));
        kv.release();
    };
    let (started, ()) = futures::future::join(start, others).await;
    let started = started.unwrap();
    assert_eq!((started.outcome, started.meta.generation), (Outcome::Won, Generation(4)));
    assert_eq!((started.meta.size_pages.0, started.pages.pages.len()), (0, 0));
    let head = started.meta.head_txid;
    commit(&starter, &actor, Generation(4), head, [1], 7).await.unwrap();
    assert_eq!(tags(&starter, &actor, Generation(4), 1).await, [7]);
}

/// Between two slices of one head the actor is deleted and made again. It has the txid that it had, and no pages: what
/// is left of the slices must not come out as zeros, or as half a database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_or_a_copy_holds_nothing_of_an_actor_that_was_deleted_and_made_again_meanwhile() {
    let (place, actor) = (Place::cut(), id("a"));
    let owner = place.open().await;
    let generation = start(&owner, &actor).await.meta.generation;
    commit(&owner, &actor, generation, Txid(0), 1..=30, 1).await.unwrap();
    let (reader, kv) = engine_with(&place, &[None, Some(Fault::HoldBefore)]).await;
    let (directory, others) = (tempfile::tempdir().unwrap(), place.open().await);
    let file = directory.path().join("exported");
    let export = reader.export_to(&actor, &file);
    let replaced = async {
        kv.held(1).await;
        assert_eq!(others.delete(&actor).await, Ok(true));
        start(&others, &actor).await;
        kv.release();
    };
    let (exported, ()) = futures::future::join(export, replaced).await;
    assert_eq!(exported.unwrap().size_pages.0, 0);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 0);

    let generation = start(&owner, &actor).await.meta;
    commit(&owner, &actor, generation.generation, generation.head_txid, 1..=30, 2).await.unwrap();
    let target = Place::memory().open().await;
    let mut copying = owner.begin_copy(&actor, (&target, &actor), false).await.unwrap();
    assert_eq!(copying.next().await, Ok(None));
    assert!(copying.pages_done().0 > 0 && copying.pages_done().0 < 30);
    assert_eq!(others.delete(&actor).await, Ok(true));
    start(&others, &actor).await;
    let copied = loop {
        if let Some(copied) = copying.next().await.unwrap() {
            break copied;
        }
    };
    assert_eq!((copied.source.size_pages.0, copied.target.size_pages.0), (0, 0));
    assert_eq!(target.stat(&actor).await.unwrap().unwrap().size_pages.0, 0);
}
