//! Lets go of what an actor holds of others.

use crate::codec::Lineage;
use crate::engine::runtime::actor::Actor;
use crate::kv::Mutations;
use crate::types::{ActorId, Segment, Txid};

/// Removes the actor's pins on the segments of others that none of the lines `left` shows. Returns these actors.
pub(super) fn release(
    mutations: &mut Mutations,
    lines: &[(Txid, Lineage)],
    left: &[&(Txid, Lineage)],
) -> Vec<ActorId> {
    let mut released = Vec::new();
    for (_, line) in lines {
        for segment in &line.below {
            let Some(ancestor) = &segment.actor else { continue };
            let same = |other: &Segment| (&other.actor, other.to) == (&segment.actor, segment.to);
            if !left.iter().any(|(_, other)| other.pins == line.pins && other.below.iter().any(same)) {
                mutations.delete(Actor::new(ancestor).keys.pin(segment.to, line.pins));
                released.push(ancestor.clone());
            }
        }
    }
    released
}
