//! Parameters and rows as bytes, the form in which they cross to and from JavaScript: one buffer for many
//! values costs less than a call of the boundary for each. `lib/sql-params.js` and `lib/sql-rows.js` are the
//! other ends. All numbers are big-endian.
//!
//! ```text
//! parameters  kind:u8 (1 by position, 2 by name) count:u32 then each: [name] value
//!             name: length:u32 UTF-8          value: tag:u8 and
//!             0 null   1 integer i64   2 real f64   3 text length:u32 UTF-8   4 blob length:u32 bytes
//! chunk       rows:u32 cursor:u32 changes:f64 last-insert-rowid:i64
//!             columns-bytes:u32 columns:u32 text-bytes:u32 text-is-ascii:u8 00 flags:u8 00
//!             flags, of scripts that are run statement by statement: 1 the statement changes nothing
//!             2 its rows go on in the next chunk   4 a row for each statement without columns
//!             columns: a JSON array of names   text: of all text values, one after the other
//!             cells, row by row: tag:u8 and
//!             0 null   1 integer i8   2 integer i32   3 integer i64   4 real f64
//!             5 text, its length in UTF-16 units:u32   6 blob length:u32 bytes
//! ```

use std::borrow::Cow;
use std::fmt::Write;

use super::error::DatabaseError;
use super::sqlite::{Statement, Value};

const BY_NAME: u8 = 2;
/// A chunk is closed at this size or at so many rows, so that its reader can take a break between two.
const CHUNK_BYTES: usize = 64 << 10;
const CHUNK_ROWS: u32 = 512;
const HEADER_BYTES: usize = 40;
/// Flags of a chunk: its statement changes nothing.
pub(super) const READONLY: u8 = 1;
/// The rows of its statement go on in the next chunk.
pub(super) const GOES_ON: u8 = 2;
/// It has a row for each statement without columns: how many rows it changed, and 1 if it changes nothing.
pub(super) const CHANGES: u8 = 4;
/// Where the header has the cursor.
const CURSOR: std::ops::Range<usize> = 4..8;
/// Where it has the flags.
const FLAGS: usize = 38;
/// Where the header has changes and last rowid.
const NUMBERS: std::ops::Range<usize> = 8..24;

/// Sets the parameters of a statement: all of them, and no others.
pub(super) fn bind(statement: &mut Statement, params: Option<&[u8]>) -> Result<(), DatabaseError> {
    let expected = statement.parameter_count();
    let Some(params) = params else {
        return if expected == 0 { Ok(()) } else { Err(wrong_count(expected, 0)) };
    };
    let mut reader = Reader(params);
    let (kind, count) = (reader.u8()?, reader.u32()? as usize);
    if kind == BY_NAME {
        return bind_by_name(statement, &mut reader, count);
    }
    if count != expected {
        return Err(wrong_count(expected, count));
    }
    for number in 1..=count {
        statement.bind(number, reader.value()?)?;
    }
    Ok(())
}

fn wrong_count(expected: usize, given: usize) -> DatabaseError {
    let plural = if expected == 1 { "" } else { "s" };
    DatabaseError::Invalid(format!("the statement has {expected} parameter{plural}, got {given}"))
}

fn bind_by_name(
    statement: &mut Statement,
    reader: &mut Reader<'_>,
    count: usize,
) -> Result<(), DatabaseError> {
    let expected = statement.parameter_count();
    let mut bound = vec![false; expected];
    for _ in 0..count {
        let name = reader.bytes()?;
        let name = std::str::from_utf8(name).map_err(|_| malformed())?;
        let value = reader.value()?;
        let mut known = false;
        // One value may stand for `:a`, `@a` and `$a` in the same statement.
        for prefix in [':', '@', '$'] {
            if let Some(number) = statement.parameter_number(&format!("{prefix}{name}")) {
                statement.bind(number, value)?;
                bound[number - 1] = true;
                known = true;
            }
        }
        if !known {
            return Err(DatabaseError::Invalid(format!("the statement has no parameter named {name:?}")));
        }
    }
    match bound.iter().position(|bound| !bound) {
        None => Ok(()),
        Some(index) => Err(DatabaseError::Invalid(match statement.parameter_name(index + 1) {
            Some(name) => format!("the parameter {name} has no value"),
            None => format!("parameter {} has no name: pass the parameters as an array", index + 1),
        })),
    }
}

/// The other side of this process has written the bytes, so this is a bug of ours.
fn malformed() -> DatabaseError {
    DatabaseError::Invalid("the parameters are not in the form that they must have".to_owned())
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], DatabaseError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DatabaseError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or_else(malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, DatabaseError> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, DatabaseError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn bytes(&mut self) -> Result<&'b [u8], DatabaseError> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    fn value(&mut self) -> Result<Value<'b>, DatabaseError> {
        match self.u8()? {
            0 => Ok(Value::Null),
            1 => Ok(Value::Integer(i64::from_be_bytes(self.array()?))),
            2 => Ok(Value::Real(f64::from_be_bytes(self.array()?))),
            3 => Ok(Value::Text(self.bytes()?)),
            4 => Ok(Value::Blob(self.bytes()?)),
            _ => Err(malformed()),
        }
    }
}

/// What an answer says besides its rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Summary {
    /// The cursor to fetch more rows from; 0 for none.
    pub(super) cursor: u32,
    /// Rows that the statement has changed.
    pub(super) changes: i64,
    /// The rowid of the connection's last INSERT.
    pub(super) last_insert_rowid: i64,
}

/// Gathers rows into chunks.
pub(super) struct RowWriter {
    columns: usize,
    names: Vec<u8>,
    rows: u32,
    text: Vec<u8>,
    is_ascii: bool,
    cells: Vec<u8>,
}

impl RowWriter {
    /// A writer of rows of this statement. Only the first chunk of an answer needs their names.
    pub(super) fn new(statement: Option<&Statement>, with_names: bool) -> Self {
        let columns = statement.map_or(0, Statement::column_count);
        let names = statement.filter(|_| with_names && columns > 0).map(names).unwrap_or_default();
        Self { columns, names, rows: 0, text: Vec::new(), is_ascii: true, cells: Vec::new() }
    }

    /// A writer of what statements without columns have changed.
    pub(super) fn of_changes() -> Self {
        Self { columns: 2, ..Self::new(None, false) }
    }

    /// Adds what one of them has changed.
    pub(super) fn push_change(&mut self, changes: i64, is_readonly: bool) {
        self.integer(changes);
        self.integer(i64::from(is_readonly));
        self.rows += 1;
    }

    /// Whether it holds no row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// How much it holds.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.cells.len()
    }

    /// Adds the row that the statement stands on.
    pub(super) fn push(&mut self, statement: &Statement) {
        for index in 0..self.columns {
            self.cell(statement.column(index));
        }
        self.rows += 1;
    }

    fn cell(&mut self, value: Value<'_>) {
        match value {
            Value::Null => self.cells.push(0),
            Value::Integer(value) => self.integer(value),
            Value::Real(value) => {
                self.cells.push(4);
                self.cells.extend(value.to_be_bytes());
            }
            Value::Text(text) => self.text(text),
            Value::Blob(bytes) => {
                self.cells.push(6);
                self.cells.extend(length(bytes.len()).to_be_bytes());
                self.cells.extend(bytes);
            }
        }
    }

    fn integer(&mut self, value: i64) {
        if let Ok(value) = i8::try_from(value) {
            self.cells.push(1);
            self.cells.extend(value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.cells.push(2);
            self.cells.extend(value.to_be_bytes());
        } else {
            self.cells.push(3);
            self.cells.extend(value.to_be_bytes());
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        let units = if bytes.is_ascii() {
            self.text.extend(bytes);
            bytes.len()
        } else {
            // SQLite does not check what is stored as text; what is not UTF-8 shows as U+FFFD.
            let text = String::from_utf8_lossy(bytes);
            self.is_ascii = false;
            self.text.extend(text.as_bytes());
            text.encode_utf16().count()
        };
        self.cells.push(5);
        self.cells.extend(length(units).to_be_bytes());
    }

    /// Whether it is time to close the chunk.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= CHUNK_ROWS || self.bytes() >= CHUNK_BYTES
    }

    /// The chunk. The writer is empty afterwards.
    pub(super) fn finish(&mut self, summary: Summary) -> Vec<u8> {
        let size = HEADER_BYTES + self.names.len() + self.text.len() + self.cells.len();
        let mut chunk = Vec::with_capacity(size);
        chunk.extend(self.rows.to_be_bytes());
        chunk.extend(summary.cursor.to_be_bytes());
        chunk.extend(numbers(summary));
        chunk.extend(length(self.names.len()).to_be_bytes());
        chunk.extend(length(self.columns).to_be_bytes());
        chunk.extend(length(self.text.len()).to_be_bytes());
        chunk.push(u8::from(self.is_ascii));
        chunk.resize(HEADER_BYTES, 0);
        chunk.append(&mut self.names);
        chunk.append(&mut self.text);
        chunk.append(&mut self.cells);
        self.rows = 0;
        self.is_ascii = true;
        chunk
    }
}

/// The cursor of a chunk.
pub(super) fn cursor(chunk: &[u8]) -> u32 {
    chunk.get(CURSOR).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// Puts another cursor into a chunk.
pub(super) fn set_cursor(chunk: &mut [u8], cursor: u32) {
    if let Some(place) = chunk.get_mut(CURSOR) {
        place.copy_from_slice(&cursor.to_be_bytes());
    }
}

/// Sets the flags of a chunk.
pub(super) fn mark(chunk: &mut [u8], flags: u8) {
    if let Some(place) = chunk.get_mut(FLAGS) {
        *place = flags;
    }
}

/// Puts other numbers into a chunk that is made already.
pub(super) fn restate(chunk: &mut [u8], summary: Summary) {
    if let Some(place) = chunk.get_mut(NUMBERS) {
        place.copy_from_slice(&numbers(summary));
    }
}

/// Changes and last rowid as a chunk has them.
fn numbers(summary: Summary) -> [u8; 16] {
    #[expect(clippy::cast_precision_loss, reason = "a statement that changes 2^53 rows would take years")]
    let changes = summary.changes as f64;
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&changes.to_be_bytes());
    bytes[8..].copy_from_slice(&summary.last_insert_rowid.to_be_bytes());
    bytes
}

/// A length of at most 2^31 - 1, SQLite's limit of a value.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn names(statement: &Statement) -> Vec<u8> {
    let names: Vec<Cow<'_, str>> =
        (0..statement.column_count()).map(|index| statement.column_name(index)).collect();
    json_array(&names).into_bytes()
}

/// Texts as a JSON array (RFC 8259).
fn json_array(texts: &[Cow<'_, str>]) -> String {
    let mut json = String::from("[");
    for (index, text) in texts.iter().enumerate() {
        json.push_str(if index == 0 { "\"" } else { ",\"" });
        for character in text.chars() {
            match character {
                '"' => json.push_str("\\\""),
                '\\' => json.push_str("\\\\"),
                control if (control as u32) < 0x20 => {
                    let _ = write!(json, "\\u{:04x}", control as u32);
                }
                other => json.push(other),
            }
        }
        json.push('"');
    }
    json.push(']');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_json_whatever_is_in_them() {
        let names = ["a", "say \"x\"", "back\\slash", "tab\there", "ü"].map(Cow::Borrowed);
        assert_eq!(json_array(&names), r#"["a","say \"x\"","back\\slash","tab\u0009here","ü"]"#);
        assert_eq!(json_array(&[]), "[]");
    }

    #[test]
    fn cells_take_the_room_that_their_value_needs() {
        let mut writer = RowWriter::new(None, true);
        for value in [
            Value::Null,
            Value::Integer(-1),
            Value::Integer(70_000),
            Value::Integer(i64::MIN),
            Value::Real(0.5),
            Value::Text("a€".as_bytes()),
            Value::Blob(b"\0\x01"),
        ] {
            writer.cell(value);
        }
        let expected: &[u8] = &[
            0, 1, 0xFF, 2, 0, 1, 0x11, 0x70, 3, 0x80, 0, 0, 0, 0, 0, 0, 0, 4, 0x3F, 0xE0, 0, 0, 0, 0, 0, 0,
            5, 0, 0, 0, 2, 6, 0, 0, 0, 2, 0, 1,
        ];
        assert_eq!(writer.cells, expected);
        assert_eq!((writer.text.as_slice(), writer.is_ascii), ("a€".as_bytes(), false));
    }

    #[test]
    fn text_that_is_not_utf_8_is_shown_with_replacements() {
        let mut writer = RowWriter::new(None, true);
        writer.cell(Value::Text(b"a\xFFb"));
        assert_eq!(writer.text, "a\u{FFFD}b".as_bytes());
        assert_eq!(writer.cells, [5, 0, 0, 0, 3]);
    }

    #[test]
    fn bytes_that_end_early_are_refused() {
        for bytes in [&[][..], &[1], &[3, 0, 0, 0, 5, b'a'], &[9], &[4, 255, 255, 255, 255]] {
            assert!(Reader(bytes).value().is_err(), "{bytes:?}");
        }
    }
}
