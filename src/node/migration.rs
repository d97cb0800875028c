//! The class behind `migrateV1`: one import of v1 data, entry by entry.

use std::sync::Arc;

use napi::bindgen_prelude::{Either, Env, PromiseRaw, Uint8ArraySlice};
use napi_derive::napi;
use tokio::sync::Mutex;

use super::convert::NativeMeta;
use super::error::Failure;
use super::runtime::answer;
use super::store::NativeStore;
use crate::database::recover;
use crate::engine::{StoreError, V1Begun, V1Entry, V1Import};
use crate::types::ActorId;

#[napi]
impl NativeStore {
    /// Reserves an actor for a later import of v1 data.
    #[napi]
    pub fn prepare_v1_migration<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeMeta, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move { Ok(engine.prepare_v1_migration(&ActorId::new(actor_id)?).await?.into()) };
        answer(env, work, StoreError::Unavailable)
    }

    /// Resets an unfinished import of v1 data.
    #[napi]
    pub fn invalidate_v1_migration<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
    ) -> napi::Result<PromiseRaw<'env, Either<bool, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move { engine.invalidate_v1_migration(&ActorId::new(actor_id)?).await };
        answer(env, work, StoreError::Unavailable)
    }

    /// Begins an import of v1 data. If one was finished before, returns the actor's state.
    #[napi]
    pub fn begin_v1_migration<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
    ) -> napi::Result<PromiseRaw<'env, Either<Either<NativeV1Migration, NativeMeta>, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            Ok(match engine.begin_v1_import(&actor).await? {
                V1Begun::Import(import) => Either::A(NativeV1Migration::new(actor, import)),
                V1Begun::Finished(meta) => Either::B(NativeMeta::from(meta)),
            })
        };
        answer(env, work, StoreError::Unavailable)
    }
}

/// An import in progress. Its calls run one at a time.
#[napi]
pub struct NativeV1Migration {
    actor: ActorId,
    /// `None` once it is finished or given up.
    import: Arc<Mutex<Option<Box<V1Import>>>>,
}

impl NativeV1Migration {
    pub(super) fn new(actor: ActorId, import: Box<V1Import>) -> Self {
        Self { actor, import: Arc::new(Mutex::new(Some(import))) }
    }
}

fn over(actor: &ActorId) -> StoreError {
    StoreError::ConcurrentTakeover { actor: actor.clone() }
}

#[napi]
impl NativeV1Migration {
    /// Takes entries, as pairs of keys and values. They are copied before this returns.
    #[napi]
    pub fn take_entries<'env>(
        &self,
        env: &'env Env,
        keys: Vec<Uint8ArraySlice<'_>>,
        values: Vec<Uint8ArraySlice<'_>>,
    ) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let entries: Vec<V1Entry> =
            keys.into_iter().zip(values).map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        let (actor, import) = (self.actor.clone(), Arc::clone(&self.import));
        let work = async move {
            let mut import = import.lock().await;
            import.as_mut().ok_or_else(|| over(&actor))?.take(entries).await
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Finishes the import: its database becomes the actor's. An import that fails is given up.
    #[napi]
    pub fn finish<'env>(
        &self,
        env: &'env Env,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeMeta, Failure>>> {
        let (actor, import) = (self.actor.clone(), Arc::clone(&self.import));
        let work = async move {
            let mut place = import.lock().await;
            let mut import = place.take().ok_or_else(|| over(&actor))?;
            let finished = import.finish(move |file| recover(&actor, file)).await;
            if finished.is_err() {
                // If this cannot be undone now, the actor stays reserved, and its next import begins again.
                let _left = import.give_up().await;
            }
            Ok(finished?.into())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Gives the import up: the actor is again what it was before. Does nothing after its end.
    #[napi]
    pub fn give_up<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let import = Arc::clone(&self.import);
        let work = async move {
            let mut place = import.lock().await;
            match place.take() {
                Some(import) => import.give_up().await,
                None => Ok(()),
            }
        };
        answer(env, work, StoreError::Unavailable)
    }
}
