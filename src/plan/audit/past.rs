//! What an audit knows of an actor's history, and what is wrong with it.

use std::collections::BTreeSet;

use crate::codec::{Head, Lineage, Point};
use crate::types::{PageNumber, Segment, Txid};

use super::findings::{ActorRows, PastSummary, RowCount, RowKind};

/// The history of an actor, as its rows are seen in key order: points, pins, lines.
#[derive(Debug, Default)]
pub(super) struct Past {
    points: BTreeSet<Txid>,
    /// States before this one may be no points, though lines or forks build on them: the actor began a line before it
    /// kept history.
    since: Txid,
    pinned: BTreeSet<Txid>,
    /// What forks show of this actor.
    forked: BTreeSet<Txid>,
    pins: u64,
    /// Newest first.
    lines: Vec<(Txid, Lineage)>,
    /// The head when the first of these rows was seen: points above it were made later and were not seen.
    reached: Option<Txid>,
    /// Whether the newest line was that of the head when it was seen.
    is_of_head: bool,
    /// The manifests of points.
    manifests: RowCount,
}

impl Past {
    pub(super) fn point(&mut self, txid: Txid, point: Option<&Point>) {
        if point.is_some_and(|point| point.dropped) {
            return;
        }
        self.points.insert(txid);
        if self.points.first() == Some(&txid) {
            // History began with it, or with one before that was dropped: which pages have a version was not known.
            let names_all = point.is_some_and(|point| match point.runs.as_slice() {
                [run] => run.first == PageNumber::FIRST && run.last.get() >= point.size_pages.0,
                _ => false,
            });
            self.since = if names_all { txid } else { Txid::ZERO };
        }
    }

    pub(super) fn pin(&mut self, txid: Txid, of_fork: bool) {
        if of_fork {
            self.forked.insert(txid)
        } else {
            self.pinned.insert(txid)
        };
        self.pins += 1;
    }

    pub(super) fn line(&mut self, begin: Txid, line: Lineage, head: Option<&Head>) {
        if self.lines.is_empty() {
            let own = head.and_then(|head| head.history.as_ref()).map(|history| &history.lineage);
            self.is_of_head = own.is_none_or(|own| *own == line);
        }
        self.lines.push((begin, line));
    }

    /// These rows are read from now on, or since an earlier head.
    pub(super) fn reached(&mut self, head: Option<&Head>) {
        self.reached = self.reached.or(head.map(|head| head.txid));
    }

    pub(super) fn manifest(&mut self, key: &[u8], value: &[u8]) {
        self.manifests.add(key, value);
    }

    /// For people.
    pub(super) fn summary(&self, head: Option<&Head>, rows: &ActorRows) -> PastSummary {
        let ActorRows { superseded, beyond, history, .. } = *rows;
        let has_history = head.is_some_and(|head| head.history.is_some());
        // Without history they are about to be cleared.
        let replaced = if has_history { superseded.plus(beyond) } else { RowCount::default() };
        // What only forks hold of an earlier life is theirs.
        let born = head.map_or(Txid::ZERO, Head::born);
        let shown = || self.points.iter().filter(|txid| **txid > born || self.pinned.contains(*txid));
        PastSummary {
            points: shown().count() as u64,
            oldest: shown().next().copied(),
            pins: self.pins,
            ancestors: head.map(Head::ancestors).unwrap_or_default(),
            held: replaced.plus(self.manifests).plus(history),
        }
    }

    /// What is wrong, each with the txid concerned.
    pub(super) fn problems(&self, head: &Head, is_live: bool) -> Vec<(RowKind, Txid, String)> {
        let mut wrong = Vec::new();
        for txid in self.points.iter().filter(|txid| **txid > head.txid) {
            wrong.push((RowKind::Point, *txid, format!("a point above head {}", head.txid)));
        }
        let (since, seen_to) = (self.since, self.reached.unwrap_or(head.txid));
        let forked = self.forked.iter().filter(|txid| **txid >= since).copied().collect::<BTreeSet<_>>();
        let pinned = self.pinned.union(&forked).filter(|txid| **txid <= seen_to);
        for txid in pinned.filter(|txid| !self.points.contains(txid)) {
            wrong.push((RowKind::Pin, *txid, "the state that this pin keeps is gone".to_owned()));
        }
        let ends =
            self.lines.iter().flat_map(|(begin, line)| line.below.iter().map(move |below| (begin, below)));
        let of_points = |below: &Segment| below.actor.is_none() && head.keeps() && below.to >= since;
        for (begin, end) in ends.filter(|(_, below)| of_points(below)) {
            if end.to <= seen_to && !self.points.contains(&end.to) {
                let detail = format!("the state {} on which this line builds is gone", end.to);
                wrong.push((RowKind::Line, *begin, detail));
            }
        }
        let own = head.history.as_ref().map(|history| &history.lineage).filter(|_| is_live);
        let newest = self.lines.first();
        match (own, newest) {
            (Some(_), Some((begin, _))) if !self.is_of_head => {
                let detail = "the newest line is not that of the head".to_owned();
                wrong.push((RowKind::Line, *begin, detail));
            }
            (Some(own), None) if !own.is_whole() => {
                wrong.push((RowKind::Line, head.txid, "the line of the head has no row".to_owned()));
            }
            _ => {}
        }
        wrong
    }
}
