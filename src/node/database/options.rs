//! How a database is opened.

use std::sync::Arc;

use napi::bindgen_prelude::Uint32Array;
use napi_derive::napi;

use crate::database::{
    Call, Database, DatabaseError, DatabaseOptions, Databases, Extension, ReadOnlyOptions, WriteDurability,
};
use crate::node::options::{NativePageRange, PreloadRequest};
use crate::node::points::NativePointRef;
use crate::sync::oneshot;
use crate::types::ActorId;

/// How to open a database.
#[napi(object, object_to_js = false)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct NativeDatabaseOptions {
    /// Single pages to preload.
    pub pages: Uint32Array,
    /// Runs of pages to preload.
    pub ranges: Vec<NativePageRange>,
    /// At most this many bytes of preloaded pages.
    pub max_bytes: u32,
    /// Whether to preload the pages that earlier starts needed, and to record hints for the next start.
    pub hints: bool,
    /// Whether to fetch pages before they are requested.
    pub read_ahead: bool,
    /// How many calls may wait.
    pub queue_max: u32,
    /// How long a transaction that statements have begun may stay open, in milliseconds.
    pub transaction_timeout_ms: u32,
    /// Whether to only read the actor and leave it to its owner; nothing is preloaded then.
    pub read_only: bool,
    /// The point of the past to read.
    pub at: Option<NativePointRef>,
    /// Whether synchronous calls may wait for a store that is reached over a network.
    pub allow_blocking: bool,
    /// Whether writes are answered before they are durable.
    pub deferred: bool,
    /// The extensions of SQLite to add.
    pub extensions: Vec<NativeExtension>,
}

/// An extension of SQLite.
#[napi(object, object_to_js = false)]
pub struct NativeExtension {
    /// The file of a library; none for sqlite-vec.
    pub path: Option<String>,
    /// Its entry point.
    pub entry_point: Option<String>,
}

impl From<NativeExtension> for Extension {
    fn from(NativeExtension { path, entry_point }: NativeExtension) -> Self {
        match path {
            None => Self::Vec,
            Some(path) => Self::Library { path, entry_point },
        }
    }
}

/// [`NativeDatabaseOptions`], copied out of JavaScript's memory.
pub(in crate::node) struct OpenRequest {
    preload: PreloadRequest,
    read_ahead: bool,
    queue_max: u32,
    transaction_timeout_ms: u64,
    read_only: bool,
    at: Option<NativePointRef>,
    may_block: bool,
    durability: WriteDurability,
    extensions: Vec<Extension>,
}

impl From<NativeDatabaseOptions> for OpenRequest {
    fn from(options: NativeDatabaseOptions) -> Self {
        let preload = PreloadRequest {
            pages: options.pages.to_vec(),
            ranges: options.ranges,
            bytes_max: options.max_bytes,
            hints: options.hints,
        };
        let durability = if options.deferred { WriteDurability::Deferred } else { WriteDurability::Full };
        let transaction_timeout_ms = options.transaction_timeout_ms.into();
        let extensions = options.extensions.into_iter().map(Extension::from).collect();
        let NativeDatabaseOptions { read_ahead, queue_max, read_only, at, allow_blocking: may_block, .. } =
            options;
        Self {
            preload,
            read_ahead,
            queue_max,
            transaction_timeout_ms,
            read_only,
            at,
            may_block,
            durability,
            extensions,
        }
    }
}

impl OpenRequest {
    /// Opens the requested database, with its extensions.
    pub(in crate::node) async fn open(
        mut self,
        databases: &Databases,
        actor: &ActorId,
    ) -> Result<Arc<Database>, DatabaseError> {
        let extensions = std::mem::take(&mut self.extensions);
        let database = self.open_plain(databases, actor).await?;
        for extension in extensions {
            let (sender, told) = oneshot::channel();
            database.submit(0, 0, Call::Extend(extension), move |answer| drop(sender.send(answer)));
            let lost = || DatabaseError::Closed("the database has ended".to_owned());
            if let Err(error) = told.await.unwrap_or_else(|_| Err(lost())) {
                database.abandon();
                return Err(error);
            }
        }
        Ok(database)
    }

    async fn open_plain(
        self,
        databases: &Databases,
        actor: &ActorId,
    ) -> Result<Arc<Database>, DatabaseError> {
        let Self {
            preload,
            read_ahead,
            queue_max,
            transaction_timeout_ms,
            read_only,
            at,
            may_block,
            durability,
            extensions: _,
        } = self;
        let queue_max = usize::try_from(queue_max).unwrap_or(usize::MAX);
        if read_only {
            let options = ReadOnlyOptions { read_ahead, queue_max, transaction_timeout_ms, may_block };
            return match at {
                Some(at) => databases.open_at(actor, at.try_into()?, &options).await,
                None => databases.open_read_only(actor, &options).await,
            };
        }
        let preload = preload.try_into()?;
        let options =
            DatabaseOptions { preload, read_ahead, queue_max, transaction_timeout_ms, may_block, durability };
        databases.open(actor, &options).await
    }
}
