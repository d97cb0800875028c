//! Inspecting a store and copying out of it, for JavaScript. Both run step by step, so that JavaScript can
//! report progress and stop.

use std::sync::Arc;

use futures::lock::Mutex;
use napi::bindgen_prelude::{Either, Env, PromiseRaw};
use napi_derive::napi;

use super::convert::NativeMeta;
use super::error::Failure;
use super::points::NativePast;
use super::runtime::answer;
use crate::engine::{
    ActorRows, Audited, Copied, Copying, Problem, Problems, RowCount, RowKind, Severity, StoreError,
    Verification, VerifyStep,
};
use crate::types::PageNumber;

/// A problem.
#[napi(object, object_from_js = false)]
pub struct NativeProblem {
    /// The actor concerned.
    pub actor_id: Option<String>,
    /// The kind of row.
    #[napi(
        ts_type = "'store' | 'fence' | 'head' | 'page' | 'stage' | 'hints' | 'history' | 'point' | 'pin' | 'line' | 'unknown' | 'checkpoint' | 'journal'"
    )]
    pub kind: &'static str,
    /// The page.
    pub page: Option<u32>,
    /// The txid in the row's key.
    pub txid: Option<u64>,
    /// How serious it is.
    #[napi(ts_type = "'error' | 'warning'")]
    pub severity: &'static str,
    /// A description for people.
    pub detail: String,
}

impl From<Problem> for NativeProblem {
    fn from(problem: Problem) -> Self {
        Self {
            actor_id: problem.actor.map(|actor| actor.to_string()),
            kind: match problem.kind {
                RowKind::Store => "store",
                RowKind::Fence => "fence",
                RowKind::Head => "head",
                RowKind::Page => "page",
                RowKind::Stage => "stage",
                RowKind::Hints => "hints",
                RowKind::History => "history",
                RowKind::Point => "point",
                RowKind::Pin => "pin",
                RowKind::Line => "line",
                RowKind::Unknown => "unknown",
                RowKind::Checkpoint => "checkpoint",
                RowKind::Journal => "journal",
            },
            page: problem.page.map(PageNumber::get),
            txid: problem.txid.map(|txid| txid.0),
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            detail: problem.detail,
        }
    }
}

fn told(problems: Problems) -> (Vec<NativeProblem>, f64) {
    (problems.told.into_iter().map(Into::into).collect(), number(problems.omitted))
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, which no count of rows or bytes reaches")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

/// The number of rows and their size.
#[napi(object, object_from_js = false)]
pub struct NativeRowCount {
    /// The rows.
    pub rows: f64,
    /// The bytes of their keys.
    pub key_bytes: f64,
    /// The bytes of their values.
    pub value_bytes: f64,
}

impl From<RowCount> for NativeRowCount {
    fn from(count: RowCount) -> Self {
        Self {
            rows: number(count.rows),
            key_bytes: number(count.key_bytes),
            value_bytes: number(count.value_bytes),
        }
    }
}

/// The rows of an actor by kind.
#[napi(object, object_from_js = false)]
pub struct NativeActorRows {
    /// The fence.
    pub fence: NativeRowCount,
    /// The head.
    pub head: NativeRowCount,
    /// Pages that the head shows.
    pub pages_live: NativeRowCount,
    /// Older versions of pages.
    pub pages_superseded: NativeRowCount,
    /// Pages of the open stage.
    pub pages_staged: NativeRowCount,
    /// Pages beyond the size.
    pub pages_beyond: NativeRowCount,
    /// Manifests.
    pub manifests: NativeRowCount,
    /// Hints.
    pub hints: NativeRowCount,
    /// Policy, points, pins and lines.
    pub history: NativeRowCount,
    /// Rows that belong to nothing.
    pub stray: NativeRowCount,
}

impl From<ActorRows> for NativeActorRows {
    fn from(rows: ActorRows) -> Self {
        Self {
            fence: rows.fence.into(),
            head: rows.head.into(),
            pages_live: rows.live.into(),
            pages_superseded: rows.superseded.into(),
            pages_staged: rows.staged.into(),
            pages_beyond: rows.beyond.into(),
            manifests: rows.manifests.into(),
            hints: rows.hints.into(),
            history: rows.history.into(),
            stray: rows.stray.into(),
        }
    }
}

/// A fence.
#[napi(object, object_from_js = false)]
pub struct NativeFence {
    /// The generation of the current owner.
    pub generation: u64,
    /// The generation of the start that created the actor.
    pub first_generation: u64,
    /// Whether the actor was deleted.
    pub deleted: bool,
    /// Where the data came from.
    #[napi(ts_type = "'native' | 'migrating-from-v1' | 'migrated-from-v1'")]
    pub origin: &'static str,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at_ms: f64,
}

/// An open stage.
#[napi(object, object_from_js = false)]
pub struct NativeOpenStage {
    /// The txid that it will have.
    pub txid: u64,
    /// Whether it is being rolled back.
    pub doomed: bool,
}

/// A head.
#[napi(object, object_from_js = false)]
pub struct NativeHead {
    /// The last commit.
    pub txid: u64,
    /// The txid of the next commit.
    pub next_txid: u64,
    /// The size of the database in pages.
    pub size_pages: u32,
    /// The size of a page in bytes.
    pub page_size: u32,
    /// The open stage, if any.
    pub open_stage: Option<NativeOpenStage>,
    /// Whether older page versions remain to be cleared.
    pub unswept: bool,
    /// Rows of pages above this one may remain.
    pub untrimmed_above: Option<u32>,
    /// How many commits it remembers.
    pub recent_commits: u32,
}

/// Everything stored for an actor.
#[napi(object, object_from_js = false)]
pub struct NativeInspection {
    /// Its fence, if there is one that can be decoded.
    pub fence: Option<NativeFence>,
    /// Its head, if there is one that can be decoded.
    pub head: Option<NativeHead>,
    /// Its rows.
    pub rows: NativeActorRows,
    /// What it keeps of its past.
    pub history: NativePast,
    /// Pages inside the size without a row.
    pub pages_never_written: f64,
    /// The problems.
    pub problems: Vec<NativeProblem>,
    /// How many further problems there are.
    pub problems_omitted: f64,
}

impl From<Audited> for NativeInspection {
    fn from(audited: Audited) -> Self {
        let (problems, problems_omitted) = told(audited.problems);
        let fence = audited.fence.found().map(|fence| NativeFence {
            generation: fence.generation.0,
            first_generation: fence.first_generation.0,
            deleted: fence.state == crate::engine::FenceState::Deleted,
            origin: super::convert::origin(fence.origin),
            created_at_ms: number(fence.created_at_ms),
        });
        let head = audited.head.found().map(|head| NativeHead {
            txid: head.txid.0,
            next_txid: head.next_txid.0,
            size_pages: head.size_pages.0,
            page_size: 1 << head.page_size.log2(),
            open_stage: head
                .open_stage
                .map(|stage| NativeOpenStage { txid: stage.txid.0, doomed: stage.aborted }),
            unswept: head.unswept,
            untrimmed_above: head.untrimmed_above.map(|pages| pages.0),
            recent_commits: u32::try_from(head.recent.len()).unwrap_or(u32::MAX),
        });
        let pages_never_written = number(audited.never_written);
        let (rows, history) = (audited.rows.into(), audited.past.into());
        Self { fence, head, rows, history, pages_never_written, problems, problems_omitted }
    }
}

/// An actor that was checked.
#[napi(object, object_from_js = false)]
pub struct NativeVerifiedActor {
    /// Which.
    pub actor_id: String,
    /// Whether its head moved each time.
    pub busy: bool,
    /// Whether it can be started, judging by its own rows.
    pub live: bool,
    /// The size of the database in pages.
    pub size_pages: u32,
    /// What it keeps of its past, unless it is busy.
    pub history: Option<NativePast>,
}

/// A step of a verification.
#[napi(object, object_from_js = false)]
pub struct NativeVerifyStep {
    /// The actor that this step has finished, if any.
    pub actor: Option<NativeVerifiedActor>,
    /// Rows read.
    pub rows: f64,
    /// Bytes read.
    pub bytes: f64,
    /// The problems.
    pub problems: Vec<NativeProblem>,
    /// How many further problems there are.
    pub problems_omitted: f64,
}

impl From<VerifyStep> for NativeVerifyStep {
    fn from(step: VerifyStep) -> Self {
        let (problems, problems_omitted) = told(step.problems);
        let actor = step.actor.map(|verified| {
            let audited = verified.audited.as_ref();
            let fence = audited.and_then(|audited| audited.fence.found());
            let head = audited.and_then(|audited| audited.head.found());
            NativeVerifiedActor {
                actor_id: verified.actor.to_string(),
                busy: audited.is_none(),
                live: fence.is_some_and(|fence| fence.state == crate::engine::FenceState::Live),
                size_pages: head.map_or(0, |head| head.size_pages.0),
                history: verified.audited.map(|audited| audited.past.into()),
            }
        });
        Self { actor, rows: number(step.rows), bytes: number(step.bytes), problems, problems_omitted }
    }
}

/// A verification in progress.
#[napi]
pub struct NativeVerification {
    verification: Arc<Mutex<Verification>>,
}

impl NativeVerification {
    pub(super) fn new(verification: Verification) -> Self {
        Self { verification: Arc::new(Mutex::new(verification)) }
    }
}

#[napi]
impl NativeVerification {
    /// Takes the next step; nothing at the end.
    #[napi]
    pub fn next<'env>(
        &self,
        env: &'env Env,
    ) -> napi::Result<PromiseRaw<'env, Either<Option<NativeVerifyStep>, Failure>>> {
        let verification = Arc::clone(&self.verification);
        let work = async move { Ok(verification.lock().await.next().await?.map(NativeVerifyStep::from)) };
        answer(env, work, StoreError::Unavailable)
    }
}

/// The progress of a copy.
#[napi(object, object_from_js = false)]
pub struct NativeCopyStep {
    /// The state that is being read.
    pub source: NativeMeta,
    /// The target's state before the copy or, at the end, after it.
    pub target: NativeMeta,
    /// Pages copied so far.
    pub pages_done: u32,
    /// Pages read back so far.
    pub pages_verified: u32,
    /// Whether the copy is complete.
    pub done: bool,
}

/// A copy in progress.
#[napi]
pub struct NativeCopying {
    copying: Arc<Mutex<Option<Copying>>>,
}

impl NativeCopying {
    pub(super) fn new(copying: Copying) -> Self {
        Self { copying: Arc::new(Mutex::new(Some(copying))) }
    }
}

#[napi]
impl NativeCopying {
    /// The progress.
    #[napi]
    pub fn state<'env>(
        &self,
        env: &'env Env,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeCopyStep, Failure>>> {
        let copying = Arc::clone(&self.copying);
        let work = async move { copying.lock().await.as_ref().map(state).ok_or(StoreError::Closed) };
        answer(env, work, StoreError::Unavailable)
    }

    /// Takes the next step.
    #[napi]
    pub fn next<'env>(
        &self,
        env: &'env Env,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeCopyStep, Failure>>> {
        let copying = Arc::clone(&self.copying);
        let work = async move {
            let mut copying = copying.lock().await;
            let copying = copying.as_mut().ok_or(StoreError::Closed)?;
            let copied = copying.next().await?;
            let step = state(copying);
            Ok(match copied {
                None => step,
                Some(Copied { source, target }) => NativeCopyStep {
                    source: source.into(),
                    target: target.into(),
                    pages_done: source.size_pages.0,
                    pages_verified: copying.pages_verified().0,
                    done: true,
                },
            })
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Ends the copy. If it is not complete, what was written is rolled back.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let copying = Arc::clone(&self.copying);
        let work = async move {
            drop(copying.lock().await.take());
            Ok::<(), StoreError>(())
        };
        answer(env, work, StoreError::Unavailable)
    }
}

fn state(copying: &Copying) -> NativeCopyStep {
    NativeCopyStep {
        source: copying.source().into(),
        target: copying.target().into(),
        pages_done: copying.pages_done().0,
        pages_verified: copying.pages_verified().0,
        done: false,
    }
}
