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

/// How a start went.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The actor.
    pub actor: ActorId,
    /// Whether this start raised the generation; `None` where it was not meant to: the database only reads.
    pub outcome: Option<Outcome>,
    /// The state of the actor.
    pub meta: Meta,
    /// How many pages came along.
    pub pages_preloaded: usize,
    /// The hints that there were.
    pub(crate) hints: Vec<PageRange>,
    /// When what is read is no matter of the start any more.
    pub(crate) learns_until_ms: u64,
}
