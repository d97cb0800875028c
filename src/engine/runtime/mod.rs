//! Shared by all operations: the backend with its limits, retries, background tasks, events and metrics.

pub(crate) mod actor;
pub(crate) mod background;
pub(crate) mod blocking;
pub(crate) mod core;
pub(crate) mod events;
pub(crate) mod metrics;
pub(crate) mod retry;
