//! The parts that every operation needs: the backend with its limits, and the environment.

use std::sync::{Arc, OnceLock};

use crate::env::Env;
use crate::kv::{Kv, Limits};
use crate::metrics::Metrics;

use crate::types::HistoryPolicy;

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
    /// What the store says of history: nothing, that there is none, or a policy.
    history: OnceLock<Option<HistoryPolicy>>,
}

impl Core {
    pub(crate) fn new(kv: Arc<dyn Kv>, env: Arc<dyn Env>) -> Arc<Self> {
        let (background, metrics) = (Background::default(), Metrics::default());
        Arc::new(Self { limits: kv.limits(), kv, env, background, metrics, history: OnceLock::new() })
    }

    /// Sets what the store says of history, once, before the first operation.
    pub(crate) fn set_history(&self, policy: Option<HistoryPolicy>) {
        self.history.get_or_init(|| policy);
    }

    /// The store's policy, if it keeps history.
    pub(crate) fn history(&self) -> Option<&HistoryPolicy> {
        self.history.get().and_then(Option::as_ref)
    }

    /// Whether actors keep history by default.
    pub(crate) fn keeps_history(&self) -> bool {
        self.history().is_some()
    }

    /// Whether the store says that there is no history. Not to say anything leaves actors as they are.
    pub(crate) fn ends_history(&self) -> bool {
        self.history.get().is_some_and(Option::is_none)
    }

    /// Whether another handle refers to the same store, as far as the backends can tell.
    pub(crate) fn is_same_store(&self, other: &Self) -> bool {
        self.kv.identity().is_some_and(|identity| Some(identity) == other.kv.identity())
    }
}
