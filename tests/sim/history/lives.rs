//! Which states of an actor were kept when, and by which pins. A moment is a number of transactions: what is born
//! with one is there from its number on, and what goes with one is not there at its number any more.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use batondb::codec::Pin;
use batondb::engine::PointRef;

/// From one moment until another one.
type Life = (u64, Option<u64>);

/// What was kept of one actor.
#[derive(Debug, Default)]
pub struct Lives {
    points: BTreeMap<u64, Vec<Life>>,
    /// Those of them that whoever asks is shown.
    shown: BTreeMap<u64, Vec<Life>>,
    times: BTreeMap<u64, u64>,
    pins: BTreeMap<(u64, [u8; 16]), (Pin, Vec<Life>)>,
    heads: BTreeMap<u64, Option<u64>>,
    is_live: bool,
    /// The last txid before the last deletion.
    born: u64,
}

fn alive((from, until): &Life, moment: u64) -> bool {
    *from <= moment && until.is_none_or(|until| moment < until)
}

fn alive_at(points: &BTreeMap<u64, Vec<Life>>, moment: u64) -> BTreeSet<u64> {
    let alive = points.iter().filter(|(_, lives)| lives.iter().any(|life| alive(life, moment)));
    alive.map(|(txid, _)| *txid).collect()
}

/// Writes down what is there now.
fn turn(lives: &mut Vec<Life>, is_there: bool, moment: u64) {
    match lives.last_mut() {
        Some((_, until @ None)) if !is_there => *until = Some(moment),
        Some((_, None)) => {}
        _ if is_there => lives.push((moment, None)),
        _ => {}
    }
}

impl Lives {
    /// The points that are kept from this moment on, with their times. Returns those that were not before, and those
    /// that are not any more.
    pub fn keep(&mut self, now: &BTreeMap<u64, u64>, moment: u64) -> (BTreeSet<u64>, BTreeSet<u64>) {
        let before = self.kept_at(moment);
        let after: BTreeSet<u64> = now.keys().copied().collect();
        for txid in before.symmetric_difference(&after) {
            turn(self.points.entry(*txid).or_default(), after.contains(txid), moment);
        }
        self.times.extend(now);
        (after.difference(&before).copied().collect(), before.difference(&after).copied().collect())
    }

    /// The last txid of earlier lives, given whether the actor lives now and its next txid.
    pub fn born(&mut self, is_live: bool, next_txid: u64) -> u64 {
        if self.is_live && !is_live {
            self.born = next_txid - 1;
        }
        self.is_live = is_live;
        self.born
    }

    /// The points that are shown from this moment on. What only forks hold of an earlier life is not.
    pub fn show(&mut self, now: &BTreeSet<u64>, moment: u64) {
        let before = self.shown_at(moment);
        for txid in before.symmetric_difference(now) {
            turn(self.shown.entry(*txid).or_default(), now.contains(txid), moment);
        }
    }

    /// The pins that there are from this moment on.
    pub fn hold(&mut self, now: &BTreeMap<(u64, [u8; 16]), Pin>, moment: u64) {
        for (key, (_, lives)) in &mut self.pins {
            turn(lives, now.contains_key(key), moment);
        }
        for (key, pin) in now {
            let (known, lives) = self.pins.entry(*key).or_insert_with(|| (pin.clone(), Vec::new()));
            *known = pin.clone();
            turn(lives, true, moment);
        }
    }

    /// The points that are kept at a moment.
    pub fn kept_at(&self, moment: u64) -> BTreeSet<u64> {
        alive_at(&self.points, moment)
    }

    /// The points that are shown at a moment.
    pub fn shown_at(&self, moment: u64) -> BTreeSet<u64> {
        alive_at(&self.shown, moment)
    }

    /// Whether a point was shown at some of these moments.
    pub fn was_shown(&self, txid: u64, mut window: RangeInclusive<u64>) -> bool {
        let lives = self.shown.get(&txid);
        lives.is_some_and(|lives| window.any(|moment| lives.iter().any(|life| alive(life, moment))))
    }

    /// Whether a point was kept at some of these moments.
    pub fn was_kept(&self, txid: u64, mut window: RangeInclusive<u64>) -> bool {
        let lives = self.points.get(&txid);
        lives.is_some_and(|lives| window.any(|moment| lives.iter().any(|life| alive(life, moment))))
    }

    /// Whether a point was not shown at some of these moments.
    pub fn was_missing(&self, txid: u64, mut window: RangeInclusive<u64>) -> bool {
        let lives = self.shown.get(&txid);
        lives.is_none_or(|lives| window.any(|moment| !lives.iter().any(|life| alive(life, moment))))
    }

    /// The points that pins of a name held at a moment.
    pub fn named_at(&self, name: &str, moment: u64) -> BTreeSet<u64> {
        let named = self.pins.iter().filter(|(_, (pin, lives))| {
            pin.name == name && !name.is_empty() && lives.iter().any(|life| alive(life, moment))
        });
        named.map(|((txid, _), _)| *txid).collect()
    }

    /// Whether a pin of a name may have ended by some clock.
    pub fn may_have_expired(&self, name: &str) -> bool {
        self.pins.values().any(|(pin, _)| pin.name == name && pin.expires_at_ms != 0)
    }

    /// The head from this moment on; none where there is nothing to keep.
    pub fn lead(&mut self, head: Option<u64>, moment: u64) {
        if self.heads.values().next_back() != Some(&head) {
            self.heads.insert(moment, head);
        }
    }

    /// The point that a reference may mean at a moment.
    pub fn meant_at(&self, at: &PointRef, moment: u64) -> BTreeSet<u64> {
        match at {
            PointRef::Head => {
                let head = self.heads.range(..=moment).next_back();
                head.and_then(|(_, head)| *head).into_iter().collect()
            }
            PointRef::Txid(txid) => [txid.0].into(),
            PointRef::Name(name) => self.named_at(name, moment),
            PointRef::Time(time_ms) => {
                let mut shown = self.shown_at(moment).into_iter();
                shown.rfind(|txid| self.times[txid] <= *time_ms).into_iter().collect()
            }
        }
    }

    /// The time of a point that is or was kept.
    pub fn time_of(&self, txid: u64) -> Option<u64> {
        self.times.get(&txid).copied()
    }
}
