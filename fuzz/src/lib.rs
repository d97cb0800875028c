//! The bodies of the fuzz targets, which `cargo test` of the root has, too.

#[path = "../../tests/fuzz/targets/mod.rs"]
pub mod targets;
