//! The class behind `Database`. Each method copies its arguments and queues a call of the database before it
//! returns, so calls run in the order in which JavaScript made them.

#![expect(
    clippy::too_many_arguments,
    reason = "an object instead would be one more thing to read of JavaScript"
)]

mod changes;
mod collations;
mod direct;
mod functions;
mod options;

use std::sync::Arc;

use napi::bindgen_prelude::{Either, Env, PromiseRaw, Uint8ArraySlice};
use napi_derive::napi;

pub(super) use self::options::{NativeDatabaseOptions, OpenRequest};
use super::answer_queue::AnswerQueue;
use super::convert::NativeMeta;
use super::error::Failure;
use super::runtime::answer;
use super::traceparent::span;
use crate::database::{Behavior, Call, Database, DatabaseStats, Kind, ScriptKind, is_blank, is_complete};
use crate::engine::{Outcome, StoreError};

/// The outcome of a start.
#[napi(object, object_from_js = false)]
pub struct NativeOpened {
    /// Whether this start raised the generation; none for a read-only database.
    pub won: Option<bool>,
    /// The state of the actor.
    pub meta: NativeMeta,
    /// How many pages were preloaded.
    pub preloaded_pages: u32,
}

/// What a database has done since it was opened.
#[napi(object, object_from_js = false)]
pub struct NativeDatabaseStats {
    /// Reads of the store, without those of the start.
    pub round_trips: f64,
    /// Pages that these reads fetched.
    pub pages_fetched: f64,
    /// How many of these pages were not requested when they were fetched.
    pub pages_read_ahead: f64,
    /// Pages that the start returned.
    pub pages_preloaded: f64,
    /// How many of these pages were requested since.
    pub preload_hits: f64,
    /// Reads that the page cache answered.
    pub cache_hits: f64,
    /// Commits acknowledged by the store.
    pub commits: f64,
    /// Pages in these commits.
    pub pages_committed: f64,
    /// Transactions in these commits.
    pub transactions: f64,
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
            transactions: number(stats.transactions),
            queued: number(stats.queued),
            memory_bytes: number(stats.memory_bytes),
        }
    }
}

/// The call for a kind of statement, as [`NativeDatabase::run`] counts them.
fn statement(kind: u32, sql: String, params: Option<Vec<u8>>) -> Call {
    match kind {
        0 => Call::Run(Kind::Exec, (sql, params)),
        1 => Call::Run(Kind::Run, (sql, params)),
        2 => Call::Run(Kind::Get, (sql, params)),
        3 => Call::Run(Kind::All, (sql, params)),
        4 => Call::Run(Kind::Iterate, (sql, params)),
        5 => Call::Script(ScriptKind::Together, (sql, params)),
        6 => Call::Script(ScriptKind::AsFarAsMayBe, (sql, params)),
        _ => Call::Each(sql),
    }
}

fn behavior(mode: u32) -> Behavior {
    match mode {
        0 => Behavior::Deferred,
        1 => Behavior::Immediate,
        _ => Behavior::Exclusive,
    }
}

/// A SQLite database on an actor's pages. Users see `Database`, which checks every argument first.
///
/// Answers arrive in the queue that the database was opened with, under the number that the caller gives its
/// call.
#[napi]
pub struct NativeDatabase {
    database: Arc<Database>,
    answers: Arc<AnswerQueue>,
    /// Its number among the databases of its environment.
    tenant: u64,
}

impl Drop for NativeDatabase {
    fn drop(&mut self) {
        self.answers.tenants.leave(self.tenant);
    }
}

impl NativeDatabase {
    pub(super) fn new(database: Arc<Database>, answers: Arc<AnswerQueue>) -> Self {
        let tenant = answers.tenants.enter(&database);
        Self { database, answers, tenant }
    }

    fn submit(&self, call: u32, (scope, job): (u32, u32), what: Call, traceparent: Option<String>) {
        let answers = Arc::clone(&self.answers);
        let submit = || self.database.submit(scope, job, what, move |answer| answers.put(call, answer));
        match traceparent {
            None => submit(),
            Some(_) => span(traceparent).in_scope(submit),
        }
    }
}

#[napi]
impl NativeDatabase {
    /// The state of typed SQL text: 0 no statement, 1 an incomplete one, 2 complete.
    #[napi]
    pub fn sql_state(sql: String) -> u32 {
        let has_none = is_blank(&sql);
        match (has_none, is_complete(sql)) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        }
    }

    /// The outcome of the start.
    #[napi]
    pub fn startup(&self) -> NativeOpened {
        let opened = self.database.opened();
        NativeOpened {
            won: opened.outcome.map(|outcome| outcome == Outcome::Won),
            meta: opened.meta.into(),
            preloaded_pages: u32::try_from(opened.pages_preloaded).unwrap_or(u32::MAX),
        }
    }

    /// Runs SQL. Kinds: 0 exec, 1 run, 2 get, 3 all, 4 iterate; several statements: 5 as one transaction, 6
    /// as one transaction as far as possible, 7 each by itself.
    #[napi]
    pub fn run(
        &self,
        call: u32,
        scope: u32,
        job: u32,
        kind: u32,
        sql: String,
        params: Option<Uint8ArraySlice<'_>>,
        traceparent: Option<String>,
    ) {
        let params = params.map(|params| params.to_vec());
        self.submit(call, (scope, job), statement(kind, sql, params), traceparent);
    }

    /// Continues a script that runs statement by statement. `skip` skips the remaining rows of the open
    /// statement.
    #[napi]
    pub fn each_on(&self, call: u32, scope: u32, job: u32, script: u32, skip: bool) {
        self.submit(call, (scope, job), Call::EachOn(script, skip), None);
    }

    /// Describes a statement's parameters and columns.
    #[napi]
    pub fn describe(&self, call: u32, scope: u32, job: u32, sql: String) {
        self.submit(call, (scope, job), Call::Describe(sql), None);
    }

    /// Returns the bytes of the database's file.
    #[napi]
    pub fn serialize(&self, call: u32, scope: u32, job: u32) {
        self.submit(call, (scope, job), Call::Serialize, None);
    }

    /// The txid of the last commit, in eight bytes.
    #[napi]
    pub fn point(&self, call: u32, scope: u32, job: u32) {
        self.submit(call, (scope, job), Call::Point, None);
    }

    /// Waits until all that was written before is durable.
    #[napi]
    pub fn flush(&self, call: u32, scope: u32, job: u32) {
        self.submit(call, (scope, job), Call::Flush, None);
    }

    /// Runs statements as one transaction. `params` is parallel to `sqls`.
    #[napi]
    pub fn batch(
        &self,
        call: u32,
        scope: u32,
        job: u32,
        sqls: Vec<String>,
        params: Vec<Option<Uint8ArraySlice<'_>>>,
        traceparent: Option<String>,
    ) {
        let params = params.into_iter().map(|params| params.map(|params| params.to_vec()));
        self.submit(call, (scope, job), Call::Batch(sqls.into_iter().zip(params).collect()), traceparent);
    }

    /// Begins a transaction, and returns its scope. Modes: 0 deferred, 1 immediate, 2 exclusive.
    #[napi]
    pub fn begin(&self, call: u32, scope: u32, job: u32, mode: u32, timeout_ms: u32) {
        self.submit(call, (scope, job), Call::Begin(behavior(mode), Some(u64::from(timeout_ms))), None);
    }

    /// Ends a transaction.
    #[napi]
    pub fn end(&self, call: u32, scope: u32, commit: bool, traceparent: Option<String>) {
        self.submit(call, (scope, 0), Call::End(commit), traceparent);
    }

    /// More rows of a cursor.
    #[napi]
    pub fn fetch(&self, call: u32, scope: u32, job: u32, cursor: u32) {
        self.submit(call, (scope, job), Call::Fetch(cursor), None);
    }

    /// Closes a cursor early.
    #[napi]
    pub fn close_cursor(&self, call: u32, scope: u32, cursor: u32) {
        self.submit(call, (scope, 0), Call::CloseCursor(cursor), None);
    }

    /// Closes the database, after the calls queued before.
    #[napi]
    pub fn close(&self, call: u32) {
        self.submit(call, (0, 0), Call::Close, None);
    }

    /// Cancels a call that has not finished.
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

    /// Whether a transaction is open.
    #[napi]
    pub fn is_transaction(&self) -> bool {
        self.database.is_transaction()
    }

    /// What the database has done since it was opened.
    #[napi]
    pub fn stats(&self) -> NativeDatabaseStats {
        self.database.stats().into()
    }
}
