//! What of an actor's history is kept: the rows of history, and the dropping of points that a policy does not
//! keep.

pub(crate) mod clearing;
mod dropping;
pub(crate) mod flatten;
mod release;
pub(crate) mod rows;
mod survey;
pub(crate) mod thin;
