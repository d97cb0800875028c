//! The embedded backend: LMDB in a directory.
//!
//! - `handle`: what one user of an opened directory does with it
//! - `registry`: one environment a directory and process, shared by its handles
//! - `environment`: the LMDB files, and what is refused to be one
//! - `making`: a file that a loss of power left half made
//! - `names`: what keeps a loss of power from taking the files' names
//! - `committer`: the thread that runs and commits transactions, many at once
//! - `turnstile`: fairness between processes
//! - `values`: rows of any size in small LMDB values
//! - `view`, `errors`: LMDB's transactions and errors in the contract's words
//!
//! Any number of processes may open one directory at the same time; their transactions take turns.
//!
//! # Limits
//!
//! Keys hold 1 to 1,024 bytes, values up to 100,000, the file up to `size_bytes_max`. A decision's size is
//! bounded by memory alone. Reads run on the thread that polls them: microseconds as long as the pages are
//! in memory, the disk's time if not, so a long one belongs on a thread that may block. A state that is
//! being read is kept, and the file grows by what is written meanwhile. On a network file system LMDB's
//! locks do not hold.

mod committer;
mod environment;
mod errors;
mod handle;
mod making;
mod names;
mod registry;
mod turnstile;
mod values;
mod view;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use futures::future::{BoxFuture, FutureExt};

use self::handle::Handle;
use self::registry::{Directories, Shared};
use self::view::TxnView;
use super::{BodyRunner, Concurrency, Kv, KvError, ReadRunner};

/// What this process has open.
static DIRECTORIES: LazyLock<Directories> = LazyLock::new(Directories::default);

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// kill -9 and power loss.
    Strict,
    /// kill -9. A power loss may destroy the whole store, so this is for tests and scratch data.
    Relaxed,
}

/// How to open a directory.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The directory, on a local file system; made if it is not there, with its parents. Nobody but Baton
    /// may write to the files in it.
    pub path: PathBuf,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// The largest size of the store's file, in bytes, rounded up to a multiple of 64 KiB. `None`: 1 TiB
    /// (1 GiB on 32-bit machines). It is address space, not disk space, until it is used.
    pub size_bytes_max: Option<u64>,
}

/// The smallest `size_bytes_max`: below it a store is full before it holds anything.
const SIZE_BYTES_MIN: u64 = 1024 * 1024;
const SIZE_BYTES_DEFAULT: u64 = if cfg!(target_pointer_width = "64") { 1 << 40 } else { 1 << 30 };
/// A multiple of every page size that operating systems use.
const SIZE_BYTES_STEP: u64 = 64 * 1024;

/// The options that all handles on a directory must agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settings {
    durability: Durability,
    size_bytes: u64,
}

impl Settings {
    fn new(options: &EmbeddedOptions) -> Result<Self, KvError> {
        let asked = options.size_bytes_max.unwrap_or(SIZE_BYTES_DEFAULT);
        let invalid = |what: &str| KvError::Invalid { detail: format!("maxSizeBytes = {asked} {what}") };
        if asked < SIZE_BYTES_MIN {
            return Err(invalid(&format!("is too small; the least is {SIZE_BYTES_MIN}")));
        }
        let rounded = asked.checked_next_multiple_of(SIZE_BYTES_STEP);
        let size_bytes = rounded.filter(|&bytes| isize::try_from(bytes).is_ok());
        let size_bytes = size_bytes.ok_or_else(|| invalid("is more than this machine can address"))?;
        Ok(Self { durability: options.durability, size_bytes })
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let durability = match self.durability {
            Durability::Strict => "strict",
            Durability::Relaxed => "relaxed",
        };
        write!(f, "durability = {durability} and maxSizeBytes = {}", self.size_bytes)
    }
}

/// A handle on an opened directory.
///
/// Handles of one process on one directory share one environment. Dropping a handle gives up its share
/// without waiting; transactions that were queued are finished all the same. A process that ends without
/// closing loses nothing that was acknowledged.
pub struct EmbeddedKv {
    handle: Handle,
}

impl EmbeddedKv {
    /// Whether there is a store in a directory, as far as its files tell.
    pub fn is_there(path: &std::path::Path) -> bool {
        path.join(environment::DATA_FILE_NAME).is_file()
    }

    /// Opens the directory, or makes it. Blocks the thread while the operating system does.
    pub fn open(options: &EmbeddedOptions) -> Result<Self, KvError> {
        let settings = Settings::new(options)?;
        let path = &options.path;
        if path.is_file() {
            let path = path.display();
            return Err(KvError::Invalid { detail: format!("{path} is a file; a store needs a directory") });
        }
        std::fs::create_dir_all(path).map_err(|error| environment::unavailable(path, &error))?;
        Ok(Self { handle: Handle::open(&DIRECTORIES, path, settings)? })
    }

    /// How many LMDB transactions this process has committed to the directory since it opened it. A group
    /// of transactions that was committed together counts once.
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

    fn waiting(&self) -> u64 {
        // A closed handle waits for nothing.
        let queue = |share: Arc<Shared>| share.queue.max_capacity() - share.queue.capacity();
        self.share().map_or(0, queue) as u64
    }

    /// A transaction whose future is dropped once it was queued takes effect all the same.
    fn run(&self, body: Arc<dyn BodyRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        self.handle.run(body).boxed()
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            // A read that outlives its handle keeps the directory open, so that who opens it again meanwhile
            // joins instead of waiting.
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
