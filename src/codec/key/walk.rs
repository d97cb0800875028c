//! Walks over all keys of a store, including keys that no release writes.

use super::{ActorKeys, ESCAPED_NUL, FENCE, HEAD, HINTS, NUL, ROWS, STORE, STRING, escape_into, unescape};
use crate::codec::DecodeError;
use crate::kv::KeyRange;
use crate::types::{ActorId, PageNumber, Token, Txid};

impl ActorKeys {
    /// Every row of the actor except its fence, and anything else among them.
    pub fn rows(&self) -> KeyRange {
        // After the closing NUL comes a row kind; if an escape follows instead, the id is a longer one.
        KeyRange::new(self.root.clone(), self.row(ESCAPED_NUL, &[]))
    }

    /// The fence, and anything between it and the fence of the next actor.
    pub fn fence_and_strays(&self) -> KeyRange {
        let mut end = self.fence();
        end.push(ESCAPED_NUL);
        KeyRange::new(self.fence(), end)
    }

    /// Which row of the actor, other than its fence, a key belongs to.
    pub fn place(&self, key: &[u8]) -> Result<Place, DecodeError> {
        if key == self.row(HEAD, &[]) {
            return Ok(Place::Head);
        }
        if key == self.row(HINTS, &[]) {
            return Ok(Place::Hints);
        }
        if key == self.history() {
            return Ok(Place::History);
        }
        let page = self.parse_page(key).map(|(page, txid)| Place::Page(page, txid));
        page.or_else(|_| self.parse_stage(key).map(|(txid, part)| Place::Stage(txid, part)))
            .or_else(|_| self.parse_point(key).map(Place::Point))
            .or_else(|_| self.parse_pin(key).map(|(txid, token)| Place::Pin(txid, token)))
            .or_else(|_| self.parse_line(key).map(Place::Line))
    }
}

/// The row that a key among an actor's rows belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The HEAD row.
    Head,
    /// A version of a page.
    Page(PageNumber, Txid),
    /// The manifest of a part of a stage.
    Stage(Txid, u32),
    /// The HINTS row.
    Hints,
    /// The HISTORY row.
    History,
    /// A point.
    Point(Txid),
    /// A pin of a point.
    Pin(Txid, Token),
    /// What lies below the line that begins with this txid.
    Line(Txid),
}

/// The position at which to look for the next actor by its rows, whether it has a fence or not. Fences and
/// other rows sort by id in the same way, so one position serves both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdCursor(Vec<u8>);

impl IdCursor {
    /// Before the ids that begin with `prefix`.
    pub fn before(prefix: &str) -> Self {
        let mut position = vec![STRING];
        escape_into(prefix, &mut position);
        Self(position)
    }

    /// After everything that may belong to the id of `key`, a key that [`IdCursor::ranges`] has led to.
    pub fn behind(key: &[u8]) -> Self {
        let mut position = key[1..].to_vec();
        match id_end(key) {
            Some(end) => {
                position.truncate(end - 1);
                position.push(ESCAPED_NUL);
            }
            None => position.push(NUL),
        }
        Self(position)
    }

    /// The fences and the other rows from here on, as far as they have an id.
    pub fn ranges(&self) -> [KeyRange; 2] {
        [FENCE, ROWS].map(|kind| {
            let start: Vec<u8> = [kind].into_iter().chain(self.0.iter().copied()).collect();
            KeyRange::new(start, vec![kind, STRING + 1])
        })
    }

    /// Whether the id of a key begins with the prefix that `self` was created from.
    pub fn is_prefix_of(&self, key: &[u8]) -> bool {
        key.get(1..).is_some_and(|id| id.starts_with(&self.0))
    }
}

/// The ranges in a store's part of the key space in which no release writes a key.
pub fn strange_ranges() -> [KeyRange; 5] {
    [
        KeyRange::new(vec![STORE, 0], vec![FENCE, STRING]),
        KeyRange::new(vec![FENCE, STRING + 1], vec![ROWS]),
        KeyRange::new(vec![ROWS], vec![ROWS, STRING]),
        KeyRange::new(vec![ROWS, STRING + 1], vec![ROWS + 1]),
        KeyRange::new(vec![ROWS + 1], vec![0xFF]),
    ]
}

/// The actor that the key of a fence or of another row belongs to, if it names one.
pub fn actor_of(key: &[u8]) -> Option<ActorId> {
    let end = id_end(key)?;
    unescape(key.get(2..end - 1)?).and_then(|id| ActorId::new(id).ok())
}

/// The end of the id in a key, including its closing NUL.
fn id_end(key: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        at += key.get(at..)?.iter().position(|byte| *byte == NUL)? + 1;
        if key.get(at) != Some(&ESCAPED_NUL) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{ids, page_number, txid};
    use super::*;

    proptest! {
        #[test]
        fn every_row_of_an_actor_has_its_place_and_the_cursor_passes_all_of_them(
            one in ids(), other in ids(), page in page_number(), at in txid(), part: u32,
        ) {
            prop_assume!(one != other);
            let (keys, foreign) = (ActorKeys::new(&one), ActorKeys::new(&other));
            let rows = [
                (keys.head(), Place::Head),
                (keys.page(page, at), Place::Page(page, at)),
                (keys.stage_part(at, part), Place::Stage(at, part)),
                (keys.hints(), Place::Hints),
                (keys.history(), Place::History),
                (keys.point(at), Place::Point(at)),
                (keys.pin(at, Token([7; 16])), Place::Pin(at, Token([7; 16]))),
                (keys.line(at), Place::Line(at)),
            ];
            for (key, place) in &rows {
                prop_assert_eq!(keys.place(key), Ok(*place));
                prop_assert!(foreign.place(key).is_err() && keys.rows().contains(key));
                prop_assert!(!foreign.rows().contains(key) && !foreign.fence_and_strays().contains(&keys.fence()));
                prop_assert_eq!(actor_of(key), Some(one.clone()));
                let [fences, others] = IdCursor::behind(key).ranges();
                let behind = other.as_str().as_bytes() > one.as_str().as_bytes();
                prop_assert!(!fences.contains(&keys.fence()) && !others.contains(key));
                prop_assert_eq!(fences.contains(&foreign.fence()), behind);
                prop_assert_eq!(others.contains(&foreign.page(page, at)), behind);
            }
            prop_assert_eq!(actor_of(&keys.fence()), Some(one.clone()));
            prop_assert!(strange_ranges().iter().all(|range| !range.contains(&keys.fence()) && !range.contains(&keys.head())));
        }
    }

    #[test]
    fn a_key_without_an_id_leads_on_behind_itself() {
        for key in [vec![FENCE, STRING, b'a'], vec![ROWS, STRING, b'a', NUL, ESCAPED_NUL], vec![ROWS, STRING]]
        {
            assert_eq!(actor_of(&key), None);
            assert!(IdCursor::behind(&key).ranges().iter().all(|range| !range.contains(&key)), "{key:?}");
        }
    }
}
