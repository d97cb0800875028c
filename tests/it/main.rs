//! The integration tests, as one binary, so that the crate is linked once.

mod basics;
mod kv_embedded;
mod support;
