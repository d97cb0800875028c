//! Maps answers to the store's metrics. Nothing here changes an answer.

use std::time::Duration;

use crate::codec::{ActorKeys, PinKind, PreparedPage};
use crate::engine::api::{Outcome, PageSet, Startup};
use crate::engine::error::StoreError;
use crate::kv::KvError;
use crate::metrics::{self, CommitKind, FlattenedBy, LostAnswer, Metrics, Retried, Started, Written};
use crate::plan::PendingCleanup;
use crate::types::{Meta, PageNumber, PageSize, Txid};

use super::core::Core;

/// An attempt has failed. Returns how another attempt would be counted.
pub(crate) fn attempt_failed(metrics: &Metrics, error: &KvError) -> Option<Retried> {
    match error {
        KvError::Conflict => {
            metrics.conflicted();
            Some(Retried::Conflict)
        }
        KvError::UnknownOutcome { .. } => Some(Retried::LostAnswer),
        KvError::TooOld => Some(Retried::TooOld),
        KvError::Busy { .. } => Some(Retried::Busy),
        KvError::TooLarge { .. }
        | KvError::Full { .. }
        | KvError::Unavailable { .. }
        | KvError::Unusable { .. }
        | KvError::ReadOnly
        | KvError::Invalid { .. }
        | KvError::Corrupt { .. }
        | KvError::Closed => None,
    }
}

/// The call is retried.
pub(crate) fn retried(metrics: &Metrics, why: Option<Retried>) {
    if let Some(why) = why {
        metrics.retried(why);
    }
}

/// What a call knows about its lost answer when it ends like this. A refusal has read the fence and the head.
pub(crate) fn known_by(error: Option<&StoreError>) -> LostAnswer {
    match error {
        None
        | Some(
            StoreError::FenceMismatch { .. }
            | StoreError::ConcurrentTakeover { .. }
            | StoreError::Occupied { .. }
            | StoreError::MigrationIncomplete { .. }
            | StoreError::NotFound { .. }
            | StoreError::Exists { .. }
            | StoreError::NotRetained { .. }
            | StoreError::InvalidArg(_)
            | StoreError::OutOfRange(_),
        ) => LostAnswer::Resolved,
        Some(
            StoreError::CommitUnknown { .. }
            | StoreError::Unavailable(_)
            | StoreError::Unusable(_)
            | StoreError::ReadOnly
            | StoreError::Corrupt { .. }
            | StoreError::TooLarge(_)
            | StoreError::QuotaExceeded(_)
            | StoreError::Closed,
        ) => LostAnswer::Unknown,
    }
}

/// The rows of a commit's pages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rows {
    pub(crate) pages: usize,
    /// Bytes of keys and values, as stored.
    pub(crate) bytes: usize,
}

impl Rows {
    /// Adds the rows of these pages.
    pub(crate) fn and(self, keys: &ActorKeys, pages: &[PreparedPage]) -> Self {
        let key_bytes = keys.page(PageNumber::FIRST, Txid::ZERO).len();
        let bytes: usize = pages.iter().map(|page| key_bytes + page.value_bytes()).sum();
        self.plus(Self { pages: pages.len(), bytes })
    }

    /// Adds the row of a page that has so many bytes with its key.
    pub(crate) fn and_row(self, bytes: usize) -> Self {
        self.plus(Self { pages: 1, bytes })
    }

    pub(crate) fn plus(self, more: Self) -> Self {
        Self { pages: self.pages + more.pages, bytes: self.bytes + more.bytes }
    }
}

/// A commit that began at this time has taken place.
pub(crate) fn committed(core: &Core, kind: CommitKind, rows: Rows, page_size: PageSize, begun: Duration) {
    let Rows { pages, bytes: stored_bytes } = rows;
    let written = Written { pages, page_bytes: pages * page_size.bytes(), stored_bytes };
    core.metrics.committed(kind, written, took(core, begun));
}

fn took(core: &Core, begun: Duration) -> Duration {
    core.env.elapsed().saturating_sub(begun)
}

/// A cleanup is done. If the last answer of a rollback was lost, its end is not noticed: it counts as
/// another's.
pub(crate) fn cleaned_up(core: &Core, pending: PendingCleanup) {
    if matches!(pending, PendingCleanup::Rollback(_)) {
        core.metrics.stage_rolled_back();
    }
}

/// Any answer.
pub(crate) fn told<T>(core: &Core, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    if let Err(StoreError::FenceMismatch { .. }) = answer {
        core.metrics.fence_mismatch();
    }
    answer
}

/// The answer of a start that began at this time.
pub(crate) fn starting(
    core: &Core,
    begun: Duration,
    answer: Result<Startup, StoreError>,
) -> Result<Startup, StoreError> {
    core.metrics.started(match &answer {
        Ok(Startup { outcome: Outcome::Won, pages, .. }) => {
            Started::Won { pages: pages.pages.len(), took: took(core, begun) }
        }
        Ok(_) => Started::Lost,
        Err(_) => Started::Failed,
    });
    answer
}

/// The answer of a read.
pub(crate) async fn reading(
    core: &Core,
    read: impl Future<Output = Result<PageSet, StoreError>>,
) -> Result<PageSet, StoreError> {
    let begun = core.env.elapsed();
    let answer = read.await;
    if let Ok(pages) = &answer {
        core.metrics.pages_read(pages.pages.len(), took(core, begun));
    }
    told(core, answer)
}

/// The answer of a commit, which is counted where it takes place.
pub(crate) fn committing<T>(core: &Core, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    if answer.is_err() {
        core.metrics.commit_failed();
    }
    told(core, answer)
}

/// The answer of resolving an earlier commit.
pub(crate) fn resolving(
    core: &Core,
    answer: Result<Option<Meta>, StoreError>,
) -> Result<Option<Meta>, StoreError> {
    if answer.is_ok() {
        core.metrics.lost_answer(LostAnswer::ResolvedLater);
    }
    told(core, answer)
}

/// The answer of a deletion.
pub(crate) fn deleting(core: &Core, answer: Result<bool, StoreError>) -> Result<bool, StoreError> {
    if answer == Ok(true) {
        core.metrics.deleted();
    }
    told(core, answer)
}

/// The answer of an import.
pub(crate) fn importing(core: &Core, answer: Result<Meta, StoreError>) -> Result<Meta, StoreError> {
    core.metrics.imported(answer.is_ok());
    told(core, answer)
}

/// The answer of an export.
pub(crate) fn exporting<T>(core: &Core, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    core.metrics.exported(answer.is_ok());
    told(core, answer)
}

/// The answer of a restore.
pub(crate) fn restoring<T>(core: &Core, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    core.metrics.history.restored(answer.is_ok());
    if answer.is_ok() {
        core.metrics.history.pinned(metrics::PinKind::Undo);
    }
    told(core, answer)
}

/// The answer of a fork.
pub(crate) fn forking<T>(core: &Core, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    core.metrics.history.forked(answer.is_ok());
    told(core, answer)
}

/// The end of a flattening; `is_new` says of one whether it has changed anything.
pub(crate) fn flattening<T>(
    core: &Core,
    by: FlattenedBy,
    answer: Result<T, StoreError>,
    is_new: impl Fn(&T) -> bool,
) -> Result<T, StoreError> {
    match &answer {
        Ok(flattened) if is_new(flattened) => core.metrics.history.flattened(by),
        Ok(_) => {}
        Err(_) => core.metrics.history.flattening_failed(),
    }
    answer
}

/// How a pin is counted; those of forks are not.
pub(crate) fn of_pin(kind: &PinKind) -> Option<metrics::PinKind> {
    match kind {
        PinKind::User => Some(metrics::PinKind::User),
        PinKind::Undo => Some(metrics::PinKind::Undo),
        PinKind::Reader => Some(metrics::PinKind::Reader),
        PinKind::Fork(_) => None,
    }
}

/// A history was thinned since this time.
pub(crate) fn thinned(core: &Core, begun: Duration) -> Duration {
    let took = took(core, begun);
    core.metrics.history.thinned(took);
    took
}
