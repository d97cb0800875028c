//! Where SQLite's pages come from: the cache, the store, and read-ahead.

pub(crate) mod btree_walks;
pub(crate) mod cache;
pub(crate) mod hints;
pub(crate) mod interior;
pub(crate) mod read_ahead;
pub(crate) mod source;
pub(crate) mod window;
