//! Which pragmas are answered here (<https://sqlite.org/pragma.html>).
//!
//! Pinned are those that would take the database out of the store's hands: how it journals, locks, syncs
//! and maps, and the page size of a database that has pages. They answer what holds, and change nothing.
//! Refused are those that reach beyond the database, into the process; the connection asks for these, since
//! a pragma on another schema never comes to the main file.

use super::file::PragmaAnswer;

/// Where the database stands when a pragma is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// The size of a page, once the database has pages.
    pub(super) page_bytes: Option<usize>,
    /// Whether a transaction is writing, pages of a size that is not known here perhaps.
    pub(super) writing: bool,
    /// Whether the actor is owned; otherwise the database is read only, and holds no lock between transactions.
    pub(super) owned: bool,
}

/// Whether a pragma changes the process, not only the database.
pub(crate) fn is_of_the_process(name: &str) -> bool {
    ["temp_store_directory", "data_store_directory", "soft_heap_limit", "hard_heap_limit"]
        .iter()
        .any(|refused| name.eq_ignore_ascii_case(refused))
}

/// The answer to a pragma on the main database.
pub(super) fn answer(name: &str, argument: Option<&str>, standing: Standing) -> PragmaAnswer {
    let pinned = |value: &str| PragmaAnswer::Pinned(value.to_owned());
    match name.to_ascii_lowercase().as_str() {
        // The journal lives in memory, and in an anonymous file of this process when it grows.
        "journal_mode" => pinned("memory"),
        "locking_mode" => pinned(if standing.owned { "exclusive" } else { "normal" }),
        // FULL: a commit that has returned is as durable as the store is.
        "synchronous" => pinned("2"),
        "mmap_size" => pinned("0"),
        "page_size" => match (standing.page_bytes, argument) {
            (Some(bytes), Some(_)) => pinned(&bytes.to_string()),
            // SQLite would keep it in mind for the next VACUUM.
            (None, Some(_)) if standing.writing => PragmaAnswer::Refused(
                "PRAGMA page_size is refused: the transaction has made pages of another size".to_owned(),
            ),
            _ => PragmaAnswer::Pass,
        },
        _ => PragmaAnswer::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Standing = Standing { page_bytes: None, writing: false, owned: true };
    const FILLED: Standing = Standing { page_bytes: Some(4096), writing: true, owned: true };

    #[test]
    fn what_the_store_relies_on_is_pinned_whatever_is_asked() {
        for (name, value) in [
            ("journal_mode", "memory"),
            ("LOCKING_MODE", "exclusive"),
            ("synchronous", "2"),
            ("mmap_size", "0"),
        ] {
            for argument in [None, Some("WAL"), Some("1")] {
                assert_eq!(answer(name, argument, EMPTY), PragmaAnswer::Pinned(value.to_owned()), "{name}");
            }
        }
    }

    #[test]
    fn a_database_that_is_read_only_says_what_holds_for_it() {
        let followed = Standing { owned: false, ..FILLED };
        assert_eq!(answer("locking_mode", None, followed), PragmaAnswer::Pinned("normal".to_owned()));
    }

    #[test]
    fn the_page_size_is_free_until_there_are_pages() {
        assert_eq!(answer("page_size", Some("8192"), EMPTY), PragmaAnswer::Pass);
        assert_eq!(answer("page_size", Some("8192"), FILLED), PragmaAnswer::Pinned("4096".to_owned()));
        assert_eq!(answer("page_size", None, FILLED), PragmaAnswer::Pass);
        let filling = Standing { writing: true, ..EMPTY };
        assert!(matches!(answer("page_size", Some("8192"), filling), PragmaAnswer::Refused(_)));
        assert_eq!(answer("page_size", None, filling), PragmaAnswer::Pass);
    }

    #[test]
    fn what_reaches_into_the_process_is_known_by_name() {
        assert!(is_of_the_process("Hard_Heap_Limit"));
        assert!(!is_of_the_process("foreign_keys"));
    }
}
