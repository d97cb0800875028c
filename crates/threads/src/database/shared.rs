//! What the databases of one store share. The engine is the main crate's, on its memory backend; nothing here
//! asks it for anything but how an actor is.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use batondb::env::SystemEnv;
use batondb::kv::memory::MemoryKv;
use batondb::types::Token;
use futures::future::{BoxFuture, FutureExt};

use crate::database::interrupt::Interrupt;
use crate::database::schedule::handle::Database;
use crate::database::schedule::memory_budget::MemoryBudget;
use crate::database::schedule::metrics::OpenDatabases;
use crate::database::schedule::pool::Pool;
use crate::database::session::{Journal, Load, Session};
use crate::database::stats::Counters;
use crate::engine::Engine;
use crate::env::Env;
use crate::sync::{Runtime, wait_for_time};
use crate::types::{ActorId, Generation, Meta, Origin, PageCount, PageRange, PageSize, Txid};

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
struct World;

impl Env for World {
    fn now_ms(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn token(&self) -> Token {
        Token([0; 16])
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
        shuttle::future::block_on(task);
    }
}

/// One for all runs: none of them changes anything in it.
fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    let open = || futures::executor::block_on(Engine::open(Arc::new(MemoryKv::new()), Arc::new(SystemEnv)));
    Arc::clone(ENGINE.get_or_init(|| Arc::new(open().expect("the memory backend opens"))))
}

/// The databases of a store.
pub(crate) fn databases<const COUNT: usize>(threads_max: usize) -> [(Arc<Database>, Journal); COUNT] {
    let pool = Pool::new(threads_max, Runtime);
    let (memory, open) = (MemoryBudget::default(), OpenDatabases::default());
    let shared = Arc::new(Shared { engine: engine(), env: Arc::new(World), pool, memory, open });
    let load = Arc::new(Load::default());
    std::array::from_fn(|number| {
        let meta = Meta {
            generation: Generation(1),
            head_txid: Txid(0),
            size_pages: PageCount(0),
            page_size: PageSize::new(4_096).expect("a page size"),
            created_at_ms: 0,
            origin: Origin::Native,
        };
        let actor = ActorId::new(format!("{number}")).expect("an id");
        let opened = Opened { actor, meta, hints: Vec::new(), learns_until_ms: 1 };
        let interrupt = Arc::new(Interrupt::default());
        let journal = Journal::new(&load);
        let session = Session::open(&journal, Arc::clone(&interrupt));
        let both = (interrupt, Arc::new(Counters::default()));
        let limits = (QUEUE_MAX, LOOSE_MS);
        (Database::new(Arc::clone(&shared), opened, session, both, limits), journal)
    })
}
