//! Databases that are transferred in pieces: the classes behind `importFrom` and `exportTo` with streams, and
//! behind `serialize`.

use std::sync::Arc;

use napi::bindgen_prelude::{Either, Env, PromiseRaw, Uint8Array, Uint8ArraySlice};
use napi_derive::napi;
use tokio::sync::Mutex;

use super::convert::NativeMeta;
use super::error::Failure;
use super::runtime::answer;
use super::store::NativeStore;
use crate::engine::{Receiving, Sending, Sent, StoreError};
use crate::types::ActorId;

#[napi]
impl NativeStore {
    /// Begins an import of an actor from bytes that come in pieces.
    #[napi]
    pub fn receive<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        replace: bool,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeReceiving, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let receiving = engine.receive(&ActorId::new(actor_id)?, replace);
            Ok::<_, StoreError>(NativeReceiving { receiving: Arc::new(Mutex::new(Some(receiving))) })
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Begins an export of an actor's database in pieces.
    #[napi]
    pub fn send<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        may_begin_again: bool,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeSending, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let sending = engine.send(&ActorId::new(actor_id)?, may_begin_again).await?;
            Ok::<_, StoreError>(NativeSending { sending: Arc::new(Mutex::new(Some(sending))) })
        };
        answer(env, work, StoreError::Unavailable)
    }
}

/// An import in progress. Its calls run one at a time.
#[napi]
pub struct NativeReceiving {
    /// `None` once it is finished, has failed or is given up.
    receiving: Arc<Mutex<Option<Receiving>>>,
}

#[napi]
impl NativeReceiving {
    /// Takes bytes. They are copied before this returns.
    #[napi]
    pub fn take<'env>(
        &self,
        env: &'env Env,
        bytes: Uint8ArraySlice<'_>,
    ) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let (bytes, receiving) = (bytes.to_vec(), Arc::clone(&self.receiving));
        let work = async move {
            let mut place = receiving.lock().await;
            // Put back only if it has not failed: after a failure it is unknown which pages were written.
            let mut receiving = place.take().ok_or(StoreError::Closed)?;
            receiving.take(&bytes).await?;
            *place = Some(receiving);
            Ok(())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Finishes the import: the received bytes become the actor's content.
    #[napi]
    pub fn finish<'env>(
        &self,
        env: &'env Env,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeMeta, Failure>>> {
        let receiving = Arc::clone(&self.receiving);
        let work = async move {
            let receiving = receiving.lock().await.take().ok_or(StoreError::Closed)?;
            Ok(receiving.finish().await?.into())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Ends the import. If it is not complete, what was written is rolled back.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let receiving = Arc::clone(&self.receiving);
        let work = async move {
            drop(receiving.lock().await.take());
            Ok::<(), StoreError>(())
        };
        answer(env, work, StoreError::Unavailable)
    }
}

/// A step of an export.
#[napi(object, object_from_js = false)]
pub struct NativeSent {
    /// The next bytes; nothing at the end, or if the export starts again.
    pub bytes: Option<Uint8Array>,
    /// Whether the export starts again from the beginning.
    pub again: bool,
}

/// An export in progress.
#[napi]
pub struct NativeSending {
    sending: Arc<Mutex<Option<Sending>>>,
}

#[napi]
impl NativeSending {
    /// The state that is read.
    #[napi]
    pub fn meta<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<NativeMeta, Failure>>> {
        let sending = Arc::clone(&self.sending);
        let work = async move {
            let sending = sending.lock().await;
            Ok(sending.as_ref().ok_or(StoreError::Closed)?.meta().into())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Returns the next piece.
    #[napi]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<NativeSent, Failure>>> {
        let sending = Arc::clone(&self.sending);
        let work = async move {
            let mut sending = sending.lock().await;
            let sent = sending.as_mut().ok_or(StoreError::Closed)?.next().await?;
            Ok::<_, StoreError>(match sent {
                Sent::Bytes(bytes) => NativeSent { bytes: Some(bytes.into()), again: false },
                Sent::Again => NativeSent { bytes: None, again: true },
                Sent::End => NativeSent { bytes: None, again: false },
            })
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Ends the read.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let sending = Arc::clone(&self.sending);
        let work = async move {
            drop(sending.lock().await.take());
            Ok::<(), StoreError>(())
        };
        answer(env, work, StoreError::Unavailable)
    }
}
