//! Reads of the past: the pages of a point.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{Pin, PinKind};
use crate::engine::api::PageSet;
use crate::engine::error::{Failure, StoreError};
use crate::engine::read::at::At;
use crate::engine::read::committed::check_answer;
use crate::engine::read::early::Early;
use crate::engine::read::pages::read_pages;
use crate::engine::read::peek::Peek;
use crate::engine::read::slices::{SliceSize, read_slice};
use crate::engine::retention::rows;
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::kv::{Isolation, Limits, ReadFn, View};
use crate::plan;
use crate::types::{ActorId, Meta, PageNumber, PageRange, Token, Txid, runs};

use super::api::PointRef;
use super::pins::Unpin;
use super::{pins, points, resolve};

/// The state of an actor at a point, and where its pages are.
pub(crate) async fn at_point(
    view: &dyn View,
    actor: &Actor,
    txid: Txid,
    limits: &Limits,
) -> Result<(Meta, At), Failure> {
    let (fence, head) = actor.fence_and_head(view, Isolation::Snapshot).await?;
    let Some(fence) = fence else {
        return Err(StoreError::NotFound { actor: actor.id.clone() }.into());
    };
    let point = rows::point(view, actor, txid, Isolation::Snapshot).await?;
    let shown = head.keeps() && resolve::is_shown(view, actor, &head, txid).await?;
    let Some(point) = point.filter(|_| shown) else {
        let wanted = format!("{:016x}", txid.0);
        return Err(resolve::not_retained(view, actor, &head, wanted).await?);
    };
    let line = rows::line(view, actor, txid, Isolation::Snapshot).await?;
    let meta = Meta {
        head_txid: txid,
        size_pages: point.size_pages,
        page_size: point.page_size,
        ..plan::meta(&fence, &head)
    };
    Ok((meta, At::point(txid, &point, &line, limits)))
}

/// Pages of a point.
struct ReadPoint {
    actor: Actor,
    txid: Txid,
    runs: Vec<PageRange>,
    limits: Limits,
    size: SliceSize,
}

impl ReadFn for ReadPoint {
    type Output = Peek;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Peek, Failure>> {
        async move {
            let Self { actor, txid, runs, limits, size } = self;
            let (meta, at) = at_point(view, actor, *txid, limits).await?;
            let inside = runs::first_pages(runs, meta.size_pages, u64::MAX);
            check_answer(&inside, meta.page_size)?;
            let slice = size.first_of(&inside, meta.page_size);
            let pages = read_pages(view, actor, &at, &slice, &Early::default(), limits).await?;
            Ok(Peek { meta, pages })
        }
        .boxed()
    }
}

/// Reads pages of a point, as many of the first ones as fit one read, and the state of the actor at it.
pub(crate) async fn read_point(
    core: &Core,
    id: &ActorId,
    txid: Txid,
    pages: &[PageNumber],
) -> Result<Peek, StoreError> {
    let mut pages = pages.to_vec();
    pages.sort_unstable();
    pages.dedup();
    let (actor, limits, runs) = (Actor::new(id), core.limits, PageRange::gather(pages));
    let (mut retry, mut size) = (Retry::begin(core), SliceSize::new(&limits));
    let body = |size| ReadPoint { actor: actor.clone(), txid, runs: runs.clone(), limits, size };
    read_slice(core, &mut retry, &mut size, body).await
}

/// Reads any number of pages of a point.
pub(crate) async fn get_pages_at(
    core: &Core,
    id: &ActorId,
    txid: Txid,
    pages: &[PageNumber],
) -> Result<PageSet, StoreError> {
    let mut peeked = read_point(core, id, txid, pages).await?;
    let mut left = PageRange::gather({
        let mut pages = pages.to_vec();
        pages.sort_unstable();
        pages.dedup();
        pages
    });
    left = runs::first_pages(&left, peeked.meta.size_pages, u64::MAX);
    left = runs::subtract(&left, &PageRange::gather(peeked.pages.pages.iter().copied()));
    while !left.is_empty() {
        let rest: Vec<PageNumber> = left.iter().flat_map(|run| run.pages()).collect();
        let more = read_point(core, id, txid, &rest).await?.pages;
        left = runs::subtract(&left, &PageRange::gather(more.pages.iter().copied()));
        peeked.pages.pages.extend(more.pages);
        peeked.pages.data.extend(more.data);
    }
    Ok(peeked.pages)
}

/// A reader of the past holds its point for this long, in milliseconds, and renews that in time.
pub(crate) const READER_PIN_MS: u64 = 60_000;

/// Pins a point for a reader, who renews the pin at half time and removes it at the end.
pub(crate) async fn hold_for_reader(
    core: &Arc<Core>,
    id: &ActorId,
    at: PointRef,
    token: Token,
) -> Result<Txid, StoreError> {
    let now_ms = core.env.now_ms();
    let expires_at_ms = now_ms.saturating_add(READER_PIN_MS);
    let pin = Pin { kind: PinKind::Reader, created_at_ms: now_ms, expires_at_ms, name: String::new() };
    Ok(pins::set(core, id, at, pin, token).await?.0)
}

/// Like [`hold_for_reader`]. In a store that is opened read-only nothing can be held: the reader may find that
/// its point is gone.
pub(crate) async fn hold_or_find(
    core: &Arc<Core>,
    id: &ActorId,
    at: PointRef,
    token: Token,
) -> Result<Txid, StoreError> {
    match hold_for_reader(core, id, at.clone(), token).await {
        Err(StoreError::ReadOnly) => Ok(points::find(core, id, at).await?.txid),
        held => held,
    }
}

/// A reader has ended.
pub(crate) async fn release(
    core: &Arc<Core>,
    id: &ActorId,
    point: Txid,
    token: Token,
) -> Result<(), StoreError> {
    match pins::unpin(core, id, Unpin::Token(point, token)).await {
        Err(StoreError::ReadOnly) => Ok(()),
        released => released.map(|_| ()),
    }
}
