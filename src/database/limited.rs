//! `UPDATE … LIMIT` and `DELETE … ORDER BY … LIMIT`, which the bundled SQLite cannot parse: its parser is
//! generated without `SQLITE_ENABLE_UPDATE_DELETE_LIMIT`, and no compile-time flag restores the grammar. A
//! parser that knows these statements rewrites them as a subquery (`sqlite3LimitWhere`). This module does the
//! same:
//!
//! ```text
//! DELETE FROM t WHERE a = 1 ORDER BY b LIMIT 2 RETURNING a
//! DELETE FROM t WHERE _rowid_ IN (SELECT _rowid_ FROM t WHERE a = 1 ORDER BY b LIMIT 2) RETURNING a
//! ```
//!
//! Only SQL that SQLite has refused gets here. A statement that this module does not understand stays
//! refused.

use std::ops::Range;

/// A statement rewritten into one that SQLite understands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Limited {
    /// What to run.
    pub(super) sql: String,
    /// A query for the key that selects the rows; its column must be a rowid.
    pub(super) key: String,
    /// Where the statement ends.
    pub(super) end: usize,
}

/// Whether SQL begins with an UPDATE or DELETE that has an ORDER BY or a LIMIT of its own.
pub(super) fn is_limited(sql: &str) -> bool {
    parts(sql).is_some_and(|parts| parts.tail.is_some())
}

/// The statement at the start of `sql`, if it is one of these and can be rewritten.
pub(super) fn turned(sql: &str) -> Option<Limited> {
    let Parts { head, target, condition, returning, tail, has_from, end } = parts(sql)?;
    let tail = tail.filter(|tail| !has_from && tail.has_limit)?;
    let text = |range: &Range<usize>| &sql[range.clone()];
    // After moving behind the LIMIT, parameters without a number would be numbered in another order.
    let moved = returning.as_ref().filter(|returning| returning.start < tail.range.start);
    if moved.is_some_and(|returning| has_unnumbered(text(returning)) && has_unnumbered(text(&tail.range))) {
        return None;
    }
    let condition = condition.map_or("", |range| text(&range).trim());
    let returning = returning.map_or("", |range| text(&range).trim());
    let (head, target, tail) = (text(&head).trim(), text(&target).trim(), text(&tail.range).trim());
    // On separate lines, since a part may end in a comment.
    let key = format!("SELECT _rowid_ FROM {target}");
    let sql = format!("{head}\nWHERE _rowid_ IN ({key}\n{condition}\n{tail}\n)\n{returning}");
    Some(Limited { sql, key, end })
}

struct Tail {
    range: Range<usize>,
    has_limit: bool,
}

/// The parts of an UPDATE or DELETE.
struct Parts {
    /// Everything before the condition.
    head: Range<usize>,
    /// The table with its alias and index.
    target: Range<usize>,
    /// From WHERE on.
    condition: Option<Range<usize>>,
    returning: Option<Range<usize>>,
    /// From ORDER BY or LIMIT on.
    tail: Option<Tail>,
    has_from: bool,
    end: usize,
}

fn parts(sql: &str) -> Option<Parts> {
    let (tokens, end) = outer_tokens(sql);
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|range| is_word(&sql[range.clone()], word));
    let find =
        |from: usize, words: &[&str]| (from..tokens.len()).find(|at| words.iter().any(|word| is(*at, word)));
    let mut at = 0;
    if is(at, "explain") {
        at += if is(1, "query") && is(2, "plan") { 3 } else { 1 };
    }
    if is(at, "with") {
        at = find(at, &["update", "delete", "insert", "replace", "select", "values"])?;
    }
    let is_update = is(at, "update");
    let first = match (is_update, is(at, "delete") && is(at + 1, "from")) {
        (true, _) if is(at + 1, "or") => at + 3,
        (true, _) => at + 1,
        (false, true) => at + 2,
        (false, false) => return None,
    };
    let clauses = ["where", "returning", "order", "limit"];
    let after_target = if is_update { find(first, &["set"])? } else { find(first, &clauses)? };
    let starts_at = |at: Option<usize>| at.map(|at| tokens[at].start);
    let condition = starts_at(find(after_target, &["where"]));
    let returning = starts_at(find(after_target, &["returning"]));
    let tail = starts_at(find(after_target, &["order", "limit"]));
    let has_limit = find(after_target, &["limit"]).is_some();
    let has_from = is_update && find(after_target, &["from"]).is_some();
    // A clause extends to the next one.
    let until_next = |start: usize| {
        let next = [condition, returning, tail].into_iter().flatten().filter(|other| *other > start).min();
        start..next.unwrap_or(end)
    };
    let start = tokens.get(first)?.start;
    Some(Parts {
        head: 0..[condition, returning, tail].into_iter().flatten().min().unwrap_or(end),
        target: start..tokens[after_target].start,
        condition: condition.map(until_next),
        returning: returning.map(until_next),
        tail: tail.map(|start| Tail { range: until_next(start), has_limit }),
        has_from,
        end,
    })
}

fn is_word(token: &str, word: &str) -> bool {
    token.eq_ignore_ascii_case(word)
}

/// Whether a text has parameters that are numbered by their position.
fn has_unnumbered(sql: &str) -> bool {
    tokens(sql).any(|range| &sql[range] == "?")
}

/// The tokens of the first statement that are outside of parentheses, and where the statement ends.
fn outer_tokens(sql: &str) -> (Vec<Range<usize>>, usize) {
    let (mut outer, mut depth) = (Vec::new(), 0_usize);
    for range in tokens(sql) {
        match &sql[range.clone()] {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            // A semicolon before the statement ends only an empty one.
            ";" if depth == 0 && outer.is_empty() => {}
            ";" if depth == 0 => return (outer, range.start),
            _ if depth == 0 => outer.push(range),
            _ => {}
        }
    }
    (outer, sql.len())
}

/// The tokens of SQL without whitespace and comments. A quoted text is one token, and so is a word or a
/// number.
fn tokens(sql: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &sql[at..];
            let start = at;
            let first = rest.chars().next()?;
            at += match first {
                '-' if rest.starts_with("--") => rest.find('\n').map_or(rest.len(), |end| end + 1),
                '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
                _ if first.is_ascii_whitespace() || first == '\u{feff}' => first.len_utf8(),
                _ => {
                    at += token_length(rest, first);
                    return Some(start..at);
                }
            };
        }
    })
}

fn token_length(rest: &str, first: char) -> usize {
    match first {
        '\'' | '"' | '`' => quoted_length(rest, first),
        '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
        '?' | ':' | '@' | '$' | '#' => 1 + word_length(&rest[1..]),
        _ => match word_length(rest) {
            0 => first.len_utf8(),
            length => length,
        },
    }
}

fn word_length(rest: &str) -> usize {
    let is_of_a_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len())
}

/// The length up to the closing quote; two quotes stand for one inside.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut at = 1;
    loop {
        let Some(end) = rest[at..].find(quote) else { return rest.len() };
        at += end + 1;
        if !rest[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statement on one line.
    fn flat(sql: &str) -> Option<String> {
        turned(sql).map(|turned| turned.sql.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_limit_becomes_a_subquery() {
        for (sql, expected) in [
            ("DELETE FROM t LIMIT 1", "DELETE FROM t WHERE _rowid_ IN (SELECT _rowid_ FROM t LIMIT 1 )"),
            (
                "delete from main.\"a where b\" where a = ? order by b limit ? offset 2;",
                "delete from main.\"a where b\" WHERE _rowid_ IN (SELECT _rowid_ FROM main.\"a where b\" where a = ? \
                 order by b limit ? offset 2 )",
            ),
            (
                "UPDATE OR IGNORE t AS x NOT INDEXED SET a = (SELECT 1 LIMIT 1), b = 'LIMIT 5' WHERE x.a IN (1, 2) LIMIT 3",
                "UPDATE OR IGNORE t AS x NOT INDEXED SET a = (SELECT 1 LIMIT 1), b = 'LIMIT 5' WHERE _rowid_ IN \
                 (SELECT _rowid_ FROM t AS x NOT INDEXED WHERE x.a IN (1, 2) LIMIT 3 )",
            ),
            (
                "WITH c AS (SELECT 1) DELETE FROM t WHERE a IN c RETURNING a, ? ORDER BY a LIMIT 1",
                "WITH c AS (SELECT 1) DELETE FROM t WHERE _rowid_ IN (SELECT _rowid_ FROM t WHERE a IN c ORDER BY a \
                 LIMIT 1 ) RETURNING a, ?",
            ),
            (
                "DELETE FROM t LIMIT 1 RETURNING *",
                "DELETE FROM t WHERE _rowid_ IN (SELECT _rowid_ FROM t LIMIT 1 ) RETURNING *",
            ),
            (
                "EXPLAIN QUERY PLAN DELETE FROM t LIMIT 1",
                "EXPLAIN QUERY PLAN DELETE FROM t WHERE _rowid_ IN (SELECT _rowid_ FROM t LIMIT 1 )",
            ),
        ] {
            assert_eq!(flat(sql).as_deref(), Some(expected));
            assert!(is_limited(sql));
        }
    }

    #[test]
    fn comments_do_not_swallow_what_is_put_behind_them() {
        let sql = "DELETE FROM t -- all\nWHERE a = 1 -- LIMIT 9\n LIMIT 1 -- one";
        let turned = turned(sql).unwrap().sql;
        assert!(turned.contains("-- LIMIT 9\nLIMIT 1 -- one\n)"), "{turned}");
    }

    #[test]
    fn the_statement_ends_where_the_next_one_begins() {
        let sql = "DELETE FROM t WHERE a = ';' LIMIT 1; SELECT 1 LIMIT 2";
        let first = turned(sql).unwrap();
        assert_eq!(&sql[first.end..], "; SELECT 1 LIMIT 2");
        assert!(!first.sql.contains("SELECT 1"));
        assert!(is_limited(" ; /* x */ ;DELETE FROM t LIMIT 1"));
    }

    #[test]
    fn what_cannot_be_turned_is_known() {
        for sql in [
            "UPDATE t SET a = u.a FROM u LIMIT 1",
            "DELETE FROM t ORDER BY a",
            "DELETE FROM t RETURNING ? LIMIT ?",
        ] {
            assert!(is_limited(sql) && turned(sql).is_none(), "{sql}");
        }
    }

    #[test]
    fn other_statements_are_none_of_these() {
        for sql in [
            "",
            "SELECT 1 LIMIT 1",
            "WITH c AS (DELETE FROM t) SELECT 1 LIMIT 1",
            "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1 LIMIT 1",
            "CREATE TRIGGER r AFTER UPDATE ON t BEGIN DELETE FROM t LIMIT 1; END",
            "DELETE FROM t WHERE a = 'LIMIT 1' /* LIMIT 1 */",
            "DELETE FROM [t LIMIT 1]",
            "DELETE",
            "UPDATE",
            "UPDATE t SET a = 'never ends LIMIT 1",
            "DELETE FROM t WHERE (a LIMIT 1",
        ] {
            assert!(!is_limited(sql) && turned(sql).is_none(), "{sql}");
        }
    }
}
