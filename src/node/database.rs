//! The class behind `Database`. Each method copies what it was given and puts a call in the database's line
//! before it returns, so calls run in the order in which JavaScript made them.

use std::sync::Arc;

use futures::channel::oneshot;
use napi::bindgen_prelude::{Either, Env, PromiseRaw, Uint8Array, Uint8ArraySlice, Uint32Array};
use napi_derive::napi;

use super::convert::NativeMeta;
use super::error::Failure;
use super::options::{NativePageRange, PreloadRequest};
use super::runtime::answer;
use crate::database::{
    Answer, Behavior, Call, Database, DatabaseError, DatabaseOptions, DatabaseStats, Description, Kind,
};
use crate::engine::{Outcome, StoreError};

/// How to open a database.
#[napi(object, object_to_js = false)]
pub struct NativeDatabaseOptions {
    /// Single pages to preload.
    pub pages: Uint32Array,
    /// Runs of pages to preload.
    pub ranges: Vec<NativePageRange>,
    /// At most this many bytes of preloaded pages.
    pub max_bytes: u32,
    /// Whether to preload what earlier starts turned out to need, and to learn for the next one.
    pub hints: bool,
    /// Whether to fetch pages before they are asked for.
    pub read_ahead: bool,
    /// How many calls may wait.
    pub queue_max: u32,
}

/// [`NativeDatabaseOptions`], copied out of JavaScript's memory.
pub(super) struct OpenRequest {
    preload: PreloadRequest,
    read_ahead: bool,
    queue_max: u32,
}

impl From<NativeDatabaseOptions> for OpenRequest {
    fn from(options: NativeDatabaseOptions) -> Self {
        let preload = PreloadRequest {
            pages: options.pages.to_vec(),
            ranges: options.ranges,
            bytes_max: options.max_bytes,
            hints: options.hints,
        };
        Self { preload, read_ahead: options.read_ahead, queue_max: options.queue_max }
    }
}

impl TryFrom<OpenRequest> for DatabaseOptions {
    type Error = StoreError;

    fn try_from(request: OpenRequest) -> Result<Self, StoreError> {
        Ok(Self {
            preload: request.preload.try_into()?,
            read_ahead: request.read_ahead,
            queue_max: usize::try_from(request.queue_max).unwrap_or(usize::MAX),
        })
    }
}

/// How a start went.
#[napi(object, object_from_js = false)]
pub struct NativeOpened {
    /// Whether this start raised the generation.
    pub won: bool,
    /// The state of the actor.
    pub meta: NativeMeta,
    /// How many pages came along.
    pub preloaded_pages: u32,
}

/// A column of a result.
#[napi(object, object_from_js = false)]
pub struct NativeColumn {
    /// Its name in the result.
    pub name: String,
    /// The column of the table that it shows.
    pub column: Option<String>,
    /// That table.
    pub table: Option<String>,
    /// The type declared there.
    pub r#type: Option<String>,
}

/// What a statement takes and gives.
#[napi(object, object_from_js = false)]
pub struct NativeDescription {
    /// The columns of its rows.
    pub columns: Vec<NativeColumn>,
    /// The names of its parameters with their prefix; null for one without a name.
    pub parameters: Vec<Either<String, napi::bindgen_prelude::Null>>,
    /// Whether it changes nothing.
    pub readonly: bool,
}

impl From<Description> for NativeDescription {
    fn from(description: Description) -> Self {
        let columns = description.columns.into_iter().map(|column| NativeColumn {
            name: column.name,
            column: column.column,
            table: column.table,
            r#type: column.declared_type,
        });
        let name = |name: Option<String>| name.map_or(Either::B(napi::bindgen_prelude::Null), Either::A);
        Self {
            columns: columns.collect(),
            parameters: description.parameters.into_iter().map(name).collect(),
            readonly: description.is_readonly,
        }
    }
}

/// What a database has done since it was opened.
#[napi(object, object_from_js = false)]
pub struct NativeDatabaseStats {
    /// Reads of the store, the start not counted.
    pub round_trips: f64,
    /// Pages that these brought.
    pub pages_fetched: f64,
    /// Pages among them that nobody had asked for yet.
    pub pages_read_ahead: f64,
    /// Pages that the start brought along.
    pub pages_preloaded: f64,
    /// Pages among them that were asked for since.
    pub preload_hits: f64,
    /// Reads that the page cache answered.
    pub cache_hits: f64,
    /// Commits acknowledged by the store.
    pub commits: f64,
    /// Pages in them.
    pub pages_committed: f64,
    /// Calls that wait or run.
    pub queued: f64,
    /// Bytes of SQLite's page cache.
    pub memory_bytes: f64,
}

impl From<DatabaseStats> for NativeDatabaseStats {
    fn from(stats: DatabaseStats) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, which no counter here reaches")]
        let number = |count: u64| count as f64;
        Self {
            round_trips: number(stats.round_trips),
            pages_fetched: number(stats.pages_fetched),
            pages_read_ahead: number(stats.pages_read_ahead),
            pages_preloaded: number(stats.pages_preloaded),
            preload_hits: number(stats.preload_hits),
            cache_hits: number(stats.cache_hits),
            commits: number(stats.commits),
            pages_committed: number(stats.pages_committed),
            queued: number(stats.queued),
            memory_bytes: number(stats.memory_bytes),
        }
    }
}

type Chunks = Either<Uint8Array, Vec<Uint8Array>>;

/// A SQLite database on an actor's pages. Users see `Database`, which checks every argument first.
#[napi]
pub struct NativeDatabase {
    database: Arc<Database>,
}

impl NativeDatabase {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Puts a call in the line now, and answers from the runtime. `expect` takes the answer of its kind.
    fn submit<'env, T>(
        &self,
        env: &'env Env,
        (scope, job): (u32, u32),
        call: Call,
        expect: impl FnOnce(Answer) -> Option<T> + Send + 'static,
    ) -> napi::Result<PromiseRaw<'env, Either<T, Failure>>>
    where
        T: napi::bindgen_prelude::ToNapiValue + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.database.submit(scope, job, call, move |answer| {
            // Nobody waits for it any more if the thread of Node has ended.
            let _ = sender.send(answer);
        });
        let work = async move {
            let gone = |_| DatabaseError::Closed("the database is gone".to_owned());
            let answer = receiver.await.map_err(gone)??;
            expect(answer).ok_or_else(|| DatabaseError::Closed("an answer of another kind".to_owned()))
        };
        answer(env, work, |detail| DatabaseError::from(StoreError::Unavailable(detail)))
    }
}

fn chunks(answer: Answer) -> Option<Chunks> {
    let Answer::Rows(mut chunks) = answer else { return None };
    match chunks.len() {
        1 => chunks.pop().map(|chunk| Either::A(chunk.into())),
        _ => Some(Either::B(chunks.into_iter().map(Uint8Array::from).collect())),
    }
}

fn chunk(answer: Answer) -> Option<Uint8Array> {
    match answer {
        Answer::Rows(mut chunks) => chunks.pop().map(Uint8Array::from),
        _ => None,
    }
}

fn done(answer: Answer) -> Option<()> {
    (answer == Answer::Done).then_some(())
}

#[napi]
impl NativeDatabase {
    /// How the start went.
    #[napi]
    pub fn startup(&self) -> NativeOpened {
        let opened = self.database.opened();
        NativeOpened {
            won: opened.outcome == Outcome::Won,
            meta: opened.meta.clone().into(),
            preloaded_pages: u32::try_from(opened.pages_preloaded).unwrap_or(u32::MAX),
        }
    }

    /// Runs SQL. Kinds: 0 exec, 1 run, 2 get, 3 all, 4 iterate.
    #[napi(ts_return_type = "Promise<Uint8Array | Array<Uint8Array> | Failure>")]
    #[expect(clippy::too_many_arguments, reason = "an object for them would be made and read for each call")]
    pub fn call<'env>(
        &self,
        env: &'env Env,
        scope: u32,
        job: u32,
        kind: u32,
        sql: String,
        params: Option<Uint8ArraySlice<'_>>,
    ) -> napi::Result<PromiseRaw<'env, Either<Chunks, Failure>>> {
        let kind = match kind {
            0 => Kind::Exec,
            1 => Kind::Run,
            2 => Kind::Get,
            3 => Kind::All,
            _ => Kind::Iterate,
        };
        let params = params.map(|params| params.to_vec());
        self.submit(env, (scope, job), Call::Run(kind, (sql, params)), chunks)
    }

    /// What a statement takes and gives.
    #[napi]
    pub fn describe<'env>(
        &self,
        env: &'env Env,
        scope: u32,
        job: u32,
        sql: String,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeDescription, Failure>>> {
        self.submit(env, (scope, job), Call::Describe(sql), |answer| match answer {
            Answer::Description(description) => Some(description.into()),
            _ => None,
        })
    }

    /// Runs statements as one transaction. `params` runs beside `sqls`.
    #[napi]
    pub fn batch<'env>(
        &self,
        env: &'env Env,
        scope: u32,
        job: u32,
        sqls: Vec<String>,
        params: Vec<Option<Uint8ArraySlice<'_>>>,
    ) -> napi::Result<PromiseRaw<'env, Either<Vec<Uint8Array>, Failure>>> {
        let params = params.into_iter().map(|params| params.map(|params| params.to_vec()));
        let statements = sqls.into_iter().zip(params).collect();
        self.submit(env, (scope, job), Call::Batch(statements), |answer| match answer {
            Answer::Rows(chunks) => Some(chunks.into_iter().map(Uint8Array::from).collect()),
            _ => None,
        })
    }

    /// Begins a transaction, and answers its scope. Modes: 0 deferred, 1 immediate, 2 exclusive.
    #[napi]
    pub fn begin<'env>(
        &self,
        env: &'env Env,
        scope: u32,
        job: u32,
        mode: u32,
        timeout_ms: u32,
    ) -> napi::Result<PromiseRaw<'env, Either<u32, Failure>>> {
        let behavior = match mode {
            0 => Behavior::Deferred,
            1 => Behavior::Immediate,
            _ => Behavior::Exclusive,
        };
        let call = Call::Begin(behavior, u64::from(timeout_ms));
        self.submit(env, (scope, job), call, |answer| match answer {
            Answer::Scope(scope) => Some(scope),
            _ => None,
        })
    }

    /// Ends a transaction.
    #[napi]
    pub fn end<'env>(
        &self,
        env: &'env Env,
        scope: u32,
        commit: bool,
    ) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        self.submit(env, (scope, 0), Call::End(commit), done)
    }

    /// More rows of an iteration.
    #[napi]
    pub fn fetch<'env>(
        &self,
        env: &'env Env,
        scope: u32,
        job: u32,
        cursor: u32,
    ) -> napi::Result<PromiseRaw<'env, Either<Uint8Array, Failure>>> {
        self.submit(env, (scope, job), Call::Fetch(cursor), chunk)
    }

    /// Ends an iteration early.
    #[napi]
    pub fn close_cursor<'env>(
        &self,
        env: &'env Env,
        scope: u32,
        cursor: u32,
    ) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        self.submit(env, (scope, 0), Call::CloseCursor(cursor), done)
    }

    /// Cancels a call, if it is not through yet.
    #[napi]
    pub fn cancel(&self, job: u32) {
        self.database.cancel(job);
    }

    /// Asks the store whether this database is still the actor's owner.
    #[napi]
    pub fn check<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let database = Arc::clone(&self.database);
        answer(env, async move { database.check().await }, StoreError::Unavailable)
    }

    /// What the database has done since it was opened.
    #[napi]
    pub fn stats(&self) -> NativeDatabaseStats {
        self.database.stats().into()
    }

    /// Closes the database, once the calls before are through.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        self.submit(env, (0, 0), Call::Close, done)
    }
}
