//! What an audit knows of an actor's history, and what is wrong with it.

use std::collections::BTreeSet;

use crate::codec::{Head, Lineage, Point};
use crate::types::{ActorId, PageNumber, Segment, Txid};

use super::findings::{PastSummary, RowKind};

/// Whether a head may show an own version of a page: it lies in its line, or in an own segment below.
pub(super) fn shows(actor: &ActorId, head: &Head, page: PageNumber, txid: Txid) -> bool {
    let Some(history) = &head.history else { return true };
    let lineage = &history.lineage;
    let mut segments = lineage.below.iter().take_while(|segment| segment.pages_max.contains(page));
    let is_own = |segment: &Segment| segment.actor.as_ref().is_none_or(|other| other == actor);
    txid > lineage.floor
        || segments.any(|segment| is_own(segment) && segment.from < txid && txid <= segment.to)
}

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

    pub(super) fn line(&mut self, begin: Txid, line: Lineage) {
        self.lines.push((begin, line));
    }

    /// For people.
    pub(super) fn summary(&self, head: Option<&Head>) -> PastSummary {
        let below = head.and_then(|head| head.history.as_ref()).map(|history| &history.lineage.below);
        let mut ancestors: Vec<ActorId> =
            below.into_iter().flatten().filter_map(|segment| segment.actor.clone()).collect();
        ancestors.dedup();
        PastSummary {
            points: self.points.len() as u64,
            oldest: self.points.first().copied(),
            pins: self.pins,
            ancestors,
        }
    }

    /// What is wrong, each with the txid concerned.
    pub(super) fn problems(&self, head: &Head, is_live: bool) -> Vec<(RowKind, Txid, String)> {
        let mut wrong = Vec::new();
        for txid in self.points.iter().filter(|txid| **txid > head.txid) {
            wrong.push((RowKind::Point, *txid, format!("a point above head {}", head.txid)));
        }
        let since = self.since;
        let forked = self.forked.iter().filter(|txid| **txid >= since).copied().collect::<BTreeSet<_>>();
        for txid in self.pinned.union(&forked).filter(|txid| !self.points.contains(txid)) {
            wrong.push((RowKind::Pin, *txid, "the state that this pin keeps is gone".to_owned()));
        }
        let ends =
            self.lines.iter().flat_map(|(begin, line)| line.below.iter().map(move |below| (begin, below)));
        let of_points = |below: &Segment| below.actor.is_none() && head.keeps() && below.to >= since;
        for (begin, end) in ends.filter(|(_, below)| of_points(below)) {
            if !self.points.contains(&end.to) {
                let detail = format!("the state {} on which this line builds is gone", end.to);
                wrong.push((RowKind::Line, *begin, detail));
            }
        }
        let own = head.history.as_ref().map(|history| &history.lineage).filter(|_| is_live);
        let newest = self.lines.first();
        match (own, newest) {
            (Some(own), Some((begin, line))) if own != line => {
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
