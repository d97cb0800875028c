//! Moving whole databases: files, copies between stores, imports of v1 data.

pub(crate) mod claim;
pub(crate) mod copy;
pub(crate) mod export;
pub(crate) mod export_point;
pub(crate) mod import;
pub(crate) mod partial;
pub(crate) mod receive;
pub(crate) mod scratch;
pub(crate) mod send;
pub(crate) mod v1;
