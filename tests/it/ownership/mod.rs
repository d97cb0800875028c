//! Who owns an actor: starts and their preloads, hints, races, storms, deletions.

mod basics;
mod deletions;
mod early;
mod hints;
mod ids;
mod interleave;
mod lifecycle;
mod races;
pub mod storm;
