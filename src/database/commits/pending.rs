//! The layers above the durable pages, and the numbers of the transactions in them.
//!
//! From the newest: what *gathers*, what is *in flight*, and what has *landed* but is not in the page cache yet.
//! What a failed commit has *lost* stays readable until SQLite has forgotten it.

use std::sync::Arc;

use crate::planted::{self, Bug};
use crate::types::{PageCount, PageNumber, PageSize, Txid};

use super::layer::Layer;

/// The most that gathers: about what fits one transaction of the store, which is what makes a commit fast.
const GATHERED_BYTES_MAX: usize = 900_000;
const GATHERED_TRANSACTIONS_MAX: u64 = 256;
/// The most that gathers where nobody waits for it.
const DEFERRED_BYTES_MAX: usize = 8 << 20;

/// What a call finds when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// How many transactions were sealed.
    pub(super) sealed: u64,
    /// How many losses there were.
    pub(super) losses: u64,
}

/// A page in the layers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Page(Arc<[u8]>),
    /// It is new or was cut off, and not written since.
    Zeros,
    /// No layer has it: it is the durable one.
    Below,
}

/// Commits that have taken place and are not known to the page cache yet.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) layer: Layer,
    /// The heads that they have made, the newest last.
    pub(crate) heads: Vec<Txid>,
}

/// The layers of one database.
#[derive(Debug)]
pub(super) struct Pending {
    /// The durable head.
    pub(super) head: Txid,
    /// Transactions are numbered from 1 in the order in which they were sealed.
    sealed: u64,
    durable: u64,
    gathering: Option<Layer>,
    in_flight: Option<Arc<Layer>>,
    /// The last transaction in flight.
    last_sent: u64,
    landed: Option<Landed>,
    lost: Option<Layer>,
    bytes_max: usize,
    transactions_max: u64,
}

impl Pending {
    pub(super) fn new(head: Txid) -> Self {
        Self {
            head,
            sealed: 0,
            durable: 0,
            gathering: None,
            in_flight: None,
            last_sent: 0,
            landed: None,
            lost: None,
            bytes_max: GATHERED_BYTES_MAX,
            transactions_max: GATHERED_TRANSACTIONS_MAX,
        }
    }

    /// From here on, nobody waits for a transaction that gathers, and many may.
    pub(super) fn defer(&mut self) {
        (self.bytes_max, self.transactions_max) = (DEFERRED_BYTES_MAX, u64::MAX);
    }

    pub(super) fn sealed(&self) -> u64 {
        self.sealed
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    pub(super) fn last_sent(&self) -> u64 {
        self.last_sent
    }

    pub(super) fn gathers(&self) -> bool {
        self.gathering.is_some()
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    pub(super) fn may_have_moved(&self) -> bool {
        self.in_flight.is_some() || self.landed.is_some()
    }

    pub(super) fn has_made(&self, head: Txid) -> bool {
        self.landed.as_ref().is_some_and(|landed| landed.heads.contains(&head))
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        let landed = self.landed.as_ref().map(|landed| &landed.layer);
        [self.gathering.as_ref(), self.in_flight.as_deref(), self.lost.as_ref(), landed].into_iter().flatten()
    }

    /// The newest image of a page.
    pub(super) fn find(&self, page: PageNumber) -> Found {
        for layer in self.layers() {
            if let Some(bytes) = layer.get(page) {
                return Found::Page(Arc::clone(bytes));
            }
            if layer.has_cut(page) {
                return Found::Zeros;
            }
        }
        Found::Below
    }

    /// The size after the last transaction, and the size of its pages.
    pub(super) fn size(&self) -> Option<(PageCount, PageSize)> {
        self.layers().next().map(|layer| (layer.size(), layer.page_size()))
    }

    /// Whether a transaction may gather with those that do.
    pub(super) fn has_room_for(&self, next: &Layer) -> bool {
        let Some(gathering) = &self.gathering else { return true };
        gathering.transactions() < self.transactions_max
            && gathering.bytes() + next.bytes() <= self.bytes_max
            && gathering.merges_well_with(next)
    }

    pub(super) fn seal(&mut self, next: Layer) {
        self.sealed += next.transactions();
        match &mut self.gathering {
            Some(gathering) => gathering.merge(next),
            None => self.gathering = Some(next),
        }
    }

    /// What to send now, if a commit can begin.
    pub(super) fn begin(&mut self) -> Option<Arc<Layer>> {
        if self.in_flight.is_some() {
            return None;
        }
        let mut layer = self.gathering.take()?;
        layer.write_zeros();
        let layer = Arc::new(layer);
        self.last_sent = self.sealed;
        self.in_flight = Some(Arc::clone(&layer));
        Some(layer)
    }

    /// The commit in flight has taken place as the new head.
    pub(super) fn land(&mut self, head: Txid) {
        let Some(layer) = self.in_flight.take() else { return };
        let layer = Arc::unwrap_or_clone(layer);
        (self.head, self.durable) = (head, self.last_sent);
        match &mut self.landed {
            Some(landed) => {
                landed.layer.merge(layer);
                landed.heads.push(head);
            }
            None => self.landed = Some(Landed { layer, heads: vec![head] }),
        }
    }

    /// What has landed since the last call.
    pub(super) fn take_landed(&mut self) -> Option<Landed> {
        self.landed.take()
    }

    /// The commit in flight has not taken place, or nobody knows: what was sealed above it is lost with it.
    pub(super) fn lose(&mut self) {
        let in_flight = self.in_flight.take().map(Arc::unwrap_or_clone);
        let is_kept = planted::has(Bug::KeptAboveLoss);
        let gathering = if is_kept { None } else { self.gathering.take() };
        self.lost = match (in_flight, gathering) {
            (Some(mut lost), Some(later)) => {
                lost.merge(later);
                Some(lost)
            }
            (lost, later) => lost.or(later),
        };
        self.durable = self.sealed;
    }

    /// Nobody reads what was lost any more.
    pub(super) fn forget_lost(&mut self) {
        self.lost = None;
    }
}
