//! What the tests of databases share: hosts that open them, calls that wait for their answer, and both ends
//! of the wire format of `src/database/wire.rs`.

use std::path::Path;
use std::sync::Arc;

use batondb::database::{
    Answer, Behavior, Call, Database, DatabaseError, DatabaseOptions, DatabaseStats, Databases, Kind, Pool,
};
use batondb::engine::{Engine, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use futures::channel::oneshot;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio::runtime::Handle;

use crate::support::{Place, first_page, id};

/// No test waits for a deadline that it does not set itself.
pub const NO_DEADLINE_MS: u64 = 3_600_000;

/// A value of SQLite.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::Integer(value),
            ValueRef::Real(value) => Self::Real(value),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        let value = match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        };
        Ok(rusqlite::types::ToSqlOutput::Borrowed(value))
    }
}

pub type Row = Vec<Value>;

/// A decoded answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answered {
    /// A JSON array.
    pub names: String,
    pub rows: Vec<Row>,
    /// 0 if there is no more to fetch.
    pub cursor: u32,
    pub changes: i64,
    pub last_insert_rowid: i64,
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
        let pool = Pool::new(4, Handle::current());
        let databases = Databases::new(Arc::clone(&engine), Arc::new(SystemEnv), cache_bytes, pool);
        Self { engine, databases }
    }

    /// On a handle of its own.
    pub async fn at(place: &Place) -> Self {
        Self::new(place.kv(), 8 << 20).await
    }

    /// Takes an actor over.
    pub async fn open(&self, actor: &str) -> Db {
        self.try_open(actor).await.unwrap()
    }

    pub async fn try_open(&self, actor: &str) -> Result<Db, DatabaseError> {
        let options = DatabaseOptions { preload: first_page(), read_ahead: true, queue_max: 1_000 };
        self.open_with(actor, &options).await
    }

    pub async fn open_with(&self, actor: &str, options: &DatabaseOptions) -> Result<Db, DatabaseError> {
        let database = self.databases.open(&id(actor), options).await?;
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
        match self.call(Call::Begin(behavior, timeout_ms)).await? {
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

pub fn rows_of(answer: &Answer) -> Answered {
    let Answer::Rows(chunks) = answer else { panic!("not rows: {answer:?}") };
    let mut decoded = chunks.iter().map(|chunk| decode(chunk));
    let mut all = decoded.next().unwrap();
    all.rows.extend(decoded.flat_map(|chunk| chunk.rows));
    all
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

/// Parameters by position.
pub fn encode(params: &[Value]) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend(length(params.len()));
    for value in params {
        encode_value(&mut bytes, value);
    }
    bytes
}

/// Parameters by name.
pub fn encode_named(params: &[(&str, Value)]) -> Vec<u8> {
    let mut bytes = vec![2];
    bytes.extend(length(params.len()));
    for (name, value) in params {
        bytes.extend(length(name.len()));
        bytes.extend(name.as_bytes());
        encode_value(&mut bytes, value);
    }
    bytes
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap().to_be_bytes()
}

fn encode_value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => bytes.push(0),
        Value::Integer(value) => {
            bytes.push(1);
            bytes.extend(value.to_be_bytes());
        }
        Value::Real(value) => {
            bytes.push(2);
            bytes.extend(value.to_be_bytes());
        }
        Value::Text(text) => {
            bytes.push(3);
            bytes.extend(length(text.len()));
            bytes.extend(text.as_bytes());
        }
        Value::Blob(blob) => {
            bytes.push(4);
            bytes.extend(length(blob.len()));
            bytes.extend(blob);
        }
    }
}

/// Reads a chunk from its front.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap()
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }
}

/// A count, which is sent as a number of JavaScript.
fn whole(number: f64) -> i64 {
    format!("{number}").parse().unwrap()
}

/// The rows of one chunk.
pub fn decode(chunk: &[u8]) -> Answered {
    let mut header = Reader(chunk);
    let (count, cursor) = (header.u32(), header.u32());
    let changes = whole(f64::from_be_bytes(header.array()));
    let last_insert_rowid = i64::from_be_bytes(header.array());
    let [names_bytes, columns, text_bytes] = [header.u32(), header.u32(), header.u32()];
    let [is_ascii, ..] = header.array::<4>();
    let names = String::from_utf8(header.take(names_bytes as usize).to_vec()).unwrap();
    let text = std::str::from_utf8(header.take(text_bytes as usize)).unwrap();
    assert_eq!(is_ascii == 1, text.is_ascii());
    let units: Vec<u16> = text.encode_utf16().collect();
    let (mut cells, mut units) = (header, units.as_slice());
    let rows = (0..count).map(|_| (0..columns).map(|_| cell(&mut cells, &mut units)).collect()).collect();
    assert!(cells.0.is_empty() && units.is_empty(), "a chunk is longer than its rows");
    Answered { names, rows, cursor, changes, last_insert_rowid }
}

fn cell(cells: &mut Reader<'_>, units: &mut &[u16]) -> Value {
    match cells.array::<1>()[0] {
        0 => Value::Null,
        1 => Value::Integer(i8::from_be_bytes(cells.array()).into()),
        2 => Value::Integer(i32::from_be_bytes(cells.array()).into()),
        3 => Value::Integer(i64::from_be_bytes(cells.array())),
        4 => Value::Real(f64::from_be_bytes(cells.array())),
        5 => {
            let (text, rest) = units.split_at(cells.u32() as usize);
            *units = rest;
            Value::Text(String::from_utf16(text).unwrap())
        }
        6 => {
            let count = cells.u32() as usize;
            Value::Blob(cells.take(count).to_vec())
        }
        other => panic!("tag {other}"),
    }
}

/// What plain SQLite answers to a statement: its rows, or the extended code of its error.
pub fn plain(connection: &Connection, sql: &str, params: &[Value]) -> Result<Vec<Row>, i32> {
    let answer = (|| {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(
                (0..columns).map(|index| row.get_ref(index).map(Value::from)).collect::<Result<_, _>>()?,
            );
        }
        Ok(all)
    })();
    answer.map_err(|error: rusqlite::Error| match error {
        rusqlite::Error::SqliteFailure(error, _) | rusqlite::Error::SqlInputError { error, .. } => {
            error.extended_code
        }
        other => panic!("{sql}: {other:?}"),
    })
}

/// Everything in the tables of a database, shadow tables included, in an order of its own.
pub fn dump(connection: &Connection) -> Vec<(String, Vec<Row>)> {
    let names = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2, 3, 4";
    let schema = plain(connection, names, &[]).unwrap();
    let mut all = vec![("schema".to_owned(), schema)];
    let tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')
                  AND name <> 'sqlite_schema' ORDER BY 1";
    for row in plain(connection, tables, &[]).unwrap() {
        let [Value::Text(table)] = row.as_slice() else { panic!("{row:?}") };
        let mut rows = plain(connection, &format!("SELECT * FROM \"{table}\""), &[]).unwrap();
        rows.sort_by_cached_key(|row| format!("{row:?}"));
        all.push((table.clone(), rows));
    }
    all
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
