//! Reading: rows through a view, and the pages of one committed head.

pub(crate) mod at;
pub(crate) mod committed;
pub(crate) mod early;
mod layers;
pub(crate) mod pages;
pub(crate) mod peek;
pub(crate) mod rows;
pub(crate) mod slices;
mod stored;
