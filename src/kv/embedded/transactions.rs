//! The transactions of an open store.

use std::ops::Deref;
use std::time::Duration;

use super::content;
use super::journal::Record;
use super::lmdb;
use super::locks::{Turn, Unlocked};
use super::values::Tables;
use crate::kv::{KvError, Mutation};

/// A read of one state.
pub(super) struct ReadTxn<'e> {
    pub(super) txn: lmdb::ReadTxn<'e>,
    pub(super) _unlocked: Option<Unlocked>,
}

impl<'e> Deref for ReadTxn<'e> {
    type Target = lmdb::Txn<'e>;

    fn deref(&self) -> &lmdb::Txn<'e> {
        &self.txn
    }
}

/// Whether who wants a write transaction goes on to wait for other processes, after so much waiting.
pub(super) type Waits<'a> = dyn Fn(Duration) -> bool + 'a;

/// A write transaction. Only one runs at a time, over all processes: it holds the write turn until it ends.
pub(super) struct WriteTxn<'e> {
    pub(super) txn: lmdb::WriteTxn<'e>,
    /// What it has written so far.
    pub(super) record: Record,
    pub(super) _turn: Option<Turn<'e>>,
}

impl<'e> WriteTxn<'e> {
    /// The transaction, for reading.
    pub(super) fn reader(&self) -> &lmdb::Txn<'e> {
        &self.txn
    }

    /// Makes one write of a row; see [`Tables::apply`].
    pub(super) fn apply(&mut self, tables: Tables, mutation: &Mutation) -> Result<usize, KvError> {
        self.record.row(mutation);
        tables.apply(&mut self.txn, mutation)
    }

    /// Writes an existing row again, so that there is something to commit.
    pub(super) fn rewrite_format(&mut self) -> lmdb::Result<()> {
        content::rewrite_format(&mut self.txn)
    }

    /// Writes nothing, and ends the turn.
    pub(super) fn abort(self) {
        drop(self);
    }
}
