//! Threads that may block: what they do for others, and what they tell them.
//!
//! - `leading`: which of them commits for others
//! - `waiting`: tells who shares out threads that one of them waits

pub(crate) mod leading;
pub(crate) mod waiting;
