//! Where pages come from, as it is.

#[path = "../../../../src/database/pages/btree_walks.rs"]
mod btree_walks;
#[path = "../../../../src/database/pages/cache.rs"]
pub(crate) mod cache;
#[path = "../../../../src/database/pages/hints.rs"]
pub(crate) mod hints;
#[path = "../../../../src/database/pages/interior.rs"]
mod interior;
#[path = "../../../../src/database/pages/read_ahead.rs"]
mod read_ahead;
#[path = "../../../../src/database/pages/source.rs"]
pub(crate) mod source;
#[path = "../../../../src/database/pages/window.rs"]
mod window;
