//! What every operation needs: the backend, the environment, and one way to retry.

use std::sync::Arc;
use std::time::Duration;

use crate::env::Env;
use crate::kv::{Body, Kv, KvError, ReadBody, read, transact};

use super::background::Background;
use super::error::{Failure, StoreError, surface};

/// Attempts at one operation before it gives up. With the pauses below that is several seconds of
/// conflicts, which only a store in trouble produces.
const ATTEMPTS_MAX: u32 = 64;
const PAUSE_MS_MIN: u64 = 1;
const PAUSE_MS_MAX: u64 = 100;

/// An opened store, shared by its operations and background tasks.
pub(crate) struct Core {
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) env: Arc<dyn Env>,
    pub(crate) background: Background,
}

impl Core {
    pub(crate) fn new(kv: Arc<dyn Kv>, env: Arc<dyn Env>) -> Arc<Self> {
        Arc::new(Self { kv, env, background: Background::default() })
    }

    /// Runs a transaction until it is decided. The body recognises its own success by a token or is
    /// idempotent, so an unknown outcome is answered by running it again.
    pub(crate) async fn decide<B>(&self, body: &Arc<B>) -> Result<B::Output, StoreError>
    where
        B: Body<Error = Failure>,
    {
        let mut attempts = Attempts::default();
        loop {
            match transact(&*self.kv, body).await {
                Ok(output) => return Ok(output),
                Err(Failure::Store(error)) => return Err(error),
                Err(Failure::Kv(error)) => attempts.again(self, error).await.map_err(surface)?,
            }
        }
    }

    /// Reads one committed state.
    pub(crate) async fn read<B>(&self, body: &Arc<B>) -> Result<B::Output, StoreError>
    where
        B: ReadBody<Error = Failure>,
    {
        let mut attempts = Attempts::default();
        loop {
            match read(&*self.kv, body).await {
                Ok(output) => return Ok(output),
                Err(Failure::Store(error)) => return Err(error),
                Err(Failure::Kv(error)) => attempts.again(self, error).await.map_err(surface)?,
            }
        }
    }
}

/// How often an operation was tried, and what is known about it.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: u32,
    /// Conflicts among the failures.
    pub(crate) conflicts: u32,
    /// Whether an attempt may have taken effect without saying so.
    pub(crate) unknown: bool,
}

impl Attempts {
    /// Whether to try again after `error`, and when: returns once it is time to, or hands the error back.
    pub(crate) async fn again(&mut self, core: &Core, error: KvError) -> Result<(), KvError> {
        self.failed += 1;
        self.unknown |= error.may_have_committed();
        self.conflicts += u32::from(error == KvError::Conflict);
        let worth_it = error.is_transient() || error.may_have_committed();
        if !worth_it || self.failed >= ATTEMPTS_MAX {
            return Err(error);
        }
        tracing::debug!(attempt = self.failed, %error, "attempt failed, trying again");
        // The first retry is immediate: most conflicts are over when they are reported.
        if self.failed > 1 {
            let ceiling = (PAUSE_MS_MIN << self.failed.min(16)).min(PAUSE_MS_MAX);
            let pause = PAUSE_MS_MIN + core.env.random_below(ceiling);
            core.env.sleep(Duration::from_millis(pause)).await;
        }
        Ok(())
    }
}
