//! Collects the rows of an answer into chunks.
//!
//! The length of a text decides how it is encoded, because of how JavaScript handles strings. V8 makes a
//! string that is cut from a longer one a view of it, unless it is very short; keeping one such view keeps
//! all the text that came with it. `JSON.parse` makes independent strings at the price of a view, but looks
//! at every character. A call of Node's decoder also makes independent strings, and costs a few hundred
//! nanoseconds whatever the length.

use std::borrow::Cow;

use crate::database::sqlite::{Statement, Value};

/// A chunk is closed at this size or at a number of rows, so that its reader can pause between two chunks.
const CHUNK_BYTES: usize = 64 << 10;
const CHUNK_ROWS: u32 = 512;
const HEADER_BYTES: usize = 44;
/// Flag of a chunk: its statement is read-only.
pub(crate) const READONLY: u8 = 1;
/// Flag of a chunk: the rows of its statement continue in the next chunk.
pub(crate) const GOES_ON: u8 = 2;
/// Flag of a chunk: it has a row for each statement without columns, with the number of rows that it changed
/// and 1 if it is read-only.
pub(crate) const CHANGES: u8 = 4;
/// The place of the cursor in the header.
const CURSOR: std::ops::Range<usize> = 4..8;
/// The place of the flags in the header.
const FLAGS: usize = 38;
/// The place of changes and last rowid in the header.
const NUMBERS: std::ops::Range<usize> = 8..24;
/// From this many UTF-16 units on, a substring is a view (`SlicedString::kMinLength` in V8).
const VIEW_UNITS_MIN: usize = 13;
/// From this many bytes on, a text is decoded by a call of its own: about 75 ns, whatever its length. `JSON.parse` takes
/// 85 ns for 40 characters and 300 ns for 300.
const LONG_BYTES_MIN: usize = 40;

/// What an answer contains besides its rows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Summary {
    /// The cursor to fetch more rows from; 0 for none.
    pub(crate) cursor: u32,
    /// Rows that the statement has changed.
    pub(crate) changes: i64,
    /// The rowid of the connection's last INSERT.
    pub(crate) last_insert_rowid: i64,
}

/// Gathers rows into chunks.
pub(crate) struct RowWriter {
    columns: usize,
    names: Vec<u8>,
    rows: u32,
    /// The short texts, concatenated.
    text: Vec<u8>,
    text_is_ascii: bool,
    /// The texts of middle length: a JSON array without its end.
    list: Vec<u8>,
    list_is_ascii: bool,
    cells: Vec<u8>,
}

impl RowWriter {
    /// A writer for the rows of this statement. Only the first chunk of an answer needs the column names.
    pub(crate) fn new(statement: Option<&Statement>, with_names: bool) -> Self {
        let columns = statement.map_or(0, Statement::column_count);
        let names = statement.filter(|_| with_names && columns > 0).map(names).unwrap_or_default();
        Self {
            columns,
            names,
            rows: 0,
            text: Vec::new(),
            text_is_ascii: true,
            list: Vec::new(),
            list_is_ascii: true,
            cells: Vec::new(),
        }
    }

    /// A writer for the changes of statements without columns.
    pub(crate) fn of_changes() -> Self {
        Self { columns: 2, ..Self::new(None, false) }
    }

    /// Adds the changes of one such statement.
    pub(crate) fn push_change(&mut self, changes: i64, is_readonly: bool) {
        self.integer(changes);
        self.integer(i64::from(is_readonly));
        self.rows += 1;
    }

    /// Whether it contains no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The number of bytes so far.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.list.len() + self.cells.len()
    }

    /// Adds the current row of the statement.
    pub(crate) fn push(&mut self, statement: &Statement) {
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
        let is_ascii = bytes.is_ascii();
        // SQLite does not check stored text; bytes that are not UTF-8 become U+FFFD.
        let text = if is_ascii { Cow::Borrowed(bytes) } else { replaced(bytes) };
        if text.len() >= LONG_BYTES_MIN {
            self.cells.extend([8, u8::from(is_ascii)]);
            self.cells.extend(length(text.len()).to_be_bytes());
            self.cells.extend(&*text);
            return;
        }
        let units = if is_ascii { text.len() } else { utf16_units(&text) };
        if units < VIEW_UNITS_MIN {
            self.cells.push(5);
            self.cells.extend(length(units).to_be_bytes());
            self.text.extend(&*text);
            self.text_is_ascii &= is_ascii;
            return;
        }
        self.cells.push(7);
        self.list.push(if self.list.is_empty() { b'[' } else { b',' });
        push_json(&mut self.list, &text);
        self.list_is_ascii &= is_ascii;
    }

    /// Whether it is time to close the chunk.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= CHUNK_ROWS || self.bytes() >= CHUNK_BYTES
    }

    /// Returns the chunk. The writer is empty afterwards.
    pub(crate) fn finish(&mut self, summary: Summary) -> Vec<u8> {
        if !self.list.is_empty() {
            self.list.push(b']');
        }
        let size = HEADER_BYTES + self.names.len() + self.text.len() + self.list.len() + self.cells.len();
        let mut chunk = Vec::with_capacity(size);
        chunk.extend(self.rows.to_be_bytes());
        chunk.extend(summary.cursor.to_be_bytes());
        chunk.extend(numbers(summary));
        chunk.extend(length(self.names.len()).to_be_bytes());
        chunk.extend(length(self.columns).to_be_bytes());
        chunk.extend(length(self.text.len()).to_be_bytes());
        chunk.extend([u8::from(self.text_is_ascii), u8::from(self.list_is_ascii), 0, 0]);
        chunk.extend(length(self.list.len()).to_be_bytes());
        chunk.append(&mut self.names);
        chunk.append(&mut self.text);
        chunk.append(&mut self.list);
        chunk.append(&mut self.cells);
        self.rows = 0;
        self.text_is_ascii = true;
        self.list_is_ascii = true;
        chunk
    }
}

/// The cursor of a chunk.
pub(crate) fn cursor(chunk: &[u8]) -> u32 {
    chunk.get(CURSOR).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// Puts another cursor into a chunk.
pub(crate) fn set_cursor(chunk: &mut [u8], cursor: u32) {
    if let Some(place) = chunk.get_mut(CURSOR) {
        place.copy_from_slice(&cursor.to_be_bytes());
    }
}

/// Sets the flags of a chunk.
pub(crate) fn mark(chunk: &mut [u8], flags: u8) {
    if let Some(place) = chunk.get_mut(FLAGS) {
        *place = flags;
    }
}

/// Replaces the numbers of a finished chunk.
pub(crate) fn restate(chunk: &mut [u8], summary: Summary) {
    if let Some(place) = chunk.get_mut(NUMBERS) {
        place.copy_from_slice(&numbers(summary));
    }
}

/// Changes and last rowid as they are stored in a chunk.
fn numbers(summary: Summary) -> [u8; 16] {
    #[expect(clippy::cast_precision_loss, reason = "a statement that changes 2^53 rows would take years")]
    let changes = summary.changes as f64;
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&changes.to_be_bytes());
    bytes[8..].copy_from_slice(&summary.last_insert_rowid.to_be_bytes());
    bytes
}

/// A length of at most 2^31 - 1, SQLite's limit for a value.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn names(statement: &Statement) -> Vec<u8> {
    let mut json = Vec::from(b"[");
    for index in 0..statement.column_count() {
        if index > 0 {
            json.push(b',');
        }
        push_json(&mut json, statement.column_name(index).as_bytes());
    }
    json.push(b']');
    json
}

fn replaced(bytes: &[u8]) -> Cow<'_, [u8]> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// The number of UTF-16 units of a UTF-8 text: one for each character, two for characters of four bytes.
fn utf16_units(text: &[u8]) -> usize {
    text.iter().map(|byte| usize::from(byte & 0xC0 != 0x80) + usize::from(*byte >= 0xF0)).sum()
}

/// A text in UTF-8 as a JSON string (RFC 8259).
fn push_json(json: &mut Vec<u8>, text: &[u8]) {
    json.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        json.extend(&rest[..at]);
        match rest[at] {
            control @ 0..0x20 => {
                let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
                json.extend(b"\\u00");
                json.extend([hex(control >> 4), hex(control & 15)]);
            }
            other => json.extend([b'\\', other]),
        }
        rest = &rest[at + 1..];
    }
    json.extend(rest);
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_json_whatever_is_in_it() {
        for (text, expected) in [
            ("", r#""""#),
            ("a", r#""a""#),
            ("say \"x\"", r#""say \"x\"""#),
            ("back\\slash", r#""back\\slash""#),
            ("tab\there\u{1f}\0", r#""tab\u0009here\u001f\u0000""#),
            ("ü\u{7f}\u{2028}", "\"ü\u{7f}\u{2028}\""),
        ] {
            let mut json = Vec::new();
            push_json(&mut json, text.as_bytes());
            assert_eq!(String::from_utf8(json).unwrap(), expected);
        }
    }

    #[test]
    fn utf_16_units_are_counted_in_utf_8() {
        for text in ["", "a", "ü", "€", "𝄞", "a𝄞€ü\u{FFFD}\u{10FFFF}"] {
            assert_eq!(utf16_units(text.as_bytes()), text.encode_utf16().count(), "{text}");
        }
    }

    #[test]
    fn how_a_text_travels_is_a_matter_of_its_length() {
        let mut writer = RowWriter::new(None, true);
        let (short, middle) = ("€".repeat(12), "𝄞".repeat(7));
        let (middle_max, long) = ("x".repeat(39), format!("{}ü", "x".repeat(38)));
        for text in [&short, &middle, &middle_max, &long] {
            writer.cell(Value::Text(text.as_bytes()));
        }
        assert_eq!(writer.text, short.as_bytes());
        assert_eq!(writer.list, format!("[\"{middle}\",\"{middle_max}\"").as_bytes());
        let cells = [&[5, 0, 0, 0, 12, 7, 7, 8, 0, 0, 0, 0, 40], long.as_bytes()].concat();
        assert_eq!(writer.cells, cells);
        assert_eq!((writer.text_is_ascii, writer.list_is_ascii), (false, false));
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
        assert_eq!((writer.text.as_slice(), writer.text_is_ascii), ("a€".as_bytes(), false));
    }

    #[test]
    fn text_that_is_not_utf_8_is_shown_with_replacements() {
        let mut writer = RowWriter::new(None, true);
        writer.cell(Value::Text(b"a\xFFb"));
        assert_eq!(writer.text, "a\u{FFFD}b".as_bytes());
        assert_eq!(writer.cells, [5, 0, 0, 0, 3]);
    }
}
