//! Who owns an actor: a start with its preload and hints, and the end of an actor.

pub(crate) mod delete;
pub(crate) mod hints;
pub(crate) mod preload;
pub(crate) mod startup;
