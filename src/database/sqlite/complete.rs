//! Whether typed SQL text is complete.

use std::ffi::CString;

use libsqlite3_sys as ffi;

/// Whether the last statement of a text ends with a semicolon, as SQLite sees it: not one in a string, in a
/// comment or in the body of a trigger (<https://sqlite.org/c3ref/complete.html>).
pub fn is_complete(mut sql: String) -> bool {
    sql.truncate(sql.find('\0').unwrap_or(sql.len()));
    let sql = CString::new(sql).unwrap_or_default();
    // SAFETY: the text ends with a NUL and lives for the call.
    unsafe { ffi::sqlite3_complete(sql.as_ptr()) == 1 }
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn a_statement_ends_where_sqlite_says() {
        let trigger = "CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT CASE 1 WHEN 1 THEN 2 END;";
        for complete in
            ["SELECT 1;", "SELECT 1; -- done\n", "SELECT ';'; /* ; */", &format!("{trigger} END;")]
        {
            assert!(is_complete(complete.to_owned()), "{complete}");
        }
        for open in
            ["", "-- nothing", "SELECT 1", "SELECT 'a;", "SELECT 1; /* ;", "SELECT 1; SELECT 2", trigger]
        {
            assert!(!is_complete(open.to_owned()), "{open}");
        }
    }
}
