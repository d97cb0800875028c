//! Who owns an actor: a start with its preload and hints, and deletion.

pub(crate) mod delete;
pub(crate) mod hints;
pub(crate) mod preload;
pub(crate) mod startup;
