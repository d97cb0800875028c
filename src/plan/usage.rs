//! How much of what is stored for an actor is its history.

use std::collections::BTreeSet;

use super::audit::RowCount;
use super::shown::Shown;
use crate::codec::{self, ActorKeys, DecodeError, Head, Pin, Place, Point};
use crate::types::{ActorId, Txid};

/// What an actor's history holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryUsage {
    /// The states that are kept, the current one included. What only forks hold of an actor that was deleted is none.
    pub points: u64,
    /// The oldest of them, and its time in milliseconds since 1970-01-01 UTC.
    pub oldest: Option<(Txid, u64)>,
    /// The pins.
    pub pins: u64,
    /// The actors of which it shows something, nearest first.
    pub ancestors: Vec<ActorId>,
    /// Rows that are there for the past alone: versions that the current state does not show, points, pins, lines.
    pub held: RowCount,
    /// The rows of the current state's pages that are the actor's own.
    pub own: RowCount,
    /// Those that belong to others.
    pub shared: RowCount,
}

/// Adds up an actor's rows, which are passed in key order. Rows that were passed before the head has moved stay
/// counted as they were then.
#[derive(Debug)]
pub struct HistoryTally {
    actor: ActorId,
    keys: ActorKeys,
    shown: Shown,
    head: Head,
    /// The states of earlier lives, with their times, and those that pins show.
    earlier: Vec<(Txid, u64)>,
    pinned: BTreeSet<Txid>,
    usage: HistoryUsage,
}

impl HistoryTally {
    /// Begins.
    pub fn new(actor: &ActorId) -> Self {
        let usage = HistoryUsage::default();
        Self {
            actor: actor.clone(),
            keys: ActorKeys::new(actor),
            shown: Shown::default(),
            head: Head::empty(),
            earlier: Vec::new(),
            pinned: BTreeSet::new(),
            usage,
        }
    }

    /// The head at which the next rows are read.
    pub fn at(&mut self, head: &Head) {
        if self.head != *head {
            self.shown.at(&self.actor, head);
            self.usage.ancestors = head.ancestors();
            self.head = head.clone();
        }
    }

    /// One row other than the fence.
    pub fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let Self { shown, head, usage, .. } = self;
        match self.keys.place(key)? {
            Place::Page(_, txid) if txid > head.txid => {}
            Place::Page(page, txid) if shown.shows(page, txid) => usage.own.add(key, value),
            Place::Stage(txid, _) if txid > head.txid => {}
            // Without history these are about to be cleared.
            Place::Page(..) | Place::Stage(..) if head.history.is_none() => {}
            Place::Point(txid) => {
                usage.held.add(key, value);
                let point: Point = codec::decode(key, value)?;
                if !point.dropped && txid <= head.born() {
                    self.earlier.push((txid, point.time_ms));
                } else if !point.dropped {
                    usage.points += 1;
                    // The newest comes first.
                    usage.oldest = Some((txid, point.time_ms));
                }
            }
            Place::Pin(txid, _) => {
                usage.held.add(key, value);
                usage.pins += 1;
                if txid <= head.born() && codec::decode::<Pin>(key, value)?.shows() {
                    self.pinned.insert(txid);
                }
            }
            Place::Page(..) | Place::Stage(..) | Place::History | Place::Line(_) => {
                usage.held.add(key, value);
            }
            Place::Head | Place::Hints => {}
        }
        Ok(())
    }

    /// A row that the current state shows.
    pub fn shown(&mut self, key: &[u8], value: &[u8]) {
        if self.keys.parse_page(key).is_err() {
            self.usage.shared.add(key, value);
        }
    }

    /// The result.
    pub fn usage(&self) -> HistoryUsage {
        let mut usage = self.usage.clone();
        // Newest first, too, and older than the others.
        for (txid, time_ms) in self.earlier.iter().filter(|(txid, _)| self.pinned.contains(txid)) {
            usage.points += 1;
            usage.oldest = Some((*txid, *time_ms));
        }
        usage
    }
}
