//! Reads the source of a copy, piece by piece.
//!
//! If the backend keeps a state for as long as it is read, the whole source is one read, which continues
//! whenever the copy asks for more. Commits of the owner do not disturb it. The read is a future that the
//! copy polls, on no thread of its own, and it ends when it is dropped. On other backends each piece is a
//! separate read. If the actor keeps history, they come from a point, which is pinned meanwhile, so that no commit
//! disturbs them. Otherwise the fence and the head prove that all pieces come from one head; if the head moves, the
//! copy starts again.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, Either, FutureExt, select};
use tokio::sync::mpsc;

use crate::engine::error::{Failure, StoreError, surface};
use crate::engine::read::at::At;
use crate::engine::read::slices::{SliceSize, read_slice};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::kv::{self, Isolation, Limits, ReadFn, View};
use crate::plan;
use crate::types::{Meta, PageCount, PageNumber, Txid};

use super::piece::{Next, PIECE_BYTES_MAX, Piece, read_piece};
use super::point::AtPoint;

/// A source that is being read.
pub(crate) enum Reading {
    Whole(Whole),
    Slices(Slices),
    Point(AtPoint),
}

impl Reading {
    /// Begins to read, and returns the state that is read. What fits one piece is not worth a pin: a commit in between
    /// can only come before it.
    pub(crate) async fn begin(source: &Arc<Core>, actor: &Actor) -> Result<(Self, Meta), StoreError> {
        let piece = SliceSize::at_most(&source.limits, PIECE_BYTES_MAX).bytes() as u64;
        Self::begin_at(source, actor, piece).await
    }

    /// Begins to read what commits do not move, if the backend or the actor keeps such a state; otherwise the head.
    /// The source is written to: its point is pinned.
    pub(crate) async fn begin_firmly(source: &Arc<Core>, actor: &Actor) -> Result<(Self, Meta), StoreError> {
        Self::begin_at(source, actor, 0).await
    }

    /// At a point, if the actor keeps history and has more than so many bytes.
    async fn begin_at(source: &Arc<Core>, actor: &Actor, bytes_max: u64) -> Result<(Self, Meta), StoreError> {
        if source.limits.read_bytes.is_none() {
            let (whole, meta) = Whole::begin(source, actor).await?;
            return Ok((Self::Whole(whole), meta));
        }
        let mut retry = Retry::begin(source);
        let mut size = SliceSize::at_most(&source.limits, PIECE_BYTES_MAX);
        let limits = source.limits;
        let first = |whole_max| move |size| First { actor: actor.clone(), whole_max, size, limits };
        let (mut meta, mut begun) = read_slice(source, &mut retry, &mut size, first(bytes_max)).await?;
        if matches!(begun, Begun::Better) {
            match AtPoint::begin(source, actor).await {
                Ok((point, meta)) => return Ok((Self::Point(point), meta)),
                // It has lost its history or its pages in between, or there is no room for a pin.
                Err(
                    StoreError::NotRetained { .. } | StoreError::InvalidArg(_) | StoreError::QuotaExceeded(_),
                ) => {}
                Err(error) => return Err(error),
            }
            (meta, begun) = read_slice(source, &mut retry, &mut size, first(u64::MAX)).await?;
        }
        let at = (meta.head_txid, meta.size_pages);
        let first = match begun {
            Begun::Piece(piece) => Some(piece),
            Begun::Better | Begun::Empty => None,
        };
        let slices = Slices { source: Arc::clone(source), actor: actor.clone(), at, first, next: None };
        Ok((Self::Slices(slices), meta))
    }

    pub(crate) async fn next(&mut self) -> Result<Next, StoreError> {
        match self {
            Self::Whole(whole) => match whole.next().await.map_err(surfaced)? {
                Some(Told::Piece(piece)) => Ok(Next::Piece(piece)),
                Some(Told::Begun(_)) | None => Ok(Next::End),
            },
            Self::Slices(slices) => slices.next().await,
            Self::Point(point) => point.next().await,
        }
    }
}

fn surfaced(failure: Failure) -> StoreError {
    match failure {
        Failure::Store(error) => error,
        Failure::Kv(error) => surface(error),
    }
}

/// The state of the source, and its first piece, unless it is better read at a point.
struct First {
    actor: Actor,
    /// An actor with history and more bytes than these is read at a point.
    whole_max: u64,
    size: SliceSize,
    limits: Limits,
}

enum Begun {
    Piece(Piece),
    /// It has no pages.
    Empty,
    /// A point is better.
    Better,
}

impl ReadFn for First {
    type Output = (Meta, Begun);
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let Self { actor, whole_max, size, limits } = self;
            let (fence, head) = actor.fence_and_head(view, Isolation::Snapshot).await?;
            let fence = plan::check_readable(fence.as_ref()).map_err(|refusal| actor.refused(refusal))?;
            let meta = plan::meta(fence, &head);
            let bytes = u64::from(head.size_pages.0) * head.page_size.bytes() as u64;
            if bytes == 0 {
                return Ok((meta, Begun::Empty));
            }
            if head.keeps() && bytes > *whole_max {
                return Ok((meta, Begun::Better));
            }
            let at = At::head(&head, limits);
            let piece = read_piece(view, actor, (head.size_pages, &at), PageNumber::FIRST, *size).await?;
            Ok((meta, Begun::Piece(piece)))
        }
        .boxed()
    }
}

/// One read of all pages.
pub(crate) struct Whole {
    told: mpsc::Receiver<Told>,
    /// `None` once it has ended.
    reading: Option<BoxFuture<'static, Result<(), Failure>>>,
}

enum Told {
    Begun(Meta),
    Piece(Piece),
}

impl Whole {
    async fn begin(source: &Arc<Core>, actor: &Actor) -> Result<(Self, Meta), StoreError> {
        let mut retry = Retry::begin(source);
        loop {
            let mut whole = Self::open(source, actor);
            match whole.next().await {
                Ok(Some(Told::Begun(meta))) => return Ok((whole, meta)),
                Ok(Some(Told::Piece(_)) | None) => unreachable!("a read tells its state before its pages"),
                Err(Failure::Store(error)) => return Err(error),
                Err(Failure::Kv(error)) => retry.again(source, error).await.map_err(surface)?,
            }
        }
    }

    fn open(source: &Arc<Core>, actor: &Actor) -> Self {
        let (tell, told) = mpsc::channel(1);
        let body = Arc::new(WholeRead {
            actor: actor.clone(),
            size: SliceSize::at_most(&source.limits, PIECE_BYTES_MAX),
            limits: source.limits,
            tell,
        });
        let source = Arc::clone(source);
        let reading = async move { kv::read(&*source.kv, &body).await }.boxed();
        Self { told, reading: Some(reading) }
    }

    /// Runs the read until it has something to report; `None` at its end.
    async fn next(&mut self) -> Result<Option<Told>, Failure> {
        while let Some(reading) = &mut self.reading {
            let told = std::pin::pin!(self.told.recv());
            match select(told, reading).await {
                Either::Left((Some(told), _)) => return Ok(Some(told)),
                // The read function is gone, and the read is about to end.
                Either::Left((None, reading)) => {
                    let ended = reading.await;
                    self.reading = None;
                    ended?;
                }
                Either::Right((ended, _)) => {
                    self.reading = None;
                    ended?;
                }
            }
        }
        Ok(self.told.recv().await)
    }
}

struct WholeRead {
    actor: Actor,
    size: SliceSize,
    limits: Limits,
    tell: mpsc::Sender<Told>,
}

impl ReadFn for WholeRead {
    type Output = ();
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Snapshot).await?;
            let fence =
                plan::check_readable(fence.as_ref()).map_err(|refusal| self.actor.refused(refusal))?;
            // Nothing is read before there is room for it, and nothing more once the receiver is gone.
            let Ok(room) = self.tell.reserve().await else { return Ok(()) };
            room.send(Told::Begun(plan::meta(fence, &head)));
            let mut next = Some(PageNumber::FIRST);
            while let Some(first) = next.filter(|page| head.size_pages.contains(*page)) {
                let Ok(room) = self.tell.reserve().await else { return Ok(()) };
                let at = At::head(&head, &self.limits);
                let piece = read_piece(view, &self.actor, (head.size_pages, &at), first, self.size).await?;
                next = piece.next;
                room.send(Told::Piece(piece));
            }
            Ok(())
        }
        .boxed()
    }
}

/// A read for each piece.
pub(crate) struct Slices {
    source: Arc<Core>,
    actor: Actor,
    /// Txid and size of the head: an actor that was deleted and created again may have the same txid, but no
    /// pages.
    at: (Txid, PageCount),
    /// What was read first, with the state.
    first: Option<Piece>,
    next: Option<PageNumber>,
}

impl Slices {
    async fn next(&mut self) -> Result<Next, StoreError> {
        if let Some(first) = self.first.take() {
            self.next = first.next;
            return Ok(Next::Piece(first));
        }
        let Some(first) = self.next.filter(|page| self.at.1.contains(*page)) else { return Ok(Next::End) };
        let mut retry = Retry::begin(&self.source);
        let mut size = SliceSize::at_most(&self.source.limits, PIECE_BYTES_MAX);
        let limits = self.source.limits;
        let slice = |size| Slice { actor: self.actor.clone(), at: self.at, first, size, limits };
        match read_slice(&self.source, &mut retry, &mut size, slice).await? {
            ControlFlow::Continue(piece) => {
                self.next = piece.next;
                Ok(Next::Piece(piece))
            }
            ControlFlow::Break(()) => Ok(Next::Moved),
        }
    }
}

struct Slice {
    actor: Actor,
    at: (Txid, PageCount),
    first: PageNumber,
    size: SliceSize,
    limits: Limits,
}

impl ReadFn for Slice {
    type Output = ControlFlow<(), Piece>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Snapshot).await?;
            plan::check_readable(fence.as_ref()).map_err(|refusal| self.actor.refused(refusal))?;
            if (head.txid, head.size_pages) != self.at {
                return Ok(ControlFlow::Break(()));
            }
            let at = At::head(&head, &self.limits);
            let piece = read_piece(view, &self.actor, (head.size_pages, &at), self.first, self.size);
            piece.await.map(ControlFlow::Continue)
        }
        .boxed()
    }
}
