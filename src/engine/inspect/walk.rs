//! Feeds all rows of one actor to an audit, in slices that all saw the same head, unless the actor keeps history:
//! then no row that matters goes, and each slice counts at its own head.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, FutureExt, try_join};

use crate::codec::{self, ActorKeys, DecodeError, Fence, FenceState};
use crate::engine::error::{Failure, StoreError};
use crate::engine::read::slices::{BEGINNINGS_MAX, SliceSize, read_slice};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::kv::{Isolation, KeyRange, ReadFn, Scan, View};
use crate::plan::{Audit, Audited, Seen};
use crate::types::ActorId;

/// How many keys are reported for each range that should be empty.
pub(crate) const STRANGE_KEYS_MAX: usize = 100;

/// How the check of an actor ends.
pub(crate) enum End {
    /// All rows were seen.
    Audited(Box<Audited>),
    /// The head moved each time.
    Busy,
}

/// One actor during an audit.
pub(crate) struct ActorWalk {
    pub(crate) actor: Actor,
    walked: Arc<Mutex<Walked>>,
}

/// What is known so far. Like a file that is being exported, it is not part of the answer: an execution that
/// had to end early has still made progress, and the next one continues from there if nothing has changed.
#[derive(Default)]
struct Walked {
    basis: Option<Basis>,
    audit: Option<Audit>,
    next: Vec<u8>,
    beginnings: u32,
    rows: u64,
    bytes: u64,
}

/// What must be the same for two reads to belong together. A takeover alone changes no other row.
#[derive(PartialEq, Eq)]
struct Basis {
    head: Option<Vec<u8>>,
    life: Seen<bool>,
}

impl ActorWalk {
    pub(crate) fn new(actor: &ActorId) -> Self {
        Self { actor: Actor::new(actor), walked: Arc::default() }
    }

    /// Reads about this many more bytes; returns the end, if it has been reached.
    pub(crate) async fn step(&self, core: &Core, bytes_max: usize) -> Result<Option<End>, StoreError> {
        let mut size = SliceSize::at_most(&core.limits, bytes_max);
        let keeps_states = core.limits.read_bytes.is_none();
        let mut retry = Retry::begin(core);
        let slice =
            |size| Slice { actor: self.actor.clone(), walked: Arc::clone(&self.walked), size, keeps_states };
        match read_slice(core, &mut retry, &mut size, slice).await {
            Ok(ControlFlow::Continue(())) => Ok(None),
            Ok(ControlFlow::Break(Ended::Busy)) => Ok(Some(End::Busy)),
            Ok(ControlFlow::Break(Ended::Whole)) => Ok(Some(self.finish(None))),
            Err(StoreError::Corrupt { detail, .. }) => Ok(Some(self.finish(Some(detail)))),
            Err(error) => Err(error),
        }
    }

    /// Rows and bytes read since the last call.
    pub(crate) fn take_counts(&self) -> (u64, u64) {
        let mut walked = self.lock();
        (std::mem::take(&mut walked.rows), std::mem::take(&mut walked.bytes))
    }

    fn finish(&self, unreadable: Option<String>) -> End {
        let audit = self.lock().audit.take();
        let mut audit = audit.unwrap_or_else(|| Audit::begin(&self.actor.id, None, None));
        if let Some(detail) = unreadable {
            audit.unreadable(format!("the rest of this actor cannot be read: {detail}"));
        }
        End::Audited(Box::new(audit.finish()))
    }

    fn lock(&self) -> MutexGuard<'_, Walked> {
        self.walked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Slice {
    actor: Actor,
    walked: Arc<Mutex<Walked>>,
    size: SliceSize,
    /// Whether the backend keeps a state as long as it is read.
    keeps_states: bool,
}

enum Ended {
    Whole,
    Busy,
}

impl ReadFn for Slice {
    type Output = ControlFlow<Ended>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let head_key = self.actor.keys.head();
            let (fences, head) = try_join(
                rows_of(view, self.actor.keys.fence_and_strays()),
                view.get(&head_key, Isolation::Snapshot).map(|got| got.map_err(Failure::from)),
            )
            .await?;
            // Taken out while this execution reads rows, and put back however it ends.
            let mut walked = std::mem::take(&mut *self.walked.lock().unwrap_or_else(PoisonError::into_inner));
            let seen = self.look(view, &mut walked, &fences, head.as_deref()).await;
            *self.walked.lock().unwrap_or_else(PoisonError::into_inner) = walked;
            seen
        }
        .boxed()
    }
}

impl Slice {
    async fn look(
        &self,
        view: &dyn View,
        walked: &mut Walked,
        fences: &[(Vec<u8>, Vec<u8>)],
        head: Option<&[u8]>,
    ) -> Result<ControlFlow<Ended>, Failure> {
        self.begin(walked, fences, head);
        if walked.beginnings > BEGINNINGS_MAX {
            return Ok(ControlFlow::Break(Ended::Busy));
        }
        // On the last attempt all rows are read at once, if the backend allows it.
        let in_one_go = self.keeps_states && walked.beginnings == BEGINNINGS_MAX;
        let bytes_max = if in_one_go { usize::MAX } else { self.size.bytes() };
        let range = KeyRange::new(walked.next.clone(), self.actor.keys.rows().end());
        let Walked { audit: Some(audit), next, rows, bytes, .. } = walked else {
            return Ok(ControlFlow::Continue(()));
        };
        let mut taken = 0;
        let mut visit = |key: &[u8], value: &[u8]| {
            audit.row(key, value);
            *next = KeyRange::single(key).end().to_vec();
            taken += key.len() + value.len();
            *rows += 1;
            *bytes += (key.len() + value.len()) as u64;
            if taken < bytes_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        view.scan(Scan::snapshot(range), &mut visit).await?;
        if taken < bytes_max {
            self.check_pins(view, audit).await?;
        }
        Ok(if taken < bytes_max { ControlFlow::Break(Ended::Whole) } else { ControlFlow::Continue(()) })
    }

    /// Whether the actors of which this one shows something know of it.
    async fn check_pins(&self, view: &dyn View, audit: &mut Audit) -> Result<(), Failure> {
        let lineage =
            audit.head().and_then(|head| head.history.as_ref()).map(|history| history.lineage.clone());
        let Some(lineage) = lineage else { return Ok(()) };
        for segment in &lineage.below {
            let Some(ancestor) = &segment.actor else { continue };
            let key = ActorKeys::new(ancestor).pin(segment.to, lineage.pins);
            if view.get(&key, Isolation::Snapshot).await?.is_none() {
                let to = segment.to;
                audit.elsewhere(
                    to,
                    format!("actor {ancestor:?} does not know that its state {to} is shown here"),
                );
            }
        }
        Ok(())
    }

    /// Continues at the same head, or at a later one of an actor that keeps history; or starts over.
    fn begin(&self, walked: &mut Walked, fences: &[(Vec<u8>, Vec<u8>)], head: Option<&[u8]>) {
        let fence_key = self.actor.keys.fence();
        let (fence, strays): (Vec<_>, Vec<_>) = fences.iter().partition(|(key, _)| *key == fence_key);
        let fence = fence.first().map(|(_, value)| value.as_slice());
        let life = match fence.map(|value| codec::decode::<Fence>(&fence_key, value)) {
            None => Seen::Absent,
            Some(Err(_)) => Seen::Damaged,
            Some(Ok(fence)) => Seen::Found(fence.state == FenceState::Live),
        };
        let basis = Basis { head: head.map(<[u8]>::to_vec), life };
        if walked.basis.as_ref() == Some(&basis) {
            return;
        }
        // A takeover changes no row.
        let follows = walked.basis.as_ref().is_some_and(|before| before.life == basis.life);
        if follows
            && let (Some(audit), Some(head)) = (&mut walked.audit, head)
            && audit.follow(head)
        {
            walked.basis = Some(basis);
            return;
        }
        let mut audit = Audit::begin(&self.actor.id, fence, head);
        for (key, value) in strays {
            audit.stray(key, value, &DecodeError::Key { key: key.clone() });
        }
        walked.audit = Some(audit);
        walked.basis = Some(basis);
        walked.next = self.actor.keys.rows().start().to_vec();
        walked.beginnings += 1;
        walked.rows += fences.len() as u64;
    }
}

async fn rows_of(view: &dyn View, range: KeyRange) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Failure> {
    let mut rows = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    view.scan(Scan::snapshot(range).rows(STRANGE_KEYS_MAX), &mut visit).await?;
    Ok(rows)
}
