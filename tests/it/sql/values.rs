//! Values of SQLite, both ends of the wire format of `src/database/session/wire.rs`, and what plain SQLite answers. The fuzz
//! targets use it too, so it stands alone.

use batondb::database::Answer;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

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

pub fn rows_of(answer: &Answer) -> Answered {
    let Answer::Rows(chunks) = answer else { panic!("not rows: {answer:?}") };
    let mut decoded = chunks.iter().map(|chunk| decode(chunk));
    let mut all = decoded.next().unwrap();
    all.rows.extend(decoded.flat_map(|chunk| chunk.rows));
    all
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
    let [text_is_ascii, list_is_ascii, ..] = header.array::<4>();
    let list_bytes = header.u32();
    let names = String::from_utf8(header.take(names_bytes as usize).to_vec()).unwrap();
    let text = std::str::from_utf8(header.take(text_bytes as usize)).unwrap();
    assert_eq!(text_is_ascii == 1, text.is_ascii());
    let list = header.take(list_bytes as usize);
    assert_eq!(list_is_ascii == 1, list.is_ascii());
    let list: Vec<String> = if list.is_empty() { Vec::new() } else { serde_json::from_slice(list).unwrap() };
    let units: Vec<u16> = text.encode_utf16().collect();
    let (mut cells, mut units, mut list) = (header, units.as_slice(), list.into_iter());
    let rows =
        (0..count).map(|_| (0..columns).map(|_| cell(&mut cells, &mut units, &mut list)).collect()).collect();
    assert!(
        cells.0.is_empty() && units.is_empty() && list.next().is_none(),
        "a chunk is longer than its rows"
    );
    Answered { names, rows, cursor, changes, last_insert_rowid }
}

fn cell(cells: &mut Reader<'_>, units: &mut &[u16], list: &mut impl Iterator<Item = String>) -> Value {
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
        7 => Value::Text(list.next().unwrap()),
        8 => {
            let ([is_ascii], count) = (cells.array(), cells.u32() as usize);
            let text = String::from_utf8(cells.take(count).to_vec()).unwrap();
            assert_eq!(is_ascii == 1, text.is_ascii());
            Value::Text(text)
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

/// Everything in the tables of a database, shadow tables included, in an order of its own. A table that cannot be
/// read, since a generated column of it fails, shows the error's code.
pub fn dump(connection: &Connection) -> Vec<(String, Vec<Row>)> {
    let names = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2, 3, 4";
    let schema = plain(connection, names, &[]).unwrap();
    let mut all = vec![("schema".to_owned(), schema)];
    let tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')
                  AND name <> 'sqlite_schema' ORDER BY 1";
    for row in plain(connection, tables, &[]).unwrap() {
        let [Value::Text(table)] = row.as_slice() else { panic!("{row:?}") };
        let read = plain(connection, &format!("SELECT * FROM main.\"{table}\""), &[]);
        let mut rows = read.unwrap_or_else(|code| vec![vec![Value::Integer(code.into())]]);
        rows.sort_by_cached_key(|row| format!("{row:?}"));
        all.push((table.clone(), rows));
    }
    all
}
