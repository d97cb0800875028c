//! Parameters and rows as bytes, the form in which they cross to and from JavaScript. One buffer for many
//! values costs less than one call across the boundary for each. `lib/arguments/parameters.js` and
//! `lib/results/rows.js` are the other ends. All numbers are big-endian.
//!
//! ```text
//! parameters  kind:u8 (1 by position, 2 by name) count:u32 then each: [name] value
//!             name: length:u32 UTF-8          value: tag:u8 and
//!             0 null   1 integer i64   2 real f64   3 text length:u32 UTF-8   4 blob length:u32 bytes
//! chunk       rows:u32 cursor:u32 changes:f64 last-insert-rowid:i64
//!             columns-bytes:u32 columns:u32 text-bytes:u32 text-is-ascii:u8 list-is-ascii:u8 flags:u8 00 list-bytes:u32
//!             flags, of scripts that are run statement by statement: 1 the statement changes nothing
//!             2 its rows go on in the next chunk   4 a row for each statement without columns
//!             columns: a JSON array of names   text: of all short texts, one after the other
//!             list: a JSON array of the texts of middle length
//!             cells, row by row: tag:u8 and
//!             0 null   1 integer i8   2 integer i32   3 integer i64   4 real f64
//!             5 short text, its length in UTF-16 units:u32   6 blob length:u32 bytes
//!             7 the next text of the list   8 long text is-ascii:u8 length:u32 UTF-8
//! ```

mod rows;

pub(crate) use self::rows::{
    CHANGES, GOES_ON, READONLY, RowWriter, Summary, cursor, mark, restate, set_cursor,
};
use crate::database::error::DatabaseError;
use crate::database::sqlite::{Statement, Value};

const BY_NAME: u8 = 2;

/// Sets the parameters of a statement: all of them, and no others.
pub(crate) fn bind(statement: &mut Statement, params: Option<&[u8]>) -> Result<(), DatabaseError> {
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
        // One value may be meant for `:a`, `@a` and `$a` in the same statement.
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

/// The JavaScript side of this process has written the bytes, so this is a bug of ours.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_end_early_are_refused() {
        for bytes in [&[][..], &[1], &[3, 0, 0, 0, 5, b'a'], &[9], &[4, 255, 255, 255, 255]] {
            assert!(Reader(bytes).value().is_err(), "{bytes:?}");
        }
    }
}
