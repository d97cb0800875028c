//! The cache of compiled statements, keyed by their text.

use std::collections::HashMap;

use crate::database::keywords::first_word;
use crate::database::sqlite::Statement;

/// How many statements are cached at most. Each takes a few kilobytes.
const STATEMENTS_MAX: usize = 64;
/// A longer text is not likely to be run again.
const SQL_BYTES_MAX: usize = 16 << 10;

/// The cached statements of one connection; the least recently used one is evicted.
#[derive(Default)]
pub(crate) struct StatementCache {
    statements: HashMap<String, (u64, Statement)>,
    uses: u64,
}

impl StatementCache {
    /// Whether a statement may be run again. Some pragmas do their work while they are compiled, so a
    /// compiled one would do nothing the second time (<https://sqlite.org/pragma.html>).
    pub(crate) fn is_worth_keeping(sql: &str) -> bool {
        !sql.is_empty() && sql.len() <= SQL_BYTES_MAX && !first_word(sql).eq_ignore_ascii_case("pragma")
    }

    /// Takes out the statement of this text.
    pub(crate) fn take(&mut self, sql: &str) -> Option<Statement> {
        self.statements.remove(sql).map(|(_, statement)| statement)
    }

    /// Puts back a statement that was reset and has no parameters set.
    pub(crate) fn put(&mut self, sql: String, statement: Statement) {
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
    pub(crate) fn clear(&mut self) {
        self.statements = HashMap::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pragmas_and_very_long_texts_are_not_kept() {
        assert!(StatementCache::is_worth_keeping("select 1"));
        assert!(!StatementCache::is_worth_keeping("/* x */ Pragma foreign_keys = on"));
        assert!(!StatementCache::is_worth_keeping(""));
        assert!(!StatementCache::is_worth_keeping(&"x".repeat(SQL_BYTES_MAX + 1)));
    }
}
