//! Commits of every size: bounds, slices, stages, faults at any operation, a model.

mod bounds;
mod faults;
mod large;
mod model;
mod slices;
mod stages;
