//! Which backend to open, from options that the wrapper has checked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use napi_derive::napi;

use crate::engine::{Preload, StoreError, surface};
use crate::kv::Kv;
use crate::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use crate::kv::foundationdb::{FoundationDbKv, FoundationDbOptions};
use crate::kv::memory::MemoryKv;

use super::convert::page_numbers;
use super::points::NativeHistory;

/// The default size of the page cache of a store's SQL databases.
const CACHE_BYTES_DEFAULT: u64 = 64 << 20;

/// Which store to open.
#[napi(object, object_to_js = false)]
pub struct NativeStoreOptions {
    /// The directory of an embedded store. Without it and without `foundationdb`, the store is in memory.
    pub path: Option<String>,
    /// A store on a cluster.
    pub foundationdb: Option<NativeFoundationDbOptions>,
    /// Whether to create a store if there is none.
    pub create: bool,
    /// Whether a power loss may lose acknowledged commits.
    pub relaxed: bool,
    /// The maximum size of the store's file, in bytes.
    pub max_size_bytes: Option<i64>,
    /// Whether the store is only read.
    pub read_only: bool,
    /// The permissions of new files.
    pub mode: Option<u32>,
    /// The memory for pages of SQL databases, in bytes.
    pub cache_bytes: Option<i64>,
    /// What the store says of history; none: nothing.
    pub history: Option<NativeHistory>,
}

impl NativeStoreOptions {
    /// The bytes that the page cache of SQL databases may take.
    pub(super) fn cache_bytes_max(&self) -> Result<u64, StoreError> {
        let bytes = self.cache_bytes.map(u64::try_from).transpose();
        let bytes = bytes
            .map_err(|_| StoreError::OutOfRange("options.cacheBytes must not be negative".to_owned()))?;
        Ok(bytes.unwrap_or(CACHE_BYTES_DEFAULT))
    }

    /// Opens the backend. Blocks on disk, but never on a cluster.
    pub(super) fn open(self) -> Result<Arc<dyn Kv>, StoreError> {
        if let Some(options) = self.foundationdb {
            return Ok(Arc::new(FoundationDbKv::open(&options.into()).map_err(surface)?));
        }
        let Some(path) = self.path else {
            return Ok(Arc::new(MemoryKv::new()));
        };
        if !self.create && !EmbeddedKv::is_there(Path::new(&path)).map_err(surface)? {
            return Err(StoreError::InvalidArg(format!("there is no store at {path}")));
        }
        let size_bytes_max = self.max_size_bytes.map(u64::try_from).transpose();
        let size_bytes_max = size_bytes_max
            .map_err(|_| StoreError::OutOfRange("options.maxSizeBytes must not be negative".to_owned()))?;
        let durability = if self.relaxed { Durability::Relaxed } else { Durability::Strict };
        let (read_only, mode) = (self.read_only, self.mode);
        let options = EmbeddedOptions { path: path.into(), durability, size_bytes_max, read_only, mode };
        Ok(Arc::new(EmbeddedKv::open(&options).map_err(surface)?))
    }
}

/// Which store on which cluster, and with which limits.
#[napi(object, object_to_js = false)]
pub struct NativeFoundationDbOptions {
    /// The cluster file. None: where the client looks for one.
    pub cluster_file: Option<String>,
    /// The prefix of the store's keys.
    pub prefix: String,
    /// The client library. None: the usual places.
    pub client_library: Option<String>,
    /// How long one transaction may take, and how long a call may begin further ones, in milliseconds.
    pub timeout_ms: u32,
    /// The maximum number of attempts of one call, including the first.
    pub attempts: u32,
    /// The maximum number of bytes that one transaction writes.
    pub transaction_bytes: u32,
}

impl From<NativeFoundationDbOptions> for FoundationDbOptions {
    fn from(options: NativeFoundationDbOptions) -> Self {
        Self {
            cluster_file: options.cluster_file.map(Into::into),
            prefix: options.prefix,
            client_library: options.client_library.map(Into::into),
            timeout: Duration::from_millis(options.timeout_ms.into()),
            attempts: options.attempts,
            transaction_bytes: usize::try_from(options.transaction_bytes).unwrap_or(usize::MAX),
        }
    }
}

/// A run of pages.
#[napi(object, object_to_js = false)]
pub struct NativePageRange {
    /// The first page.
    pub start: u32,
    /// The page after the last.
    pub end: u32,
}

/// What to preload.
pub(super) struct PreloadRequest {
    /// Single pages.
    pub(super) pages: Vec<u32>,
    /// Runs of pages.
    pub(super) ranges: Vec<NativePageRange>,
    /// Whether to include the pages that earlier owners needed.
    pub(super) hints: bool,
    /// At most this many bytes of pages.
    pub(super) bytes_max: u32,
}

impl TryFrom<PreloadRequest> for Preload {
    type Error = StoreError;

    fn try_from(request: PreloadRequest) -> Result<Self, StoreError> {
        Ok(Self {
            pages: page_numbers(&request.pages)?,
            ranges: request.ranges.iter().map(|range| (range.start, range.end)).collect(),
            hints: request.hints,
            bytes_max: u64::from(request.bytes_max),
        })
    }
}
