//! Processes that open a store, take its one actor over and commit, and are killed; and one that looks at the end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use batondb::engine::{Commit, Engine, Outcome, PageWrite, StoreError, VerifyScope};
use batondb::env::{Env, SystemEnv};
use batondb::kv::embedded::planted::{SharingBug, plant_in_process};
use batondb::types::{ActorId, Generation, PageCount, Txid};
use tokio::time::Instant;

use super::lineage::{Begun, Damage, Event, Lineage};
use super::process::{Own, PATIENCE, Process, number_next_thread, try_signal};
use super::{a_while, remote};
use crate::ownership::storm::worker::{State, read_all_along};
use crate::support::{Place, child_arguments, first_page, id, page, tell_parent};

/// Pages of 4 KiB that a commit rewrites: few, or 1.5 MB.
pub const FEW: u32 = 6;
pub const MANY: u32 = 380;

/// How long a member that visits stays at least.
const VISIT: Duration = Duration::from_millis(20);

/// One process of a storm, which is started again when it is killed.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub own: Own,
    /// Which actor it takes over. Members with one actor take it from each other.
    pub actor: u32,
    /// Pages of each commit.
    pub pages: u32,
    /// Whether it copies the store's files all along.
    pub copies: bool,
    /// Whether it closes the store after a takeover and some commits, and opens it again.
    pub visits: bool,
    /// How long it lives, in milliseconds at most. It ends by itself if 0.
    pub killed_within: u64,
    /// The number of the thread that commits, where it has process ids of its own; 0 leaves it to the system.
    pub thread: u32,
    pub bug: Option<SharingBug>,
}

impl Member {
    pub fn new(own: Own, pages: u32) -> Self {
        Self { own, actor: 0, pages, copies: false, visits: false, killed_within: 0, thread: 0, bug: None }
    }

    /// Starts the process, which nobody listens to.
    pub fn start(self, path: &Path) -> Process {
        self.start_for(path, SystemEnv.random_below(1 << 20), 60_000)
    }

    fn start_until(self, path: &Path, seed: u64, until: Instant) -> Process {
        let left = until.saturating_duration_since(Instant::now());
        self.start_for(path, seed, u64::try_from(left.as_millis()).unwrap())
    }

    fn start_for(self, path: &Path, seed: u64, millis: u64) -> Process {
        let Self { own, actor, pages, copies, visits, thread, bug, .. } = self;
        let words = format!("{seed} {millis} {actor} {pages} {copies} {visits} {thread} {bug:?}");
        Process::start(own, "sharing::storm::a_child_in_a_storm", &[path.to_str().unwrap(), &words])
    }
}

/// How long a storm lasts. `BATON_SHARING_SECONDS` for more.
pub fn seconds(by_default: u64) -> Duration {
    let asked = std::env::var("BATON_SHARING_SECONDS");
    Duration::from_secs(asked.map_or(by_default, |seconds| seconds.parse().unwrap()))
}

/// How often something is tried that waits for a lock that does not come. `BATON_SHARING_ROUNDS` for more.
pub fn rounds(by_default: u32) -> u32 {
    std::env::var("BATON_SHARING_ROUNDS").map_or(by_default, |rounds| rounds.parse().unwrap())
}

/// Expects that a storm has done no damage, and that it was one.
pub fn sound(found: Result<Found, Damage>) {
    let found = found.unwrap_or_else(|damage| panic!("{damage}"));
    println!("{}", found.told);
    assert!(found.commits >= 10, "hardly a storm: {}", found.told);
}

/// What a storm has done, in words, and how many commits were acknowledged in it.
#[derive(Debug)]
pub struct Found {
    told: String,
    commits: usize,
}

/// Runs a storm, and judges it.
pub fn storm(path: &Path, members: &[Member], duration: Duration) -> Result<Found, Damage> {
    let lineages: BTreeMap<u32, Mutex<Lineage>> =
        members.iter().map(|member| (member.actor, Mutex::default())).collect();
    let (until, seeds) = (Instant::now() + duration, AtomicU64::new(1));
    let is_sound = || lineages.values().all(|lineage| lock(lineage).wrong().is_none());
    std::thread::scope(|scope| {
        for &member in members {
            let (lineage, seeds, is_sound) = (&lineages[&member.actor], &seeds, &is_sound);
            scope.spawn(move || {
                while Instant::now() < until && is_sound() {
                    let process = member.start_until(path, seeds.fetch_add(1, Ordering::Relaxed), until);
                    live(process, member, lineage, is_sound);
                }
            });
        }
    });
    // What went wrong first says more than what became of it, and a storm that ended early has not told everything.
    if let Some(wrong) = lineages.values().find_map(|lineage| lock(lineage).wrong()) {
        return Err(wrong);
    }
    let (mut told, mut commits) = (Vec::new(), 0);
    for (actor, lineage) in lineages {
        let lineage = lineage.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (head, state) = look(path, actor)?;
        commits += lineage.commits();
        told.push(lineage.judge(head, state)?);
    }
    Ok(Found { told: told.join("; "), commits })
}

fn lock(lineage: &Mutex<Lineage>) -> std::sync::MutexGuard<'_, Lineage> {
    lineage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One life of a member. It ends early where the storm has done damage.
fn live(mut process: Process, member: Member, lineage: &Mutex<Lineage>, is_sound: &dyn Fn() -> bool) {
    let (mut under_way, mut killed, mut ended) = (None, false, false);
    std::thread::scope(|scope| {
        loop {
            let Ok(line) = process.hear_within(PATIENCE) else {
                lock(lineage).failed("a process hangs".to_owned());
                return;
            };
            let Some(line) = line.filter(|_| is_sound()) else { break };
            let event: Event = line.parse().unwrap();
            ended |= matches!(event, Event::End { .. });
            lock(lineage).hear(event, &mut under_way);
            if event == Event::Opened && member.killed_within > 0 && !killed {
                killed = true;
                let (pid, after) = (process.pid(), SystemEnv.random_below(member.killed_within * 1_000));
                scope.spawn(move || {
                    a_while(Duration::from_micros(after));
                    // It may have ended by itself.
                    try_signal(pid, libc::SIGKILL);
                });
            }
        }
    });
    if !is_sound() {
        return;
    }
    let mut lineage = lock(lineage);
    lineage.ended(&mut under_way);
    let code = process.code();
    // `unshare` ends with a code of its own where what it runs was killed.
    let was_killed = killed && code != Some(101);
    if !ended && !was_killed {
        lineage.failed(format!("a process ended by itself: {code:?}"));
    }
}

/// In a child: takes over and commits until its time is up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_in_a_storm() {
    let Some(arguments) = child_arguments() else { return };
    let path = Path::new(&arguments[0]).to_owned();
    let words: Vec<&str> = arguments[1].split(' ').collect();
    let [seed, millis, actor, pages, copies, visits, thread, bug] = words.as_slice() else {
        panic!("{arguments:?}")
    };
    let until = Instant::now() + Duration::from_millis(millis.parse().unwrap());
    let bug = bug.trim_start_matches("Some(").trim_end_matches(')');
    if let Some(bug) = remote::bug_named(bug) {
        plant_in_process(bug);
    }
    let over = Arc::new(AtomicBool::new(false));
    if *copies == "true" {
        let (path, over) = (path.clone(), Arc::clone(&over));
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                remote::copy(&path);
                a_while(Duration::from_millis(2));
            }
        });
    }
    let place = Place::at(path.to_str().unwrap());
    let seed: u64 = seed.parse().unwrap();
    let actor = actor_of(actor);
    let mut owner = Owner {
        actor: actor.clone(),
        tag: seed << 32,
        pages: pages.parse().unwrap(),
        until,
        told: Arc::default(),
    };
    let (mut reads, thread) = (0, thread.parse().unwrap());
    while Instant::now() < until {
        if thread > 0 {
            number_next_thread(thread);
        }
        let engine = Arc::new(place.open().await);
        tell_parent(&Event::Opened.to_string());
        let end = if *visits == "true" { Instant::now() + VISIT } else { until };
        let reader =
            tokio::spawn(read_all_along(Arc::clone(&engine), actor.clone(), Arc::clone(&owner.told), end));
        loop {
            owner.own(&engine).await;
            if Instant::now() >= end {
                break;
            }
        }
        reads += reader.await.unwrap();
        engine.close().await;
        if *visits == "true" {
            // Now and then nobody else has the store open.
            tokio::time::sleep(Duration::from_millis(SystemEnv.random_below(60))).await;
        }
    }
    over.store(true, Ordering::Relaxed);
    tell_parent(&Event::End { reads }.to_string());
}

fn actor_of(number: &str) -> ActorId {
    id(&format!("in the storm {number}"))
}

struct Owner {
    actor: ActorId,
    tag: u64,
    pages: u32,
    until: Instant,
    /// The highest head that this process was told is in.
    told: Arc<AtomicU64>,
}

impl Owner {
    /// Takes over and commits a few times.
    async fn own(&mut self, engine: &Engine) {
        let started = engine.load_startup(&self.actor, &first_page()).await.unwrap();
        if started.outcome != Outcome::Won {
            return;
        }
        let (generation, mut head) = (started.meta.generation, started.meta.head_txid);
        tell_parent(&Event::Won { generation: generation.0, head: head.0 }.to_string());
        let mut state = started.pages.get(page(1)).map_or_else(State::default, |bytes| State::of(1, bytes));
        for _ in 0..=SystemEnv.random_below(20) {
            if Instant::now() >= self.until {
                return;
            }
            let Some(next) = self.commit(engine, generation, head, state).await else { return };
            (head, state) = next;
        }
    }

    /// Commits once; nothing if somebody else has taken over.
    async fn commit(
        &mut self,
        engine: &Engine,
        generation: Generation,
        head: Txid,
        state: State,
    ) -> Option<(Txid, State)> {
        self.tag += 1;
        let begun = Begun { generation: generation.0, base: head.0, state, tag: self.tag };
        tell_parent(&Event::Begun(begun).to_string());
        let next = state.then(self.tag);
        let pages: Vec<(u32, Vec<u8>)> = (1..=self.pages).map(|number| (number, next.page(number))).collect();
        let writes = pages.iter().map(|(number, data)| PageWrite { page: page(*number), data }).collect();
        let commit = Commit { generation, head_txid: head, size_pages: PageCount(MANY), pages: writes };
        match engine.commit(&self.actor, commit).await {
            Ok(txid) => {
                self.told.fetch_max(txid.0, Ordering::SeqCst);
                tell_parent(&Event::Done { txid: txid.0 }.to_string());
                Some((txid, next))
            }
            Err(StoreError::FenceMismatch { .. } | StoreError::ConcurrentTakeover { .. }) => {
                tell_parent(&Event::Refused.to_string());
                None
            }
            Err(StoreError::CommitUnknown { .. }) => {
                tell_parent(&Event::Unknown.to_string());
                None
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// What an independent process finds: the head, its state, and whether the store is sound.
fn look(path: &Path, actor: u32) -> Result<(u64, State), Damage> {
    let arguments = [path.to_str().unwrap(), &actor.to_string()];
    let mut process = Process::start(Own::Nothing, "sharing::storm::a_child_that_looks", &arguments);
    let line = process.hear().ok_or("the store cannot be read at the end")?;
    let problem = || format!("at the end: {line}");
    let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let &[head, count, chain] = numbers.as_slice() else { return Err(problem()) };
    Ok((head, State { count, chain }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_looks() {
    let Some(arguments) = child_arguments() else { return };
    let engine = Place::at(&arguments[0]).open().await;
    let mut verification = engine.verify(VerifyScope::Everything);
    while let Some(step) = verification.next().await.unwrap() {
        if let Some(problem) = step.problems.told.first() {
            return tell_parent(&format!("{problem:?}").replace('\n', " "));
        }
    }
    let started = engine.load_startup(&actor_of(&arguments[1]), &first_page()).await.unwrap();
    let state = started.pages.get(page(1)).map_or_else(State::default, |bytes| State::of(1, bytes));
    tell_parent(&format!("{} {} {}", started.meta.head_txid.0, state.count, state.chain));
}
