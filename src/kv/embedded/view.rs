//! LMDB transactions as views.
//!
//! An LMDB transaction may move between threads, but two threads must not use it at once. A [`View`] may be
//! shared, so a lock protects the transaction. The lock is never contended, since a transaction function is
//! polled by one thread at a time. It is held while a scan's visitor runs, so a visitor must not read through
//! the view that called it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};

use super::environment::{ReadTxn, WriteTxn};
use super::lmdb::Txn;
use super::values::Tables;
use crate::kv::{Isolation, KvError, Scan, View, Visitor};

/// What both kinds of transactions can do.
pub(super) trait Readable: Send {
    /// The transaction, for reading.
    fn reader(&self) -> &Txn<'_>;
}

impl Readable for ReadTxn<'_> {
    fn reader(&self) -> &Txn<'_> {
        self
    }
}

impl Readable for WriteTxn<'_> {
    fn reader(&self) -> &Txn<'_> {
        self.reader()
    }
}

/// One transaction's state of the store. Its futures are ready when first polled.
pub(super) struct TxnView<T> {
    tables: Tables,
    txn: Mutex<T>,
}

impl<T: Readable> TxnView<T> {
    pub(super) fn new(tables: Tables, txn: T) -> Self {
        Self { tables, txn: Mutex::new(txn) }
    }

    /// The transaction, for writing.
    pub(super) fn txn_mut(&mut self) -> &mut T {
        self.txn.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transaction, to end it.
    pub(super) fn into_txn(self) -> T {
        self.txn.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // A visitor that panicked has only read, so the state is still valid.
        self.txn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Readable> View for TxnView<T> {
    fn get<'a>(&'a self, key: &'a [u8], _: Isolation) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        async move { self.tables.get(self.lock().reader(), key) }.boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        async move { self.tables.scan(self.lock().reader(), &scan, visitor) }.boxed()
    }
}
