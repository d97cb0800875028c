//! What every operation needs: the backend with its limits, the environment, and a step tried until decided.

use std::sync::Arc;

use crate::env::Env;
use crate::kv::{Body, Kv, Limits, ReadBody, read, transact};
use crate::metrics::Metrics;

use super::attempts::Attempts;
use super::background::Background;
use super::error::{Failure, StoreError, surface};

/// An opened store, shared by its operations and background tasks.
pub(crate) struct Core {
    pub(crate) kv: Arc<dyn Kv>,
    /// What the backend takes at once.
    pub(crate) limits: Limits,
    pub(crate) env: Arc<dyn Env>,
    pub(crate) background: Background,
    /// What this store has done.
    pub(crate) metrics: Metrics,
}

impl Core {
    pub(crate) fn new(kv: Arc<dyn Kv>, env: Arc<dyn Env>) -> Arc<Self> {
        let (background, metrics) = (Background::default(), Metrics::default());
        Arc::new(Self { limits: kv.limits(), kv, env, background, metrics })
    }

    /// Whether another handle is on the same store, as far as the backends can tell.
    pub(crate) fn is_same_store(&self, other: &Self) -> bool {
        self.kv.identity().is_some_and(|identity| Some(identity) == other.kv.identity())
    }

    /// Runs a transaction until it is decided. The body recognises its own success by a token or is
    /// idempotent, so an unknown outcome is answered by running it again.
    pub(crate) async fn decide<B>(&self, body: &Arc<B>) -> Result<B::Output, StoreError>
    where
        B: Body<Error = Failure>,
    {
        let mut attempts = Attempts::begin(self);
        let decided = loop {
            match transact(&*self.kv, body).await {
                Ok(output) => break Ok(output),
                Err(Failure::Store(error)) => break Err(error),
                Err(Failure::Kv(error)) => {
                    if let Err(error) = attempts.again(self, error).await {
                        break Err(surface(error));
                    }
                }
            }
        };
        attempts.end(self, decided)
    }

    /// Reads one committed state.
    pub(crate) async fn read<B>(&self, body: &Arc<B>) -> Result<B::Output, StoreError>
    where
        B: ReadBody<Error = Failure>,
    {
        let mut attempts = Attempts::begin(self);
        loop {
            match read(&*self.kv, body).await {
                Ok(output) => return Ok(output),
                Err(Failure::Store(error)) => return Err(error),
                Err(Failure::Kv(error)) => attempts.again(self, error).await.map_err(surface)?,
            }
        }
    }
}
