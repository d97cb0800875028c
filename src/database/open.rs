//! Opens databases, and holds what all databases of a store share.

use std::sync::Arc;

use crate::database::error::DatabaseError;
use crate::database::interrupt::Interrupt;
use crate::database::pages::cache::PageCache;
use crate::database::pages::source::{ReadPolicy, Source};
use crate::database::schedule::handle::{Database, Settings};
use crate::database::schedule::memory_budget::MemoryBudget;
use crate::database::schedule::metrics::OpenDatabases;
use crate::database::schedule::pool::Pool;
use crate::database::schedule::reader::Reader;
use crate::database::schedule::shared::{Opened, Shared};
use crate::database::session::Session;
use crate::database::stats::Counters;
use crate::engine::{Engine, Outcome, Peek, PointRef, Preload};
use crate::env::Env;
use crate::metrics::{Family, Now};
use crate::types::{ActorId, Meta, PageCount, PageNumber, Txid};

/// How long after a start pages are recorded as hints for the next one.
const LEARNING_MS: u64 = 10_000;

/// When a write is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WriteDurability {
    /// When it is durable.
    #[default]
    Full,
    /// When SQLite has committed. It becomes durable a little later, and `Call::Flush` waits for that. If it never does,
    /// every later call fails.
    Deferred,
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// The pages that the start returns.
    pub preload: Preload,
    /// Whether pages are fetched before they are requested.
    pub read_ahead: bool,
    /// How many calls may wait.
    pub queue_max: usize,
    /// How long a transaction that statements have begun may stay open, in milliseconds.
    pub transaction_timeout_ms: u64,
    /// Whether [`Database::call_here`] may wait for a store that is reached over a network.
    pub may_block: bool,
    /// When writes are answered.
    pub durability: WriteDurability,
}

/// How a database is opened for reading, without taking the actor over.
#[derive(Debug, Clone, Copy)]
pub struct ReadOnlyOptions {
    /// Whether pages are fetched before they are requested.
    pub read_ahead: bool,
    /// How many calls may wait.
    pub queue_max: usize,
    /// How long a transaction that statements have begun may stay open, in milliseconds.
    pub transaction_timeout_ms: u64,
    /// Whether [`Database::call_here`] may wait for a store that is reached over a network.
    pub may_block: bool,
}

/// Opens the databases of one store.
pub struct Databases {
    shared: Arc<Shared>,
}

impl Databases {
    /// For this engine, with a cache of its own and a pool of threads that may be shared.
    pub fn new(engine: Arc<Engine>, env: Arc<dyn Env>, cache_bytes_max: u64, pool: Arc<Pool>) -> Self {
        let cache = Arc::new(PageCache::new(cache_bytes_max));
        let (memory, open) = (MemoryBudget::default(), OpenDatabases::default());
        Self { shared: Arc::new(Shared { engine, env, cache, pool, memory, open }) }
    }

    /// The metrics of the store and of its databases, and their current state.
    pub fn metrics(&self) -> Vec<Family> {
        let Shared { engine, cache, open, .. } = &*self.shared;
        let (sql, now) = open.read();
        let (commit_queue, background_actors) = engine.queues();
        let file = engine.file();
        let now = Now { cache_bytes: cache.bytes(), commit_queue, background_actors, file, ..now };
        engine.metrics().families(&sql, &now)
    }

    /// Takes an actor over and opens SQLite on its pages. A start that lost the race opens the database, too,
    /// under the generation that it shares.
    pub async fn open(
        &self,
        actor: &ActorId,
        options: &DatabaseOptions,
    ) -> Result<Arc<Database>, DatabaseError> {
        let mut startup = self.shared.engine.load_startup(actor, &options.preload).await?;
        let opened = Opened {
            actor: actor.clone(),
            outcome: Some(startup.outcome),
            meta: startup.meta,
            pages_preloaded: startup.pages.pages.len(),
            hints: startup.hints.clone(),
            learns_until_ms: self.shared.env.now_ms().saturating_add(LEARNING_MS),
        };
        let has_pages = startup.meta.size_pages != PageCount(0);
        if has_pages && startup.pages.get(PageNumber::FIRST).is_none() {
            // SQLite reads the header when it opens the file, and must not block this thread for that.
            let Meta { generation, head_txid, .. } = startup.meta;
            let first = [PageNumber::FIRST];
            startup.pages = self.shared.engine.get_pages(actor, generation, Some(head_txid), &first).await?;
        }
        let (interrupt, counters) = (Arc::new(Interrupt::default()), Arc::new(Counters::default()));
        // A start that lost did not get the stored hints, and would overwrite them.
        let learn_hints = options.preload.hints && startup.outcome == Outcome::Won;
        let policy = ReadPolicy { read_ahead: options.read_ahead, learn_hints };
        let source = Source::new(
            (Arc::clone(&self.shared.engine), Arc::clone(&self.shared.cache), Arc::clone(&counters)),
            actor.clone(),
            startup,
            policy,
        );
        let session = Session::open(source, Arc::clone(&interrupt))?;
        if options.durability == WriteDurability::Deferred {
            session.commits().defer();
        }
        let shared = Arc::clone(&self.shared);
        let &DatabaseOptions { queue_max, transaction_timeout_ms, may_block, .. } = options;
        let settings = Settings { queue_max, transaction_timeout_ms, may_block };
        Ok(Database::new(shared, opened, session, (interrupt, counters), (settings, None)))
    }

    /// Opens SQLite on a point of an actor's past for reading. The point is kept until the database is closed.
    pub async fn open_at(
        &self,
        actor: &ActorId,
        at: PointRef,
        options: &ReadOnlyOptions,
    ) -> Result<Arc<Database>, DatabaseError> {
        let shared = Arc::clone(&self.shared);
        let (engine, token) = (Arc::clone(&shared.engine), shared.env.token());
        let point = engine.hold_for_reader(actor, at, token).await?;
        let reader = Reader::keep(&shared, actor, (point, token));
        let seen = engine.peek_at(actor, point, &[PageNumber::FIRST]).await?;
        self.read(actor, seen, options, Some((point, reader)))
    }

    /// Opens SQLite on an actor's pages for reading, whoever owns the actor. Nothing is written, not even
    /// hints, and no owner notices. The database follows the actor from head to head and from owner to owner.
    pub async fn open_read_only(
        &self,
        actor: &ActorId,
        options: &ReadOnlyOptions,
    ) -> Result<Arc<Database>, DatabaseError> {
        let seen = self.shared.engine.peek(actor, None, &[PageNumber::FIRST]).await?;
        self.read(actor, seen, options, None)
    }

    fn read(
        &self,
        actor: &ActorId,
        seen: Peek,
        options: &ReadOnlyOptions,
        past: Option<(Txid, Reader)>,
    ) -> Result<Arc<Database>, DatabaseError> {
        let shared = Arc::clone(&self.shared);
        let opened = Opened {
            actor: actor.clone(),
            outcome: None,
            meta: seen.meta,
            pages_preloaded: 0,
            hints: Vec::new(),
            learns_until_ms: 0,
        };
        let (interrupt, counters) = (Arc::new(Interrupt::default()), Arc::new(Counters::default()));
        let of_store = (Arc::clone(&shared.engine), Arc::clone(&shared.cache), Arc::clone(&counters));
        let (point, reader) = past.unzip();
        let source = Source::following(of_store, actor.clone(), seen, (options.read_ahead, point));
        let session = Session::open(source, Arc::clone(&interrupt))?;
        let &ReadOnlyOptions { queue_max, transaction_timeout_ms, may_block, .. } = options;
        let settings = Settings { queue_max, transaction_timeout_ms, may_block };
        Ok(Database::new(shared, opened, session, (interrupt, counters), (settings, reader)))
    }
}
