//! Read-only sessions: each transaction reads one head, and the next transaction reads the newest.
//!
//! A session looks for a new head only when no transaction and no cursor of its own is open. So everything
//! that SQLite reads in one transaction comes from one head, or the read fails. If it fails because the actor
//! has moved on, the session drops everything that SQLite has read of the old head. Calls that have not
//! returned anything yet start again.

use libsqlite3_sys as ffi;

use crate::database::error::DatabaseError;
use crate::database::sqlite::SqlError;

use super::{Session, connect};

/// How often a statement or a batch may start. Each start fetches what the earlier ones have requested along
/// with the head.
const BEGINNINGS_MAX: u32 = 32;

/// The error for a caller that has read half of something that is gone.
fn moved() -> DatabaseError {
    let message = "the actor's owner has committed while this was read, and what it began with is gone; \
                   run it again";
    SqlError::new(ffi::SQLITE_BUSY_SNAPSHOT, message).into()
}

impl Session {
    /// Every call begins here: at the newest head, unless something is open at an older one.
    pub(super) fn enter_following(&mut self) -> Result<(), DatabaseError> {
        if !self.ready {
            self.file().pins().set(true);
            self.ready = true;
        }
        if !self.is_autocommit() || !self.cursors.is_empty() {
            return Ok(());
        }
        let failures = self.file().failures();
        // After a failure of the store, virtual tables may hold incomplete data.
        self.is_stale |= self.failures_seen != failures;
        self.failures_seen = failures;
        let moved = self.file().follow();
        // If the new head could not be found out, what was read of the last one stays valid.
        self.is_stale |= moved?;
        if self.is_stale {
            self.forget_all()?;
            self.is_stale = false;
        }
        Ok(())
    }

    /// Makes SQLite forget everything that it has read of the database. It holds no lock between
    /// transactions, so its whole page cache can be emptied, whatever the change counter of the new head is;
    /// the same goes for the schema and its cookie.
    fn forget_all(&mut self) -> Result<(), DatabaseError> {
        self.statements.clear();
        let encoding = self.file().text_encoding();
        if self.following.as_ref().is_some_and(|following| following.text_encoding != encoding) {
            // A connection keeps its text encoding for good.
            let (connection, name) = connect(&self.file, &self.signals, &self.interrupt, true)?;
            self.recordings.clear();
            // The previous connection is closed under the name by which it was opened.
            self.connection = connection;
            self.name = name;
            if let Some(following) = &mut self.following {
                following.text_encoding = encoding;
            }
            return self.define_again();
        }
        self.connection
            .reset_cache()
            .and_then(|()| self.connection.execute("PRAGMA writable_schema = RESET"))
            .map_err(|error| self.failed(error))
    }

    /// Runs `body` until it has read only one head. Inside a transaction, which may have returned something
    /// to its caller, it runs once.
    pub(super) fn at_one_head<T>(
        &mut self,
        mut body: impl FnMut(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let beginnings = if self.is_autocommit() { BEGINNINGS_MAX } else { 1 };
        for _ in 0..beginnings {
            let answer = body(self);
            if !self.file().take_moved() {
                return self.complete(answer);
            }
            self.let_go();
            self.stop_if_asked()?;
        }
        Err(moved())
    }

    /// Runs `body`, which continues what was begun before. If its head is gone, that is ended.
    pub(super) fn at_this_head<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let answer = body(self);
        if !self.file().take_moved() {
            return self.complete(answer);
        }
        self.let_go();
        Err(moved())
    }

    /// SQLite continues after some failed reads, and reports them in rows (`integrity_check`) or not at all.
    /// The store's error is the better answer.
    fn complete<T>(&mut self, answer: Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        let answer = answer?;
        let failure = self.file().take_failure();
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        if self.is_autocommit() && self.cursors.is_empty() {
            self.file().source().has_answered();
        }
        Ok(answer)
    }

    /// Ends everything that is open at a head that is gone.
    fn let_go(&mut self) {
        let cursors = std::mem::take(&mut self.cursors);
        if let Some(following) = &mut self.following {
            following.lost.extend(cursors.keys());
        }
        drop(cursors);
        if !self.is_autocommit() {
            // SQLite may already have rolled back by itself; then there is nothing left to do.
            let _ = self.connection.execute("ROLLBACK");
        }
        self.file().take_failure();
    }

    /// Whether a cursor can continue, as far as its head is concerned.
    pub(super) fn expect_cursor(&mut self, id: u32) -> Result<(), DatabaseError> {
        if self.forget_cursor(id) { Err(moved()) } else { Ok(()) }
    }

    /// Forgets that a cursor has lost its head. Returns whether it had.
    pub(super) fn forget_cursor(&mut self, id: u32) -> bool {
        self.following.as_mut().is_some_and(|following| following.lost.remove(&id))
    }
}
