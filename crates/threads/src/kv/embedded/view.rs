//! A transaction on the disk in memory as a view.

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};

use super::environment::WriteTxn;
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

impl View for TxnView<WriteTxn<'_>> {
    fn get<'a>(&'a self, key: &'a [u8], _: Isolation) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        async move {
            point();
            Ok(self.txn.rows.get(key).map(|value| Bytes::copy_from_slice(value)))
        }
        .boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        async move {
            for (key, value) in self.txn.rows.iter().filter(|(key, _)| scan.range.contains(key)) {
                if visitor(key, value).is_break() {
                    break;
                }
            }
            Ok(())
        }
        .boxed()
    }
}
