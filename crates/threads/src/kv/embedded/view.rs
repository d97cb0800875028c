//! A transaction on the disk in memory as a view.

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};

use super::environment::{Rows, WriteTxn};
use super::values::Tables;
use crate::kv::{Isolation, KvError, Scan, View, Visitor};
use crate::sync::point;

pub(super) struct TxnView<T> {
    txn: T,
}

impl<'e> TxnView<WriteTxn<'e>> {
    pub(super) fn new(_: Tables, txn: WriteTxn<'e>) -> Self {
        Self { txn }
    }

    pub(super) fn txn_mut(&mut self) -> &mut WriteTxn<'e> {
        &mut self.txn
    }

    pub(super) fn into_txn(self) -> WriteTxn<'e> {
        self.txn
    }
}

fn get(rows: &Rows, key: &[u8]) -> Option<Bytes> {
    point();
    rows.get(key).map(|value| Bytes::copy_from_slice(value))
}

fn visit(rows: &Rows, scan: &Scan, visitor: &mut Visitor<'_>) {
    for (key, value) in rows.iter().filter(|(key, _)| scan.range.contains(key)) {
        if visitor(key, value).is_break() {
            break;
        }
    }
}

impl View for TxnView<WriteTxn<'_>> {
    fn get<'a>(&'a self, key: &'a [u8], _: Isolation) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        async move { Ok(get(self.txn.rows(), key)) }.boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        async move {
            visit(self.txn.rows(), &scan, visitor);
            Ok(())
        }
        .boxed()
    }
}

/// A committed state.
pub(super) struct Snapshot(pub(super) Rows);

impl View for Snapshot {
    fn get<'a>(&'a self, key: &'a [u8], _: Isolation) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        async move { Ok(get(&self.0, key)) }.boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        async move {
            visit(&self.0, &scan, visitor);
            Ok(())
        }
        .boxed()
    }
}
