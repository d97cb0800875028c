//! Random schedules of commits, pins, restores, forks, deletions, flattening and thinning, with lost answers and
//! conflicts, against full copies of every state: each point that is kept reads exactly as its copy, and no
//! other point answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batondb::engine::{
    Commit, Engine, Forked, Outcome, PageWrite, PinRequest, PointRef, PointsRequest, Preload, StoreError,
};
use batondb::kv::Limits;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::kv::memory::MemoryKv;
use batondb::planted::{self, Bug};
use batondb::types::{Generation, PageCount, PageNumber, Txid};

use super::model::{Actor, Copy, Draw, PAGE, id, page_bytes, policies};
use super::world::Clock;
use crate::support::Place;

const ACTORS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const SIZE_MAX: u32 = 24;

struct World {
    engine: Engine,
    clock: Clock,
    draw: Draw,
    actors: BTreeMap<&'static str, Actor>,
    faults: Arc<AtomicU64>,
    tags: u64,
    log: String,
}

/// The fault word of a store that is cut off before one of the next transactions, and after it for good.
const BROKEN: u64 = 1 << 32;

impl World {
    async fn new(place: &Place, seed: u64) -> Self {
        let clock = Clock::at(1_000_000);
        let faults = Arc::new(AtomicU64::new(0));
        let word = Arc::clone(&faults);
        // Every so manyth transaction meets a fault that its caller gets over.
        let kv = FaultyKv::new(place.kv(), Arc::new(clock.clone()), move |operation| {
            let every = word.load(Ordering::SeqCst);
            if every >= BROKEN {
                // The process is cut off before its transaction of this number.
                let left = word.fetch_sub(u64::from(operation.writes), Ordering::SeqCst) - BROKEN;
                return (operation.writes && left == 0).then(|| {
                    word.store(BROKEN, Ordering::SeqCst);
                    Fault::Unavailable
                });
            }
            let hit = every > 0 && operation.writes && operation.number.is_multiple_of(every);
            hit.then(|| {
                [Fault::LostAfter, Fault::LostBefore, Fault::Conflict][(operation.number % 3) as usize]
            })
        });
        let engine = Engine::open(Arc::new(kv), Arc::new(clock.clone())).await.unwrap();
        let actors = ACTORS.iter().map(|name| (*name, Actor::default())).collect();
        let mut draw = Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        if draw.below(3) == 0 {
            let policy = draw.of(&policies()).unwrap();
            engine.keep_history(policy);
        }
        Self { engine, clock, draw, actors, faults, tags: 0, log: format!("seed {seed}\n") }
    }

    fn note(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.log, "{line}").unwrap();
    }

    fn actor(&mut self, name: &str) -> &mut Actor {
        self.actors.get_mut(name).unwrap()
    }

    async fn step(&mut self) {
        let pause = self.draw.below(30);
        self.clock.advance(pause);
        let faults = [0, 0, 2, 3, 5][usize::try_from(self.draw.below(5)).unwrap()];
        self.faults.store(faults, Ordering::SeqCst);
        let name = self.draw.of(&ACTORS).unwrap();
        match self.draw.below(100) {
            0..45 => self.commit(name).await,
            45..50 => self.start(name).await,
            50..56 => self.set_history(name).await,
            56..63 => self.pin(name).await,
            63..68 => self.unpin(name).await,
            68..76 => self.restore(name).await,
            76..86 => self.fork(name).await,
            86..89 => self.delete(name).await,
            89..94 => self.thin(name).await,
            94 => self.family(name).await,
            95..97 => self.cut_off(name).await,
            _ => self.flatten(name).await,
        }
        if self.draw.below(3) == 0 {
            self.clock.drop_background();
        } else if self.draw.below(2) == 0 {
            self.clock.run_background().await;
        }
        self.faults.store(0, Ordering::SeqCst);
    }

    async fn start(&mut self, name: &'static str) {
        let preload = Preload { ranges: vec![(1, SIZE_MAX + 1)], bytes_max: 1 << 20, ..Preload::default() };
        let started = self.engine.load_startup(&id(name), &preload).await.unwrap();
        assert_eq!(started.outcome, Outcome::Won);
        self.note(format_args!("start {name}: {:?}", started.meta.generation));
        let actor = self.actor(name);
        assert!(started.meta.generation.0 > actor.generation);
        actor.generation = started.meta.generation.0;
        if !actor.live {
            (actor.live, actor.now) = (true, Copy::default());
        }
        actor.head = started.meta.head_txid.0;
        assert_eq!(started.meta.size_pages.0 as usize, actor.now.pages.len());
        let expected: Vec<u8> =
            (1..).zip(&actor.now.pages).flat_map(|(page, tag)| page_bytes(*tag, page)).collect();
        assert!(started.pages.data == expected, "the start of {name} shows something else");
    }

    async fn commit(&mut self, name: &'static str) {
        if !self.actors[name].live {
            self.start(name).await;
        }
        let size_before = u32::try_from(self.actors[name].now.pages.len()).unwrap();
        let size = match self.draw.below(4) {
            0 => u32::try_from(self.draw.below(u64::from(SIZE_MAX) + 1)).unwrap(),
            1 => (size_before + 3).min(SIZE_MAX),
            _ => size_before,
        };
        let mut copy = self.actors[name].now.clone();
        copy.pages.resize(size as usize, 0);
        let share = self.draw.below(4) + 1;
        let mut written = Vec::new();
        for number in 1..=size {
            // The first pages say what the page size is.
            let first = size_before == 0 && number == 1;
            if first || self.draw.below(4) < share / 2 || self.draw.below(9) == 0 {
                self.tags += 1;
                copy.pages[number as usize - 1] = self.tags;
                written.push((number, page_bytes(self.tags, number)));
            }
        }
        let held = (Generation(self.actors[name].generation), Txid(self.actors[name].head));
        let pages =
            written.iter().map(|(number, data)| PageWrite { page: PageNumber::new(*number).unwrap(), data });
        let commit = Commit {
            generation: held.0,
            head_txid: held.1,
            size_pages: PageCount(size),
            pages: pages.collect(),
        };
        let txid = match self.engine.commit(&id(name), commit).await {
            Ok(txid) => txid,
            // A restore has fenced the owner: the next start takes over.
            Err(StoreError::FenceMismatch { .. }) => panic!("{name} is fenced\n{}", self.log),
            Err(error) => panic!("commit {name}: {error}\n{}", self.log),
        };
        self.note(format_args!("commit {name}: {} pages, size {size}, at {txid}", written.len()));
        let actor = self.actor(name);
        (actor.head, actor.now) = (txid.0, copy.clone());
        actor.copies.insert(txid.0, copy);
    }

    async fn set_history(&mut self, name: &'static str) {
        if !self.actors[name].live {
            return;
        }
        let policy = self.draw.of(&policies()).unwrap();
        self.note(format_args!("history {name}: {policy:?}"));
        self.engine.set_history(&id(name), Some(policy.clone())).await.unwrap();
        self.actor(name).policy = policy;
    }

    /// Some point that is kept, or now and then one that is not.
    async fn some_point(&mut self, name: &'static str) -> (PointRef, Option<u64>) {
        let kept: Vec<u64> = self.kept(name).await.into_iter().collect();
        let head = self.actors[name].head;
        match self.draw.below(8) {
            0..2 if self.actors[name].live => (PointRef::Head, Some(head)),
            2 => {
                let txid = self.draw.below(head + 3);
                // The head of an actor without history becomes a point.
                let actor = &self.actors[name];
                let is_head = actor.live && txid == head && !actor.now.pages.is_empty();
                (PointRef::Txid(Txid(txid)), (is_head || kept.contains(&txid)).then_some(txid))
            }
            3 => match self.draw.of(&self.actors[name].pins.keys().cloned().collect::<Vec<_>>()) {
                Some(pin) => (PointRef::Name(pin.clone()), Some(self.actors[name].pins[&pin])),
                None => (PointRef::Name("no such pin".to_owned()), None),
            },
            _ => match self.draw.of(&kept) {
                Some(txid) => (PointRef::Txid(Txid(txid)), Some(txid)),
                None => (PointRef::Txid(Txid(head + 9)), None),
            },
        }
    }

    async fn kept(&mut self, name: &'static str) -> BTreeSet<u64> {
        match self.engine.points(&id(name), &PointsRequest::default()).await {
            Ok(points) => points.into_iter().map(|point| point.txid.0).collect(),
            Err(StoreError::NotFound { .. }) => BTreeSet::new(),
            Err(error) => panic!("points of {name}: {error}\n{}", self.log),
        }
    }

    async fn pin(&mut self, name: &'static str) {
        let (at, expected) = self.some_point(name).await;
        self.tags += 1;
        let label = format!("pin {}", self.tags);
        let pin = PinRequest { name: label.clone(), expires_at_ms: 0 };
        let pinned = self.engine.pin(&id(name), at.clone(), pin).await;
        self.note(format_args!("{label} of {name} at {at:?}: {pinned:?}"));
        match (pinned, expected) {
            (Ok(txid), Some(expected)) if txid.0 == expected => {
                self.actor(name).pins.insert(label, txid.0);
            }
            (Err(StoreError::NotRetained { .. } | StoreError::NotFound { .. }), None) => {}
            (Err(StoreError::InvalidArg(_)), _) if self.actors[name].now.pages.is_empty() => {}
            (pinned, expected) => panic!("pin gives {pinned:?}, expected {expected:?}\n{}", self.log),
        }
    }

    async fn unpin(&mut self, name: &'static str) {
        let pins: Vec<String> = self.actors[name].pins.keys().cloned().collect();
        let Some(pin) = self.draw.of(&pins) else { return };
        self.note(format_args!("unpin {name}: {pin}"));
        // An attempt whose answer was lost has removed it.
        assert!(self.engine.unpin_name(&id(name), pin.clone()).await.unwrap() <= 1);
        self.actor(name).pins.remove(&pin);
    }

    async fn restore(&mut self, name: &'static str) {
        if !self.actors[name].live {
            return;
        }
        let (to, expected) = self.some_point(name).await;
        let before = (self.actors[name].generation, self.actors[name].head);
        let restored = self.engine.restore(&id(name), to.clone()).await;
        self.note(format_args!("restore {name} to {to:?}: {restored:?}"));
        match (restored, expected) {
            (Ok(restored), Some(expected)) if restored.to.0 == expected => {
                assert_eq!(
                    (restored.undo.0, restored.generation.0),
                    (before.1, before.0 + 1),
                    "{}",
                    self.log
                );
                assert!(restored.txid.0 > before.1);
                let actor = self.actor(name);
                let copy = actor.copies[&expected].clone();
                (actor.now, actor.generation, actor.head) =
                    (copy.clone(), restored.generation.0, restored.txid.0);
                actor.copies.insert(restored.txid.0, copy);
                self.stale_owner(name, before).await;
            }
            (Err(StoreError::NotRetained { .. }), None) => {}
            // The head of an actor without history is no point.
            (Err(StoreError::NotRetained { .. }), Some(expected)) if expected == before.1 => {}
            (restored, expected) => panic!("restore gives {restored:?}, expected {expected:?}\n{}", self.log),
        }
    }

    /// A process that is killed somewhere in the middle of what takes several steps.
    async fn cut_off(&mut self, name: &'static str) {
        let steps = self.draw.below(4);
        self.faults.store(BROKEN + steps, Ordering::SeqCst);
        let what = self.draw.below(3);
        let ended = match what {
            0 => self.engine.thin(&id(name)).await.map(|_| ()),
            1 => self.engine.flatten(&id(name)).await,
            _ => self.engine.delete(&id(name)).await.map(|_| ()),
        };
        self.faults.store(0, Ordering::SeqCst);
        self.clock.drop_background();
        let thing = ["thin", "flatten", "delete"][usize::try_from(what).unwrap()];
        self.note(format_args!("cut off {thing} {name} after {steps} transactions: {ended:?}"));
        if self.actors[name].live && self.engine.stat(&id(name)).await.unwrap().is_none() {
            self.deleted(name);
        }
    }

    /// A fork of a fork, whose parent lets go of what it shares, while the grandparent goes on.
    async fn family(&mut self, name: &'static str) {
        let others: Vec<&'static str> = ACTORS.into_iter().filter(|other| *other != name).collect();
        let (child, grandchild) = (others[0], others[1]);
        self.delete(child).await;
        self.delete(grandchild).await;
        self.commit(name).await;
        if self.actors[name].now.pages.is_empty() {
            return;
        }
        self.fork_head(name, child).await;
        self.fork_head(child, grandchild).await;
        self.flatten(child).await;
        self.commit(name).await;
        self.clock.advance(2_500);
        self.thin(name).await;
    }

    async fn fork_head(&mut self, name: &'static str, child: &'static str) {
        let expected = self.actors[name].head;
        let forked = self.engine.fork(&id(name), &id(child), PointRef::Head).await.unwrap();
        self.note(format_args!("fork {name} as {child}: {forked:?}"));
        self.forked(name, child, forked, expected).await;
    }

    async fn forked(&mut self, name: &'static str, child: &'static str, forked: Forked, expected: u64) {
        assert!(!self.actors[child].live);
        let copy = self.actors[name].copies[&expected].clone();
        let policy = self.actors[name].policy.clone();
        let meta = self.engine.stat(&id(child)).await.unwrap().unwrap();
        let actor = self.actor(child);
        (actor.live, actor.generation, actor.head) = (true, forked.generation.0, meta.head_txid.0);
        actor.copies.insert(actor.head, copy.clone());
        (actor.now, actor.policy) = (copy, policy);
    }

    /// The owner from before a restore cannot go on.
    async fn stale_owner(&mut self, name: &'static str, (generation, head): (u64, u64)) {
        let commit = Commit {
            generation: Generation(generation),
            head_txid: Txid(head),
            size_pages: PageCount(0),
            pages: vec![],
        };
        let refused = self.engine.commit(&id(name), commit).await;
        assert!(matches!(refused, Err(StoreError::FenceMismatch { .. })), "{refused:?}\n{}", self.log);
    }

    async fn fork(&mut self, name: &'static str) {
        let child = self.draw.of(&ACTORS).unwrap();
        let (at, expected) = self.some_point(name).await;
        let forked = self.engine.fork(&id(name), &id(child), at.clone()).await;
        self.note(format_args!("fork {name} at {at:?} as {child}: {forked:?}"));
        match (forked, expected) {
            (Err(StoreError::Exists { .. }), _) => {
                assert!(self.actors[child].live || child == name, "{}", self.log);
            }
            (Ok(forked), Some(expected)) if forked.at.0 == expected => {
                self.forked(name, child, forked, expected).await;
            }
            (Err(StoreError::NotRetained { .. } | StoreError::NotFound { .. }), None) => {}
            (Err(StoreError::InvalidArg(_)), _) if self.actors[name].now.pages.is_empty() => {}
            (forked, expected) => panic!("fork gives {forked:?}, expected {expected:?}\n{}", self.log),
        }
    }

    async fn delete(&mut self, name: &'static str) {
        let deleted = self.engine.delete(&id(name)).await.unwrap();
        self.note(format_args!("delete {name}: {deleted}"));
        assert_eq!(deleted, self.actors[name].live);
        if deleted {
            self.deleted(name);
        }
    }

    fn deleted(&mut self, name: &'static str) {
        // A next life begins above all of its commits.
        let actor = self.actor(name);
        (actor.live, actor.policy, actor.now) = (false, None, Copy::default());
        actor.generation += 1;
    }

    /// Thinning keeps what the policy says, what is pinned, and what others build on.
    async fn thin(&mut self, name: &'static str) {
        let before = self.kept(name).await;
        let times = self.times(name).await;
        let dropped = self.engine.thin(&id(name)).await.unwrap();
        let after = self.kept(name).await;
        self.note(format_args!("thin {name}: {dropped} dropped, {after:?} left of {before:?}"));
        let actor = &self.actors[name];
        let own = actor.policy.clone().filter(|_| actor.live);
        let keeps = |txid: &u64| {
            let now = self.clock.now();
            let in_stretch = |every: u64, from: u64| {
                // The last one of its stretch among those that are as old.
                let later = times.iter().filter(|(other, time)| {
                    *other > txid
                        && **time / every == times[txid] / every
                        && now.saturating_sub(**time) >= from
                });
                later.count() == 0
            };
            let age = now.saturating_sub(times[txid]);
            own.as_ref().is_some_and(|policy| {
                let mut from = policy.keep_all_ms;
                let tier = policy.then.iter().find(|tier| {
                    let found = age < tier.for_ms;
                    if !found {
                        from = tier.for_ms;
                    }
                    found
                });
                age < policy.keep_all_ms || tier.is_some_and(|tier| in_stretch(tier.every_ms, from))
            })
        };
        let expected: BTreeSet<u64> = before
            .iter()
            .copied()
            .filter(|txid| {
                actor.pins.values().any(|pin| pin == txid)
                    || (actor.live && *txid == actor.head && own.is_some())
                    || keeps(txid)
            })
            .collect();
        // A store's default may keep more than the actor's own policy, which the model does not know.
        assert!(after.is_subset(&before), "{}", self.log);
        assert!(expected.is_subset(&after), "{expected:?} are not kept\n{}", self.log);
    }

    async fn times(&mut self, name: &'static str) -> BTreeMap<u64, u64> {
        match self.engine.points(&id(name), &PointsRequest::default()).await {
            Ok(points) => points.into_iter().map(|point| (point.txid.0, point.time_ms)).collect(),
            Err(_) => BTreeMap::new(),
        }
    }

    async fn flatten(&mut self, name: &'static str) {
        self.note(format_args!("flatten {name}"));
        self.engine.flatten(&id(name)).await.unwrap();
    }

    /// Everything reads as its copy, and no other point answers.
    async fn compare(&mut self, every_txid: bool) {
        for name in ACTORS {
            self.compare_head(name).await;
            let kept = self.kept(name).await;
            let pinned: BTreeSet<u64> = self.actors[name].pins.values().copied().collect();
            assert!(pinned.is_subset(&kept), "{name}: {pinned:?} are pinned, {kept:?} kept\n{}", self.log);
            let head = self.actors[name].head;
            for txid in 0..=head {
                if kept.contains(&txid) {
                    self.compare_point(name, txid).await;
                } else if every_txid || txid % 5 == 0 {
                    let read = self.engine.peek_at(&id(name), Txid(txid), &[PageNumber::FIRST]).await;
                    let refused =
                        matches!(read, Err(StoreError::NotRetained { .. } | StoreError::NotFound { .. }));
                    assert!(refused, "{name} at {txid}: {read:?}\n{}", self.log);
                }
            }
        }
    }

    async fn compare_head(&mut self, name: &'static str) {
        let actor = &self.actors[name];
        let all: Vec<PageNumber> = (1..=SIZE_MAX).filter_map(PageNumber::new).collect();
        let held = Generation(actor.generation);
        let read = self.engine.get_pages(&id(name), held, None, &all).await;
        if !actor.live {
            assert!(matches!(read, Err(StoreError::NotFound { .. })), "{name}: {read:?}\n{}", self.log);
            return;
        }
        let read = read.unwrap_or_else(|error| panic!("{name}: {error}\n{}", self.log));
        assert_eq!(read.head_txid.0, actor.head, "{name}\n{}", self.log);
        self.same(name, &read.data, &actor.now, "the head");
    }

    async fn compare_point(&self, name: &'static str, txid: u64) {
        let all: Vec<PageNumber> = (1..=SIZE_MAX).filter_map(PageNumber::new).collect();
        let read = self.engine.get_pages_at(&id(name), Txid(txid), &all).await;
        let read = read.unwrap_or_else(|error| panic!("{name} at {txid}: {error}\n{}", self.log));
        let copy = self.actors[name].copies.get(&txid);
        let copy = copy.unwrap_or_else(|| panic!("{name} never was at {txid}\n{}", self.log));
        self.same(name, &read.data, copy, &format!("point {txid}"));
    }

    fn same(&self, name: &str, data: &[u8], copy: &Copy, what: &str) {
        assert_eq!(data.len(), copy.pages.len() * PAGE, "{what} of {name}: size\n{}", self.log);
        for ((page, tag), bytes) in (1..).zip(&copy.pages).zip(data.chunks(PAGE)) {
            if bytes != page_bytes(*tag, page) {
                let found = (0..=self.tags).find(|tag| bytes == page_bytes(*tag, page));
                panic!("{what} of {name}: page {page} is {found:?}, not {tag}\n{}", self.log);
            }
        }
    }

    /// Without history, pins and forks, nothing of the past is left.
    async fn end(&mut self) {
        for name in ACTORS {
            let pins: Vec<String> = self.actors[name].pins.keys().cloned().collect();
            for pin in pins {
                self.engine.unpin_name(&id(name), pin).await.unwrap();
            }
            self.actor(name).pins.clear();
            if self.actors[name].live {
                self.engine.set_history(&id(name), Some(None)).await.unwrap();
                self.engine.flatten(&id(name)).await.unwrap();
            }
        }
        // The pins of restores end by themselves.
        self.clock.advance(8 * 24 * 3_600_000);
        for _ in 0..4 {
            for name in ACTORS {
                self.engine.thin(&id(name)).await.unwrap();
            }
        }
        // A start finds what was left to do.
        for name in ACTORS {
            if self.actors[name].live {
                self.start(name).await;
            } else {
                // What a deletion that was cut off has left.
                self.delete(name).await;
            }
        }
        self.clock.run_background().await;
        self.compare(true).await;
        for name in ACTORS {
            let Some(audited) = self.engine.inspect(&id(name)).await.unwrap() else { continue };
            assert_eq!(audited.problems.told, [], "{name}\n{}", self.log);
            let rows = audited.rows;
            let kept = self.kept(name).await;
            assert!(kept.is_empty(), "{name} keeps {kept:?}\n{}", self.log);
            let left = rows.superseded.rows + rows.beyond.rows + rows.staged.rows + rows.manifests.rows;
            assert_eq!(left, 0, "{name}: {rows:?}\n{}", self.log);
        }
    }
}

async fn run(place: &Place, seed: u64, steps: usize) {
    let mut world = World::new(place, seed).await;
    for step in 0..steps {
        world.step().await;
        if step % 8 == 7 {
            world.compare(false).await;
        }
    }
    world.compare(true).await;
    world.end().await;
}

fn seeds(default: u64) -> std::ops::RangeInclusive<u64> {
    if let Ok(seed) = std::env::var("BATON_HISTORY_SEED") {
        let seed = seed.parse().unwrap();
        return seed..=seed;
    }
    let count = std::env::var("BATON_HISTORY_SEEDS").map_or(default, |count| count.parse().unwrap());
    1..=count
}

fn schedules(default: u64, place: impl Fn() -> Place) {
    for seed in seeds(default) {
        futures::executor::block_on(run(&place(), seed, 40));
    }
}

#[test]
fn every_kept_point_reads_as_its_copy() {
    schedules(1_500, Place::memory);
}

#[test]
fn every_kept_point_reads_as_its_copy_where_next_to_nothing_goes_at_once() {
    let limits = Limits {
        transaction_bytes: 12_000,
        round_trip_bytes: Some(3 * PAGE),
        read_bytes: Some(7 * PAGE),
        freed_bytes: Some(5 * PAGE),
        ..Limits::default()
    };
    schedules(500, move || Place::Memory(MemoryKv::new().with_limits(limits)));
}

/// The oracle is trusted because it finds each of these.
#[test]
fn each_planted_bug_is_found() {
    for bug in Bug::OF_HISTORY {
        planted::plant(Some(bug));
        let found = (1..=300).find(|seed| {
            let run = || futures::executor::block_on(run(&Place::memory(), *seed, 40));
            std::panic::catch_unwind(run).is_err()
        });
        planted::plant(None);
        println!("{bug:?} is found by seed {found:?}");
        assert!(found.is_some(), "{bug:?} is not found");
    }
}

#[test]
fn every_kept_point_reads_as_its_copy_in_a_file() {
    schedules(40, Place::embedded);
}

#[test]
fn every_kept_point_reads_as_its_copy_on_a_cluster() {
    let test = "history::oracle::every_kept_point_reads_as_its_copy_on_a_cluster";
    if let Some(place) = Place::foundationdb(test) {
        schedules(6, || place.afresh());
    }
}
