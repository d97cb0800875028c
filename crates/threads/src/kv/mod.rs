//! The contract of the main crate, and its embedded backend on a disk in memory.

pub(crate) use batondb::kv::*;

pub(crate) mod embedded;
