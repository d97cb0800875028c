//! One simulation from one seed: which processes, actors, limits and weather there are, what fate does to
//! them, and what must hold at the end.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use batondb::engine::{Commit, Engine, PageWrite, Preload, Problems, VerifyScope};
use batondb::env::Env;
use batondb::kv::memory::MemoryKv;
use batondb::kv::{Concurrency, Kv, Limits};
use batondb::types::{ActorId, Origin, PageCount, PageNumber};

use crate::audit::{ensure, nothing_is_left};
use crate::client::{Client, Habits};
use crate::content::{PAGE_BYTES, hash, page_bytes, page_size};
use crate::damage::Damage;
use crate::draw::Draw;
use crate::history::{PastHabits, PastSetting, stock};
use crate::network::{Network, Store, Weather};
use crate::process::ProcessEnv;
use crate::scheduler::{Ended, Scheduler, WORLD};
use crate::sql_client::SqlClient;
use crate::world::{Change, What, World};

/// More steps than any simulation should take.
const STEPS_MAX: u64 = 3_000_000;

/// What a seed decides at the beginning.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    concurrency: Concurrency,
    actors: u32,
    /// Whether there is one more, with SQL.
    sql: bool,
    /// How many of a thousand of its openings are deferred.
    deferred: u64,
    processes: u32,
    clients: u32,
    habits: Habits,
    weather: Weather,
    limits: Limits,
    versions_kept: u64,
    /// How often fate strikes.
    blows: u32,
}

impl Setting {
    fn new(draw: &mut Draw) -> Self {
        let serial = draw.in_1000(250);
        let calm = draw.in_1000(150);
        let actors = draw.between(1, 3);
        let harm = |draw: &mut Draw, degrees: &[u64]| if calm { 0 } else { draw.of(degrees) };
        Self {
            concurrency: if serial { Concurrency::Serial } else { Concurrency::Optimistic },
            actors,
            sql: draw.in_1000(400),
            deferred: 0,
            processes: draw.between(2, 4),
            clients: draw.between(1, 2),
            habits: Habits {
                operations: draw.between(6, 16),
                actors: actors as usize,
                pages_max: draw.of(&[3, 12, 40]),
                starts: draw.of(&[30, 150, 400]),
                deletions: draw.of(&[0, 30, 100]),
                imports: draw.of(&[0, 40, 100]),
                migrations: draw.of(&[0, 0, 300, 700]),
                given_up: harm(draw, &[0, 0, 40, 200]),
                past: PastHabits::default(),
            },
            weather: Weather {
                lost: harm(draw, &[0, 20, 120]),
                failed: harm(draw, &[0, 20, 100]),
                slow: harm(draw, &[0, 30, 150]),
            },
            limits: Limits {
                transaction_bytes: draw.of(&[3_000, 12_000, 1_000_000]),
                round_trip_bytes: if serial { None } else { draw.of(&[None, Some(1_024), Some(64 << 10)]) },
                read_bytes: if serial { None } else { draw.of(&[None, Some(2_000), Some(8 << 20)]) },
                freed_bytes: draw.of(&[None, Some(4 * PAGE_BYTES), Some(900_000)]),
                attempts: draw.of(&[64, 64, 12]),
                patience: draw.of(&[None, Some(Duration::from_secs(8))]),
            },
            versions_kept: if serial { 100_000 } else { draw.of(&[100_000, 40]) },
            blows: if calm { 0 } else { draw.between(0, 6) },
        }
    }
}

/// A running process.
struct Process {
    env: Arc<ProcessEnv>,
    network: Arc<Network>,
    engine: Mutex<Option<Arc<Engine>>>,
    /// Its callers that are not through.
    busy: AtomicU32,
}

struct Simulation {
    scheduler: Scheduler,
    world: World,
    store: Arc<Store>,
    setting: Setting,
    past: PastSetting,
    actors: Arc<Vec<ActorId>>,
    directory: Arc<PathBuf>,
    draw: Mutex<Draw>,
    processes: Mutex<Vec<Arc<Process>>>,
    owners: AtomicU32,
    /// SQL wants one, and never uses it: its timers and tasks are those of the environment.
    runtime: tokio::runtime::Runtime,
}

/// What a simulation leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub violation: Option<String>,
    pub trace: Vec<String>,
    pub tally: std::collections::BTreeMap<&'static str, u64>,
    pub steps: u64,
}

/// How many of a thousand databases of a seed are opened with deferred durability: none, in half of them. Other draws
/// do not depend on it.
fn deferred_share(seed: u64) -> u64 {
    Draw::new(seed.rotate_left(32)).of(&[0, 0, 300, 800])
}

/// Runs the simulation of a seed. Files lie in `directory` while they are imported.
pub fn simulate(seed: u64, directory: &std::path::Path) -> Report {
    simulate_with(PastSetting::new(seed), deferred_share(seed), seed, directory)
}

/// Runs the simulation of a seed with this much history, and this share of deferred databases.
pub fn simulate_with(past: PastSetting, deferred: u64, seed: u64, directory: &std::path::Path) -> Report {
    let mut draw = Draw::new(seed);
    let mut setting = Setting { deferred, ..Setting::new(&mut draw) };
    let scheduler = Scheduler::new(draw.fork());
    let names = ["a", "a\0", "b"].into_iter().take(setting.actors as usize);
    let names = names.chain(["fork", "fork/2"].into_iter().take(past.forks as usize));
    let names = names.chain(setting.sql.then_some("sql"));
    setting.habits.past = past.habits;
    if past.is_on {
        setting.habits.past.forks_from = setting.habits.actors;
    }
    setting.habits.actors += past.forks as usize;
    let actors: Vec<ActorId> = names.map(|name| ActorId::new(name).unwrap()).collect();
    let world = World::new(&actors, &scheduler, past.is_on);
    world.tell(format!("seed {seed}: {setting:?} {past:?}"));
    let memory = MemoryKv::with_versions_kept(setting.versions_kept).with_limits(setting.limits);
    let store = Store { memory, concurrency: setting.concurrency, line: Arc::default() };
    let simulation = Arc::new(Simulation {
        scheduler: scheduler.clone(),
        world: world.clone(),
        store: Arc::new(store),
        setting,
        past,
        actors: Arc::new(actors),
        directory: Arc::new(directory.to_owned()),
        draw: Mutex::new(draw),
        processes: Mutex::default(),
        owners: AtomicU32::new(WORLD),
        runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
    });
    simulation.run();
    // Processes and simulation hold each other.
    simulation.lock_processes().clear();
    let inner = &mut *world.lock();
    Report {
        violation: inner.violation.take(),
        trace: std::mem::take(&mut inner.trace),
        tally: std::mem::take(&mut inner.tally),
        steps: scheduler.steps(),
    }
}

impl Simulation {
    fn draw<T>(&self, draw: impl FnOnce(&mut Draw) -> T) -> T {
        draw(&mut self.draw.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock_processes(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Process>>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(self: &Arc<Self>) {
        for _ in 0..self.setting.processes {
            self.begin_process();
        }
        let fate = Arc::clone(self);
        self.scheduler.spawn(WORLD, Box::pin(async move { fate.strike().await }));
        self.settle("the callers");
        if self.world.is_violated() {
            return;
        }
        let stuck = self.lock_processes().iter().any(|process| process.busy.load(Ordering::SeqCst) > 0);
        self.world.judge("the end", if stuck { Err("a call never ended".to_owned()) } else { Ok(()) });
        let last = Arc::clone(self);
        let owner = self.owners.fetch_add(1, Ordering::SeqCst) + 1;
        self.scheduler.spawn(owner, Box::pin(async move { last.take_stock(owner).await }));
        self.settle("taking stock");
        let finished = self.world.lock().tally.contains_key("taken stock");
        if !finished && !self.world.is_violated() {
            self.world.judge("taking stock", Err("it never ended".to_owned()));
        }
    }

    fn settle(&self, what: &str) {
        let ended = self.scheduler.run(STEPS_MAX, || self.world.is_violated());
        if ended == Ended::Endless {
            self.world.judge(what, Err(format!("took more than {STEPS_MAX} steps")));
        }
    }

    fn process(&self, weather: Weather) -> Arc<Process> {
        let owner = self.owners.fetch_add(1, Ordering::SeqCst) + 1;
        self.process_of(owner, weather)
    }

    fn process_of(&self, owner: u32, weather: Weather) -> Arc<Process> {
        let [chance, network] = self.draw(|draw| [draw.fork(), draw.fork()]);
        let env = ProcessEnv::new(owner, &self.scheduler, &self.world, chance);
        let parts = (&self.scheduler, &self.world);
        let network = Network::new((owner, &env.alive), &self.store, parts, network, weather);
        Arc::new(Process { env, network, engine: Mutex::default(), busy: AtomicU32::new(0) })
    }

    /// Starts a process and its callers.
    fn begin_process(self: &Arc<Self>) {
        let process = self.process(self.setting.weather);
        self.lock_processes().push(Arc::clone(&process));
        let simulation = Arc::clone(self);
        process.busy.fetch_add(1, Ordering::SeqCst);
        let owner = process.env.owner;
        self.world.tell(format!("process {owner} begins"));
        self.scheduler.spawn(owner, Box::pin(async move { simulation.open(process).await }));
    }

    async fn open(self: Arc<Self>, process: Arc<Process>) {
        let engine = loop {
            let kv = Arc::clone(&process.network) as Arc<dyn Kv>;
            match Engine::open(kv, Arc::clone(&process.env) as Arc<dyn Env>).await {
                Ok(engine) => break Arc::new(engine),
                Err(error) => self.world.tell(format!("process {}: {error}", process.env.owner)),
            }
            if self.world.is_violated() {
                return;
            }
            process.env.sleep(Duration::from_millis(100)).await;
        };
        if self.past.policy.is_some() {
            engine.keep_history(self.past.policy.clone());
        }
        *process.engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&engine));
        for _ in 0..self.setting.clients {
            let parts = (&engine, &process.env, &self.world);
            let draw = self.draw(Draw::fork);
            let client = Client::new(parts, draw, &self.actors, self.setting.habits, &self.directory);
            self.begin_caller(&process, client.run());
        }
        if self.setting.sql {
            let (env, world, draw) = (Arc::clone(&process.env), self.world.clone(), self.draw(Draw::fork));
            let simulation = Arc::clone(&self);
            let operations = self.setting.habits.operations;
            self.begin_caller(&process, async move {
                let client = simulation.sql_client((&engine, &env, &world), draw);
                client.run(operations).await;
            });
        }
        process.busy.fetch_sub(1, Ordering::SeqCst);
    }

    fn begin_caller(&self, process: &Arc<Process>, calls: impl Future<Output = ()> + Send + 'static) {
        process.busy.fetch_add(1, Ordering::SeqCst);
        let caller = Arc::clone(process);
        let running = async move {
            calls.await;
            caller.busy.fetch_sub(1, Ordering::SeqCst);
        };
        self.scheduler.spawn(process.env.owner, Box::pin(running));
    }

    /// A caller with SQL, of the last actor.
    fn sql_client(&self, parts: (&Arc<Engine>, &Arc<ProcessEnv>, &World), draw: Draw) -> SqlClient {
        let last = self.actors.len() - 1;
        let runtime = self.runtime.handle().clone();
        SqlClient::new(parts, draw, (last, &self.actors[last]), self.setting.deferred, runtime)
    }

    /// What happens to processes from outside.
    async fn strike(self: Arc<Self>) {
        for _ in 0..self.setting.blows {
            let pause = self.draw(|draw| draw.of(&[2, 20, 60, 300, 2_000]));
            self.scheduler.sleep(Duration::from_millis(pause)).await;
            let processes = self.lock_processes().clone();
            let index = self.draw(|draw| draw.index(processes.len()));
            let process = Arc::clone(&processes[index]);
            let owner = process.env.owner;
            let duration = Duration::from_millis(self.draw(|draw| draw.of(&[5, 100, 1_000, 7_000, 20_000])));
            match self.draw(|draw| draw.below(6)) {
                0 | 1 => {
                    self.world.tell(format!("process {owner} dies"));
                    self.world.count("kills");
                    process.env.kill();
                    self.lock_processes().remove(index);
                    self.begin_process();
                }
                2 => {
                    self.world.tell(format!("process {owner} pauses for {duration:?}"));
                    self.world.count("pauses");
                    self.scheduler.pause(owner, duration);
                }
                3 => {
                    self.world.tell(format!("process {owner} is cut off for {duration:?}"));
                    self.world.count("partitions");
                    process.network.cut(duration);
                }
                4 => self.damage(duration).await,
                _ => self.close(index, &process).await,
            }
        }
        for process in &*self.lock_processes() {
            process.network.heal();
        }
    }

    /// A bit flips in a row, and flips back.
    async fn damage(&self, duration: Duration) {
        let actor = self.draw(|draw| draw.index(self.actors.len()));
        let keys = self.world.lock().shadow.keys(actor);
        let Some(last) = keys.len().checked_sub(1) else { return };
        let (key, bit) = self.draw(|draw| (keys[draw.index(last + 1)].clone(), draw.next()));
        let times = self.world.lock().actors[actor].damage.0 + 1;
        self.world.lock().actors[actor].damage = (times, true);
        self.world.count("damages");
        let damage = Damage::inflict(&self.store.memory, key, bit);
        self.world.tell(format!("actor {actor}: a row is damaged: {}", damage.is_some()));
        self.scheduler.sleep(duration).await;
        if let Some(damage) = damage {
            damage.mend(&self.store.memory);
        }
        self.world.lock().actors[actor].damage = (times, false);
        self.world.tell(format!("actor {actor}: the row is mended"));
    }

    /// A tidy end: work under way is finished or refused, and another process begins.
    async fn close(self: &Arc<Self>, index: usize, process: &Process) {
        let engine = process.engine.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(engine) = engine else { return };
        self.world.tell(format!("process {} closes", process.env.owner));
        self.world.count("closings");
        self.lock_processes().remove(index);
        self.world.lock().closed.insert(process.env.owner);
        engine.close().await;
        process.env.kill();
        self.begin_process();
    }

    /// In the end every actor can be started, is what its commits made it, and carries nothing else.
    async fn take_stock(self: Arc<Self>, owner: u32) {
        let calm = Weather { lost: 0, failed: 0, slow: 0 };
        let process = self.process_of(owner, calm);
        let kv = Arc::clone(&process.network) as Arc<dyn Kv>;
        let engine = Engine::open(kv, Arc::clone(&process.env) as Arc<dyn Env>).await.unwrap();
        let engine = Arc::new(engine);
        // With whatever is open and left over, and once more when it is tidied up.
        self.world.judge("verifying what is there", nothing_is_wrong(&engine).await);
        if self.setting.sql {
            let (parts, draw) = ((&engine, &process.env, &self.world), self.draw(Draw::fork));
            let verdict = self.sql_client(parts, draw).take_stock().await;
            self.world.judge("taking stock of SQL", verdict);
        }
        for actor in 0..self.actors.len() {
            let verdict = self.take_stock_of(actor, &process, &engine).await;
            self.world.judge(&format!("taking stock of actor {actor}"), verdict);
        }
        engine.idle().await;
        if self.past.is_on {
            let verdict = self.take_stock_of_the_past(owner, &engine).await;
            self.world.judge("taking stock of the past", verdict);
        }
        self.world.judge("verifying what is left", nothing_is_wrong(&engine).await);
        engine.close().await;
        for actor in 0..self.actors.len() {
            let verdict = nothing_is_left(&self.world.lock().shadow.actors[actor]);
            self.world.judge(&format!("what is left of actor {actor}"), verdict);
        }
        self.world.count("taken stock");
    }

    async fn take_stock_of_the_past(&self, owner: u32, engine: &Engine) -> Result<(), String> {
        for (actor, name) in self.actors.iter().enumerate() {
            stock::read_everything(&self.world, owner, (actor, name), engine).await;
        }
        nothing_is_wrong(engine).await?;
        stock::end_history(&self.world, owner, &self.actors, engine).await
    }

    async fn take_stock_of(&self, actor: usize, process: &Process, engine: &Engine) -> Result<(), String> {
        let (name, world, owner) = (&self.actors[actor], &self.world, process.env.owner);
        free(world, owner, (actor, name), engine).await?;
        let start = world.begin(owner, actor, What::Start);
        let all = Preload { ranges: vec![(1, 1_000)], bytes_max: 1 << 30, ..Preload::default() };
        let answer = engine.load_startup(name, &all).await;
        world.end(start, &format!("{:?}", answer.as_ref().map(|started| started.meta)));
        let pages: BTreeSet<u32> = (1..1_000).collect();
        world.lock().judge_start(start, &answer, (&pages, 1_000))?;
        let meta = answer.map_err(|error| error.to_string())?.meta;
        // A commit waits for whatever has to be tidied up before.
        let size = meta.size_pages.0 + 1;
        let bytes = if meta.size_pages.0 == 0 { PAGE_BYTES } else { meta.page_size.bytes() };
        let data = self.draw(|draw| page_bytes(draw, size, bytes));
        let change = Change {
            generation: Some(meta.generation.0),
            base: Some(meta.head_txid.0),
            size,
            page_size: page_size(bytes),
            pages: [(size, hash(&data))].into(),
        };
        let commit = world.begin(owner, actor, What::Commit(change));
        let page = PageNumber::new(size).unwrap();
        let (generation, head_txid) = (meta.generation, meta.head_txid);
        let pages = vec![PageWrite { page, data: &data }];
        let write = Commit { generation, head_txid, size_pages: PageCount(size), pages };
        let answer = engine.commit(name, write).await;
        world.end(commit, &format!("{answer:?}"));
        world.lock().judge_commit(commit, &answer.clone().map(|txid| txid.0))?;
        ensure!(answer.is_ok(), "a commit without faults failed: {answer:?}");
        Ok(())
    }
}

/// Resets and deletes an actor whose import nobody has finished.
async fn free(
    world: &World,
    owner: u32,
    (actor, name): (usize, &ActorId),
    engine: &Engine,
) -> Result<(), String> {
    let state = *world.lock().actors[actor].states.last().unwrap();
    if !state.live || state.origin != Origin::MigratingFromV1 {
        return Ok(());
    }
    for _ in 0..2 {
        let reset = world.begin(owner, actor, What::Reset);
        let answer = engine.invalidate_v1_migration(name).await;
        world.end(reset, &format!("{answer:?}"));
        world.lock().judge_reservation(reset, &answer)?;
    }
    let delete = world.begin(owner, actor, What::Delete);
    let answer = engine.delete(name).await;
    world.end(delete, &format!("{answer:?}"));
    ensure!(answer == Ok(true), "a reserved actor was not there to be deleted: {answer:?}");
    world.lock().judge_deletion(delete, &answer)
}

/// A verification finds nothing: what was damaged has been mended.
async fn nothing_is_wrong(engine: &Engine) -> Result<(), String> {
    let mut verification = engine.verify(VerifyScope::Everything);
    while let Some(step) = verification.next().await.map_err(|error| error.to_string())? {
        ensure!(step.problems == Problems::default(), "a sound store has problems: {:?}", step.problems);
        let busy = step.actor.as_ref().is_some_and(|verified| verified.audited.is_none());
        ensure!(!busy, "nobody commits, and an actor is busy: {:?}", step.actor);
    }
    Ok(())
}
