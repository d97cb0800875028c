//! What operators see of the engine: spans and events with stable names, levels and fields. The full list is
//! in `docs/observability.md`.
//!
//! Every operation emits one event at its end. Normal outcomes are `debug` or below, since a platform starts
//! actors all the time; [`severity`] defines the others.

use std::time::Duration;

use tracing::{Instrument, Level, Span, debug_span};

use crate::codec::OpenStage;
use crate::engine::api::{Outcome, PageSet, Startup};
use crate::engine::error::StoreError;
use crate::plan::PendingCleanup;
use crate::types::{ActorId, Generation, Meta, Txid};

use super::actor::Actor;
use super::core::Core;
use super::metrics::Rows;

const STARTUP: &str = "baton::startup";
const COMMIT: &str = "baton::commit";
const STAGE: &str = "baton::stage";
const READ: &str = "baton::read";
const MIGRATE: &str = "baton::migrate";
const SETTLE: &str = "baton::settle";
const HISTORY: &str = "baton::history";
const KV: &str = "baton::kv";

/// The level of the event for a failed operation.
fn severity(error: &StoreError) -> Level {
    match error {
        // Only an operator can do something about these.
        StoreError::Corrupt { .. } | StoreError::QuotaExceeded(_) | StoreError::Unusable(_) => Level::ERROR,
        StoreError::Unavailable(_) | StoreError::CommitUnknown { .. } => Level::WARN,
        // The fence did its job; but an owner was still working that should have stopped.
        StoreError::FenceMismatch { .. }
        | StoreError::ConcurrentTakeover { .. }
        | StoreError::Occupied { .. } => Level::INFO,
        // The caller's own concern.
        StoreError::MigrationIncomplete { .. }
        | StoreError::NotFound { .. }
        | StoreError::Exists { .. }
        | StoreError::NotRetained { .. }
        | StoreError::InvalidArg(_)
        | StoreError::OutOfRange(_)
        | StoreError::TooLarge(_)
        | StoreError::ReadOnly
        | StoreError::Closed => Level::DEBUG,
    }
}

/// An operation that failed, at the level of its error.
macro_rules! failed {
    ($target:expr, $operation:literal, $actor:expr, $error:expr, $duration_ms:expr) => {{
        let (actor, error, duration_ms) = ($actor, $error, $duration_ms);
        macro_rules! at {
            ($level:expr) => {
                match error {
                    StoreError::FenceMismatch { held, current, held_head_txid, current_head_txid, .. } => {
                        tracing::event!(
                            name: concat!($operation, ".fenced"), target: $target, $level, actor = %actor,
                            held = held.0, current = current.0, held_head_txid = held_head_txid.0,
                            current_head_txid = current_head_txid.0, code = error.code(), outcome = "fenced",
                            duration_ms, "refused: the actor has another owner or head"
                        )
                    }
                    _ => tracing::event!(
                        name: concat!($operation, ".failed"), target: $target, $level, actor = %actor,
                        code = error.code(), retryable = error.is_retryable(), outcome = "failed", duration_ms,
                        %error, "failed"
                    ),
                }
            };
        }
        match severity(error) {
            Level::ERROR => at!(Level::ERROR),
            Level::WARN => at!(Level::WARN),
            Level::INFO => at!(Level::INFO),
            _ => at!(Level::DEBUG),
        }
    }};
}

// After the macro, which it uses.
pub(crate) mod history;

/// Runs an operation inside its span and emits its end event. An operation whose span nobody wants is not
/// timed.
async fn observed<T>(
    core: &Core,
    span: Span,
    work: impl Future<Output = Result<T, StoreError>>,
    ended: impl FnOnce(&Result<T, StoreError>, Option<f64>),
) -> Result<T, StoreError> {
    let begun = (!span.is_disabled()).then(|| core.env.elapsed());
    async move {
        let result = work.await;
        ended(&result, begun.map(|begun| milliseconds(core.env.elapsed().saturating_sub(begun))));
        result
    }
    .instrument(span)
    .await
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// A start, from its first read to its last page.
pub(crate) async fn startup(
    core: &Core,
    actor: &ActorId,
    work: impl Future<Output = Result<Startup, StoreError>>,
) -> Result<Startup, StoreError> {
    let span = debug_span!(target: STARTUP, "startup", actor = %actor);
    observed(core, span, work, |result, duration_ms| match result {
        Ok(Startup { outcome: Outcome::Won, meta, pages, .. }) => tracing::debug!(
            name: "startup.won", target: STARTUP, actor = %actor, generation = meta.generation.0,
            txid = meta.head_txid.0, pages = pages.pages.len(), bytes = pages.data.len(), outcome = "won",
            duration_ms, "took the actor over"
        ),
        // Emitted with both generations where they are known.
        Ok(_) => {}
        Err(error) => failed!(STARTUP, "startup", actor, error, duration_ms),
    })
    .await
}

/// The part of a start that raises the generation.
pub(crate) fn takeover_span(actor: &Actor) -> Span {
    debug_span!(target: STARTUP, "takeover", actor = %actor.id)
}

/// A start that found another one to be faster: the only warning about a race.
pub(crate) fn startup_lost(actor: &Actor, previous: Generation, meta: &Meta) {
    tracing::warn!(
        name: "startup.lost", target: STARTUP, actor = %actor.id, previous = previous.0,
        current = meta.generation.0, outcome = "lost", "lost the start-up race"
    );
}

/// A commit of any size.
pub(crate) async fn commit(
    core: &Core,
    actor: &ActorId,
    (generation, pages, bytes): (Generation, usize, usize),
    work: impl Future<Output = Result<Txid, StoreError>>,
) -> Result<Txid, StoreError> {
    let span = debug_span!(target: COMMIT, "commit", actor = %actor, generation = generation.0, pages, bytes);
    observed(core, span, work, |result, duration_ms| match result {
        Ok(txid) => tracing::debug!(
            name: "commit.done", target: COMMIT, actor = %actor, generation = generation.0, txid = txid.0, pages,
            bytes, outcome = "committed", duration_ms, "committed"
        ),
        Err(error) => failed!(COMMIT, "commit", actor, error, duration_ms),
    })
    .await
}

/// A commit whose answer was lost and that is known to have taken place.
pub(crate) fn commit_resolved(actor: &Actor, txid: Txid) {
    tracing::debug!(
        name: "commit.resolved", target: COMMIT, actor = %actor.id, txid = txid.0, outcome = "committed",
        "an answer was lost, and the commit is in"
    );
}

/// The outcome of a commit, resolved later.
pub(crate) async fn resolve(
    core: &Core,
    actor: &ActorId,
    generation: Generation,
    work: impl Future<Output = Result<Option<Meta>, StoreError>>,
) -> Result<Option<Meta>, StoreError> {
    let span = debug_span!(target: COMMIT, "resolve", actor = %actor, generation = generation.0);
    observed(core, span, work, |result, duration_ms| match result {
        Ok(meta) => tracing::debug!(
            name: "commit.asked", target: COMMIT, actor = %actor, generation = generation.0,
            txid = meta.map(|meta| meta.head_txid.0),
            outcome = if meta.is_some() { "committed" } else { "not-committed" }, duration_ms,
            "found out what became of a commit"
        ),
        Err(error) => failed!(COMMIT, "commit", actor, error, duration_ms),
    })
    .await
}

/// The span of a stage, which opens now.
pub(crate) fn stage_opened(actor: &Actor, generation: Generation, stage: &OpenStage) -> Span {
    let span = debug_span!(
        target: STAGE, "stage", actor = %actor.id, generation = generation.0, txid = stage.txid.0
    );
    span.in_scope(|| {
        tracing::debug!(
            name: "stage.opened", target: STAGE, actor = %actor.id, generation = generation.0,
            txid = stage.txid.0, "opened a stage"
        );
    });
    span
}

/// What a stage has written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Staged {
    /// Its transactions.
    pub(crate) parts: u32,
    /// The rows of its pages; pages that are written again count again.
    pub(crate) rows: Rows,
}

/// The last step of a stage, which makes it visible.
pub(crate) async fn finalize<T>(
    core: &Core,
    actor: &ActorId,
    (span, txid, staged): (Span, Txid, Staged),
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let Staged { parts, rows: Rows { pages, bytes } } = staged;
    observed(core, span, work, |result, duration_ms| match result {
        Ok(_) => tracing::debug!(
            name: "stage.done", target: STAGE, actor = %actor, txid = txid.0, parts, pages, bytes,
            outcome = "committed", duration_ms, "made a stage visible"
        ),
        Err(error) => failed!(STAGE, "stage", actor, error, duration_ms),
    })
    .await
}

/// A read of pages.
pub(crate) async fn read(
    core: &Core,
    actor: &ActorId,
    generation: Generation,
    work: impl Future<Output = Result<PageSet, StoreError>>,
) -> Result<PageSet, StoreError> {
    let span = debug_span!(target: READ, "read", actor = %actor, generation = generation.0);
    observed(core, span, work, |result, duration_ms| match result {
        Ok(set) => tracing::trace!(
            name: "read.done", target: READ, actor = %actor, generation = generation.0, txid = set.head_txid.0,
            pages = set.pages.len(), bytes = set.data.len(), outcome = "read", duration_ms, "read pages"
        ),
        Err(error) => failed!(READ, "read", actor, error, duration_ms),
    })
    .await
}

/// A migration of v1 data. Its end event has the number of pages and bytes that it brought.
pub(crate) async fn migrate(
    core: &Core,
    actor: &ActorId,
    work: impl Future<Output = Result<Meta, StoreError>>,
) -> Result<Meta, StoreError> {
    let span = debug_span!(target: MIGRATE, "migrate", actor = %actor);
    observed(core, span, work, |result, duration_ms| match result {
        Ok(meta) => tracing::info!(
            name: "migrate.done", target: MIGRATE, actor = %actor, generation = meta.generation.0,
            txid = meta.head_txid.0, pages = meta.size_pages.0,
            bytes = u64::from(meta.size_pages.0) * meta.page_size.bytes() as u64, outcome = "migrated",
            duration_ms, "migrated v1 data"
        ),
        Err(error) => failed!(MIGRATE, "migrate", actor, error, duration_ms),
    })
    .await
}

/// An import of v1 data that has reserved its actor.
pub(crate) fn migration_begun(actor: &Actor, generation: Generation) {
    tracing::debug!(
        name: "migrate.begun", target: MIGRATE, actor = %actor.id, generation = generation.0,
        "reserved the actor for an import of v1 data"
    );
}

/// An import of v1 data that failed before its end was tried.
pub(crate) fn migration_failed(actor: &Actor, error: &StoreError) {
    failed!(MIGRATE, "migrate", &actor.id, error, None::<f64>);
}

/// An unfinished import of v1 data that was discarded.
pub(crate) fn migration_reset(actor: &Actor) {
    tracing::info!(
        name: "migrate.reset", target: MIGRATE, actor = %actor.id, outcome = "reset",
        "reset an unfinished import of v1 data"
    );
}

/// A failed attempt that is retried.
pub(crate) fn retried(attempt: u32, pause: Duration, error: &crate::kv::KvError) {
    tracing::debug!(
        name: "attempt.retried", target: KV, attempt, pause_ms = milliseconds(pause), %error, outcome = "retry",
        "an attempt failed and is made again"
    );
}

/// The name of a pending cleanup.
fn cleanup_name(pending: PendingCleanup) -> &'static str {
    match pending {
        PendingCleanup::Rollback(_) => "rollback",
        PendingCleanup::Trim => "trim",
        PendingCleanup::Sweep => "sweep",
    }
}

/// A cleanup that is done, or that is left to a later owner.
pub(crate) fn cleaned_up(actor: &Actor, generation: Generation, pending: PendingCleanup, steps: u32) {
    tracing::debug!(
        name: "settle.done", target: SETTLE, actor = %actor.id, generation = generation.0,
        debt = cleanup_name(pending), steps, outcome = "settled", "tidied up"
    );
}

/// A cleanup that failed. It costs room, and the next owner continues it.
pub(crate) fn cleanup_stopped(
    actor: &Actor,
    generation: Generation,
    pending: PendingCleanup,
    error: &StoreError,
) {
    tracing::warn!(
        name: "settle.stopped", target: SETTLE, actor = %actor.id, generation = generation.0,
        debt = cleanup_name(pending), code = error.code(), %error, outcome = "failed",
        "tidying up stopped; the next owner goes on"
    );
}

/// Hints that do not decode. The start continues without them.
pub(crate) fn hints_damaged(actor: &Actor, damage: &str) {
    tracing::warn!(
        name: "hints.damaged", target: STARTUP, actor = %actor.id, error = damage,
        "the preload hints are damaged and ignored"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor() -> ActorId {
        ActorId::new("a").unwrap()
    }

    #[test]
    fn what_only_an_operator_can_mend_is_an_error_and_what_was_handled_is_none() {
        let damage = StoreError::Corrupt { actor: None, page: None, txid: None, detail: String::new() };
        assert_eq!(severity(&damage), Level::ERROR);
        assert_eq!(severity(&StoreError::QuotaExceeded(String::new())), Level::ERROR);
        assert_eq!(severity(&StoreError::Unavailable(String::new())), Level::WARN);
        assert_eq!(severity(&StoreError::ConcurrentTakeover { actor: actor() }), Level::INFO);
        assert_eq!(severity(&StoreError::NotFound { actor: actor() }), Level::DEBUG);
    }
}
