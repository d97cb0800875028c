//! Records what changes on a connection, and applies what was recorded on another.

use libsqlite3_sys as ffi;

use crate::database::call::{Answer, Behavior, Changes};
use crate::database::error::DatabaseError;
use crate::database::sqlite::{ChangeForm, Decide, NotApplied, SqlError, is_changeset};
use crate::engine::StoreError;

use super::Session;
use super::serialize::BYTES_MAX;

impl Session {
    /// A call about recordings and changesets.
    pub(in crate::database) fn changes(
        &mut self,
        call: Changes,
        depth: usize,
    ) -> Result<Answer, DatabaseError> {
        match call {
            Changes::Record(database, table) => {
                self.record(&database, table.as_deref()).map(Answer::Recording)
            }
            Changes::Recorded(id, form) => self.recorded(id, form).map(|bytes| Answer::Rows(vec![bytes])),
            Changes::Stop(id) => {
                if self.recordings.remove(&id).is_some() && self.recordings.is_empty() {
                    // Compiled for it, a DELETE of all rows would go on deleting one after the other.
                    self.statements.clear();
                }
                Ok(Answer::Done)
            }
            Changes::Apply(bytes, decide) => self.apply(&bytes, &*decide, depth).map(Answer::Applied),
        }
    }

    fn record(&mut self, database: &str, table: Option<&str>) -> Result<u32, DatabaseError> {
        self.enter()?;
        if !self.connection.has_database(database) {
            let message = format!(
                "The \"options.db\" property must be \"main\", \"temp\" or the name of an attached database. Received \
                 {database:?}"
            );
            return Err(DatabaseError::Invalid(message));
        }
        // A DELETE of all rows that was compiled before would empty its table without telling anybody. Virtual tables
        // keep such statements as well.
        self.statements.clear();
        self.forget_virtual_tables();
        let recording = self.connection.record(database, table).map_err(|error| self.failed(error))?;
        let id = self.new_cursor();
        self.recordings.insert(id, recording);
        Ok(id)
    }

    /// Has virtual tables created again before the next statement, as far as they are part of the database. Also inside
    /// a transaction: what they have not written yet, they write when a savepoint begins.
    fn forget_virtual_tables(&mut self) {
        let count = self.number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND rootpage = 0");
        self.has_old_schema.set(self.has_old_schema.get() || count != Ok(0));
    }

    fn recorded(&mut self, id: u32, form: ChangeForm) -> Result<Vec<u8>, DatabaseError> {
        if self.following.is_none() {
            return self.recorded_once(id, form);
        }
        self.at_one_head(|session| session.recorded_once(id, form))
    }

    fn recorded_once(&mut self, id: u32, form: ChangeForm) -> Result<Vec<u8>, DatabaseError> {
        self.enter()?;
        // A recording that fails to read the schema fails for good.
        let schema = "SELECT 1 FROM sqlite_schema LIMIT 1";
        self.connection.execute(schema).map_err(|error| self.failed(error))?;
        let Some(recording) = self.recordings.get(&id) else {
            let message = "the session is over: its connection was replaced, because the actor has begun anew in \
                           another text encoding";
            return Err(DatabaseError::Closed(message.to_owned()));
        };
        recording.changes(form).map_err(|error| match error.code {
            ffi::SQLITE_SCHEMA => {
                let message = "a table of the session was dropped, or has lost columns or another primary key since: its \
                               changes cannot be told any more; close the session and create another";
                SqlError { message: message.to_owned(), ..error }.into()
            }
            ffi::SQLITE_NOMEM if recording.changeset_bytes() > BYTES_MAX => {
                let message = format!(
                    "the changes have up to {} bytes, more than the {BYTES_MAX} that are handed over at once; take a \
                     changeset more often, each from a session of its own",
                    recording.changeset_bytes()
                );
                StoreError::TooLarge(message).into()
            }
            _ => self.failed(error),
        })
    }

    /// Applies a changeset as one transaction, or as a savepoint of the one that is open. Returns whether it was
    /// applied; otherwise nothing of it was.
    fn apply(&mut self, bytes: &[u8], decide: &dyn Decide, depth: usize) -> Result<bool, DatabaseError> {
        let checks_later = !self.is_autocommit() && self.number("PRAGMA defer_foreign_keys")? != 0;
        self.begin(depth, Behavior::Deferred)?;
        let applied = self.connection.apply(bytes, decide).map_err(|why| self.not_applied(why, bytes));
        let ended = self.end(depth, applied.is_ok());
        if checks_later && !self.is_autocommit() {
            // SQLite has turned it off.
            self.connection.execute("PRAGMA defer_foreign_keys = ON").map_err(|error| self.failed(error))?;
        }
        match applied {
            Ok(()) => {
                ended?;
                // The tables behind them may have changed, of which they keep some in memory.
                self.forget_virtual_tables();
                Ok(true)
            }
            // The reason is the better answer; even if the rollback fails too, nothing is left behind.
            Err(why) => why.map_or(Ok(false), Err),
        }
    }

    /// Why nothing was applied; `None` if it was decided so.
    fn not_applied(&self, why: NotApplied, bytes: &[u8]) -> Option<DatabaseError> {
        Some(match why {
            NotApplied::Aborted => return None,
            NotApplied::Thrown => {
                DatabaseError::Invalid("a callback has thrown an error; nothing was applied".to_owned())
            }
            NotApplied::RolledBack => SqlError::new(
                ffi::SQLITE_ABORT_ROLLBACK,
                "a constraint or a trigger with ROLLBACK has ended the transaction in which the changeset was applied; \
                 nothing of it is left",
            )
            .into(),
            NotApplied::Failed(error) => self.explained(error, bytes),
        })
    }

    fn explained(&self, error: SqlError, bytes: &[u8]) -> DatabaseError {
        let failed = self.failed(error);
        let DatabaseError::Sql(error) = failed else { return failed };
        let is_foreign_key = error.code == ffi::SQLITE_CONSTRAINT;
        let code = if is_foreign_key { ffi::SQLITE_CONSTRAINT_FOREIGNKEY } else { error.code };
        let message = match error.code & 0xFF {
            ffi::SQLITE_CORRUPT | ffi::SQLITE_ERROR | ffi::SQLITE_MISMATCH if !is_changeset(bytes) => {
                return DatabaseError::Invalid(format!(
                    "The \"changeset\" argument must be a whole changeset or patchset. Received {} bytes that are not \
                     one; nothing was applied",
                    bytes.len()
                ));
            }
            ffi::SQLITE_CORRUPT => "the changeset has values missing, or the database is damaged",
            _ if is_foreign_key => "the changes violate a foreign key; nothing was applied",
            ffi::SQLITE_ERROR | ffi::SQLITE_MISMATCH => "a change cannot be made; nothing was applied",
            _ => return error.into(),
        };
        SqlError { code, message: format!("{} ({message})", error.message), ..error }.into()
    }
}
