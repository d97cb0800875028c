//! One transaction of the cluster, as a body sees it.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use foundationdb::options::{StreamingMode, TransactionOption};
use foundationdb::{FdbError, KeySelector, RangeOption, Transaction};
use futures::future::{BoxFuture, FutureExt};

use super::cluster::Cluster;
use crate::kv::limits::check_transaction;
use crate::kv::{Isolation, KvError, Mutation, Mutations, Scan, View, Visitor, WriteConflict};

pub(super) struct ClusterView {
    transaction: Transaction,
    prefix: Arc<[u8]>,
    cluster: Arc<Cluster>,
}

impl ClusterView {
    pub(super) fn new(transaction: Transaction, prefix: Arc<[u8]>, cluster: Arc<Cluster>) -> Self {
        Self { transaction, prefix, cluster }
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    /// Commits what the body decided.
    pub(super) async fn commit(self, mutations: &Mutations) -> Result<(), KvError> {
        check_transaction(mutations)?;
        self.write(mutations).map_err(|error| self.cluster.reading(error))?;
        let cluster = self.cluster;
        match self.transaction.commit().await {
            Ok(_) => Ok(()),
            Err(error) => Err(cluster.committing(*error)),
        }
    }

    fn write(&self, mutations: &Mutations) -> Result<(), FdbError> {
        let transaction = &self.transaction;
        for mutation in mutations.iter() {
            if matches!(mutation, Mutation::ClearRange { range, .. } if range.is_empty()) {
                // Not even its option: it would count for the next write.
                continue;
            }
            if mutation.conflict() == WriteConflict::Omitted {
                transaction.set_option(TransactionOption::NextWriteNoWriteConflictRange)?;
            }
            match mutation {
                Mutation::Put { key, value, .. } => transaction.set(&self.key(key), value),
                Mutation::Delete { key, .. } => transaction.clear(&self.key(key)),
                Mutation::ClearRange { range, .. } => {
                    transaction.clear_range(&self.key(range.start()), &self.key(range.end()));
                }
            }
        }
        Ok(())
    }

    async fn scan_rows(&self, scan: Scan, visitor: &mut Visitor<'_>) -> Result<(), KvError> {
        if scan.range.is_empty() {
            return Ok(());
        }
        let snapshot = scan.isolation == Isolation::Snapshot;
        let (start, end) = (self.key(scan.range.start()), self.key(scan.range.end()));
        let mut next = Some(RangeOption {
            begin: KeySelector::first_greater_or_equal(start),
            end: KeySelector::first_greater_or_equal(end),
            limit: Some(scan.rows_max).filter(|rows| *rows > 0),
            mode: streaming_mode(scan.rows_max),
            ..RangeOption::default()
        });
        let mut iteration = 1;
        while let Some(range) = next {
            let rows = self.transaction.get_range(&range, iteration, snapshot).await;
            let rows = rows.map_err(|error| self.cluster.reading(error))?;
            for row in &rows {
                if visitor(&row.key()[self.prefix.len()..], row.value()) == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
            next = range.next_range(&rows);
            iteration += 1;
        }
        Ok(())
    }
}

/// How many rows a reply carries: exactly one where one is asked for, else as many as fit one.
fn streaming_mode(rows_max: usize) -> StreamingMode {
    if rows_max == 1 { StreamingMode::Exact } else { StreamingMode::WantAll }
}

impl View for ClusterView {
    fn get<'a>(
        &'a self,
        key: &'a [u8],
        isolation: Isolation,
    ) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        // Sent before the first poll, so that reads which are joined go out together.
        let value = self.transaction.get(&self.key(key), isolation == Isolation::Snapshot);
        async move {
            let value = value.await.map_err(|error| self.cluster.reading(error))?;
            Ok(value.map(Bytes::from_owner))
        }
        .boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        self.scan_rows(scan, visitor).boxed()
    }
}
