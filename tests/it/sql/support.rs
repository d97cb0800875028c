//! What the tests of databases share: hosts that open them, and calls that wait for their answer.

use std::path::Path;
use std::sync::Arc;

use batondb::database::{
    Answer, Behavior, Call, Database, DatabaseError, DatabaseOptions, DatabaseStats, Databases, Kind, Pool,
    ReadOnlyOptions, WriteDurability,
};
use batondb::engine::{Engine, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::metrics::Family;
use futures::channel::oneshot;
use rusqlite::Connection;
use tokio::runtime::Handle;

pub use super::values::{Answered, Row, Value, decode, dump, encode, encode_named, plain, rows_of};
use crate::support::{Place, first_page, id};

/// No test waits for a deadline that it does not set itself.
pub const NO_DEADLINE_MS: u64 = 3_600_000;

/// How tests open databases, if they do not say.
pub fn options() -> DatabaseOptions {
    DatabaseOptions {
        preload: first_page(),
        read_ahead: true,
        queue_max: 1_000,
        transaction_timeout_ms: NO_DEADLINE_MS,
        may_block: false,
        durability: WriteDurability::Full,
    }
}

/// Opens databases on one store, as one process does.
pub struct Host {
    pub engine: Arc<Engine>,
    databases: Databases,
}

impl Host {
    pub async fn new(kv: Arc<dyn Kv>, cache_bytes: u64) -> Self {
        Self::on(Arc::new(Engine::open(kv, Arc::new(SystemEnv)).await.unwrap()), cache_bytes)
    }

    /// On a store that is open.
    pub fn on(engine: Arc<Engine>, cache_bytes: u64) -> Self {
        let pool = Pool::new(4, 4, true, Handle::current());
        let databases = Databases::new(Arc::clone(&engine), Arc::new(SystemEnv), cache_bytes, pool);
        Self { engine, databases }
    }

    /// On a handle of its own.
    pub async fn at(place: &Place) -> Self {
        Self::new(place.kv(), 8 << 20).await
    }

    /// Where the actor "a" has a table `t` whose tree has two levels: 2,000 rows of a number `n` and text.
    pub async fn with_table(place: &Place) -> Self {
        let host = Self::at(place).await;
        let db = host.open("a").await;
        db.exec(
            "CREATE TABLE t(n INTEGER PRIMARY KEY, c);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO t SELECT i, hex(zeroblob(100)) FROM n",
        )
        .await
        .unwrap();
        db.close().await;
        host.engine.idle().await;
        host
    }

    /// Takes an actor over.
    pub async fn open(&self, actor: &str) -> Db {
        self.try_open(actor).await.unwrap()
    }

    pub async fn try_open(&self, actor: &str) -> Result<Db, DatabaseError> {
        self.open_with(actor, &options()).await
    }

    pub async fn open_with(&self, actor: &str, options: &DatabaseOptions) -> Result<Db, DatabaseError> {
        let database = self.databases.open(&id(actor), options).await?;
        Ok(Db { database, scope: 0 })
    }

    /// Opens an actor that somebody else owns, to read it.
    pub async fn open_read_only(&self, actor: &str, options: &ReadOnlyOptions) -> Result<Db, DatabaseError> {
        let database = self.databases.open_read_only(&id(actor), options).await?;
        Ok(Db { database, scope: 0 })
    }

    /// Exports an actor, expects a sound file, and opens it.
    pub async fn exported(&self, actor: &str, file: &Path) -> Connection {
        self.engine.export_to(&id(actor), file).await.unwrap();
        let connection = Connection::open(file).unwrap();
        let integrity: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");
        connection
    }

    /// What the store and its databases have done.
    pub fn metrics(&self) -> Vec<Family> {
        self.databases.metrics()
    }

    /// The head of an actor.
    pub async fn head(&self, actor: &str) -> u64 {
        self.engine.stat(&id(actor)).await.unwrap().unwrap().head_txid.0
    }
}

/// A database, or a transaction that is open on one.
#[derive(Clone)]
pub struct Db {
    pub database: Arc<Database>,
    pub scope: u32,
}

impl Db {
    /// Puts a call in the line. `job` is for [`Database::cancel`].
    pub fn submit(&self, job: u32, call: Call) -> oneshot::Receiver<Result<Answer, DatabaseError>> {
        let (sender, answer) = oneshot::channel();
        self.database.submit(self.scope, job, call, move |answer| {
            // Who asked may have given up.
            let _ = sender.send(answer);
        });
        answer
    }

    pub async fn call(&self, call: Call) -> Result<Answer, DatabaseError> {
        self.submit(0, call).await.unwrap()
    }

    async fn rows(&self, kind: Kind, sql: &str, params: &[Value]) -> Result<Answered, DatabaseError> {
        Ok(rows_of(&self.call(run(kind, sql, params)).await?))
    }

    pub async fn exec(&self, sql: &str) -> Result<(), DatabaseError> {
        let call = Call::Run(Kind::Exec, (sql.to_owned(), None));
        self.call(call).await.map(drop)
    }

    pub async fn run(&self, sql: &str, params: &[Value]) -> Result<Answered, DatabaseError> {
        self.rows(Kind::Run, sql, params).await
    }

    pub async fn get(&self, sql: &str, params: &[Value]) -> Result<Answered, DatabaseError> {
        self.rows(Kind::Get, sql, params).await
    }

    pub async fn all(&self, sql: &str, params: &[Value]) -> Result<Answered, DatabaseError> {
        self.rows(Kind::All, sql, params).await
    }

    pub async fn iterate(&self, sql: &str) -> Result<Answered, DatabaseError> {
        self.rows(Kind::Iterate, sql, &[]).await
    }

    pub async fn fetch(&self, cursor: u32) -> Result<Answered, DatabaseError> {
        Ok(rows_of(&self.call(Call::Fetch(cursor)).await?))
    }

    /// The one value of a query that has one.
    pub async fn value(&self, sql: &str) -> Result<Value, DatabaseError> {
        let mut rows = self.all(sql, &[]).await?.rows;
        assert_eq!(rows.len(), 1, "{sql}");
        Ok(rows.remove(0).remove(0))
    }

    /// The one integer of a query that has one.
    pub async fn integer(&self, sql: &str) -> i64 {
        match self.value(sql).await.unwrap() {
            Value::Integer(value) => value,
            other => panic!("{sql}: {other:?}"),
        }
    }

    pub async fn batch(&self, statements: &[(&str, &[Value])]) -> Result<Vec<Answered>, DatabaseError> {
        let statements =
            statements.iter().map(|(sql, params)| ((*sql).to_owned(), Some(encode(params)))).collect();
        let Answer::Batch(chunks) = self.call(Call::Batch(statements)).await? else { panic!("not a batch") };
        Ok(chunks.iter().map(|chunk| decode(chunk)).collect())
    }

    pub async fn begin(&self) -> Result<Self, DatabaseError> {
        self.begin_with(Behavior::Deferred, NO_DEADLINE_MS).await
    }

    pub async fn begin_with(&self, behavior: Behavior, timeout_ms: u64) -> Result<Self, DatabaseError> {
        match self.call(Call::Begin(behavior, Some(timeout_ms))).await? {
            Answer::Scope(scope) => Ok(Self { database: Arc::clone(&self.database), scope }),
            other => panic!("{other:?}"),
        }
    }

    pub async fn commit(&self) -> Result<(), DatabaseError> {
        self.call(Call::End(true)).await.map(drop)
    }

    pub async fn rollback(&self) -> Result<(), DatabaseError> {
        self.call(Call::End(false)).await.map(drop)
    }

    pub async fn close(&self) {
        assert_eq!(self.call(Call::Close).await, Ok(Answer::Done));
    }

    pub fn stats(&self) -> DatabaseStats {
        self.database.stats()
    }
}

/// A call that runs SQL.
pub fn run(kind: Kind, sql: &str, params: &[Value]) -> Call {
    Call::Run(kind, (sql.to_owned(), (!params.is_empty()).then(|| encode(params))))
}

/// The extended code of an error of SQLite.
#[track_caller]
pub fn code_of(error: &DatabaseError) -> i32 {
    match error {
        DatabaseError::Sql(error) => error.code,
        other => panic!("not an error of SQLite: {other:?}"),
    }
}

/// The store's error.
#[track_caller]
pub fn store_error(error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::Store(error) => error,
        other => panic!("not an error of the store: {other:?}"),
    }
}

/// xorshift64*: the same script for the same seed.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % bound
    }

    pub fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// An integer from 0 up to and without `bound`.
    pub fn int(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap()
    }

    pub fn blob(&mut self, bound: u64) -> Vec<u8> {
        let length = self.below(bound);
        (0..length).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}
