//! FoundationDB: the store on a cluster, for many machines.
//!
//! The client library is loaded at run time ([`network`]), so the addon starts without one. All rows of a
//! store are below its prefix, packed as a tuple string: no packed prefix is a prefix of another one.
//!
//! Transactions are FoundationDB's own. They read without "read your writes", since a transaction function
//! writes only after all its reads, and they add write conflict ranges only where asked to. Nothing is
//! retried here: a conflict or an unknown outcome goes up to the engine, which knows what the operation
//! means. The client's `database.run` would execute a transaction function again after an unknown outcome,
//! and a takeover would then lose against itself.

mod cluster;
mod ending;
mod errors;
mod heard;
mod network;
mod recent;
mod shared;
mod status;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foundationdb::Database;
use foundationdb::options::{DatabaseOption, TransactionOption};
use foundationdb::tuple::Subspace;
use futures::future::{BoxFuture, FutureExt};

use self::cluster::Cluster;
use self::network::Client;
use self::recent::Recent;
use self::shared::Shared;
use self::view::ClusterView;
use super::{Concurrency, Identity, Kv, KvError, Limits, ReadRunner, Status, TransactionRunner};

pub use self::ending::stop_with_main_thread;

/// The longest prefix of a store, in bytes of UTF-8.
pub const PREFIX_BYTES_MAX: usize = 256;
/// The default time limit for a call of one transaction.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// A call begins transactions only during the first of these parts of its time. A transaction may take as
/// long as another part, and so may finding out what became of it.
const PARTS_OF_TIMEOUT: u32 = 3;
/// Bytes of rows in one reply to a range read: the servers stop at 80,000 and never within a row.
const REPLY_BYTES: usize = 64 << 10;
/// Bytes that one read fetches before another one continues. A state is kept for five seconds, so this needs
/// no more than 2 MiB a second.
const READ_BYTES: usize = 8 << 20;

/// Which store on which cluster, and with which limits.
#[derive(Debug, Clone)]
pub struct FoundationDbOptions {
    /// The cluster file. `None`: the client's own rule (`FDB_CLUSTER_FILE`, `./fdb.cluster`, then the
    /// system's).
    pub cluster_file: Option<PathBuf>,
    /// The prefix of the store's keys: 1 to [`PREFIX_BYTES_MAX`] bytes.
    pub prefix: String,
    /// The client library. `None`: `FDB_CLIENT_LIBRARY`, then the usual places.
    pub client_library: Option<PathBuf>,
    /// How long a call of one transaction may take, including waiting for the cluster, retries, and finding
    /// out what became of a lost answer. A single transaction has a third of it.
    pub timeout: Duration,
    /// The maximum number of attempts of one operation, including the first.
    pub attempts: u32,
    /// The maximum number of bytes that one transaction writes; larger commits become stages. Up to
    /// 5,000,000.
    pub transaction_bytes: usize,
}

impl FoundationDbOptions {
    /// A store below `prefix`, with default options.
    pub fn new(prefix: impl Into<String>) -> Self {
        let Limits { attempts, transaction_bytes, .. } = Limits::default();
        Self {
            cluster_file: None,
            prefix: prefix.into(),
            client_library: None,
            timeout: TIMEOUT,
            attempts,
            transaction_bytes,
        }
    }
}

/// A store on a cluster.
pub struct FoundationDbKv {
    database: Database,
    client: Client,
    shared: Arc<Shared>,
    identity: Identity,
    limits: Limits,
    closed: AtomicBool,
}

impl FoundationDbKv {
    /// Opens a store. Loads the client library and starts its thread, once per process. Waits for nothing, so
    /// an unreachable cluster shows only in the first transaction.
    pub fn open(options: &FoundationDbOptions) -> Result<Self, KvError> {
        check_prefix(&options.prefix)?;
        let timeout = options.timeout / PARTS_OF_TIMEOUT;
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX).max(1);
        let cluster = Cluster::new(options.cluster_file.clone(), timeout)?;
        let identity = Identity::new("foundationdb", &format!("{} {}", cluster.identity(), options.prefix));
        let client = network::start(options.client_library.as_deref(), ending::stop_at_exit)?;
        let database = Database::new(cluster.path_text()).map_err(|error| cluster.reading(error))?;
        database
            .set_option(DatabaseOption::TransactionTimeout(timeout_ms))
            .map_err(|error| cluster.reading(error))?;
        tracing::debug!(name: "kv.opened", target: "baton::kv", library = %client.library.display(), version = client.version, "FoundationDB opened");
        let limits = Limits {
            transaction_bytes: options.transaction_bytes,
            round_trip_bytes: Some(REPLY_BYTES),
            read_bytes: Some(READ_BYTES),
            freed_bytes: None,
            attempts: options.attempts,
            patience: Some(timeout),
        };
        let prefix = Subspace::all().subspace(&options.prefix).bytes().to_vec();
        let shared = Arc::new(Shared { prefix, cluster, recent: Recent::default() });
        Ok(Self { database, client, shared, identity, limits, closed: AtomicBool::new(false) })
    }

    fn begin(&self, may_be_recent: bool) -> Result<ClusterView, KvError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(KvError::Closed);
        }
        let cluster = &self.shared.cluster;
        let transaction = self.database.create_trx().map_err(|error| cluster.reading(error))?;
        transaction
            .set_option(TransactionOption::ReadYourWritesDisable)
            .map_err(|error| cluster.reading(error))?;
        Ok(ClusterView::new(transaction, &self.shared, may_be_recent))
    }

    /// Executes the transaction function once and commits. `None`: the recent state was not good enough, and
    /// nothing was written.
    async fn attempt(
        &self,
        body: &dyn TransactionRunner,
        may_be_recent: bool,
    ) -> Option<Result<(), KvError>> {
        let view = match self.begin(may_be_recent) {
            Ok(view) => view,
            Err(error) => return Some(Err(error)),
        };
        let mutations = body.run(&view).await;
        ending::heard();
        let recent = view.may_be_otherwise();
        if mutations.is_empty() {
            view.forget_reads();
            // All reads of the newest state come from one version, so there is nothing to conflict with.
            return (!recent).then_some(Ok(()));
        }
        if self.closed.load(Ordering::Acquire) {
            return Some(Err(KvError::Closed));
        }
        match view.commit(&mutations).await {
            Err(KvError::Conflict | KvError::TooOld) if recent => None,
            result => Some(result),
        }
    }
}

fn check_prefix(prefix: &str) -> Result<(), KvError> {
    if (1..=PREFIX_BYTES_MAX).contains(&prefix.len()) {
        return Ok(());
    }
    let detail = format!(
        "the prefix of a FoundationDB store has 1 to {PREFIX_BYTES_MAX} bytes, got {} bytes",
        prefix.len()
    );
    Err(KvError::Invalid { detail })
}

impl Kv for FoundationDbKv {
    fn name(&self) -> &'static str {
        "foundationdb"
    }

    fn concurrency(&self) -> Concurrency {
        Concurrency::Optimistic
    }

    fn identity(&self) -> Option<Identity> {
        Some(self.identity.clone())
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            if body.may_begin_on_a_recent_state()
                && let Some(result) = self.attempt(&*body, true).await
            {
                return result;
            }
            self.attempt(&*body, false).await.unwrap_or(Err(KvError::Conflict))
        }
        .boxed()
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            let view = self.begin(false)?;
            body.run(&view).await;
            ending::heard();
            Ok(())
        }
        .boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, KvError>> {
        async move {
            if self.closed.load(Ordering::Acquire) {
                return Err(KvError::Closed);
            }
            status::status(&self.database, &self.shared.cluster, &self.client).await
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.closed.store(true, Ordering::Release);
        async {}.boxed()
    }
}
