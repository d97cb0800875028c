//! Classifies a statement by its first words.

/// What a statement ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The transaction that it runs in, keeping its writes.
    Commit,
    /// The transaction that it runs in, discarding its writes.
    Rollback,
    /// A savepoint, released or rolled back to.
    Savepoint,
}

/// What a statement ends, if anything.
pub(crate) fn ending(sql: &str) -> Option<Ending> {
    let (first, rest) = next_word(sql);
    let is = |word: &str, expected: &str| word.eq_ignore_ascii_case(expected);
    if is(first, "commit") || is(first, "end") {
        return Some(Ending::Commit);
    }
    if is(first, "release") {
        return Some(Ending::Savepoint);
    }
    if !is(first, "rollback") {
        return None;
    }
    let (second, rest) = next_word(rest);
    let to = if is(second, "transaction") { next_word(rest).0 } else { second };
    Some(if is(to, "to") { Ending::Savepoint } else { Ending::Rollback })
}

/// Whether a statement ends the transaction that it runs in.
pub(crate) fn ends_transaction(sql: &str) -> bool {
    matches!(ending(sql), Some(Ending::Commit | Ending::Rollback))
}

/// Whether a statement cannot run inside a transaction, or has no effect there: it begins or ends one, or
/// sets something that can only be set outside of transactions.
pub(super) fn stands_alone(sql: &str) -> bool {
    const WORDS: [&str; 10] = [
        "begin",
        "commit",
        "end",
        "rollback",
        "savepoint",
        "release",
        "vacuum",
        "pragma",
        "attach",
        "detach",
    ];
    let first = first_word(sql);
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(first))
}

/// Whether the text contains no statement: only whitespace, semicolons and comments.
pub fn is_blank(sql: &str) -> bool {
    let (word, rest) = next_word(sql);
    word.is_empty() && rest.is_empty()
}

/// The first word of a statement, after whitespace and comments.
pub(crate) fn first_word(sql: &str) -> &str {
    next_word(sql).0
}

/// The next word, after whitespace and comments (<https://sqlite.org/lang_comment.html>), and what follows
/// it.
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
        // An unterminated comment extends to the end of the text.
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
    fn what_holds_no_statement_is_blank() {
        for sql in ["", " ;\n; ", "-- SELECT 1", "/* SELECT */ ; -- x\n", "/* never ends"] {
            assert!(is_blank(sql), "{sql:?}");
        }
        for sql in ["SELECT 1", " (", "; 'x'", "-- x\ny"] {
            assert!(!is_blank(sql), "{sql:?}");
        }
    }

    #[test]
    fn what_stands_alone_is_told_by_its_first_word() {
        for sql in ["PRAGMA x", " -- a\nBegin; SELECT 1", "vacuum", "END", "SAVEPOINT s"] {
            assert!(stands_alone(sql), "{sql:?}");
        }
        for sql in ["SELECT 1; COMMIT", "ENDS", "", "INSERT INTO pragma VALUES (1)"] {
            assert!(!stands_alone(sql), "{sql:?}");
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
    fn what_a_statement_ends_is_known() {
        for (sql, ends) in [
            ("commit", Some(Ending::Commit)),
            ("END TRANSACTION", Some(Ending::Commit)),
            ("-- over\nROLLBACK; BEGIN", Some(Ending::Rollback)),
            ("ROLLBACK TO s", Some(Ending::Savepoint)),
            ("RELEASE SAVEPOINT s", Some(Ending::Savepoint)),
            ("BEGIN", None),
            ("ENDING", None),
            ("", None),
        ] {
            assert_eq!(ending(sql), ends, "{sql:?}");
        }
    }
}
