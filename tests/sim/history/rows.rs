//! The rows of an actor's history, and what they make a state show: from the rows of all actors.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use batondb::codec::{Lineage, Pin, Point};
use batondb::types::Txid;

use crate::content::{Content, hash};
use crate::shadow::Shadow;

/// The history of one actor.
#[derive(Debug, Default, Clone)]
pub struct PastRows {
    pub points: BTreeMap<u64, Point>,
    pub pins: BTreeMap<(u64, [u8; 16]), Pin>,
    /// By the txids that they begin with.
    pub lines: BTreeMap<u64, Lineage>,
}

impl PastRows {
    pub fn is_empty(&self) -> bool {
        self.points.is_empty() && self.pins.is_empty() && self.lines.is_empty()
    }

    /// The line of a txid.
    pub fn line(&self, txid: u64) -> Lineage {
        self.lines.range(..=txid).next_back().map(|(_, line)| line.clone()).unwrap_or_default()
    }

    /// The own states on which the lines build.
    pub fn line_ends(&self) -> impl Iterator<Item = u64> + '_ {
        let segments = self.lines.values().flat_map(|line| &line.below);
        segments.filter(|segment| segment.actor.is_none()).map(|segment| segment.to.0)
    }
}

impl fmt::Display for PastRows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points: Vec<String> = self
            .points
            .iter()
            .map(|(txid, point)| format!("{txid}{}", if point.dropped { "-" } else { "" }))
            .collect();
        let pins: Vec<String> =
            self.pins.iter().map(|((txid, _), pin)| format!("{txid}:{:?}", pin.kind)).collect();
        let segment = |line: &Lineage| {
            let below =
                line.below.iter().map(|below| format!("{:?} {}..{}", below.actor, below.from, below.to));
            format!("{}+{:?}", line.floor, below.collect::<Vec<_>>())
        };
        let lines: Vec<String> =
            self.lines.iter().map(|(begin, line)| format!("{begin}:{}", segment(line))).collect();
        write!(formatter, "points {points:?} pins {pins:?} lines {lines:?}")
    }
}

/// Pages of zeros, which are the same as none.
static ZEROS: LazyLock<[Content; 3]> =
    LazyLock::new(|| [512, 1_024, 4_096].map(|bytes| hash(&vec![0; bytes])));

impl Shadow {
    pub fn index_of(&self, name: &batondb::types::ActorId) -> Option<usize> {
        self.names.iter().position(|other| other == name)
    }

    /// What a state of an actor shows on a page: the newest version of the first segment that has one.
    pub fn shown(&self, actor: usize, (txid, line): (u64, &Lineage), page: u32) -> Option<Content> {
        let newest = |actor: usize, from: Txid, to: u64| {
            let range = (page, Reverse(to))..(page, Reverse(from.0));
            if to <= from.0 {
                return None;
            }
            self.actors[actor].pages.range(range).next().map(|(_, (_, content))| *content)
        };
        let mut found = newest(actor, line.floor, txid);
        for segment in &line.below {
            if found.is_some() || !segment.pages_max.contains(batondb::types::PageNumber::new(page)?) {
                break;
            }
            let whose = segment.actor.as_ref().map_or(Some(actor), |name| self.index_of(name))?;
            found = newest(whose, segment.from, segment.to.0);
        }
        found.filter(|content| !ZEROS.contains(content))
    }

    /// All that a state of this size shows.
    pub fn all_shown(&self, actor: usize, at: (u64, &Lineage), size: u32) -> BTreeMap<u32, Content> {
        (1..=size).filter_map(|page| Some((page, self.shown(actor, at, page)?))).collect()
    }

    /// What the head of an actor shows.
    pub fn visible(&self, actor: usize) -> BTreeMap<u32, Content> {
        let head = self.actors[actor].head();
        let line = head.history.map(|history| history.lineage).unwrap_or_default();
        self.all_shown(actor, (head.txid.0, &line), head.size_pages.0)
    }
}
