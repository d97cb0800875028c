//! Looking at a store: lists, an actor's rows, checks of everything, health.

pub(crate) mod actor;
pub(crate) mod health;
pub(crate) mod list;
pub(crate) mod verify;
pub(crate) mod walk;
