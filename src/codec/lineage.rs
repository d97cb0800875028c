//! Where a database's pages come from: part of a HEAD with history, and the body of a LINE row.
//!
//! A LINE row, under the first txid of a line of commits, says what lies below that line. A restore begins a
//! line, and so do a fork and a new life of a deleted actor. So the segments of any txid are known: those of
//! the newest LINE row at or below it.

use super::error::DecodeError;
use super::reader::{Reader, write_text};
use super::row::Row;
use crate::types::{PageCount, Segment, Token, Txid};

/// What a line of commits consists of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    /// The actor's own versions above this txid belong to the line.
    pub floor: Txid,
    /// What the line shows where it has no version of its own, newest first.
    pub below: Vec<Segment>,
    /// The token of the pins that this actor has on the segments of others; of no meaning if there are none.
    pub pins: Token,
}

impl Lineage {
    /// Whether every version of the actor belongs to it, and nothing else does: an actor without restores and
    /// forks.
    pub fn is_whole(&self) -> bool {
        self.floor == Txid::ZERO && self.below.is_empty()
    }
}

pub(super) fn write(lineage: &Lineage, body: &mut Vec<u8>) {
    body.extend(lineage.floor.0.to_be_bytes());
    body.extend(lineage.pins.0);
    let count = u8::try_from(lineage.below.len()).expect("a line has a bounded number of segments");
    body.push(count);
    for Segment { actor, from, to, pages_max } in &lineage.below {
        write_text(actor.as_ref().map_or("", |actor| actor.as_str()), body);
        body.extend(from.0.to_be_bytes());
        body.extend(to.0.to_be_bytes());
        body.extend(pages_max.0.to_be_bytes());
    }
}

pub(super) fn read(body: &mut Reader<'_>) -> Result<Lineage, DecodeError> {
    let (floor, pins) = (body.txid()?, body.token()?);
    let count = usize::from(body.u8()?);
    let below = (0..count)
        .map(|_| {
            let (actor, from, to) = (body.actor()?, body.txid()?, body.txid()?);
            if to < from {
                return Err(body.field(format!("segment from {from} to {to}")));
            }
            Ok(Segment { actor, from, to, pages_max: PageCount(body.u32()?) })
        })
        .collect::<Result<_, _>>()?;
    Ok(Lineage { floor, below, pins })
}

impl Row for Lineage {
    const NAME: &'static str = "line";

    fn write(&self, body: &mut Vec<u8>) {
        write(self, body);
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read(body)
    }
}

#[cfg(test)]
pub(super) mod testing {
    use proptest::prelude::*;

    use super::*;
    use crate::types::ActorId;

    pub(crate) fn lineages() -> impl Strategy<Value = Lineage> {
        let segment = (prop::option::of("[a-z]{1,9}"), 0..9u64, 0..9u64, any::<u32>()).prop_map(
            |(actor, from, more, pages_max)| Segment {
                actor: actor.map(|id| ActorId::new(id).unwrap()),
                from: Txid(from),
                to: Txid(from + more),
                pages_max: PageCount(pages_max),
            },
        );
        (any::<u64>(), prop::collection::vec(segment, 0..=3), any::<[u8; 16]>())
            .prop_map(|(floor, below, pins)| Lineage { floor: Txid(floor), below, pins: Token(pins) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::lineages;
    use crate::codec::testing::check_row;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_line_comes_back_and_damage_does_not_pass(line in lineages()) {
            check_row(&line);
        }
    }
}
