//! The words of the main crate.
pub(crate) use batondb::types::*;
