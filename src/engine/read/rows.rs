//! The rows of an actor's pages, read through a view.

use std::ops::ControlFlow;

use crate::codec;
use crate::engine::error::{Failure, StoreError, corrupt};
use crate::engine::runtime::actor::Actor;
use crate::kv::{Limits, Scan, View};
use crate::types::{PageNumber, PageRange, PageSize, Txid};

use super::at::At;
use super::layers::walk_layers;
pub(crate) use super::stored::Stored;
use super::stored::show_gap;

/// Passes every page of `run` to `show`; in one range read, if the actor has one state only. The run lies
/// inside the size.
pub(crate) async fn walk(
    view: &dyn View,
    actor: &Actor,
    run: PageRange,
    at: &At,
    mut show: impl FnMut(Stored<'_>) -> Result<(), StoreError> + Send,
) -> Result<(), Failure> {
    if let Some(layers) = &at.layers {
        return walk_layers(view, actor, run, at, layers, &mut show).await;
    }
    let head = at.txid;
    // The next page to show; none when the last possible page was shown.
    let mut next = Some(run.first);
    let mut failed = None;
    let mut visit = |key: &[u8], value: &[u8]| {
        let shown = actor.keys.parse_page(key).map_err(|error| corrupt(&actor.id, &error));
        let shown = shown.and_then(|(page, txid)| match next {
            // Not yet visible, or older than the version already shown.
            Some(expected) if txid <= head && page >= expected => {
                show_gap(expected, page, &mut show)?;
                next = page.next();
                show(Stored::Row { page, txid, key, value })
            }
            _ => Ok(()),
        });
        match shown {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    // The first row of a single page's range is the version wanted.
    let rows_max = usize::from(run.first == run.last);
    view.scan(Scan::snapshot(actor.keys.pages(run, head)).rows(rows_max), &mut visit).await?;
    if let Some(error) = failed {
        return Err(Failure::Store(error));
    }
    if let Some(first) = next.filter(|next| *next <= run.last) {
        show(Stored::Never(PageRange { first, last: run.last }))?;
    }
    Ok(())
}

/// Decodes a stored page into `out`, which is one page long, or says which page is damaged.
pub(crate) fn decode_page(
    actor: &Actor,
    (page, txid): (PageNumber, Txid),
    (key, value): (&[u8], &[u8]),
    size: PageSize,
    out: &mut [u8],
) -> Result<(), StoreError> {
    codec::decode_page(key, value, size, out).map_err(|error| StoreError::Corrupt {
        actor: Some(actor.id.clone()),
        page: Some(page),
        txid: Some(txid),
        detail: error.to_string(),
    })
}

/// How many pages of this size fit one round trip.
pub(crate) fn round_trip_pages(limits: &Limits, page_size: PageSize) -> u32 {
    let pages = limits.round_trip_bytes.map_or(usize::MAX, |bytes| bytes / page_size.bytes());
    u32::try_from(pages.max(1)).unwrap_or(u32::MAX)
}
