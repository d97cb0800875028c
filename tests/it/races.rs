//! Starts that race: for each generation one winner (G2), one lineage (G3), and an owner that commits without
//! pause starves nobody (G6).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use batondb::engine::{Engine, Outcome, Startup, StoreError};
use batondb::types::{ActorId, Generation, Txid};
use tokio::task::JoinSet;

use crate::support::{Place, commit, first_page, id, on_every_backend, start};

on_every_backend!(
    a_thousand_rounds_of_eight_racing_starts_against_a_committing_owner,
    of_a_winner_and_the_losers_exactly_one_commits_on_the_same_head,
);

const ROUNDS: usize = 1_000;
const STARTERS: usize = 8;

async fn a_thousand_rounds_of_eight_racing_starts_against_a_committing_owner(place: Place) {
    let actor = id("contended");
    let mut engines = Vec::new();
    for _ in 0..STARTERS {
        engines.push(Arc::new(place.open().await));
    }
    start(&engines[0], &actor).await;
    let stop = Arc::new(AtomicBool::new(false));
    let committed = Arc::new(AtomicU64::new(0));
    let owner = tokio::spawn(commit_without_pause(
        place.open().await,
        actor.clone(),
        Arc::clone(&stop),
        Arc::clone(&committed),
    ));
    let mut winners: HashMap<Generation, usize> = HashMap::new();
    let mut losers: Vec<Generation> = Vec::new();
    let mut contested = 0;
    for _ in 0..ROUNDS {
        let starts = race(&engines, &actor).await;
        let won: Vec<&Startup> = starts.iter().filter(|start| start.outcome == Outcome::Won).collect();
        assert!(!won.is_empty(), "somebody wins each round");
        contested += usize::from(won.len() < STARTERS);
        let lowest = won.iter().map(|start| start.meta.generation).min().unwrap();
        for start in &starts {
            match start.outcome {
                Outcome::Won => *winners.entry(start.meta.generation).or_default() += 1,
                Outcome::Lost => {
                    assert!(start.pages.pages.is_empty() && start.pages.data.is_empty());
                    assert!(start.meta.generation >= lowest, "lost to somebody of this round");
                    losers.push(start.meta.generation);
                }
            }
        }
        commit_all_on_one_head(&engines, &actor, &starts).await;
    }
    stop.store(true, Ordering::Relaxed);
    owner.await.unwrap();
    assert!(winners.values().all(|count| *count == 1), "a generation has one winner: {winners:?}");
    assert!(losers.iter().all(|generation| winners.contains_key(generation)));
    assert!(contested > ROUNDS * 9 / 10, "only {contested} rounds were races at all");
    let count = committed.load(Ordering::Relaxed);
    assert!(count > 100, "the owner committed only {count} times beside {ROUNDS} rounds");
}

/// All starts begin before any of them ends, so that they meet on every backend and machine.
async fn race(engines: &[Arc<Engine>], actor: &ActorId) -> Vec<Startup> {
    let preload = first_page();
    let starts = engines.iter().map(|engine| engine.load_startup(actor, &preload));
    let starts = futures::future::join_all(starts).await;
    starts.into_iter().map(|start| start.expect("no start rejects")).collect()
}

/// The winner of the last generation and those who lost to it hold it together; of their commits on one head
/// exactly one succeeds. The owner that commits without pause may come first, then none does.
async fn commit_all_on_one_head(engines: &[Arc<Engine>], actor: &ActorId, starts: &[Startup]) {
    let generation = starts.iter().map(|start| start.meta.generation).max().unwrap();
    let head = engines[0].stat(actor).await.unwrap().unwrap().head_txid;
    let mut commits = JoinSet::new();
    for (engine, held) in engines.iter().zip(starts) {
        if held.meta.generation != generation {
            continue;
        }
        let (engine, actor) = (Arc::clone(engine), actor.clone());
        commits.spawn(async move { commit(&engine, &actor, generation, head, [1], 5).await });
    }
    let mut succeeded = 0;
    for answer in commits.join_all().await {
        match answer {
            Ok(_) => succeeded += 1,
            Err(StoreError::FenceMismatch { current_head_txid, .. }) => assert!(current_head_txid > head),
            Err(error) => panic!("{error}"),
        }
    }
    let now = engines[0].stat(actor).await.unwrap().unwrap().head_txid;
    assert!(now > head, "one commit on {head} succeeded, ours or the owner's");
    assert!(succeeded <= 1, "{succeeded} commits extended one head");
}

async fn commit_without_pause(
    engine: Engine,
    actor: ActorId,
    stop: Arc<AtomicBool>,
    committed: Arc<AtomicU64>,
) {
    let mut held: (Generation, Txid) = (Generation(0), Txid(0));
    while !stop.load(Ordering::Relaxed) {
        match commit(&engine, &actor, held.0, held.1, [1, 2], 1).await {
            Ok(txid) => {
                held.1 = txid;
                committed.fetch_add(1, Ordering::Relaxed);
            }
            Err(StoreError::FenceMismatch { current, current_head_txid, .. }) => {
                held = (current, current_head_txid);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn of_a_winner_and_the_losers_exactly_one_commits_on_the_same_head(place: Place) {
    let mut engines = Vec::new();
    for _ in 0..STARTERS {
        engines.push(Arc::new(place.open().await));
    }
    let mut shared = 0;
    for round in 0..100 {
        let actor = id(&format!("round {round}"));
        let starts = race(&engines, &actor).await;
        let generation = starts.iter().map(|start| start.meta.generation).max().unwrap();
        let mut commits = JoinSet::new();
        for (engine, _) in
            engines.iter().zip(&starts).filter(|(_, start)| start.meta.generation == generation)
        {
            let (engine, actor) = (Arc::clone(engine), actor.clone());
            commits.spawn(async move { commit(&engine, &actor, generation, Txid(0), [1], 5).await });
        }
        let holders = commits.len();
        shared += usize::from(holders >= 3);
        let answers = commits.join_all().await;
        let succeeded = answers.iter().filter(|answer| **answer == Ok(Txid(1))).count();
        let fenced =
            answers.iter().filter(|answer| matches!(answer, Err(StoreError::FenceMismatch { .. }))).count();
        assert_eq!((succeeded, fenced), (1, holders - 1), "{answers:?}");
    }
    assert!(shared > 90, "a winner and two losers met in only {shared} rounds");
}
