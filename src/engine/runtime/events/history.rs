//! The events of history.

use std::time::Duration;

use tracing::{Level, debug_span};

use crate::engine::error::StoreError;
use crate::types::{ActorId, Generation, Txid};

use super::super::actor::Actor;
use super::super::core::Core;
use super::super::metrics::Rows;
use super::{HISTORY, SETTLE, milliseconds, observed, severity};

/// What is told of a restore.
pub(crate) struct RestoreTold {
    pub(crate) generation: Generation,
    pub(crate) txid: Txid,
    pub(crate) to: Txid,
    pub(crate) undo: Txid,
}

/// A restore.
pub(crate) async fn restore<T>(
    core: &Core,
    actor: &ActorId,
    work: impl Future<Output = Result<T, StoreError>>,
    told: impl Fn(&T) -> RestoreTold,
) -> Result<T, StoreError> {
    let span = debug_span!(target: HISTORY, "restore", actor = %actor);
    observed(core, span, work, |result, duration_ms| match result.as_ref().map(told) {
        Ok(RestoreTold { generation, txid, to, undo }) => tracing::debug!(
            name: "restore.done", target: HISTORY, actor = %actor, generation = generation.0, txid = txid.0,
            to = to.0, undo = undo.0, outcome = "restored", duration_ms, "set the actor back"
        ),
        Err(error) => failed!(HISTORY, "restore", actor, error, duration_ms),
    })
    .await
}

/// A fork of `from` as `actor`.
pub(crate) async fn fork<T>(
    core: &Core,
    (from, actor): (&ActorId, &ActorId),
    work: impl Future<Output = Result<T, StoreError>>,
    told: impl Fn(&T) -> (Generation, Txid),
) -> Result<T, StoreError> {
    let span = debug_span!(target: HISTORY, "fork", actor = %actor, from = %from);
    observed(core, span, work, |result, duration_ms| match result.as_ref().map(told) {
        Ok((generation, at)) => tracing::debug!(
            name: "fork.done", target: HISTORY, actor = %actor, from = %from, generation = generation.0,
            at = at.0, outcome = "forked", duration_ms, "made a fork"
        ),
        Err(error) => failed!(HISTORY, "fork", actor, error, duration_ms),
    })
    .await
}

/// A pin that a user sets.
pub(crate) async fn pin(
    core: &Core,
    actor: &ActorId,
    work: impl Future<Output = Result<Txid, StoreError>>,
) -> Result<Txid, StoreError> {
    let span = debug_span!(target: HISTORY, "pin", actor = %actor);
    observed(core, span, work, |result, duration_ms| match result {
        Ok(at) => tracing::debug!(
            name: "pin.done", target: HISTORY, actor = %actor, at = at.0, outcome = "pinned", duration_ms,
            "pinned a state"
        ),
        Err(error) => failed!(HISTORY, "pin", actor, error, duration_ms),
    })
    .await
}

/// Pins that a user removes.
pub(crate) async fn unpin(
    core: &Core,
    actor: &ActorId,
    work: impl Future<Output = Result<usize, StoreError>>,
) -> Result<usize, StoreError> {
    let span = debug_span!(target: HISTORY, "unpin", actor = %actor);
    observed(core, span, work, |result, duration_ms| match result {
        Ok(pins) => tracing::debug!(
            name: "unpin.done", target: HISTORY, actor = %actor, pins, outcome = "unpinned", duration_ms,
            "removed pins"
        ),
        Err(error) => failed!(HISTORY, "unpin", actor, error, duration_ms),
    })
    .await
}

/// A flattening that a call waits for. An actor that stood by itself already has no pages to copy.
pub(crate) async fn flatten<T>(
    core: &Core,
    actor: &ActorId,
    work: impl Future<Output = Result<T, StoreError>>,
    copied: impl Fn(&T) -> Rows,
) -> Result<T, StoreError> {
    let span = debug_span!(target: HISTORY, "flatten", actor = %actor);
    observed(core, span, work, |result, duration_ms| match result.as_ref().map(copied) {
        Ok(rows) => flattened(actor, rows, duration_ms),
        Err(error) => failed!(HISTORY, "flatten", actor, error, duration_ms),
    })
    .await
}

/// An actor was flattened in the background, which took so long.
pub(crate) fn flattened_in_background(actor: &Actor, copied: Rows, took: Duration) {
    flattened(&actor.id, copied, Some(milliseconds(took)));
}

fn flattened(actor: &ActorId, Rows { pages, bytes }: Rows, duration_ms: Option<f64>) {
    tracing::debug!(
        name: "flatten.done", target: HISTORY, actor = %actor, pages, bytes, outcome = "flattened", duration_ms,
        "copied what the actor shared"
    );
}

/// A history was thinned, which took so long.
pub(crate) fn thinned(actor: &Actor, points: u64, steps: u64, took: Duration) {
    tracing::debug!(
        name: "thin.done", target: HISTORY, actor = %actor.id, points, steps, outcome = "thinned",
        duration_ms = milliseconds(took), "dropped what the history does not keep"
    );
}

/// Dropping what a history does not keep has failed. A later commit or start goes on.
pub(crate) fn thinning_stopped(actor: &Actor, error: &StoreError) {
    tracing::warn!(
        name: "history.stopped", target: SETTLE, actor = %actor.id, code = error.code(), %error,
        outcome = "failed", "thinning the history stopped; a later commit or start goes on"
    );
}

/// Copying what an actor shows of many other lines has failed. A later commit or start begins again.
pub(crate) fn flattening_stopped(actor: &Actor, error: &StoreError) {
    tracing::warn!(
        name: "flatten.stopped", target: SETTLE, actor = %actor.id, code = error.code(), %error,
        outcome = "failed", "flattening the history stopped; a later commit or start begins again"
    );
}
