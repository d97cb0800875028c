//! Reads a point of the source, piece by piece: for a backend that keeps no state as long as a copy takes, and an
//! actor that keeps its own. Nothing that is committed meanwhile disturbs it.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::engine::error::{Failure, StoreError};
use crate::engine::history::{PointRef, past};
use crate::engine::read::slices::{SliceSize, read_slice};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::kv::{Limits, ReadFn, View};
use crate::types::{Meta, PageCount, PageNumber, Token, Txid};

use super::piece::{Next, PIECE_BYTES_MAX, Piece, read_piece};

/// A point that is kept as long as it is read.
pub(crate) struct AtPoint {
    source: Arc<Core>,
    actor: Actor,
    txid: Txid,
    /// The pin's.
    token: Token,
    /// When it was set or renewed.
    held_at_ms: u64,
    is_released: bool,
    size_pages: PageCount,
    next: Option<PageNumber>,
}

impl AtPoint {
    /// Pins the current state, and returns it.
    pub(crate) async fn begin(source: &Arc<Core>, actor: &Actor) -> Result<(Self, Meta), StoreError> {
        let (token, held_at_ms) = (source.env.token(), source.env.now_ms());
        let txid = past::hold_or_find(source, &actor.id, PointRef::Head, token).await?;
        let mut point = Self {
            source: Arc::clone(source),
            actor: actor.clone(),
            txid,
            token,
            held_at_ms,
            is_released: false,
            size_pages: PageCount(0),
            next: Some(PageNumber::FIRST),
        };
        let meta = past::read_point(source, &actor.id, txid, &[]).await?.meta;
        point.size_pages = meta.size_pages;
        Ok((point, meta))
    }

    pub(crate) async fn next(&mut self) -> Result<Next, StoreError> {
        let Some(first) = self.next.filter(|page| self.size_pages.contains(*page)) else {
            self.release().await;
            return Ok(Next::End);
        };
        match self.piece(first).await {
            Ok(piece) => {
                self.next = piece.next;
                Ok(Next::Piece(piece))
            }
            // The store is open for reading only, so that nothing could be pinned; or its caller took a break of a
            // minute.
            Err(StoreError::NotRetained { .. }) => Ok(Next::Moved),
            Err(error) => Err(error),
        }
    }

    async fn piece(&mut self, first: PageNumber) -> Result<Piece, StoreError> {
        let Self { source, actor, txid, token, .. } = self;
        let now_ms = source.env.now_ms();
        if now_ms.saturating_sub(self.held_at_ms) > past::READER_PIN_MS / 2 {
            past::hold_or_find(source, &actor.id, PointRef::Txid(*txid), *token).await?;
            self.held_at_ms = now_ms;
        }
        let mut retry = Retry::begin(source);
        let mut size = SliceSize::at_most(&source.limits, PIECE_BYTES_MAX);
        let slice = |size| Slice { actor: actor.clone(), txid: *txid, first, size, limits: source.limits };
        read_slice(source, &mut retry, &mut size, slice).await
    }

    /// Everything is read. A pin that cannot be removed ends by itself.
    async fn release(&mut self) {
        if !std::mem::replace(&mut self.is_released, true) {
            let released = past::release(&self.source, &self.actor.id, self.txid, self.token).await;
            drop(released);
        }
    }
}

impl Drop for AtPoint {
    fn drop(&mut self) {
        if !self.is_released {
            let (source, id) = (Arc::clone(&self.source), self.actor.id.clone());
            let (txid, token) = (self.txid, self.token);
            let release = async move { drop(past::release(&source, &id, txid, token).await) };
            self.source.env.spawn(release.boxed());
        }
    }
}

struct Slice {
    actor: Actor,
    txid: Txid,
    first: PageNumber,
    size: SliceSize,
    limits: Limits,
}

impl ReadFn for Slice {
    type Output = Piece;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Piece, Failure>> {
        async move {
            let (meta, at) = past::at_point(view, &self.actor, self.txid, &self.limits).await?;
            read_piece(view, &self.actor, (meta.size_pages, &at), self.first, self.size).await
        }
        .boxed()
    }
}
