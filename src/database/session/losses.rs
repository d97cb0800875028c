//! What a session does when the commit of transactions fails that SQLite considers committed.

use std::sync::Arc;

use crate::database::commits::GroupCommit;
use crate::database::error::DatabaseError;
use crate::engine::StoreError;

use super::{SETUP, Session};

impl Session {
    /// The commits of this database.
    pub(crate) fn commits(&self) -> Arc<GroupCommit> {
        Arc::clone(self.file().source().commits())
    }

    /// Gives what has become durable to the page cache.
    pub(crate) fn catch_up(&self) {
        self.file().catch_up();
    }

    /// Refuses a database where nothing will ever work again.
    pub(in crate::database) fn check_alive(&self) -> Result<(), DatabaseError> {
        self.file().catch_up();
        let Some(dead) = self.dead() else { return Ok(()) };
        self.file().source().commits().loss_is_told();
        Err(dead.into())
    }

    /// Waits until all that was committed is durable.
    pub(super) fn settle(&mut self) -> Result<(), DatabaseError> {
        // For one that is only read nothing is ever pending.
        let settled = self.file().source().settle();
        settled.map_err(DatabaseError::from)
    }

    /// Why transactions are lost that SQLite considers committed, if it has not undone what is open above them.
    pub(super) fn loss(&self) -> Option<StoreError> {
        let mut file = self.file();
        let source = file.source();
        source.loss().map(|lost| source.commits().why(lost))
    }

    /// Undoes what is open above lost transactions: cursors, scripts, and the transaction. Returns why. Before the
    /// next statement SQLite then forgets all that it has read.
    pub(crate) fn undo_lost(&mut self) -> Option<StoreError> {
        self.file().catch_up();
        let why = self.loss()?;
        for script in self.scripts.values_mut() {
            script.lose(why.clone().into());
        }
        self.lost_cursors.extend(self.cursors.drain().map(|(id, _)| (id, why.clone())));
        if !self.is_autocommit() {
            self.signals.reset();
            // Whatever it says, nothing of the transaction is left: the file takes no page of it.
            let _ = self.connection.execute("ROLLBACK");
        }
        self.file().has_undone();
        self.is_stale = true;
        Some(why)
    }

    /// Makes SQLite forget what it has read, because the database is not what it considers it to be. It holds its
    /// lock, and with it its cache, for good. So it first releases the lock, by a read in normal locking mode. Lost
    /// transactions stay readable until then, so that this read meets no half of them.
    pub(super) fn read_anew(&mut self) -> Result<(), DatabaseError> {
        self.statements.clear();
        self.file().pins().set(false);
        let read = ["PRAGMA locking_mode = NORMAL", "SELECT 1 FROM sqlite_schema LIMIT 1"]
            .into_iter()
            .try_for_each(|sql| self.connection.execute(sql))
            .and_then(|()| self.connection.reset_cache())
            .inspect(|()| self.file().forget_lost())
            .and_then(|()| self.connection.execute(SETUP[0]));
        self.file().pins().set(true);
        read.map_err(|error| self.failed(error))
    }
}
