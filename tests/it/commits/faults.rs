//! Lost answers, conflicts and failures at every single operation: the caller learns the truth (G7).

use std::sync::Arc;
use std::time::Duration;

use batondb::codec::ActorKeys;
use batondb::engine::{Engine, ListRequest, Outcome, StoreError};
use batondb::env::{Env, SystemEnv};
use batondb::kv::Limits;
use batondb::kv::faulty::{Fault, FaultyKv, Operation};
use batondb::kv::memory::MemoryKv;
use batondb::types::{Generation, PageCount, Txid};

use crate::support::{Place, commit, id, on_every_backend, put_row, rows, start, tags};

on_every_backend!(
    one_fault_at_any_operation_changes_no_answer,
    a_lost_commit_is_known_as_ones_own_even_after_a_takeover_and_more_commits,
    a_lost_commit_that_never_happened_is_known_as_such_after_a_takeover,
    a_commit_lost_too_long_ago_is_unknown_and_never_called_fenced,
    a_winner_whose_answer_was_lost_sees_what_a_loser_has_committed_since,
    a_lost_commit_that_then_meets_damage_is_unknown_and_found_out_later,
    a_takeover_whose_answers_are_all_lost_gives_up_without_lying,
    a_commit_whose_store_fails_after_a_lost_answer_is_unknown,
);

/// However it is that a call gets nowhere, it ends when the backend says that it should.
#[tokio::test]
async fn no_call_outlasts_the_patience_of_its_backend() {
    let patience = Duration::from_millis(300);
    let limits = Limits { attempts: u32::MAX, patience: Some(patience), ..Limits::default() };
    let memory = MemoryKv::new().with_limits(limits);
    let quiet = Engine::open(Arc::new(memory.share()), Arc::new(SystemEnv)).await.unwrap();
    let actor = id("a");
    let generation = start(&quiet, &actor).await.meta.generation;
    let head = commit(&quiet, &actor, generation, Txid(0), 1..=9, 1).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    for fault in [Fault::Busy, Fault::TooOld, Fault::Conflict, Fault::LostBefore] {
        // The first operation is the store's opening.
        let kv = FaultyKv::new(Arc::new(memory.share()), Arc::new(SystemEnv), move |operation| {
            (operation.number > 1).then_some(fault)
        });
        let engine = Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap();
        let lost = fault == Fault::LostBefore;
        for call in 0..5 {
            let begun = SystemEnv.elapsed();
            let ended = match call {
                0 => engine.load_startup(&actor, &crate::support::first_page()).await.err(),
                1 => commit(&engine, &actor, generation, head, [1], 2).await.err(),
                2 => commit(&engine, &actor, generation, head, 1..=1_000, 2).await.err(),
                3 => engine.get_pages(&actor, generation, None, &[crate::support::page(1)]).await.err(),
                _ => engine.export_to(&actor, &directory.path().join("exported")).await.err(),
            };
            let took = SystemEnv.elapsed().saturating_sub(begun);
            assert!(took < 20 * patience, "call {call} with {fault:?} took {took:?}");
            let reads = call >= 3 && matches!(fault, Fault::Conflict | Fault::LostBefore);
            let code = ended.as_ref().map(StoreError::code);
            let expected = if lost && call == 1 { "ERR_COMMIT_UNKNOWN" } else { "ERR_UNAVAILABLE" };
            assert_eq!(code, (!reads).then_some(expected), "call {call} with {fault:?}");
        }
    }
}

async fn faulty(
    place: &Place,
    script: impl Fn(Operation) -> Option<Fault> + Send + Sync + 'static,
) -> (Engine, Arc<FaultyKv>) {
    // The operations of opening are not counted in the scripts.
    drop(place.open().await);
    let kv = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        let number = operation.number.checked_sub(1).filter(|number| *number > 0)?;
        script(Operation { number, ..operation })
    }));
    let engine = Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap();
    (engine, kv)
}

/// What one caller does, with everything that it is told.
async fn work(engine: &Engine, name: &str) {
    let actor = id(name);
    let first = start(engine, &actor).await;
    assert_eq!((first.outcome, first.meta.generation.0), (Outcome::Won, 1));
    let generation = first.meta.generation;
    let head = commit(engine, &actor, generation, Txid(0), 1..=9, 1).await.unwrap();
    assert_eq!(head, Txid(1));
    let head = commit(engine, &actor, generation, head, 1..=1_300, 2).await.unwrap();
    engine.idle().await;
    let head = commit(engine, &actor, generation, head, [1, 2], 3).await.unwrap();
    engine.idle().await;
    let second = start(engine, &actor).await;
    assert_eq!((second.outcome, second.meta.generation.0), (Outcome::Won, 2));
    assert_eq!((second.meta.head_txid, second.meta.size_pages), (head, PageCount(2)));
    assert_eq!(tags(engine, &actor, second.meta.generation, 5).await, [3, 3]);
    assert_eq!(engine.list(&ListRequest::default()).await.unwrap(), std::slice::from_ref(&actor));
    assert_eq!(engine.delete(&actor).await, Ok(true));
    assert_eq!(engine.stat(&actor).await, Ok(None));
}

async fn one_fault_at_any_operation_changes_no_answer(place: Place) {
    let (engine, kv) = faulty(&place, |_| None).await;
    work(&engine, "without faults").await;
    let operations = kv.operations();
    assert!(operations > 15, "{operations}");
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Conflict, Fault::TooOld, Fault::Busy] {
        for number in 1..operations {
            let (engine, _) =
                faulty(&place, move |operation| (operation.number == number).then_some(fault)).await;
            work(&engine, &format!("{fault:?} at {number}")).await;
        }
    }
}

/// The commit's answer is lost, and before its caller asks again there is a takeover and so many commits.
async fn with_a_lost_commit(
    place: &Place,
    lost: Fault,
    later_commits: u64,
) -> (Result<Txid, StoreError>, Generation) {
    let other = place.open().await;
    let actor = id("a");
    let old = start(&other, &actor).await.meta.generation;
    let base = commit(&other, &actor, old, Txid(0), [1], 0).await.unwrap();
    let (engine, kv) = faulty(place, move |operation| match operation.number {
        1 => Some(lost),
        2 => Some(Fault::HoldBefore),
        _ => None,
    })
    .await;
    let caller = tokio::spawn(async move { commit(&engine, &id("a"), old, base, [1], 1).await });
    kv.held(1).await;
    let next = start(&other, &actor).await;
    let mut head = next.meta.head_txid;
    for tag in 0..later_commits {
        head = commit(&other, &actor, next.meta.generation, head, [1], 100 + tag).await.unwrap();
    }
    kv.release();
    (caller.await.unwrap(), next.meta.generation)
}

async fn a_lost_commit_is_known_as_ones_own_even_after_a_takeover_and_more_commits(place: Place) {
    let (answer, _) = with_a_lost_commit(&place, Fault::LostAfter, 7).await;
    assert_eq!(answer, Ok(Txid(2)));
}

async fn a_lost_commit_that_never_happened_is_known_as_such_after_a_takeover(place: Place) {
    let (answer, current) = with_a_lost_commit(&place, Fault::LostBefore, 5).await;
    let Err(StoreError::FenceMismatch { current: told, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(told, current);
}

async fn a_commit_lost_too_long_ago_is_unknown_and_never_called_fenced(place: Place) {
    let (answer, _) = with_a_lost_commit(&place, Fault::LostAfter, 9).await;
    assert_eq!(answer.unwrap_err().code(), "ERR_COMMIT_UNKNOWN");
}

/// The fence is raised, and before its winner hears of it another holder of the same generation commits. That
/// commit is no old owner's: the winner's answer goes on from it.
async fn a_winner_whose_answer_was_lost_sees_what_a_loser_has_committed_since(place: Place) {
    let other = place.open().await;
    let actor = id("a");
    let old = start(&other, &actor).await.meta.generation;
    let base = commit(&other, &actor, old, Txid(0), [1], 0).await.unwrap();
    let writes = std::sync::atomic::AtomicU64::new(0);
    let (engine, kv) = faulty(&place, move |operation| {
        let write = operation.writes.then(|| writes.fetch_add(1, std::sync::atomic::Ordering::SeqCst))?;
        [Fault::LostAfter, Fault::HoldBefore].get(usize::try_from(write).unwrap()).copied()
    })
    .await;
    let starter = tokio::spawn(async move { start(&engine, &id("a")).await });
    kv.held(1).await;
    let raised = other.stat(&actor).await.unwrap().unwrap().generation;
    assert_eq!(raised, old.next());
    assert_eq!(commit(&other, &actor, old, base, [1], 1).await.unwrap_err().code(), "ERR_FENCE_MISMATCH");
    let shared = commit(&other, &actor, raised, base, [1], 2).await.unwrap();
    kv.release();
    let started = starter.await.unwrap();
    assert_eq!((started.outcome, started.meta.generation), (Outcome::Won, raised));
    assert_eq!((started.meta.head_txid, started.pages.head_txid), (shared, shared));
}

/// The commit took place, its answer was lost, and when it is asked for again the head cannot be read. That says nothing
/// about the commit (seed 180 of the simulation as it was first written).
async fn a_lost_commit_that_then_meets_damage_is_unknown_and_found_out_later(place: Place) {
    for lost in [Fault::LostAfter, Fault::LostBefore] {
        let actor = id(&format!("{lost:?}"));
        let (other, kv_below) = (place.open().await, place.kv());
        let generation = start(&other, &actor).await.meta.generation;
        let base = commit(&other, &actor, generation, Txid(0), [1], 0).await.unwrap();
        let (engine, kv) = faulty(&place, move |operation| match operation.number {
            1 => Some(lost),
            2 => Some(Fault::HoldBefore),
            _ => None,
        })
        .await;
        let damage = async {
            kv.held(1).await;
            let key = ActorKeys::new(&actor).head();
            let good = rows(&kv_below).await.into_iter().find(|(stored, _)| *stored == key).unwrap().1;
            put_row(&kv_below, &key, &good[..good.len() - 1]).await;
            kv.release();
            (key, good)
        };
        let committing = commit(&engine, &actor, generation, base, [1], 1);
        let (answer, (key, good)) = futures::future::join(committing, damage).await;
        let Err(StoreError::CommitUnknown { token: Some(token), .. }) = answer else { panic!("{answer:?}") };
        put_row(&kv_below, &key, &good).await;
        let found = engine.resolve_commit(&actor, generation, base, token).await.unwrap();
        let expected = (lost == Fault::LostAfter).then_some(Txid(2));
        assert_eq!(found.map(|meta| meta.head_txid), expected);
    }
}

async fn a_takeover_whose_answers_are_all_lost_gives_up_without_lying(place: Place) {
    let (engine, _) = faulty(&place, |operation| operation.writes.then_some(Fault::LostBefore)).await;
    let refused = engine.load_startup(&id("a"), &crate::support::first_page()).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_UNAVAILABLE");
    assert!(refused.is_retryable());
    assert_eq!(engine.stat(&id("a")).await, Ok(None));
}

async fn a_commit_whose_store_fails_after_a_lost_answer_is_unknown(place: Place) {
    for lost in [Fault::LostBefore, Fault::LostAfter] {
        let actor = id(&format!("{lost:?}"));
        let other = place.open().await;
        let generation = start(&other, &actor).await.meta.generation;
        let (engine, _) = faulty(&place, move |operation| {
            Some(if operation.number == 1 { lost } else { Fault::Unavailable })
        })
        .await;
        let answer = commit(&engine, &actor, generation, Txid(0), [1], 1).await.unwrap_err();
        assert_eq!(answer.code(), "ERR_COMMIT_UNKNOWN", "{answer}");
    }
}
