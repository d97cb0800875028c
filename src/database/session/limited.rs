//! Runs statements that SQLite's parser refuses because of a LIMIT.

use libsqlite3_sys as ffi;

use super::{Session, placed};
use crate::database::error::DatabaseError;
use crate::database::limited::{is_limited, turned};
use crate::database::sqlite::{SqlError, Statement};

impl Session {
    /// Compiles the statement at `start` that SQLite has refused, in another form, if it is an UPDATE or
    /// DELETE with a LIMIT. Also returns where it ends, counted from `start`.
    pub(super) fn or_limited(
        &self,
        refused: SqlError,
        sql: &str,
        start: usize,
    ) -> Result<(Option<Statement>, usize), DatabaseError> {
        let rest = sql.get(start..).unwrap_or_default();
        if !is_about_limits(&refused) || !is_limited(rest) {
            return Err(self.failed(placed(refused, sql, start)));
        }
        let Some(limited) = turned(rest).filter(|limited| self.is_rowid(&limited.key)) else {
            let refused = placed(refused, sql, start);
            let message = format!(
                "{}: ORDER BY and LIMIT of UPDATE and DELETE go together, and with tables that have a rowid, without a FROM; \
                 otherwise choose the rows by a subquery: WHERE key IN (SELECT key FROM … ORDER BY … LIMIT …)",
                refused.message
            );
            return Err(SqlError { message, ..refused }.into());
        };
        // For an error in it, SQLite only knows a position in the rewritten form.
        let compiled = self.connection.prepare(&limited.sql, true);
        let (statement, _) = compiled.map_err(|error| self.failed(SqlError { offset: None, ..error }))?;
        Ok((statement, limited.end))
    }

    /// Whether a query for `_rowid_` finds the rowid of a table, and not a user's column of that name.
    fn is_rowid(&self, key: &str) -> bool {
        let Ok((Some(statement), _)) = self.connection.prepare(key, false) else { return false };
        statement.column_origin(0).is_some_and(|origin| !origin.eq_ignore_ascii_case("_rowid_"))
    }
}

fn is_about_limits(refused: &SqlError) -> bool {
    let message = refused.message.to_ascii_lowercase();
    refused.code == ffi::SQLITE_ERROR
        && ["near \"limit\": syntax error", "near \"order\": syntax error"].contains(&message.as_str())
}
