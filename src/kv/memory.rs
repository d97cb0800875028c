//! placeholder

/// placeholder
#[derive(Debug, Clone, Default)]
pub struct MemoryKv;

impl MemoryKv {
    /// An empty store.
    pub fn new() -> Self {
        Self
    }
}
