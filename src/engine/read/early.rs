//! Early reads: page rows that are read along with the fence and the head, before it is known which of them
//! count.

use std::iter;
use std::ops::{ControlFlow, Range};

use futures::future::try_join_all;

use crate::engine::error::{Failure, StoreError, corrupt};
use crate::engine::runtime::actor::Actor;
use crate::kv::{Limits, Scan, View};
use crate::plan::{self, Visible};
use crate::types::{PageNumber, PageRange, PageSize, Txid, runs};

use super::at::At;
use super::rows::{Stored, round_trip_pages};

/// The round trips that one piece may take if its pages are larger than assumed or have several versions
/// (from a stage that is open or not swept yet). The rest is read once it is known to be needed.
const ROUND_TRIPS_A_PIECE: usize = 4;

/// The rows that were read, as they are stored.
#[derive(Default)]
pub(crate) struct Early {
    /// The pages whose newest rows, or all rows, were read.
    seen: Vec<PageRange>,
    /// Which rows were read, in key order.
    names: Vec<(PageNumber, Txid)>,
    /// Where their values are: the piece, and the range in it.
    places: Vec<(usize, Range<usize>)>,
    /// The values of each piece, concatenated: one allocation for many rows.
    pieces: Vec<Vec<u8>>,
}

/// The rows of one piece.
struct Piece {
    seen: PageRange,
    names: Vec<(PageNumber, Txid)>,
    /// Where each value ends.
    ends: Vec<usize>,
    values: Vec<u8>,
}

impl Early {
    /// Reads the newest rows of these pages, if no version above `newest` can be needed. On a backend without
    /// round trips to save, some of these reads would be wasted, so nothing is read there.
    pub(crate) async fn read(
        view: &dyn View,
        actor: &Actor,
        newest: Txid,
        runs: impl FnOnce() -> Vec<PageRange>,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let Some(round_trip) = limits.round_trip_bytes else { return Ok(Self::default()) };
        let bytes_max = round_trip.saturating_mul(ROUND_TRIPS_A_PIECE);
        let pieces = runs::pieces(&runs(), round_trip_pages(limits, PageSize::DEFAULT));
        let reads = pieces.iter().map(|piece| read_piece(view, actor, newest, *piece, bytes_max));
        let mut early = Self::default();
        for (number, piece) in try_join_all(reads).await?.into_iter().enumerate() {
            let starts = iter::once(0).chain(piece.ends.iter().copied());
            early.places.extend(starts.zip(&piece.ends).map(|(start, end)| (number, start..*end)));
            early.seen.push(piece.seen);
            early.names.extend(piece.names);
            early.pieces.push(piece.values);
        }
        Ok(early)
    }

    /// Shows those of the wanted pages that were read and that the head shows. Returns the pages that still
    /// have to be read.
    pub(crate) fn show(
        &self,
        actor: &Actor,
        wanted: &[PageRange],
        at: &At,
        mut show: impl FnMut(Stored<'_>) -> Result<(), StoreError>,
    ) -> Result<Vec<PageRange>, StoreError> {
        let Visible { rows, missing } = plan::visible(&self.names, &self.seen, wanted, (at.floor(), at.txid));
        // A page without a version of its own may have one in another segment.
        let missing = if at.has_below() { runs::subtract(wanted, &self.shown(&rows)) } else { missing };
        for index in rows {
            let (page, txid) = self.names[index];
            let key = actor.keys.page(page, txid);
            let (piece, place) = &self.places[index];
            show(Stored::Row { page, txid, key: &key, value: &self.pieces[*piece][place.clone()] })?;
        }
        Ok(missing)
    }
}

impl Early {
    fn shown(&self, rows: &[usize]) -> Vec<PageRange> {
        PageRange::gather(rows.iter().map(|index| self.names[*index].0))
    }
}

async fn read_piece(
    view: &dyn View,
    actor: &Actor,
    newest: Txid,
    piece: PageRange,
    bytes_max: usize,
) -> Result<Piece, Failure> {
    let (mut names, mut ends, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut damage = None;
    let mut visit = |key: &[u8], value: &[u8]| {
        match actor.keys.parse_page(key) {
            Ok(name) => {
                names.push(name);
                values.extend_from_slice(value);
                ends.push(values.len());
            }
            Err(error) => damage = Some(corrupt(&actor.id, &error)),
        }
        if damage.is_none() && values.len() < bytes_max {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    // For a single page one row is enough: it is nearly always the right one.
    let rows_max = usize::from(piece.first == piece.last);
    view.scan(Scan::snapshot(actor.keys.pages(piece, newest)).rows(rows_max), &mut visit).await?;
    if let Some(error) = damage {
        return Err(Failure::Store(error));
    }
    // The newest row of a page comes first, so the last page that was read counts too.
    let reached = names.last().filter(|_| values.len() >= bytes_max).map_or(piece.last, |(page, _)| *page);
    Ok(Piece { seen: PageRange { first: piece.first, last: reached }, names, ends, values })
}
