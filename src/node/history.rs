//! The history of a store's actors, for `NativeStore`.

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::{Either, Env, PromiseRaw};
use napi_derive::napi;

use super::convert::NativeMeta;
use super::error::Failure;
use super::points::{
    NativeForked, NativeHistory, NativePoint, NativePointRef, NativeRestored, point, point_text, time, whole,
};
use super::runtime::answer;
use super::store::NativeStore;
use super::traceparent::within;
use crate::engine::{PinRequest, PointRef, PointsRequest, StoreError};
use crate::types::ActorId;

#[napi]
impl NativeStore {
    /// Sets what one actor keeps: what the store says, if there is no history.
    #[napi]
    pub fn set_history<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        history: Option<NativeHistory>,
    ) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let policy = history.map(NativeHistory::policy).transpose()?;
            engine.set_history(&actor, policy).await
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// The newest points of an actor, up to a limit.
    #[napi]
    pub fn points<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        from: Option<String>,
        to: Option<String>,
        limit: u32,
    ) -> napi::Result<PromiseRaw<'env, Either<Vec<NativePoint>, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let parsed = |text: Option<String>| text.map(|text| point(&text)).transpose();
            let limit = Some(usize::try_from(limit).unwrap_or(usize::MAX));
            let request = PointsRequest { from: parsed(from)?, to: parsed(to)?, limit };
            Ok(engine.points(&actor, &request).await?.into_iter().map(NativePoint::from).collect())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// The point that is meant.
    #[napi]
    pub fn find_point<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        at: NativePointRef,
    ) -> napi::Result<PromiseRaw<'env, Either<NativePoint, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (actor, at) = (ActorId::new(actor_id)?, PointRef::try_from(at)?);
            Ok(engine.find_point(&actor, at).await?.into())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Pins a point.
    #[napi]
    pub fn pin<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        at: NativePointRef,
        name: String,
        expires_at_ms: Option<f64>,
        traceparent: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<String, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (actor, at) = (ActorId::new(actor_id)?, PointRef::try_from(at)?);
            let pin = PinRequest { name, expires_at_ms: expires_at_ms.map_or(0, whole) };
            Ok(point_text(engine.pin(&actor, at, pin).await?))
        };
        answer(env, within(traceparent, work), StoreError::Unavailable)
    }

    /// Removes the pins of a name, or those that users have set on a point.
    #[napi]
    pub fn unpin<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        name: Option<String>,
        at: Option<String>,
        traceparent: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<bool, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let removed = match (name, at) {
                (Some(name), _) => engine.unpin_name(&actor, name).await?,
                (None, Some(at)) => engine.unpin_point(&actor, point(&at)?).await?,
                (None, None) => 0,
            };
            Ok(removed > 0)
        };
        answer(env, within(traceparent, work), StoreError::Unavailable)
    }

    /// Sets an actor back.
    #[napi]
    pub fn restore<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        to: NativePointRef,
        traceparent: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeRestored, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (actor, to) = (ActorId::new(actor_id)?, PointRef::try_from(to)?);
            let restored = engine.restore(&actor, to).await?;
            Ok(NativeRestored {
                generation: restored.generation.0,
                point: point_text(restored.to),
                time_ms: time(restored.time_ms),
                undo: point_text(restored.undo),
            })
        };
        answer(env, within(traceparent, work), StoreError::Unavailable)
    }

    /// Forks an actor.
    #[napi]
    pub fn fork<'env>(
        &self,
        env: &'env Env,
        from: String,
        to: String,
        at: NativePointRef,
        traceparent: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeForked, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (from, to) = (ActorId::new(from)?, ActorId::new(to)?);
            let forked = engine.fork(&from, &to, PointRef::try_from(at)?).await?;
            Ok(NativeForked { generation: forked.generation.0, point: point_text(forked.at) })
        };
        answer(env, within(traceparent, work), StoreError::Unavailable)
    }

    /// Copies what an actor shows of others.
    #[napi]
    pub fn flatten<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        traceparent: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move { engine.flatten(&ActorId::new(actor_id)?).await };
        answer(env, within(traceparent, work), StoreError::Unavailable)
    }

    /// Writes a point of an actor to a file.
    #[napi]
    pub fn export_point<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        at: NativePointRef,
        file: String,
        overwrite: bool,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeMeta, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (actor, file) = (ActorId::new(actor_id)?, PathBuf::from(file));
            Ok(engine.export_point(&actor, PointRef::try_from(at)?, &file, overwrite).await?.into())
        };
        answer(env, work, StoreError::Unavailable)
    }
}
