//! Durable commits: how an open store uses its journal.
//!
//! - `commit`: one record, and one flush in the middle of LMDB's commit
//! - `checkpoint`: makes the tree on the disk whole, so that the journal before is not needed any more
//! - `background`: the thread that makes checkpoints

mod background;
mod checkpoint;
mod commit;

pub(super) use commit::RECORD_BYTES_MAX;
