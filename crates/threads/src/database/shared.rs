//! What the databases of one store share. The engine is the main crate's, on its memory backend, which never
//! waits, or on a disk that is committed to in groups.

use std::sync::Arc;
use std::time::Duration;

use batondb::kv::memory::MemoryKv;
use batondb::types::Token;
use futures::future::{BoxFuture, FutureExt};

use crate::blocking::waiting;
use crate::database::commits::GroupCommit;
use crate::database::interrupt::Interrupt;
use crate::database::schedule::handle::{Database, Settings};
use crate::database::schedule::memory_budget::MemoryBudget;
use crate::database::schedule::metrics::OpenDatabases;
use crate::database::schedule::pool::Pool;
use crate::database::session::{Journal, Load, Session};
use crate::database::stats::Counters;
use crate::engine::{Engine, Preload};
use crate::env::Env;
use crate::kv::Kv;
use crate::sync::{Runtime, block_on, wait_for_time};
use crate::types::{ActorId, Meta, PageRange};

/// How many calls may wait.
const QUEUE_MAX: usize = 64;
/// Until a test lets time pass.
const LOOSE_MS: u64 = 1;

pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) env: Arc<dyn Env>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) memory: MemoryBudget,
    pub(crate) open: OpenDatabases,
}

#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) actor: ActorId,
    pub(crate) meta: Meta,
    pub(crate) hints: Vec<PageRange>,
    pub(crate) learns_until_ms: u64,
}

/// A world in which time passes when a test says so.
pub(crate) struct World;

impl Env for World {
    fn now_ms(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn token(&self) -> Token {
        let mut token = [0; 16];
        shuttle::rand::RngCore::fill_bytes(&mut shuttle::rand::thread_rng(), &mut token);
        Token(token)
    }

    fn random_below(&self, bound: u64) -> u64 {
        shuttle::rand::Rng::gen_range(&mut shuttle::rand::thread_rng(), 0..bound.max(1))
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        wait_for_time().boxed()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(shuttle::future::spawn(task));
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        drop(shuttle::thread::spawn(work));
    }

    fn block_on(&self, task: BoxFuture<'_, ()>) {
        let _waits = waiting::begin();
        block_on(task);
    }
}

/// The databases of a store in memory.
pub(crate) fn databases<const COUNT: usize>(threads_max: usize) -> [(Arc<Database>, Journal); COUNT] {
    databases_on(Arc::new(MemoryKv::new()), threads_max)
}

/// The databases of a store.
pub(crate) fn databases_on<const COUNT: usize>(
    kv: Arc<dyn Kv>,
    threads_max: usize,
) -> [(Arc<Database>, Journal); COUNT] {
    let pool = Pool::new(threads_max, threads_max, true, Runtime);
    let (memory, open) = (MemoryBudget::default(), OpenDatabases::default());
    let engine = block_on(Engine::open(kv, Arc::new(World)));
    let engine = Arc::new(engine.expect("the backend opens"));
    let shared = Arc::new(Shared { engine, env: Arc::new(World), pool, memory, open });
    let load = Arc::new(Load::default());
    std::array::from_fn(|number| {
        let actor = ActorId::new(format!("{number}")).expect("an id");
        let started = block_on(shared.engine.load_startup(&actor, &Preload::default())).expect("it starts");
        let meta = started.meta;
        let opened = Opened { actor: actor.clone(), meta, hints: Vec::new(), learns_until_ms: 1 };
        let interrupt = Arc::new(Interrupt::default());
        let journal = Journal::new(&load);
        let counters = Arc::new(Counters::default());
        let at = (actor, (meta.generation, None), meta.head_txid);
        let commits = GroupCommit::new(Arc::clone(&shared.engine), Arc::clone(&counters), at);
        let session = Session::open(&journal, Arc::clone(&interrupt), commits);
        let both = (interrupt, counters);
        let settings = Settings { queue_max: QUEUE_MAX, transaction_timeout_ms: LOOSE_MS, may_block: false };
        (Database::new(Arc::clone(&shared), opened, session, both, (settings, None)), journal)
    })
}
