//! The bytes in which JavaScript sends parameters (`src/database/session/wire.rs`), and those in which rows go back: arbitrary
//! ones are refused or bound as a second reading of the format says, and values come back as they were sent.
//!
//! How JavaScript's values become these bytes is the matter of `fuzz/arguments.mjs`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use batondb::database::{Call, DatabaseError, Kind};
use batondb::engine::Preload;

use super::host::{Db, Host};
use super::input::Input;
use super::values::{Value, encode, encode_named};

/// Statements, and which parameter each of their columns shows, by number or by name.
const BY_NUMBER: [(&str, usize, &[usize]); 5] = [
    ("SELECT ?", 1, &[0]),
    ("SELECT ?, ?, ?", 3, &[0, 1, 2]),
    ("SELECT ?3, ?1", 3, &[2, 0]),
    ("INSERT INTO t VALUES (?1, ?2) RETURNING a, b", 2, &[0, 1]),
    ("SELECT 'none'", 0, &[]),
];
const BY_NAME: [(&str, &[&str]); 3] = [
    ("SELECT :a, @a, $b", &["a", "a", "b"]),
    ("INSERT INTO t VALUES ($é, :é) RETURNING a, b", &["é", "é"]),
    ("SELECT $x::y", &["x::y"]),
];

fn database() -> &'static Db {
    static DATABASE: OnceLock<(Host, Db)> = OnceLock::new();
    let (_, db) = DATABASE.get_or_init(|| {
        let host = Host::new(1 << 20);
        let db = host.open(Preload::default()).unwrap();
        let sql = "CREATE TEMP TABLE t(a, b)".to_owned();
        db.call(Call::Run(Kind::Exec, (sql, None))).unwrap();
        (host, db)
    });
    db
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(4) {
        0 => by_number(&mut input),
        1 => by_name(&mut input),
        2 => arbitrary(&BY_NUMBER.map(|(sql, ..)| sql), &mut input),
        _ => arbitrary(&BY_NAME.map(|(sql, _)| sql), &mut input),
    }
}

fn value(input: &mut Input<'_>) -> Value {
    match input.below(6) {
        0 => Value::Null,
        1 => Value::Integer(input.u64().cast_signed()),
        2 => Value::Integer(i64::from(input.byte()) - 128),
        3 => Value::Real(f64::from_bits(input.u64())),
        4 => {
            let count = input.below(40) as usize;
            let text = String::from_utf8_lossy(input.bytes(count)).into_owned();
            let times = if input.one_in(20) { input.below(9_000) as usize } else { 1 };
            Value::Text(text.repeat(times))
        }
        _ => {
            let count = input.below(2_000) as usize;
            Value::Blob(input.bytes(count).to_vec())
        }
    }
}

/// What SQLite makes of a value: it has no NaN.
fn bound(value: &Value) -> Value {
    match value {
        Value::Real(number) if number.is_nan() => Value::Null,
        other => other.clone(),
    }
}

fn by_number(input: &mut Input<'_>) {
    let (sql, count, shown) = input.of(&BY_NUMBER);
    let given = if input.one_in(4) { input.below(6) as usize } else { count };
    let values: Vec<Value> = (0..given).map(|_| value(input)).collect();
    let answer = database().all_raw(sql, Some(encode(&values)));
    if given != count {
        assert!(matches!(answer, Err(DatabaseError::Invalid(_))), "{sql}: {answer:?}");
        return;
    }
    let row = answer.unwrap().rows.remove(0);
    if count > 0 {
        let expected: Vec<Value> = shown.iter().map(|&index| bound(&values[index])).collect();
        assert_eq!(row, expected, "{sql} with {values:?}");
    }
}

fn by_name(input: &mut Input<'_>) {
    let (sql, shown) = input.of(&BY_NAME);
    let mut values = BTreeMap::new();
    for name in shown.iter().copied().chain(input.one_in(5).then_some("other")) {
        if !input.one_in(12) {
            values.insert(name, value(input));
        }
    }
    let given: Vec<(&str, Value)> = values.iter().map(|(name, value)| (*name, value.clone())).collect();
    let answer = database().all_raw(sql, Some(encode_named(&given)));
    if values.contains_key("other") || shown.iter().any(|name| !values.contains_key(name)) {
        assert!(matches!(answer, Err(DatabaseError::Invalid(_))), "{sql}: {answer:?}");
        return;
    }
    let expected: Vec<Value> = shown.iter().map(|name| bound(&values[name])).collect();
    assert_eq!(answer.unwrap().rows, [expected], "{sql} with {values:?}");
}

/// Bytes that JavaScript never sends: any at all, or those of parameters that fit, cut short.
fn arbitrary(statements: &[&str], input: &mut Input<'_>) {
    let sql = input.of(statements);
    let values: Vec<Value> = (0..sql.matches('?').count()).map(|_| value(input)).collect();
    let whole = encode(&values);
    let cut = &whole[..input.below(u32::try_from(whole.len()).unwrap()) as usize];
    let bytes = if input.one_in(2) { cut } else { input.rest() };
    match database().all_raw(sql, Some(bytes.to_vec())) {
        Err(DatabaseError::Invalid(_)) => {}
        Ok(_) => assert!(is_complete(bytes), "{bytes:?} is cut short, and was taken"),
        Err(other) => panic!("{sql}: {other:?}"),
    }
}

/// Whether as many parameters are there as the bytes say, by the format's description.
fn is_complete(bytes: &[u8]) -> bool {
    let mut input = Input::new(bytes);
    let (kind, count) = (input.byte(), input.u32());
    bytes.len() >= 5 && (0..count).all(|_| is_value_complete(&mut input, kind == 2))
}

fn is_value_complete(input: &mut Input<'_>, with_name: bool) -> bool {
    let takes = |input: &mut Input<'_>| {
        let Ok(header) = <[u8; 4]>::try_from(input.bytes(4)) else { return false };
        let length = u32::from_be_bytes(header) as usize;
        input.bytes(length).len() == length
    };
    if with_name && !takes(input) {
        return false;
    }
    match input.bytes(1) {
        [0] => true,
        [1 | 2] => input.bytes(8).len() == 8,
        [3 | 4] => takes(input),
        _ => false,
    }
}
