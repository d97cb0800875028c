//! Scheduling: which call runs next, on which thread, and how much memory the databases of a store may keep.

mod crew;
pub(crate) mod handle;
pub(crate) mod memory_budget;
pub(crate) mod metrics;
pub(crate) mod pool;
pub(crate) mod queue;
pub(crate) mod reader;
pub(crate) mod shared;
