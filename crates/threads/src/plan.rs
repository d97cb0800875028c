//! What `engine::background` keeps: what is left to be tidied up.
pub(crate) use batondb::plan::PendingCleanup;
