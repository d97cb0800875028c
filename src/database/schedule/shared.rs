//! What the databases of one store share, and the outcome of a database's start.

use std::sync::Arc;

use crate::database::pages::cache::PageCache;
use crate::engine::{Engine, Outcome};
use crate::env::Env;
use crate::types::{ActorId, Meta, PageRange};

use super::memory_budget::MemoryBudget;
use super::metrics::OpenDatabases;
use super::pool::Pool;

/// What the databases of a store share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) env: Arc<dyn Env>,
    pub(crate) cache: Arc<PageCache>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) memory: MemoryBudget,
    pub(crate) open: OpenDatabases,
}

/// The outcome of a start.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The actor.
    pub actor: ActorId,
    /// Whether this start raised the generation; `None` if it was not meant to, because the database only
    /// reads.
    pub outcome: Option<Outcome>,
    /// The state of the actor.
    pub meta: Meta,
    /// How many pages were preloaded.
    pub pages_preloaded: usize,
    /// The stored hints at the start.
    pub(crate) hints: Vec<PageRange>,
    /// The time until which reads count as part of the start.
    pub(crate) learns_until_ms: u64,
}
