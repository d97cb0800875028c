//! Transactions of a session: begin and end, and batches, which do both.

use crate::database::call::{Behavior, Kind};
use crate::database::error::DatabaseError;
use crate::database::keywords;

use super::Session;

impl Session {
    /// Runs statements one after the other; all of them take effect or none.
    pub(in crate::database) fn batch(
        &mut self,
        batch: Vec<(String, Option<Vec<u8>>)>,
        depth: usize,
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        if self.following.is_none() {
            return self.batch_once(batch, depth);
        }
        self.at_one_head(|session| session.batch_once(batch.clone(), depth))
    }

    fn batch_once(
        &mut self,
        batch: Vec<(String, Option<Vec<u8>>)>,
        depth: usize,
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        self.begin_once(depth, Behavior::Deferred)?;
        let mut answers = Vec::with_capacity(batch.len());
        for (index, (sql, params)) in batch.into_iter().enumerate() {
            match self.run_in_batch(sql, params.as_deref(), depth + 1) {
                Ok(chunks) => answers.extend(chunks),
                Err(error) => {
                    // The error is the statement's; even if the rollback fails too, nothing is left behind.
                    let _ = self.end(depth, false);
                    return Err(DatabaseError::Batch { index, error: Box::new(error) });
                }
            }
        }
        self.end(depth, true)?;
        Ok(answers)
    }

    fn run_in_batch(
        &mut self,
        sql: String,
        params: Option<&[u8]>,
        depth: usize,
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        self.stop_if_asked()?;
        refuse_in_batch(&sql)?;
        self.run_once(Kind::Whole, sql, params, depth)
    }

    /// Begins a transaction at depth 0, a savepoint below.
    pub(in crate::database) fn begin(
        &mut self,
        depth: usize,
        behavior: Behavior,
    ) -> Result<(), DatabaseError> {
        if self.following.is_none() {
            return self.begin_once(depth, behavior);
        }
        self.at_one_head(|session| session.begin_once(depth, behavior))
    }

    pub(super) fn begin_once(&mut self, depth: usize, behavior: Behavior) -> Result<(), DatabaseError> {
        self.enter()?;
        if depth == 0 {
            self.is_nested = !self.is_autocommit();
        }
        let sql = match behavior {
            _ if depth > 0 || self.is_nested => savepoint("SAVEPOINT", depth),
            Behavior::Deferred => "BEGIN".to_owned(),
            Behavior::Immediate => "BEGIN IMMEDIATE".to_owned(),
            Behavior::Exclusive => "BEGIN EXCLUSIVE".to_owned(),
        };
        self.connection.execute(&sql).map_err(|error| self.failed(error))
    }

    /// Ends what was begun at this depth.
    pub(in crate::database) fn end(&mut self, depth: usize, commit: bool) -> Result<(), DatabaseError> {
        self.cursors.retain(|_, cursor| cursor.depth <= depth);
        self.scripts.retain(|_, script| script.depth <= depth);
        self.enter()?;
        if self.is_autocommit() {
            if commit {
                let message = "the transaction was rolled back before, by a statement or an error";
                return Err(DatabaseError::Closed(message.to_owned()));
            }
            return Ok(());
        }
        if depth > 0 || self.is_nested {
            if !commit {
                self.execute(&savepoint("ROLLBACK TO", depth))?;
            }
            return self.execute(&savepoint("RELEASE", depth));
        }
        if !commit {
            return self.execute("ROLLBACK");
        }
        self.execute("COMMIT").inspect_err(|_| {
            // A commit that was refused, by a foreign key for example, leaves the transaction open.
            if !self.is_autocommit() {
                let _ = self.connection.execute("ROLLBACK");
            }
        })
    }

    /// Rolls back everything that is open, whoever has begun it.
    pub(in crate::database) fn roll_back(&mut self) -> Result<(), DatabaseError> {
        self.cursors.clear();
        self.scripts.clear();
        if self.is_autocommit() { Ok(()) } else { self.execute("ROLLBACK") }
    }

    /// Whether the open transaction may have written.
    pub(in crate::database) fn has_written(&self) -> bool {
        self.connection.is_writing()
    }

    fn execute(&self, sql: &str) -> Result<(), DatabaseError> {
        self.signals.reset();
        self.connection.execute(sql).map_err(|error| self.failed(error))
    }
}

/// Refuses what makes no sense in a batch. `sql` begins with the statement, and more may follow it.
pub(super) fn refuse_in_batch(sql: &str) -> Result<(), DatabaseError> {
    if keywords::ends_transaction(sql) {
        let message = "a batch is a transaction, which none of its statements may end";
        return Err(DatabaseError::Invalid(message.to_owned()));
    }
    Ok(())
}

fn savepoint(verb: &str, depth: usize) -> String {
    format!("{verb} baton_{depth}")
}
