//! The parts that every operation needs: the backend with its limits, and the environment.

use std::sync::Arc;

use crate::env::Env;
use crate::kv::{Kv, Limits};
use crate::metrics::Metrics;

use super::background::Background;

/// An open store, shared by its operations and background tasks.
pub(crate) struct Core {
    pub(crate) kv: Arc<dyn Kv>,
    /// The backend's limits.
    pub(crate) limits: Limits,
    pub(crate) env: Arc<dyn Env>,
    pub(crate) background: Background,
    /// The metrics of this store.
    pub(crate) metrics: Metrics,
}

impl Core {
    pub(crate) fn new(kv: Arc<dyn Kv>, env: Arc<dyn Env>) -> Arc<Self> {
        let (background, metrics) = (Background::default(), Metrics::default());
        Arc::new(Self { limits: kv.limits(), kv, env, background, metrics })
    }

    /// Whether another handle refers to the same store, as far as the backends can tell.
    pub(crate) fn is_same_store(&self, other: &Self) -> bool {
        self.kv.identity().is_some_and(|identity| Some(identity) == other.kv.identity())
    }
}
