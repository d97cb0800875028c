//! How much of what is stored for an actor is its history. All of the actor's rows are read, in slices.
//!
//! Commits go on meanwhile. Each slice counts what it sees at the head of its own read, so a busy actor is counted,
//! too; what changes in between may be counted as it was before or as it is now.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt};

use crate::codec::Head;
use crate::engine::error::{Failure, StoreError, corrupt};
use crate::engine::read::at::At;
use crate::engine::read::rows::{Stored, walk};
use crate::engine::read::slices::{SliceSize, read_slice};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::kv::{Isolation, KeyRange, Limits, ReadFn, Scan, View};
use crate::plan::{HistoryTally, HistoryUsage};
use crate::types::{ActorId, PageNumber, PageRange, runs};

/// One actor whose rows are being counted.
pub(crate) struct UsageWalk {
    actor: Actor,
    counted: Arc<Mutex<Counted>>,
}

/// What is counted so far. An execution of a read that has to end early has still made progress.
struct Counted {
    tally: HistoryTally,
    place: Place,
    rows: u64,
    bytes: u64,
}

/// What is read next.
enum Place {
    /// The actor's own rows from this key on.
    Own(Vec<u8>),
    /// What the current state shows of others, from this page on.
    Shared(Option<PageNumber>),
}

impl UsageWalk {
    pub(crate) fn new(id: &ActorId) -> Self {
        let actor = Actor::new(id);
        let place = Place::Own(actor.keys.rows().start().to_vec());
        let counted = Counted { tally: HistoryTally::new(id), place, rows: 0, bytes: 0 };
        Self { actor, counted: Arc::new(Mutex::new(counted)) }
    }

    pub(crate) fn id(&self) -> &ActorId {
        &self.actor.id
    }

    /// Reads about this many more bytes. Breaks at the end.
    pub(crate) async fn step(&self, core: &Core, bytes_max: usize) -> Result<ControlFlow<()>, StoreError> {
        let mut size = SliceSize::at_most(&core.limits, bytes_max);
        let mut retry = Retry::begin(core);
        let (actor, limits) = (&self.actor, core.limits);
        let slice = |size| Slice { actor: actor.clone(), counted: Arc::clone(&self.counted), size, limits };
        read_slice(core, &mut retry, &mut size, slice).await
    }

    /// Rows and bytes that were read so far.
    pub(crate) fn read(&self) -> (u64, u64) {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        (counted.rows, counted.bytes)
    }

    /// The result.
    pub(crate) fn finish(self) -> HistoryUsage {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.tally.usage()
    }
}

struct Slice {
    actor: Actor,
    counted: Arc<Mutex<Counted>>,
    size: SliceSize,
    limits: Limits,
}

impl ReadFn for Slice {
    type Output = ControlFlow<()>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let head = self.actor.stored_head(view, Isolation::Snapshot).await?.unwrap_or_else(Head::empty);
            let own = {
                let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
                counted.tally.at(&head);
                match &counted.place {
                    Place::Own(next) => Ok(next.clone()),
                    Place::Shared(next) => Err(*next),
                }
            };
            match own {
                Ok(next) => self.own(view, next, &head).await,
                Err(next) => self.shared(view, next, &head).await,
            }
        }
        .boxed()
    }
}

impl Slice {
    async fn own(&self, view: &dyn View, next: Vec<u8>, head: &Head) -> Result<ControlFlow<()>, Failure> {
        let (bytes_max, mut taken, mut failed) = (self.size.bytes(), 0, None);
        let mut visit = |key: &[u8], value: &[u8]| {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = counted.tally.row(key, value) {
                failed = Some(corrupt(&self.actor.id, &error));
                return ControlFlow::Break(());
            }
            taken += key.len() + value.len();
            counted.place = Place::Own(KeyRange::single(key).end().to_vec());
            counted.rows += 1;
            counted.bytes += (key.len() + value.len()) as u64;
            if taken < bytes_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let range = KeyRange::new(next, self.actor.keys.rows().end());
        view.scan(Scan::snapshot(range), &mut visit).await?;
        if let Some(error) = failed {
            return Err(Failure::Store(error));
        }
        if taken >= bytes_max {
            return Ok(ControlFlow::Continue(()));
        }
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.place = Place::Shared(Some(PageNumber::FIRST));
        Ok(if head.ancestors().is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    async fn shared(
        &self,
        view: &dyn View,
        next: Option<PageNumber>,
        head: &Head,
    ) -> Result<ControlFlow<()>, Failure> {
        let left = next.map(|first| PageRange { first, last: PageNumber::LAST });
        let left = runs::first_pages(left.as_slice(), head.size_pages, u64::MAX);
        let slice = self.size.first_of(&left, head.page_size);
        let Some(run) = slice.first().filter(|_| !head.ancestors().is_empty()) else {
            return Ok(ControlFlow::Break(()));
        };
        walk(view, &self.actor, *run, &At::head(head, &self.limits), |stored| {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            match stored {
                Stored::Never(gap) => counted.place = Place::Shared(gap.last.next()),
                Stored::Row { page, key, value, .. } => {
                    counted.tally.shown(key, value);
                    counted.place = Place::Shared(page.next());
                    counted.rows += 1;
                    counted.bytes += (key.len() + value.len()) as u64;
                }
            }
            Ok(())
        })
        .await?;
        Ok(ControlFlow::Continue(()))
    }
}

/// The most that one step reads; no progress is reported here.
const STEP_BYTES_MAX: usize = 64 << 20;

/// Counts one actor; also one that is deleted.
pub(crate) async fn history_usage(core: &Core, id: &ActorId) -> Result<HistoryUsage, StoreError> {
    let walk = UsageWalk::new(id);
    while walk.step(core, STEP_BYTES_MAX).await?.is_continue() {}
    Ok(walk.finish())
}
