//! Starts that race: for each generation one winner (G2), one lineage (G3), and an owner that commits without
//! pause starves nobody (G6).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use batondb::engine::{Engine, Outcome, Startup, StoreError};
use batondb::types::{ActorId, Generation, Txid};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::{
    Child, Place, across_processes, child_arguments, commit, first_page, id, on_every_backend, start,
    tell_parent,
};

on_every_backend!(
    a_thousand_rounds_of_eight_racing_starts_against_a_committing_owner,
    of_a_winner_and_the_losers_exactly_one_commits_on_the_same_head,
);

across_processes!(a_thousand_rounds_of_racing_starts_across_four_processes_against_a_committing_owner);

const ROUNDS: usize = 1_000;
const ROUNDS_ON_A_CLUSTER: usize = 200;
const STARTERS: usize = 8;

async fn a_thousand_rounds_of_eight_racing_starts_against_a_committing_owner(place: Place) {
    let actor = id("contended");
    let mut engines = Vec::new();
    for _ in 0..STARTERS {
        engines.push(Arc::new(place.open().await));
    }
    start(&engines[0], &actor).await;
    let owner = Owner::spawn(place.open().await, &actor);
    let mut tally = Tally::default();
    for _ in 0..place.rounds(ROUNDS, ROUNDS_ON_A_CLUSTER) {
        let starts = race(&engines, &actor).await;
        tally.count(starts.iter().map(Answer::of));
        commit_all_on_one_head(&engines, &actor, &starts).await;
    }
    owner.stop().await;
    tally.check();
}

/// What a start answered.
#[derive(Debug, Clone, Copy)]
struct Answer {
    won: bool,
    generation: Generation,
    pages: usize,
}

impl Answer {
    fn of(start: &Startup) -> Self {
        let won = start.outcome == Outcome::Won;
        Self {
            won,
            generation: start.meta.generation,
            pages: start.pages.pages.len() + start.pages.data.len(),
        }
    }
}

/// What all starts answered.
#[derive(Default)]
struct Tally {
    winners: HashSet<Generation>,
    losers: Vec<Generation>,
    rounds: usize,
    /// Rounds in which somebody lost.
    contested: usize,
}

impl Tally {
    fn count(&mut self, round: impl Iterator<Item = Answer>) {
        let answers: Vec<Answer> = round.collect();
        assert_eq!(answers.len(), STARTERS, "no start rejects");
        let lowest = answers.iter().filter(|answer| answer.won).map(|answer| answer.generation).min();
        let lowest = lowest.expect("somebody wins each round");
        for answer in &answers {
            if answer.won {
                assert!(self.winners.insert(answer.generation), "{answer:?} was won before");
            } else {
                assert_eq!(answer.pages, 0, "a loser gets no pages");
                assert!(answer.generation >= lowest, "lost to somebody of this round");
                self.losers.push(answer.generation);
            }
        }
        self.rounds += 1;
        self.contested += usize::from(answers.iter().any(|answer| !answer.won));
    }

    fn check(&self) {
        assert!(self.losers.iter().all(|generation| self.winners.contains(generation)));
        let Self { winners, losers, rounds, contested } = self;
        println!("{} won, {} lost, {contested} of {rounds} rounds contested", winners.len(), losers.len());
        assert!(*contested > rounds / 20, "only {contested} rounds were races at all");
    }
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

/// The ninth: commits without pause, under whatever generation is current.
struct Owner {
    stop: Arc<AtomicBool>,
    commits: JoinHandle<u64>,
}

impl Owner {
    fn spawn(engine: Engine, actor: &ActorId) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let commits = tokio::spawn(commit_without_pause(engine, actor.clone(), Arc::clone(&stop)));
        Self { stop, commits }
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let commits = self.commits.await.unwrap();
        assert!(commits > 100, "the owner committed only {commits} times beside the rounds");
    }
}

async fn commit_without_pause(engine: Engine, actor: ActorId, stop: Arc<AtomicBool>) -> u64 {
    let mut held: (Generation, Txid) = (Generation(0), Txid(0));
    let mut commits = 0;
    while !stop.load(Ordering::Relaxed) {
        match commit(&engine, &actor, held.0, held.1, [1, 2], 1).await {
            Ok(txid) => {
                held.1 = txid;
                commits += 1;
            }
            Err(StoreError::FenceMismatch { current, current_head_txid, .. }) => {
                held = (current, current_head_txid);
            }
            Err(error) => panic!("{error}"),
        }
    }
    commits
}

/// In a child: two starters that race whenever the parent says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_races() {
    let Some(arguments) = child_arguments() else { return };
    let place = Place::at(&arguments[0]);
    let engines = [Arc::new(place.open().await), Arc::new(place.open().await)];
    tell_parent("ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["start", actor] => {
                for start in race(&engines, &id(actor)).await {
                    let Answer { won, generation, pages } = Answer::of(&start);
                    tell_parent(&format!("{won} {generation} {pages}"));
                }
            }
            ["commit", actor, generation, head] => {
                let (generation, head) =
                    (Generation(generation.parse().unwrap()), Txid(head.parse().unwrap()));
                match commit(&engines[0], &id(actor), generation, head, [1], 1).await {
                    Ok(_) => tell_parent("in"),
                    Err(StoreError::FenceMismatch { .. }) => tell_parent("fenced"),
                    Err(error) => panic!("{error}"),
                }
            }
            _ => panic!("{line}"),
        }
    }
}

async fn a_thousand_rounds_of_racing_starts_across_four_processes_against_a_committing_owner(place: Place) {
    let address = place.address();
    let engine = place.open().await;
    start(&engine, &id("contended")).await;
    let mut children: Vec<Child> =
        (0..4).map(|_| Child::start("ownership::races::a_child_that_races", &[&address])).collect();
    for child in &mut children {
        assert_eq!(child.hear().as_deref(), Some("ready"));
    }
    let owner = Owner::spawn(place.open().await, &id("contended"));
    let mut tally = Tally::default();
    for round in 0..place.rounds(ROUNDS, ROUNDS_ON_A_CLUSTER) {
        for child in &mut children {
            child.tell("start contended");
        }
        let answers = children.iter_mut().flat_map(|child| [child.hear(), child.hear()]);
        tally.count(answers.map(|line| answer(&line.expect("no start rejects"))));
        // All who may commit on one head: of one generation, in four processes.
        if round % 10 == 0 {
            let actor = format!("round-{round}");
            let generation = start(&engine, &id(&actor)).await.meta.generation;
            for child in &mut children {
                child.tell(&format!("commit {actor} {generation} 0"));
            }
            let ends: Vec<String> = children.iter_mut().map(|child| child.hear().unwrap()).collect();
            assert_eq!(ends.iter().filter(|end| *end == "in").count(), 1, "{ends:?}");
        }
    }
    owner.stop().await;
    tally.check();
}

fn answer(line: &str) -> Answer {
    let words: Vec<&str> = line.split(' ').collect();
    let [won, generation, pages] = words.as_slice() else { panic!("{line}") };
    Answer {
        won: won.parse().unwrap(),
        generation: Generation(generation.parse().unwrap()),
        pages: pages.parse().unwrap(),
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
    assert!(shared > 5, "a winner and two losers met in only {shared} rounds");
}
