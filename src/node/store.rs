//! The class behind `Store`. Each method copies its arguments and then answers from the runtime.

#![expect(
    clippy::too_many_arguments,
    reason = "an object instead would be one more thing to read of JavaScript"
)]

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::{BigInt, Either, Env, PromiseRaw, Uint8ArraySlice, Uint32ArraySlice};
use napi_derive::napi;

use super::answer_queue::NativeAnswerQueue;
use super::convert::{
    NativeCommitBase, NativeMeta, NativePageSet, NativeStartup, PageBlock, page_numbers, unsigned,
};
use super::database::{NativeDatabase, NativeDatabaseOptions, OpenRequest};
use super::error::Failure;
use super::inspection::{NativeCopying, NativeInspection, NativeVerification};
use super::metrics::NativeMetricFamily;
use super::options::{NativePageRange, NativeStoreOptions, PreloadRequest};
use super::points::NativeHistory;
use super::runtime::{answer, sql_pool};
use super::status::{NativeStatus, milliseconds};
use super::traceparent::within;
use crate::database::{DatabaseError, Databases};
use crate::engine::{Commit, Engine, Held, ListRequest, Preload, StoreError, VerifyScope, clear_scratch};
use crate::env::{Env as _, SystemEnv};
use crate::kv::foundationdb::stop_with_main_thread;
use crate::types::{ActorId, Generation, PageCount, Txid};

/// An open store. Users see `Store`, which checks every argument first.
#[napi]
pub struct NativeStore {
    pub(super) engine: Arc<Engine>,
    databases: Arc<Databases>,
}

#[napi]
impl NativeStore {
    /// How the addon was built: `release`, or `debug`, which is several times slower.
    #[napi]
    pub fn build_profile() -> &'static str {
        if cfg!(debug_assertions) { "debug" } else { "release" }
    }

    /// Opens a store.
    #[napi]
    pub fn open(
        env: &Env,
        options: NativeStoreOptions,
    ) -> napi::Result<PromiseRaw<'_, Either<NativeStore, Failure>>> {
        if options.foundationdb.is_some() {
            // Here, because the rest runs on other threads.
            stop_with_main_thread();
        }
        let mut options = options;
        let work = async move {
            let cache_bytes_max = options.cache_bytes_max()?;
            let history = options.history.take().map(NativeHistory::policy).transpose()?;
            let create = options.create && !options.read_only;
            let kv = tokio::task::spawn_blocking(move || options.open()).await.map_err(|stopped| {
                StoreError::Unavailable(format!("the store was not opened: {stopped}"))
            })??;
            // Runs in the background.
            SystemEnv.run_blocking(Box::new(clear_scratch));
            let engine = if create {
                Engine::open(kv, Arc::new(SystemEnv)).await?
            } else {
                Engine::open_existing(kv, Arc::new(SystemEnv)).await?
            };
            if let Some(policy) = history {
                engine.keep_history(policy);
            }
            let engine = Arc::new(engine);
            let env = Arc::new(SystemEnv);
            let databases = Databases::new(Arc::clone(&engine), env, cache_bytes_max, sql_pool());
            Ok(Self { engine, databases: Arc::new(databases) })
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Takes an actor over.
    #[napi]
    pub fn load_startup<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        pages: Uint32ArraySlice<'_>,
        ranges: Vec<NativePageRange>,
        hints: bool,
        max_bytes: u32,
        traceparent: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeStartup, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let request = PreloadRequest { pages: pages.to_vec(), ranges, hints, bytes_max: max_bytes };
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let preload = Preload::try_from(request)?;
            Ok(engine.load_startup(&actor, &preload).await?.into())
        };
        answer(env, within(traceparent, work), StoreError::Unavailable)
    }

    /// Reads pages.
    #[napi]
    pub fn get_pages<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        generation: BigInt,
        head_txid: Option<BigInt>,
        pages: Uint32ArraySlice<'_>,
        traceparent: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<NativePageSet, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let pages = pages.to_vec();
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let generation = Generation(unsigned(&generation, "generation")?);
            let head_txid = head_txid.map(|txid| unsigned(&txid, "headTxid").map(Txid)).transpose()?;
            let pages = page_numbers(&pages)?;
            Ok(engine.get_pages(&actor, generation, head_txid, &pages).await?.into())
        };
        answer(env, within(traceparent, work), StoreError::Unavailable)
    }

    /// Writes pages. They are copied before this returns.
    #[napi]
    pub fn commit<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        base: NativeCommitBase,
        pages: Uint32ArraySlice<'_>,
        data: Vec<Uint8ArraySlice<'_>>,
        traceparent: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<u64, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let block = PageBlock::copy(&pages, data);
        let named = actor_id.clone();
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let commit = Commit {
                generation: Generation(unsigned(&base.generation, "generation")?),
                head_txid: Txid(unsigned(&base.head_txid, "headTxid")?),
                size_pages: PageCount(base.size_pages),
                pages: block.writes()?,
            };
            Ok(engine.commit(&actor, commit).await?.0)
        };
        // If a commit panics, it is unknown how far it had come, so the caller must not be told "not
        // written".
        let panicked = move |detail: String| match ActorId::new(named) {
            Ok(actor) => StoreError::CommitUnknown { actor, detail, token: None },
            Err(error) => error.into(),
        };
        answer(env, within(traceparent, work), panicked)
    }

    /// Looks at an actor without taking it over.
    #[napi]
    pub fn stat<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
    ) -> napi::Result<PromiseRaw<'env, Either<Option<NativeMeta>, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            Ok(engine.stat(&actor).await?.map(NativeMeta::from))
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Lists actors in the byte order of their ids.
    #[napi]
    pub fn list<'env>(
        &self,
        env: &'env Env,
        prefix: String,
        after: Option<String>,
        limit: Option<u32>,
    ) -> napi::Result<PromiseRaw<'env, Either<Vec<String>, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
            let actors = engine.list(&ListRequest { prefix, after, limit }).await?;
            Ok(actors.iter().map(ActorId::to_string).collect())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Deletes an actor's data; if a generation is given, only as its owner.
    #[napi]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        generation: Option<BigInt>,
        head_txid: Option<BigInt>,
    ) -> napi::Result<PromiseRaw<'env, Either<bool, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let Some(generation) = generation else { return engine.delete(&actor).await };
            let generation = Generation(unsigned(&generation, "generation")?);
            let head_txid = head_txid.map(|txid| unsigned(&txid, "headTxid").map(Txid)).transpose()?;
            engine.delete_held(&actor, Held::numbers(generation, head_txid)).await
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Creates an actor from a SQLite file, or replaces its content.
    #[napi]
    pub fn import_from<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        file: String,
        replace: bool,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeMeta, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            Ok(engine.import_from(&actor, &PathBuf::from(file), replace).await?.into())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Writes an actor's database to a SQLite file.
    #[napi]
    pub fn export_to<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        file: String,
        overwrite: bool,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeMeta, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (actor, file) = (ActorId::new(actor_id)?, PathBuf::from(file));
            let exported = if overwrite {
                engine.export_to(&actor, &file).await
            } else {
                engine.export_to_new(&actor, &file).await
            };
            Ok(exported?.into())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Whether another handle refers to the same store.
    #[napi]
    pub fn is_same_as(&self, other: &NativeStore) -> bool {
        self.engine.is_same_store(&other.engine)
    }

    /// Takes an actor over in another store, or under another id, or claims it there, to copy to it.
    #[napi]
    pub fn begin_copy<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        target: &NativeStore,
        target_id: String,
        replace: bool,
        verify: bool,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeCopying, Failure>>> {
        let (engine, target) = (Arc::clone(&self.engine), Arc::clone(&target.engine));
        let work = async move {
            let (actor, to) = (ActorId::new(actor_id)?, ActorId::new(target_id)?);
            let copying = engine.begin_copy(&actor, (&target, &to), replace).await?;
            Ok(NativeCopying::new(if verify { copying.verified() } else { copying }))
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Everything stored for an actor.
    #[napi]
    pub fn inspect<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
    ) -> napi::Result<PromiseRaw<'env, Either<Option<NativeInspection>, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            Ok(engine.inspect(&actor).await?.map(NativeInspection::from))
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Begins a check of every row: of one actor, of those whose ids begin with a prefix, or of the store.
    #[napi]
    pub fn verify<'env>(
        &self,
        env: &'env Env,
        actor_id: Option<String>,
        prefix: String,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeVerification, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let scope = match actor_id {
                Some(actor_id) => VerifyScope::Actor(ActorId::new(actor_id)?),
                None if prefix.is_empty() => VerifyScope::Everything,
                None => VerifyScope::Prefix(prefix),
            };
            Ok::<_, StoreError>(NativeVerification::new(engine.verify(scope)))
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Takes an actor over and opens SQLite on its pages.
    #[napi]
    pub fn open_database<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        options: NativeDatabaseOptions,
        answers: &NativeAnswerQueue,
        traceparent: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeDatabase, Failure>>> {
        let databases = Arc::clone(&self.databases);
        let options = OpenRequest::from(options);
        let answers = answers.share();
        let work = async move {
            let actor = ActorId::new(actor_id).map_err(StoreError::from)?;
            let database = options.open(&databases, &actor).await?;
            Ok(NativeDatabase::new(database, answers))
        };
        answer(env, within(traceparent, work), |detail| DatabaseError::from(StoreError::Unavailable(detail)))
    }

    /// Reads the store's own row, and returns how long that took, in milliseconds.
    #[napi]
    pub fn ping<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<f64, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move { Ok(milliseconds(engine.ping().await?)) };
        answer(env, work, StoreError::Unavailable)
    }

    /// The status of the backend.
    #[napi]
    pub fn status<'env>(
        &self,
        env: &'env Env,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeStatus, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move { Ok(engine.status().await?.into()) };
        answer(env, work, StoreError::Unavailable)
    }

    /// The store's metrics. After it is closed, their last values.
    #[napi]
    pub fn metrics(&self) -> Vec<NativeMetricFamily> {
        self.databases.metrics().into_iter().map(Into::into).collect()
    }

    /// Closes the store.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            engine.close().await;
            Ok(())
        };
        answer(env, work, StoreError::Unavailable)
    }
}
