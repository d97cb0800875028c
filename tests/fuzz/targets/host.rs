//! What the targets run stores and databases on: one runtime and one pool of threads for all inputs, and a memory store
//! for each, whose operations can be made to fail.

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock};

use batondb::database::{
    Answer, Call, Database, DatabaseError, DatabaseOptions, Databases, Kind, Pool, WriteDurability,
};
use batondb::engine::{Engine, Preload};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::kv::memory::MemoryKv;
use batondb::types::ActorId;
use futures::channel::oneshot;
use tokio::runtime::{Builder, Runtime};

use super::input::Input;
use super::values::{Answered, Value, encode, rows_of};

pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap())
}

/// Waits for a future, on the runtime.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

fn pool() -> Arc<Pool> {
    static POOL: OnceLock<Arc<Pool>> = OnceLock::new();
    Arc::clone(POOL.get_or_init(|| Pool::new(2, 2, true, runtime().handle().clone())))
}

pub fn actor() -> ActorId {
    ActorId::new("a").unwrap()
}

/// The preload of a start, by the input's choice.
pub fn preload(input: &mut Input<'_>) -> Preload {
    let bytes_max = input.of(&[1 << 20, 0, 20_000]);
    let ranges = if input.one_in(2) { vec![(1, 2 + input.below(40))] } else { Vec::new() };
    Preload { ranges, bytes_max, ..Preload::default() }
}

/// What goes wrong with the next operations of a store, the nearest last.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Option<Fault>>>>);

impl Faults {
    /// Has some of the next operations fail.
    pub fn plan(&self, input: &mut Input<'_>) {
        let count = input.below(4) + 1;
        let mut planned = Vec::new();
        for _ in 0..count {
            planned.push(input.of(&[
                None,
                Some(Fault::Unavailable),
                Some(Fault::LostAfter),
                Some(Fault::LostBefore),
                Some(Fault::Conflict),
                Some(Fault::TooOld),
                Some(Fault::Unavailable),
                Some(Fault::Busy),
            ]));
        }
        // An answer is lost for good where the questions that follow it find nobody.
        if planned[0] == Some(Fault::LostAfter) {
            planned.splice(0..0, std::iter::repeat_n(Some(Fault::Unavailable), input.below(12) as usize));
        }
        *self.0.lock().unwrap() = planned;
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

/// A store in memory.
pub struct Host {
    pub engine: Arc<Engine>,
    pub faults: Faults,
    databases: Databases,
}

impl Host {
    pub fn new(cache_bytes: u64) -> Self {
        let faults = Faults::default();
        let planned = Arc::clone(&faults.0);
        let kv: Arc<dyn Kv> =
            Arc::new(FaultyKv::new(Arc::new(MemoryKv::new()), Arc::new(SystemEnv), move |_| {
                planned.lock().unwrap().pop().flatten()
            }));
        let engine = Arc::new(wait(Engine::open(kv, Arc::new(SystemEnv))).unwrap());
        let databases = Databases::new(Arc::clone(&engine), Arc::new(SystemEnv), cache_bytes, pool());
        Self { engine, faults, databases }
    }

    /// Takes the actor over.
    pub fn open(&self, preload: Preload) -> Result<Db, DatabaseError> {
        let options = DatabaseOptions {
            preload,
            read_ahead: true,
            queue_max: 100,
            transaction_timeout_ms: 3_600_000,
            may_block: false,
            durability: WriteDurability::Full,
        };
        wait(self.databases.open(&actor(), &options)).map(Db)
    }
}

/// A database.
pub struct Db(Arc<Database>);

impl Db {
    pub fn call(&self, call: Call) -> Result<Answer, DatabaseError> {
        let (sender, answer) = oneshot::channel();
        self.0.submit(0, 0, call, move |answer| {
            let _ = sender.send(answer);
        });
        wait(answer).expect("every call is answered")
    }

    /// Runs a statement whose parameters are bytes as JavaScript sends them.
    pub fn all_raw(&self, sql: &str, params: Option<Vec<u8>>) -> Result<Answered, DatabaseError> {
        self.call(Call::Run(Kind::All, (sql.to_owned(), params))).map(|answer| rows_of(&answer))
    }

    pub fn all(&self, sql: &str, params: &[Value]) -> Result<Answered, DatabaseError> {
        self.all_raw(sql, (!params.is_empty()).then(|| encode(params)))
    }

    pub fn close(&self) {
        let closed = self.call(Call::Close);
        // It is told so if a transaction that statements have begun is lost by it.
        assert!(matches!(closed, Ok(Answer::Done) | Err(DatabaseError::Closed(_))), "{closed:?}");
    }
}
