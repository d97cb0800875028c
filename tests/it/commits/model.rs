//! The whole store against a model of one page: random starts, commits of any size, reads, deletions and
//! restarts by several engines, with faults below them, give the answers that a map would give.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use batondb::engine::{Commit, Engine, ListRequest, Outcome, PageWrite, Preload, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::types::{ActorId, Generation, PageCount, Txid};

use crate::support::{Place, content, id, on_every_backend, page, tag_of};

on_every_backend!(random_scripts_match_the_model);

const SEEDS: u64 = 40;
const STEPS: usize = 60;
const ENGINES: usize = 3;
const ACTORS: [&str; 3] = ["a", "a\0", "b"];

/// What the store must know of an actor.
#[derive(Debug, Default, Clone)]
struct Actor {
    exists: bool,
    generation: u64,
    head: u64,
    size: u32,
    /// The tags of the pages that were written.
    pages: BTreeMap<u32, u64>,
}

/// xorshift64*: the same script for the same seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % bound
    }

    fn page(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(u64::from(bound))).unwrap() + 1
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

struct Script {
    place: Place,
    draw: Draw,
    engines: Vec<Engine>,
    actors: BTreeMap<&'static str, Actor>,
    /// What is done, for the message of a failure.
    log: String,
}

async fn random_scripts_match_the_model(place: Place) {
    scripts_match_the_model(place, SEEDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_scripts_match_the_model_where_next_to_nothing_goes_at_once() {
    scripts_match_the_model(Place::cut(), 10).await;
}

async fn scripts_match_the_model(place: Place, seeds: u64) {
    for seed in 1..=seeds {
        let mut script = Script::new(place.afresh(), seed).await;
        for _ in 0..STEPS {
            script.step().await;
        }
        script.compare_everything().await;
    }
}

impl Script {
    async fn new(place: Place, seed: u64) -> Self {
        let draw = Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let actors = ACTORS.map(|name| (name, Actor::default())).into();
        let mut script = Self { place, draw, engines: Vec::new(), actors, log: format!("seed {seed}\n") };
        for _ in 0..ENGINES {
            let engine = script.engine().await;
            script.engines.push(engine);
        }
        script
    }

    /// An engine on a backend where one operation in ten goes wrong.
    async fn engine(&mut self) -> Engine {
        let seed = self.draw.below(u64::MAX);
        let kv = FaultyKv::new(self.place.kv(), Arc::new(SystemEnv), move |operation| {
            match Draw((seed ^ operation.number.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1).below(40) {
                0 => Some(Fault::LostAfter),
                1 => Some(Fault::LostBefore),
                2 => Some(Fault::Conflict),
                3 => Some(Fault::TooOld),
                _ => None,
            }
        });
        Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap()
    }

    async fn step(&mut self) {
        let name = self.draw.of(&ACTORS);
        let engine = usize::try_from(self.draw.below(ENGINES as u64)).unwrap();
        let what = self.draw.below(20);
        writeln!(self.log, "{what} on {name:?} by {engine}: {:?}", self.actors[name].head).unwrap();
        match what {
            0..4 => self.start(name, engine).await,
            4..14 => self.commit(name, engine).await,
            14..17 => self.read(name, engine).await,
            17 => {
                let existed = std::mem::take(&mut self.actors.get_mut(name).unwrap().exists);
                assert_eq!(self.engines[engine].delete(&id(name)).await, Ok(existed), "{}", self.log);
                let actor = self.actors.get_mut(name).unwrap();
                actor.generation += u64::from(existed);
                (actor.size, actor.pages) = (0, BTreeMap::new());
            }
            // A process ends, at once or tidily, and another one begins.
            18 => self.engines[engine] = self.engine().await,
            _ => {
                self.engines[engine].close().await;
                self.engines[engine] = self.engine().await;
            }
        }
    }

    async fn start(&mut self, name: &'static str, engine: usize) {
        let (first, last) = (self.draw.page(40), self.draw.page(1_500));
        let bytes_max = self.draw.below(200) * 4096;
        let ranges = vec![(first, first + 30)];
        let preload = Preload { pages: vec![page(last)], ranges, bytes_max, ..Preload::default() };
        let started = self.engines[engine].load_startup(&id(name), &preload).await.unwrap();
        let actor = self.actors.get_mut(name).unwrap();
        (actor.exists, actor.generation) = (true, actor.generation + 1);
        assert_eq!(started.outcome, Outcome::Won, "{}", self.log);
        assert_eq!(started.meta.generation.0, actor.generation, "{}", self.log);
        assert_eq!(
            (started.meta.head_txid.0, started.meta.size_pages.0),
            (actor.head, actor.size),
            "{}",
            self.log
        );
        let mut wanted: Vec<u32> = std::iter::once(1).chain(first..first + 30).chain([last]).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|page| *page <= actor.size);
        wanted.truncate(usize::try_from((bytes_max / 4096).max(1)).unwrap());
        let got: Vec<u32> = started.pages.pages.iter().map(|page| page.get()).collect();
        assert_eq!(got, wanted, "{}", self.log);
        for number in wanted {
            actor.check(number, started.pages.get(page(number)).unwrap(), &self.log);
        }
    }

    async fn commit(&mut self, name: &'static str, engine: usize) {
        let bound = self.draw.of(&[5, 40, 1_500]);
        let size = self.draw.page(bound);
        let many = self.draw.below(6) == 0;
        let written: Vec<u32> = if many {
            (1..=size).collect()
        } else {
            let mut some: Vec<u32> = (0..self.draw.below(12)).map(|_| self.draw.page(size)).collect();
            some.sort_unstable();
            some.dedup();
            some
        };
        // Sometimes a holder of an earlier generation or head.
        let (old_generation, old_head) = (self.draw.below(8) == 0, self.draw.below(8) == 0);
        let actor = self.actors.get_mut(name).unwrap();
        let held = actor.generation.saturating_sub(u64::from(old_generation));
        let base = actor.head.saturating_sub(u64::from(old_head));
        let tag = self.draw.below(1 << 40);
        let contents: Vec<(u32, Vec<u8>)> = written.iter().map(|&page| (page, content(page, tag))).collect();
        let pages = contents.iter().map(|(number, data)| PageWrite { page: page(*number), data }).collect();
        let commit = Commit {
            generation: Generation(held),
            head_txid: Txid(base),
            size_pages: PageCount(size),
            pages,
        };
        let answer = self.engines[engine].commit(&id(name), commit).await;
        if !actor.exists {
            assert_eq!(answer, Err(StoreError::NotFound { actor: id(name) }), "{}", self.log);
        } else if (held, base) == (actor.generation, actor.head) {
            let txid = answer.unwrap_or_else(|error| panic!("{error}\n{}", self.log)).0;
            assert!(txid > actor.head, "{}", self.log);
            (actor.head, actor.size) = (txid, size);
            actor.pages.retain(|page, _| *page <= size);
            actor.pages.extend(written.into_iter().map(|page| (page, tag)));
        } else {
            assert_eq!(answer.unwrap_err().code(), "ERR_FENCE_MISMATCH", "{}", self.log);
        }
    }

    async fn read(&mut self, name: &'static str, engine: usize) {
        let wanted: Vec<u32> = (0..self.draw.below(50)).map(|_| self.draw.page(1_600)).collect();
        self.compare(name, engine, &wanted).await;
    }

    async fn compare(&self, name: &'static str, engine: usize, wanted: &[u32]) {
        let actor = &self.actors[name];
        let engine = &self.engines[engine];
        let meta = engine.stat(&id(name)).await.unwrap();
        assert_eq!(meta.is_some(), actor.exists, "{}", self.log);
        let pages: Vec<_> = wanted.iter().map(|&number| page(number)).collect();
        let answer =
            engine.get_pages(&id(name), Generation(actor.generation), Some(Txid(actor.head)), &pages).await;
        if !actor.exists {
            return assert_eq!(answer, Err(StoreError::NotFound { actor: id(name) }), "{}", self.log);
        }
        let set = answer.unwrap_or_else(|error| panic!("{error}\n{}", self.log));
        for &number in wanted {
            match set.get(page(number)) {
                Some(bytes) => actor.check(number, bytes, &self.log),
                None => assert!(number > actor.size, "page {number} is missing\n{}", self.log),
            }
        }
    }

    async fn compare_everything(&self) {
        for name in ACTORS {
            let all: Vec<u32> = (1..=1_600).collect();
            self.compare(name, 0, &all).await;
        }
        let listed = self.engines[1].list(&ListRequest::default()).await.unwrap();
        let expected: Vec<ActorId> =
            ACTORS.into_iter().filter(|name| self.actors[name].exists).map(id).collect();
        assert_eq!(listed, expected, "{}", self.log);
    }
}

impl Actor {
    #[track_caller]
    fn check(&self, number: u32, bytes: &[u8], log: &str) {
        assert!(number <= self.size, "page {number} lies beyond the size {}\n{log}", self.size);
        match self.pages.get(&number) {
            Some(&tag) => assert_eq!(tag_of(number, bytes), tag, "page {number}\n{log}"),
            None => assert!(bytes.iter().all(|byte| *byte == 0), "page {number} was never written\n{log}"),
        }
    }
}
