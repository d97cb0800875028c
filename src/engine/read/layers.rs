//! Reads pages of an actor that has more than one state: from the newest segment that has a version of each.

use std::ops::ControlFlow;

use futures::future::try_join_all;

use crate::engine::error::{Failure, StoreError, corrupt};
use crate::engine::runtime::actor::Actor;
use crate::kv::{KeyRange, Scan, View};
use crate::types::{PageNumber, PageRange, Txid, runs};

use super::at::{At, Layer, Layers};
use super::stored::{Stored, show_gap};

/// The pages that are looked up before they are shown.
const PAGES_AT_ONCE: u32 = 256;
/// The versions of a page that are passed over before the scan begins again behind them.
const PASSED_MAX: u32 = 8;

/// A version that counts.
struct Found {
    txid: Txid,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// The pages of a run, as far as they have been found.
struct Shelf {
    first: PageNumber,
    found: Vec<Option<Found>>,
}

impl Shelf {
    fn new(run: PageRange) -> Self {
        Self { first: run.first, found: (0..run.count()).map(|_| None).collect() }
    }

    fn place(&mut self, page: PageNumber) -> &mut Option<Found> {
        &mut self.found[(page.get() - self.first.get()) as usize]
    }

    /// The pages that a layer may have and no layer above has.
    fn missing(&self, layer: &Layer) -> Vec<PageRange> {
        let pages = (self.first.get()..).zip(&self.found).filter(|(_, found)| found.is_none());
        let pages = pages.filter_map(|(number, _)| PageNumber::new(number));
        PageRange::gather(pages.filter(|page| layer.pages_max.contains(*page)))
    }
}

/// Passes every page of `run` to `show`, in ascending order.
pub(super) async fn walk_layers(
    view: &dyn View,
    actor: &Actor,
    run: PageRange,
    at: &At,
    layers: &Layers,
    show: &mut (impl FnMut(Stored<'_>) -> Result<(), StoreError> + Send),
) -> Result<(), Failure> {
    let side_by_side = layers.side_by_side;
    let layers = layers.of(actor, at.txid);
    for piece in runs::pieces(&[run], PAGES_AT_ONCE) {
        let mut shelf = Shelf::new(piece);
        if side_by_side {
            fetch_side_by_side(view, actor, &layers, piece, &mut shelf).await?;
        } else {
            for layer in &layers {
                for run in shelf.missing(layer) {
                    fetch(view, actor, layer, run, &mut shelf).await?;
                }
            }
        }
        let mut next = Some(piece.first);
        for (number, found) in (piece.first.get()..).zip(shelf.found) {
            let (Some(page), Some(found)) = (PageNumber::new(number), found) else { continue };
            if let Some(expected) = next {
                show_gap(expected, page, show).map_err(Failure::Store)?;
            }
            next = page.next();
            let Found { txid, key, value } = &found;
            show(Stored::Row { page, txid: *txid, key, value }).map_err(Failure::Store)?;
        }
        if let Some(first) = next.filter(|next| *next <= piece.last) {
            show(Stored::Never(PageRange { first, last: piece.last })).map_err(Failure::Store)?;
        }
    }
    Ok(())
}

/// Each page of each layer as one read, all of them at the same time.
async fn fetch_side_by_side(
    view: &dyn View,
    actor: &Actor,
    layers: &[Layer],
    piece: PageRange,
    shelf: &mut Shelf,
) -> Result<(), Failure> {
    // The layers below are not read where the first one has the page.
    for layers in [&layers[..1], &layers[1..]] {
        let wanted = layers.iter().map(|layer| (layer, shelf.missing(layer)));
        let wanted: Vec<(&Layer, PageNumber)> =
            wanted.flat_map(|(layer, runs)| pages_of(runs).map(move |page| (layer, page))).collect();
        let reads = wanted.iter().map(|(layer, page)| newest(view, actor, layer, *page));
        for ((_, page), found) in wanted.iter().zip(try_join_all(reads).await?) {
            // The upper layers come first.
            let place = shelf.place(*page);
            if place.is_none() {
                *place = found;
            }
        }
    }
    debug_assert!(piece.count() as usize == shelf.found.len());
    Ok(())
}

fn pages_of(runs: Vec<PageRange>) -> impl Iterator<Item = PageNumber> {
    runs.into_iter().flat_map(|run| run.pages().collect::<Vec<_>>())
}

/// The newest version of a page in a layer.
async fn newest(
    view: &dyn View,
    actor: &Actor,
    layer: &Layer,
    page: PageNumber,
) -> Result<Option<Found>, Failure> {
    let mut found = None;
    let mut visit = |key: &[u8], value: &[u8]| {
        found = Some((key.to_vec(), value.to_vec()));
        ControlFlow::Break(())
    };
    let range = layer.keys.page_between(page, layer.from, layer.to);
    view.scan(Scan::snapshot(range).rows(1), &mut visit).await?;
    let Some((key, value)) = found else { return Ok(None) };
    let (_, txid) = layer.keys.parse_page(&key).map_err(|error| corrupt(&actor.id, &error))?;
    Ok(Some(Found { txid, key, value }))
}

/// The newest version of each page of a run in a layer. Where a page has many versions that do not count, the
/// scan begins again behind them.
async fn fetch(
    view: &dyn View,
    actor: &Actor,
    layer: &Layer,
    run: PageRange,
    shelf: &mut Shelf,
) -> Result<(), Failure> {
    let end = layer.keys.pages(run, layer.to).end().to_vec();
    let mut start = layer.keys.page(run.first, layer.to);
    loop {
        let mut again = None;
        let mut failed = None;
        let mut passed = 0;
        // The page whose version was found, or that has none here.
        let mut done = None;
        let mut visit = |key: &[u8], value: &[u8]| {
            let (page, txid) = match layer.keys.parse_page(key) {
                Ok(parsed) => parsed,
                Err(error) => {
                    failed = Some(corrupt(&actor.id, &error));
                    return ControlFlow::Break(());
                }
            };
            if done != Some(page) && layer.from < txid && txid <= layer.to {
                *shelf.place(page) = Some(Found { txid, key: key.to_vec(), value: value.to_vec() });
                (done, passed) = (Some(page), 0);
                return ControlFlow::Continue(());
            }
            passed += 1;
            if passed < PASSED_MAX {
                return ControlFlow::Continue(());
            }
            let is_newer = done != Some(page) && txid > layer.to;
            let next = if is_newer { Some(page) } else { page.next() };
            again = next.map(|page| layer.keys.page(page, layer.to));
            ControlFlow::Break(())
        };
        view.scan(Scan::snapshot(KeyRange::new(start, end.clone())), &mut visit).await?;
        if let Some(error) = failed {
            return Err(Failure::Store(error));
        }
        match again.filter(|again| *again < end) {
            Some(again) => start = again,
            None => return Ok(()),
        }
    }
}
