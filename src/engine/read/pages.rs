//! Reads pages through a view: each run as one range read or, over a network, as several reads in parallel.

use futures::future::{join, try_join_all};

use crate::codec::{Fence, Head};
use crate::engine::api::PageSet;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::kv::{Isolation, Limits, View};
use crate::types::{PageNumber, PageRange, runs};

use super::at::At;
use super::early::Early;
use super::rows::{Stored, decode_page, round_trip_pages, walk};

/// Reads runs of pages inside the size, except those that were read early: all in parallel, each run in as
/// many range reads as it needs round trips.
pub(crate) async fn read_pages(
    view: &dyn View,
    actor: &Actor,
    at: &At,
    wanted: &[PageRange],
    early: &Early,
    limits: &Limits,
) -> Result<PageSet, Failure> {
    let pages: Vec<PageNumber> = wanted.iter().flat_map(|run| run.pages()).collect();
    // Each page has its place in the answer, so nothing is moved once it is decoded.
    let mut data = vec![0; pages.len() * at.page_size.bytes()];
    let missing = early.show(actor, wanted, at, |stored| {
        let Stored::Row { page, txid, key, value } = stored else { return Ok(()) };
        let start = place_of(&pages, page) * at.page_size.bytes();
        let out = &mut data[start..start + at.page_size.bytes()];
        decode_page(actor, (page, txid), (key, value), at.page_size, out)
    })?;
    let missing = runs::pieces(&missing, round_trip_pages(limits, at.page_size));
    let mut unclaimed = data.as_mut_slice();
    let mut claimed = 0;
    let mut claim = |run: PageRange| {
        let index = place_of(&pages, run.first);
        let (_, from_run) =
            std::mem::take(&mut unclaimed).split_at_mut((index - claimed) * at.page_size.bytes());
        let (place, rest) = from_run.split_at_mut(run.count() as usize * at.page_size.bytes());
        (unclaimed, claimed) = (rest, index + run.count() as usize);
        place
    };
    match missing.as_slice() {
        [] => {}
        [run] => read_run(view, actor, at, *run, claim(*run)).await?,
        runs => {
            let reads = runs.iter().map(|run| read_run(view, actor, at, *run, claim(*run)));
            try_join_all(reads).await?;
        }
    }
    Ok(PageSet { head_txid: at.txid, page_size: at.page_size, pages, data })
}

fn place_of(pages: &[PageNumber], page: PageNumber) -> usize {
    pages.binary_search(&page).expect("only wanted pages are read")
}

/// Reads the fence and the head and, in parallel, the pages of a head that the caller already knows. The
/// caller must check that it is still the head before it looks at the pages: if it is not, they may be
/// anything.
pub(crate) async fn read_beside(
    view: &dyn View,
    actor: &Actor,
    at: &At,
    runs: &[PageRange],
    limits: &Limits,
) -> Result<(Option<Fence>, Head, Result<PageSet, Failure>), Failure> {
    let nothing = Early::default();
    let pages = read_pages(view, actor, at, runs, &nothing, limits);
    let (fence_and_head, pages) = join(actor.fence_and_head(view, Isolation::Snapshot), pages).await;
    let (fence, head) = fence_and_head?;
    Ok((fence, head, pages))
}

/// Fills the run's place, all zeros so far, with its pages.
async fn read_run(
    view: &dyn View,
    actor: &Actor,
    at: &At,
    run: PageRange,
    place: &mut [u8],
) -> Result<(), Failure> {
    let size = at.page_size;
    let missing = |page| StoreError::Corrupt {
        actor: Some(actor.id.clone()),
        page: Some(page),
        txid: Some(at.txid),
        detail: "a page that was staged is not there".to_owned(),
    };
    walk(view, actor, run, at, |stored| match stored {
        Stored::Never(gap) if at.exactly => Err(missing(gap.first)),
        // It reads as zeros.
        Stored::Never(_) => Ok(()),
        Stored::Row { page, txid, .. } if at.exactly && txid != at.txid => Err(missing(page)),
        Stored::Row { page, txid, key, value } => {
            let start = (page.get() - run.first.get()) as usize * size.bytes();
            let out = &mut place[start..start + size.bytes()];
            decode_page(actor, (page, txid), (key, value), size, out)
        }
    })
    .await
}
