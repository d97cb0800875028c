//! The pragmas that are answered here (<https://sqlite.org/pragma.html>).
//!
//! Pinned pragmas would take the database out of the store's hands: how it journals, locks, syncs and maps,
//! and the page size of a database that has pages. They return the value in force and change nothing. Refused
//! pragmas reach beyond the database, into the process. The connection checks for these, since a pragma on
//! another schema never reaches the main file.

use super::file::{Pinned, PragmaAnswer};
use crate::database::sqlite::Asked;

/// The state of the database when a pragma is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// The size of a page, once the database has pages.
    pub(super) page_bytes: Option<usize>,
    /// Whether a transaction is writing, perhaps pages of a size that is not known here yet.
    pub(super) writing: bool,
    /// Whether the actor is owned; otherwise the database is read-only, and holds no lock between
    /// transactions.
    pub(super) owned: bool,
}

/// Whether a pragma affects the process, not only the database.
pub(crate) fn is_of_the_process(name: &str) -> bool {
    ["temp_store_directory", "data_store_directory", "soft_heap_limit", "hard_heap_limit"]
        .iter()
        .any(|refused| name.eq_ignore_ascii_case(refused))
}

/// Whether the argument of a pragma turns a switch on (`sqlite3GetBoolean`).
fn says_on(argument: &str) -> bool {
    match argument.bytes().next() {
        Some(b'0'..=b'9') => {
            let digits = argument.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            // SQLite uses the lowest eight bits.
            digits.parse::<u32>().is_ok_and(|number| number & 0xFF != 0)
        }
        _ => ["on", "yes", "true"].iter().any(|on| argument.eq_ignore_ascii_case(on)),
    }
}

/// Whether SQLite would silently ignore a pragma that is meant to change something: only `foreign_keys`
/// inside a transaction (<https://sqlite.org/pragma.html#pragma_foreign_keys>).
pub(crate) fn would_be_passed_over(asked: &Asked<'_>) -> bool {
    asked.in_transaction
        && asked.name.eq_ignore_ascii_case("foreign_keys")
        && asked.argument.is_some_and(|argument| says_on(argument) != asked.foreign_keys)
}

/// A pragma without effect, rows or columns: SQLite ignores names that it does not know.
const NOTHING: &str = "PRAGMA baton_nothing";

/// The answer to a pragma on the main database.
fn answer(name: &str, argument: Option<&str>, standing: Standing) -> PragmaAnswer {
    let pinned = |text, instead| PragmaAnswer::Pinned(Pinned { text, instead });
    match (name.to_ascii_lowercase().as_str(), argument) {
        // The journal is in memory, and in an anonymous file of this process when it grows.
        ("journal_mode", _) => pinned("memory", "SELECT 'memory' AS journal_mode"),
        ("locking_mode", Some(_)) if standing.owned => {
            pinned("exclusive", "SELECT 'exclusive' AS locking_mode")
        }
        ("locking_mode", Some(_)) => pinned("normal", "SELECT 'normal' AS locking_mode"),
        // FULL: a commit that has returned is as durable as the store makes it.
        ("synchronous", Some(_)) => pinned("2", NOTHING),
        ("page_size", Some(_)) => match standing.page_bytes {
            Some(_) => pinned("", NOTHING),
            // SQLite would remember it for the next VACUUM.
            None if standing.writing => PragmaAnswer::Refused(
                "PRAGMA page_size is refused: the transaction has made pages of another size".to_owned(),
            ),
            None => PragmaAnswer::Pass,
        },
        _ => PragmaAnswer::Pass,
    }
}

/// The pragmas that are answered here.
#[derive(Default)]
pub(crate) struct Pins {
    /// False while the connection is being set up.
    are_set: bool,
    instead: Option<&'static str>,
}

impl Pins {
    pub(crate) fn set(&mut self, are_set: bool) {
        self.are_set = are_set;
    }

    /// The statement to run instead of the one compiled last.
    pub(crate) fn take_instead(&mut self) -> Option<&'static str> {
        self.instead.take()
    }

    pub(super) fn answer(&mut self, name: &str, argument: Option<&str>, standing: Standing) -> PragmaAnswer {
        if !self.are_set {
            return PragmaAnswer::Pass;
        }
        let answer = answer(name, argument, standing);
        if let PragmaAnswer::Pinned(Pinned { instead, .. }) = &answer {
            self.instead = Some(instead);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Standing = Standing { page_bytes: None, writing: false, owned: true };
    const FILLED: Standing = Standing { page_bytes: Some(4096), writing: true, owned: true };

    fn pinned(name: &str, argument: Option<&str>, standing: Standing) -> Option<&'static str> {
        match answer(name, argument, standing) {
            PragmaAnswer::Pinned(Pinned { instead, .. }) => Some(instead),
            PragmaAnswer::Pass | PragmaAnswer::Refused(_) => None,
        }
    }

    #[test]
    fn what_the_store_relies_on_cannot_be_set() {
        for standing in [EMPTY, FILLED] {
            for argument in [Some("WAL"), Some("1")] {
                assert_eq!(
                    pinned("LOCKING_MODE", argument, standing),
                    Some("SELECT 'exclusive' AS locking_mode")
                );
                assert_eq!(pinned("Synchronous", argument, standing), Some(NOTHING));
                assert_eq!(
                    pinned("journal_mode", argument, standing),
                    Some("SELECT 'memory' AS journal_mode")
                );
            }
            assert_eq!(pinned("journal_mode", None, standing), Some("SELECT 'memory' AS journal_mode"));
            // SQLite itself handles these.
            for name in ["locking_mode", "synchronous", "mmap_size", "page_size", "foreign_keys"] {
                assert_eq!(answer(name, None, standing), PragmaAnswer::Pass, "{name}");
            }
        }
    }

    #[test]
    fn a_database_that_is_read_only_keeps_its_lock() {
        let followed = Standing { owned: false, ..FILLED };
        let instead = pinned("locking_mode", Some("EXCLUSIVE"), followed);
        assert_eq!(instead, Some("SELECT 'normal' AS locking_mode"));
    }

    #[test]
    fn the_page_size_is_free_until_there_are_pages() {
        assert_eq!(answer("page_size", Some("8192"), EMPTY), PragmaAnswer::Pass);
        assert_eq!(pinned("page_size", Some("8192"), FILLED), Some(NOTHING));
        let filling = Standing { writing: true, ..EMPTY };
        assert!(matches!(answer("page_size", Some("8192"), filling), PragmaAnswer::Refused(_)));
        assert_eq!(answer("page_size", None, filling), PragmaAnswer::Pass);
    }

    #[test]
    fn a_setting_that_would_be_passed_over_is_known() {
        let on = Asked { name: "Foreign_Keys", argument: None, in_transaction: true, foreign_keys: true };
        for (argument, changes) in [
            (None, false),
            (Some("ON"), false),
            (Some("yes"), false),
            (Some("1"), false),
            (Some("OFF"), true),
            (Some("0"), true),
            (Some("256"), true),
            (Some("-1"), true),
            (Some("nonsense"), true),
        ] {
            let asked = Asked { argument, ..on };
            assert_eq!(would_be_passed_over(&asked), changes, "{argument:?}");
            assert!(!would_be_passed_over(&Asked { in_transaction: false, ..asked }));
            assert!(!would_be_passed_over(&Asked { name: "defer_foreign_keys", ..asked }));
            let off = Asked { foreign_keys: false, ..asked };
            assert_eq!(would_be_passed_over(&off), argument.is_some() && !changes, "{argument:?}");
        }
    }

    #[test]
    fn what_reaches_into_the_process_is_known_by_name() {
        assert!(is_of_the_process("Hard_Heap_Limit"));
        assert!(!is_of_the_process("foreign_keys"));
    }
}
