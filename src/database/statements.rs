//! Compiled statements that wait to be run again, by their text.

use std::collections::HashMap;

use super::sqlite::Statement;

/// How many statements wait at most. Each takes some kilobytes.
const STATEMENTS_MAX: usize = 64;
/// A longer text is not likely to come again.
const SQL_BYTES_MAX: usize = 16 << 10;

/// The statements of one connection; the one not used for longest gives way.
#[derive(Default)]
pub(super) struct StatementCache {
    statements: HashMap<String, (u64, Statement)>,
    uses: u64,
}

impl StatementCache {
    /// Whether a statement may be run again. Some pragmas do their work while they are compiled, so a
    /// compiled one would do nothing the second time (<https://sqlite.org/pragma.html>).
    pub(super) fn is_worth_keeping(sql: &str) -> bool {
        sql.len() <= SQL_BYTES_MAX && !first_word(sql).eq_ignore_ascii_case("pragma")
    }

    /// Takes the statement of this text out.
    pub(super) fn take(&mut self, sql: &str) -> Option<Statement> {
        self.statements.remove(sql).map(|(_, statement)| statement)
    }

    /// Puts a statement back that is reset and has no parameters set.
    pub(super) fn put(&mut self, sql: String, statement: Statement) {
        self.uses += 1;
        if self.statements.len() >= STATEMENTS_MAX && !self.statements.contains_key(&sql) {
            let oldest = self.statements.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(sql, _)| sql.clone()) {
                self.statements.remove(&oldest);
            }
        }
        self.statements.insert(sql, (self.uses, statement));
    }

    /// Drops all of them.
    pub(super) fn clear(&mut self) {
        self.statements = HashMap::new();
    }
}

/// Whether a statement ends the transaction that it runs in.
pub(super) fn ends_transaction(sql: &str) -> bool {
    let (first, rest) = next_word(sql);
    let is = |word: &str, expected: &str| word.eq_ignore_ascii_case(expected);
    if !is(first, "rollback") {
        return is(first, "commit") || is(first, "end");
    }
    let (second, rest) = next_word(rest);
    let to = if is(second, "transaction") { next_word(rest).0 } else { second };
    !is(to, "to")
}

/// The first word of a statement, after spaces and comments.
fn first_word(sql: &str) -> &str {
    next_word(sql).0
}

/// The next word, after spaces and comments (<https://sqlite.org/lang_comment.html>), and what follows it.
fn next_word(sql: &str) -> (&str, &str) {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ';' || c == '\u{feff}');
        let after = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map(|(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map(|(_, after)| after)
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            return rest.split_at(end);
        };
        // A comment that does not end takes all of the rest.
        rest = after.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_found_behind_spaces_and_comments() {
        for (sql, word) in [
            ("SELECT 1", "SELECT"),
            ("  \n;; pragma foo", "pragma"),
            ("-- one\n/* two\n */PRAGMA x", "PRAGMA"),
            ("/* never ends PRAGMA", ""),
            ("-- never ends", ""),
            ("", ""),
            ("(select 1)", ""),
        ] {
            assert_eq!(first_word(sql), word, "{sql:?}");
        }
    }

    #[test]
    fn the_end_of_a_transaction_is_told_from_that_of_a_savepoint() {
        for sql in ["COMMIT", "end", " /* x */ Commit transaction", "ROLLBACK", "rollback transaction;"] {
            assert!(ends_transaction(sql), "{sql}");
        }
        for sql in ["ROLLBACK TO s", "rollback transaction /* x */ to s", "RELEASE s", "BEGIN", "SELECT 1"] {
            assert!(!ends_transaction(sql), "{sql}");
        }
    }

    #[test]
    fn pragmas_and_very_long_texts_are_not_kept() {
        assert!(StatementCache::is_worth_keeping("select 1"));
        assert!(!StatementCache::is_worth_keeping("/* x */ Pragma foreign_keys = on"));
        assert!(!StatementCache::is_worth_keeping(&"x".repeat(SQL_BYTES_MAX + 1)));
    }
}
