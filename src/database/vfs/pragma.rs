//! Which pragmas are answered here (<https://sqlite.org/pragma.html>).
//!
//! Pinned are those that would take the database out of the store's hands: how it journals, locks, syncs
//! and maps, and the page size of a database that has pages. They answer what holds, and change nothing.
//! Refused are those that reach beyond the database, into the process.

use super::file::PragmaAnswer;

/// Where the database stands when a pragma is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// The size of a page, once the database has pages.
    pub(super) page_bytes: Option<usize>,
}

/// The answer to a pragma on the main database.
pub(super) fn answer(name: &str, argument: Option<&str>, standing: Standing) -> PragmaAnswer {
    let pinned = |value: &str| PragmaAnswer::Pinned(value.to_owned());
    match name.to_ascii_lowercase().as_str() {
        // The journal lives in memory, and in an anonymous file of this process when it grows.
        "journal_mode" => pinned("memory"),
        "locking_mode" => pinned("exclusive"),
        // FULL: a commit that has returned is as durable as the store is.
        "synchronous" => pinned("2"),
        "mmap_size" => pinned("0"),
        "page_size" => match (standing.page_bytes, argument) {
            (Some(bytes), Some(_)) => pinned(&bytes.to_string()),
            _ => PragmaAnswer::Pass,
        },
        name @ ("temp_store_directory" | "data_store_directory" | "soft_heap_limit" | "hard_heap_limit") => {
            PragmaAnswer::Refused(format!("PRAGMA {name} is refused: it would change the whole process"))
        }
        _ => PragmaAnswer::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Standing = Standing { page_bytes: None };
    const FILLED: Standing = Standing { page_bytes: Some(4096) };

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
    fn the_page_size_is_free_until_there_are_pages() {
        assert_eq!(answer("page_size", Some("8192"), EMPTY), PragmaAnswer::Pass);
        assert_eq!(answer("page_size", Some("8192"), FILLED), PragmaAnswer::Pinned("4096".to_owned()));
        assert_eq!(answer("page_size", None, FILLED), PragmaAnswer::Pass);
    }

    #[test]
    fn what_reaches_into_the_process_is_refused_by_name() {
        let PragmaAnswer::Refused(words) = answer("hard_heap_limit", Some("1"), FILLED) else { panic!() };
        assert!(words.contains("PRAGMA hard_heap_limit"), "{words}");
        assert_eq!(answer("foreign_keys", Some("off"), FILLED), PragmaAnswer::Pass);
    }
}
