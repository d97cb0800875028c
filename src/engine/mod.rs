//! The operations: they open transactions, ask `plan` what to do with what was read, write what it says,
//! retry what can be retried and resolve lost answers. No rule about who may write lives here.
//!
//! [`Engine`] is the facade; each file is one operation.

mod error;

pub use error::StoreError;

use std::path::Path;
use std::sync::Arc;

use crate::env::Env;
use crate::kv::Kv;
use crate::types::{ActorId, Generation, Meta, PageCount, PageNumber, PageSize, Txid};

/// Which pages the answer to a start carries.
#[derive(Debug, Clone)]
pub struct Preload {
    /// Single pages.
    pub pages: Vec<PageNumber>,
    /// Runs of pages as `(start, end)`, `end` exclusive.
    pub ranges: Vec<(u32, u32)>,
    /// At most this many bytes of pages; page 1 is always there.
    pub bytes_max: u64,
}

/// Pages of one committed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSet {
    /// The head that all pages come from.
    pub head_txid: Txid,
    /// The size of each page.
    pub page_size: PageSize,
    /// The page numbers, ascending.
    pub pages: Vec<PageNumber>,
    /// The pages one after the other, in the order of `pages`.
    pub data: Vec<u8>,
}

/// Whether a start raised the generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This call did.
    Won,
    /// Another call did, while this one was under way.
    Lost,
}

/// The answer to a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// Whether this call raised the generation.
    pub outcome: Outcome,
    /// The state of the actor, the current generation included.
    pub meta: Meta,
    /// The preloaded pages; none when lost.
    pub pages: PageSet,
}

/// A page to write.
#[derive(Debug, Clone)]
pub struct PageWrite<'a> {
    /// Its number.
    pub page: PageNumber,
    /// Its bytes: exactly one page.
    pub data: &'a [u8],
}

/// Changes to commit.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The generation held.
    pub generation: Generation,
    /// The head that the changes extend.
    pub head_txid: Txid,
    /// The size of the database afterwards.
    pub size_pages: PageCount,
    /// The changed pages, in any order, each once.
    pub pages: Vec<PageWrite<'a>>,
}

/// Which actors to list.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Only ids that begin with this.
    pub prefix: String,
    /// Only ids above this one, in byte order.
    pub after: Option<String>,
    /// At most this many; `None` is all.
    pub limit: Option<usize>,
}

/// One opened store.
pub struct Engine {
    #[expect(dead_code)]
    kv: Arc<dyn Kv>,
    #[expect(dead_code)]
    env: Arc<dyn Env>,
}

#[expect(unused_variables, clippy::unused_async)]
impl Engine {
    pub async fn open(kv: Arc<dyn Kv>, env: Arc<dyn Env>) -> Result<Self, StoreError> {
        unimplemented!()
    }
    pub async fn load_startup(&self, actor: &ActorId, preload: &Preload) -> Result<Startup, StoreError> {
        unimplemented!()
    }
    /// `head_txid`: the head that the pages must come from; `None` is the current one.
    pub async fn get_pages(
        &self,
        actor: &ActorId,
        generation: Generation,
        head_txid: Option<Txid>,
        pages: &[PageNumber],
    ) -> Result<PageSet, StoreError> {
        unimplemented!()
    }
    pub async fn commit(&self, actor: &ActorId, commit: Commit<'_>) -> Result<Txid, StoreError> {
        unimplemented!()
    }
    pub async fn stat(&self, actor: &ActorId) -> Result<Option<Meta>, StoreError> {
        unimplemented!()
    }
    pub async fn list(&self, request: &ListRequest) -> Result<Vec<ActorId>, StoreError> {
        unimplemented!()
    }
    pub async fn delete(&self, actor: &ActorId) -> Result<bool, StoreError> {
        unimplemented!()
    }
    pub async fn import_from(&self, actor: &ActorId, file: &Path, replace: bool) -> Result<Meta, StoreError> {
        unimplemented!()
    }
    pub async fn export_to(&self, actor: &ActorId, file: &Path) -> Result<Meta, StoreError> {
        unimplemented!()
    }
    /// Waits for what is under way, ends background work and closes the backend. Idempotent.
    pub async fn close(&self) {
        unimplemented!()
    }
}
