//! The integration tests, as one binary, so that the crate is linked once.

mod kv_embedded;
