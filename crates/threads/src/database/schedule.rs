//! Queues, threads and memory, as they are; what databases share is a test's.

#[path = "../../../../src/database/schedule/crew.rs"]
mod crew;
#[path = "../../../../src/database/schedule/handle/mod.rs"]
pub(crate) mod handle;
#[path = "../../../../src/database/schedule/memory_budget.rs"]
pub(crate) mod memory_budget;
#[path = "../../../../src/database/schedule/metrics.rs"]
pub(crate) mod metrics;
#[path = "../../../../src/database/schedule/pool.rs"]
pub(crate) mod pool;
#[path = "../../../../src/database/schedule/queue.rs"]
pub(crate) mod queue;
#[path = "shared.rs"]
pub(crate) mod shared;

/// Nothing is read of the past here.
pub(crate) mod reader {
    pub(crate) enum Reader {}

    impl Reader {
        pub(crate) fn release(self) {
            match self {}
        }
    }
}
