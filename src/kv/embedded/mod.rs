//! The embedded backend: LMDB in a directory.
//!
//! - `handle`: what one user of an open directory does with it
//! - `registry`: one environment for each directory in a process, shared by its handles
//! - `environment`: an open store, `transactions`: its transactions; `opening` and `data_file`: what is
//!   refused as a store; `content`: what the main database holds; `place`: whether the store is still where it
//!   was
//! - `journal`, `durable`: make commits durable with one flush
//! - `creation`: a file that a loss of power left incomplete
//! - `directory_sync`: makes the names of the files durable
//! - `queue`: the transactions that wait, and who commits them; `committer`: runs and commits many at once
//! - `locks`: coordinates the processes that have the directory open
//! - `map`: how much address space the map of the file takes
//! - `room`: what a nearly full store still accepts
//! - `values`: rows of any size in small LMDB values
//! - `survey`: what is said of the journal to people
//! - `pace`: how batches follow each other
//! - `watch`, `told`: what an operator should know, and what was already logged
//! - `options`: how a directory is opened
//! - `view`, `errors`: LMDB's transactions and errors in the terms of the contract
//! - `lmdb`: LMDB's own interface
//! - `planted`: faults that tests inject
//! - `probe`: whether the disk is full
//!
//! Any number of processes may open one directory at the same time; their transactions take turns.
//!
//! # Limits
//!
//! Keys hold 1 to 1,024 bytes, values up to 100,000, the file up to `size_bytes_max`. The size of a decision
//! is limited only by memory. Reads run on the thread that polls them. They take microseconds if the pages
//! are in memory, and the disk's time if not, so a long read belongs on a thread that may block. A state that
//! is being read is kept, and the file grows by what is written meanwhile. LMDB's locks do not work on a
//! network file system.

mod clock;
mod closing;
mod committer;
mod content;
mod creation;
mod data_file;
mod directory_sync;
mod durable;
mod environment;
mod errors;
mod handle;
mod journal;
mod lmdb;
mod locks;
mod map;
mod opening;
mod options;
mod pace;
mod place;
pub mod planted;
mod positioned;
mod probe;
mod queue;
mod registry;
mod room;
mod survey;
#[cfg(feature = "testing")]
mod testing;
mod told;
mod transactions;
mod values;
mod view;
mod watch;

use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, LazyLock};

use futures::future::{BoxFuture, FutureExt};

use self::handle::Handle;
use self::options::Settings;
use self::registry::{Directories, Shared};
use self::view::TxnView;
use super::{Concurrency, Finding, Identity, Kv, KvError, ReadRunner, Status, TransactionRunner, Usage};

pub use self::options::{Durability, EmbeddedOptions};
#[cfg(feature = "testing")]
pub use self::testing::FreePageList;

/// What this process has open.
static DIRECTORIES: LazyLock<Directories> = LazyLock::new(Directories::default);

/// A handle of an open directory.
///
/// The handles of one process on one directory share one environment. Dropping a handle gives up its share
/// without waiting; queued transactions are finished all the same. A process that ends without closing loses
/// nothing that was acknowledged.
pub struct EmbeddedKv {
    handle: Handle,
    read_only: bool,
    /// `None` if the system cannot tell directories apart.
    identity: Option<Identity>,
}

impl EmbeddedKv {
    /// Whether a directory contains a store, judging by its files. A directory that may not be read is an
    /// error.
    pub fn is_there(path: &std::path::Path) -> Result<bool, KvError> {
        let data = path.join(data_file::FILE_NAME);
        match std::fs::metadata(&data) {
            Ok(metadata) => Ok(metadata.is_file()),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(errors::unavailable(&data, &error)),
        }
    }

    /// Opens the directory, or creates it. Blocks the thread while the operating system does.
    pub fn open(options: &EmbeddedOptions) -> Result<Self, KvError> {
        let settings = Settings::new(options)?;
        let (path, read_only) = (&options.path, options.read_only);
        if path.is_file() {
            let path = path.display();
            return Err(KvError::Invalid { detail: format!("{path} is a file; a store needs a directory") });
        }
        if !read_only {
            locks::files::make_directory(path, settings.mode)
                .map_err(|error| errors::unavailable(path, &error))?;
        } else if !Self::is_there(path)? {
            let path = path.display();
            return Err(KvError::Invalid { detail: format!("there is no store at {path}") });
        }
        let handle = Handle::open(&DIRECTORIES, path, settings)?;
        Ok(Self { handle, read_only, identity: Identity::of_place(path).ok() })
    }

    /// How many LMDB transactions this process has committed to the directory since it opened it.
    /// Transactions that were committed together as a group count once.
    pub fn commits(&self) -> Result<u64, KvError> {
        Ok(self.share()?.store.commits())
    }

    /// How many LMDB entries hold rows, and how many hold the further parts of rows that were split.
    #[cfg(feature = "testing")]
    pub fn entries(&self) -> Result<(u64, u64), KvError> {
        let share = self.share()?;
        let txn = share.store.read_txn()?;
        let tables = share.store.tables;
        let rows = tables.rows.len(&txn).map_err(errors::kv_error)?;
        let parts = tables.parts.len(&txn).map_err(errors::kv_error)?;
        Ok((rows, parts))
    }

    /// Makes a checkpoint, if something was committed since the last one.
    #[cfg(feature = "testing")]
    pub fn checkpoint(&self) -> Result<(), KvError> {
        self.share()?.store.checkpoint()
    }

    /// How many commits went through the journal, and how many checkpoints were made, in this process.
    #[cfg(feature = "testing")]
    pub fn journal_counts(&self) -> Result<(u64, u64), KvError> {
        Ok(self.share()?.store.journal_counts().unwrap_or_default())
    }

    /// The number of the newest commit to the directory, whichever process made it.
    #[cfg(feature = "testing")]
    pub fn newest_commit(&self) -> Result<usize, KvError> {
        Ok(self.share()?.store.read_txn()?.id())
    }

    fn share(&self) -> Result<Arc<Shared>, KvError> {
        self.handle.share()
    }
}

impl fmt::Debug for EmbeddedKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedKv").field("open", &self.share().is_ok()).finish()
    }
}

impl Kv for EmbeddedKv {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn concurrency(&self) -> Concurrency {
        Concurrency::Serial
    }

    fn identity(&self) -> Option<Identity> {
        self.identity.clone()
    }

    fn is_led(&self) -> bool {
        true
    }

    fn waiting(&self) -> u64 {
        // A closed handle has nothing queued.
        self.share().map_or(0, |share| share.queue.len()) as u64
    }

    fn usage(&self) -> Usage {
        self.share().map(|share| share.store.usage()).unwrap_or_default()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, KvError>> {
        let name = self.name();
        async move { Ok(self.share()?.store.status(name)) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<Finding>, KvError>> {
        async move { self.share()?.store.check() }.boxed()
    }

    /// If the future of a queued transaction is dropped, the transaction still takes effect.
    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        if self.read_only {
            return futures::future::ready(Err(KvError::ReadOnly)).boxed();
        }
        self.handle.run(body).boxed()
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            // A read that outlives its handle keeps the directory open, so that opening it again meanwhile
            // shares it instead of waiting.
            let share = self.share()?;
            let view = TxnView::new(share.store.tables, share.store.read_txn()?);
            body.run(&view).await;
            Ok(())
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.handle.close().boxed()
    }
}
