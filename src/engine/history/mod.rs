//! History: points and pins, restores and forks, reads of the past, and what of it is dropped.

mod api;
pub(crate) mod fork;
pub(crate) mod past;
pub(crate) mod pins;
pub(crate) mod points;
pub(crate) mod policy;
mod resolve;
pub(crate) mod restore;

pub use api::{Forked, Past, PinRequest, PointInfo, PointRef, PointsRequest, Restored};
