//! The numbers of the main crate. Adding to them is no point for the scheduler.
pub(crate) use batondb::metrics::*;
