//! Which version of each page to read: that of a head, of a point of the past, or of a stage.

use std::sync::Arc;

use crate::codec::{ActorKeys, Head, Lineage, Point};
use crate::engine::runtime::actor::Actor;
use crate::kv::Limits;
use crate::planted::{self, Bug};
use crate::types::{PageCount, PageSize, Segment, Txid};

/// Which version of each page to read.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) txid: Txid,
    pub(crate) page_size: PageSize,
    /// Whether only a version of exactly this txid counts.
    pub(crate) exactly: bool,
    /// Where pages come from, if the actor has more than one state.
    pub(crate) layers: Option<Layers>,
}

/// The segments of a state, and how to read them.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    floor: Txid,
    below: Arc<[Segment]>,
    /// Whether to read each page by itself, all of them and all segments at the same time: where one read
    /// takes a round trip.
    pub(crate) side_by_side: bool,
}

/// One segment, as it is read.
pub(crate) struct Layer {
    pub(crate) keys: ActorKeys,
    /// Versions above this one,
    pub(crate) from: Txid,
    /// up to this one count,
    pub(crate) to: Txid,
    /// of pages up to this one.
    pub(crate) pages_max: PageCount,
}

impl At {
    /// What a head shows: the newest version at or below it, and zeros if there is none.
    pub(crate) fn head(head: &Head, limits: &Limits) -> Self {
        let layers = head.history.as_ref().map(|history| Layers::new(&history.lineage, limits));
        Self { txid: head.txid, page_size: head.page_size, exactly: false, layers }
    }

    /// What a point on this line shows.
    pub(crate) fn point(txid: Txid, point: &Point, line: &Lineage, limits: &Limits) -> Self {
        let layers = Some(Layers::new(line, limits));
        Self { txid, page_size: point.page_size, exactly: false, layers }
    }

    /// What lies below a line.
    pub(crate) fn line(line: &Lineage, limits: &Limits) -> Self {
        let layers = Some(Layers::new(line, limits));
        Self { txid: line.floor, page_size: PageSize::DEFAULT, exactly: false, layers }
    }

    /// What a stage has written.
    pub(crate) fn stage(txid: Txid, page_size: PageSize) -> Self {
        Self { txid, page_size, exactly: true, layers: None }
    }

    /// What a head shows once a stage that writes every page of the database has been finalized.
    pub(crate) fn finalized(head: &Head, txid: Txid, page_size: PageSize, limits: &Limits) -> Self {
        let line = Lineage { floor: head.floor(), ..Lineage::default() };
        let layers = head.history.is_some().then(|| Layers::new(&line, limits));
        Self { txid, page_size, exactly: false, layers }
    }

    /// The versions at or below this txid are not shown.
    pub(crate) fn floor(&self) -> Txid {
        self.layers.as_ref().map_or(Txid::ZERO, |layers| layers.floor)
    }

    /// Whether pages that have no version here may have one in another segment.
    pub(crate) fn has_below(&self) -> bool {
        self.layers.as_ref().is_some_and(|layers| !layers.below.is_empty())
    }
}

impl Layers {
    fn new(line: &Lineage, limits: &Limits) -> Self {
        let side_by_side = limits.round_trip_bytes.is_some();
        let floor = if planted::has(Bug::GapRowsShown) { Txid::ZERO } else { line.floor };
        Self { floor, below: line.below.clone().into(), side_by_side }
    }

    /// The segments, newest first.
    pub(crate) fn of(&self, actor: &Actor, to: Txid) -> Vec<Layer> {
        let own = Layer { keys: actor.keys.clone(), from: self.floor, to, pages_max: PageCount(u32::MAX) };
        let mut layers = vec![own];
        let mut pages_max = PageCount(u32::MAX);
        for segment in &*self.below {
            pages_max = pages_max.min(segment.pages_max);
            let keys = segment.actor.as_ref().map_or_else(|| actor.keys.clone(), ActorKeys::new);
            layers.push(Layer { keys, from: segment.from, to: segment.to, pages_max });
        }
        layers
    }
}
