//! One binary for all integration tests: it links once.

mod basics;
mod support;
