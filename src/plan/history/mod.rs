//! History: which states of the past there are, what a restore and a fork make of them, and which of them may
//! be dropped.
//!
//! A page version is a row, so history is not deleting: a commit of an actor that keeps history clears
//! nothing and leaves a *point*. Between two points that follow each other on one line, each page has at most
//! one version, and the later point names the pages that have one. So a point can be dropped on its own: a
//! page that the next point wrote, too, loses the version, and every other page is named by the next point
//! from then on.

mod advance;
mod drop;
mod fork;
mod keeping;
mod restore;
mod thin;

pub use advance::{ABSENT_PAGES_MAX, Left, Written};
pub use drop::{Dropped, Versions, drop_points};
pub use fork::{ForkPlan, ForkRequest, fork};
pub use keeping::{Keeping, Unclean, keeps_from_here, settled};
pub use restore::{RestorePlan, RestoreRequest, UNDO_PIN_MS, restore};
pub use thin::Thinning;

pub(super) use advance::{Change, advance};

use crate::codec::{Head, Lineage};
use crate::types::{ActorId, PageCount, SEGMENTS_BELOW_DEEP, Segment, Txid};

/// Whether an actor shows so many other lines that it is flattened in the background.
pub fn is_deep(head: &Head) -> bool {
    head.history.as_ref().is_some_and(|history| history.lineage.below.len() >= SEGMENTS_BELOW_DEEP)
}

/// Whether an actor that keeps no history has left something of its past that nobody shows: rows below its line, and
/// earlier lines, which may pin states of other actors.
pub fn is_unsettled(head: &Head) -> bool {
    let history = head.history.as_ref().filter(|history| !history.keeps);
    history.is_some_and(|history| history.lineage.below.is_empty() && history.lineage.floor > Txid::ZERO)
}

/// The segments that show the state at `to` on this line, to be put below a new line: those of `actor`, or
/// the new line's own actor if it is `None`.
fn segments(line: &Lineage, to: Txid, pages_max: PageCount, actor: Option<&ActorId>) -> Vec<Segment> {
    let own = Segment { actor: actor.cloned(), from: line.floor, to, pages_max };
    let below = line.below.iter().cloned().map(|segment| match segment.actor {
        Some(_) => segment,
        None => Segment { actor: actor.cloned(), ..segment },
    });
    // A line that begins with this very state has no version of its own.
    let own = (own.to > own.from).then_some(own);
    own.into_iter().chain(below).collect()
}
