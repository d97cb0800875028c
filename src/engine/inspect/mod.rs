//! Inspecting a store: lists, the rows of an actor, what history holds, checks of everything, health.

pub(crate) mod actor;
pub(crate) mod health;
pub(crate) mod list;
pub(crate) mod survey;
pub(crate) mod usage;
pub(crate) mod verify;
pub(crate) mod walk;
