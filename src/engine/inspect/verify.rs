//! verify: checks every row of a store against its checksum and against the fence and head of its actor. It
//! works in slices. Each slice is a separate read, so no state is held for long and the caller sees progress.
//!
//! Owners keep committing meanwhile. The report on an actor comes from reads that all saw the same head. When
//! the head moves, the actor is checked again from the start; if it keeps moving, it is reported as busy,
//! never as damaged.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, try_join};

use crate::codec::key::{self, strange_ranges};
use crate::codec::{self, DecodeError, IdCursor, StoreRow, actor_of};
use crate::engine::error::{Failure, StoreError, surface};
use crate::engine::runtime::core::Core;
use crate::kv::{Finding, Isolation, KeyRange, Part, ReadFn, Scan, View};
use crate::plan::{Audited, Problem, Problems, RowKind, Severity};
use crate::types::ActorId;

use super::walk::{ActorWalk, End, STRANGE_KEYS_MAX};

/// The most that one step reads, so that it takes milliseconds.
const STEP_BYTES_MAX: usize = 8 << 20;

/// How often and how soon is looked again at what may pass: a checkpoint comes every second or two.
const LOOKS: usize = 16;
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// What to verify.
#[derive(Debug, Clone)]
pub enum VerifyScope {
    /// The whole store.
    Everything,
    /// The actors whose ids begin with this prefix.
    Prefix(String),
    /// One actor.
    Actor(ActorId),
}

/// The progress of a verification, and the findings of this step.
#[derive(Debug, Default)]
pub struct VerifyStep {
    /// The actor that this step has finished, if any.
    pub actor: Option<VerifiedActor>,
    /// Rows read by this step; if an actor is checked again from the start, its rows count again.
    pub rows: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
    /// What is wrong.
    pub problems: Problems,
}

/// An actor that was checked.
#[derive(Debug)]
pub struct VerifiedActor {
    /// Which.
    pub actor: ActorId,
    /// The result; `None` if the head moved each time.
    pub audited: Option<Audited>,
}

/// A verification in progress.
pub struct Verification {
    core: Arc<Core>,
    scope: VerifyScope,
    /// Whether the rows that belong to no actor have been checked.
    begun: bool,
    cursor: IdCursor,
    /// The actor that is being checked.
    walk: Option<ActorWalk>,
    /// Actors that were found and come next.
    waiting: VecDeque<ActorId>,
    ended: bool,
}

impl Verification {
    pub(crate) fn new(core: &Arc<Core>, scope: VerifyScope) -> Self {
        let prefix = if let VerifyScope::Prefix(prefix) = &scope { prefix.as_str() } else { "" };
        let (cursor, core) = (IdCursor::before(prefix), Arc::clone(core));
        let waiting = if let VerifyScope::Actor(actor) = &scope { vec![actor.clone()] } else { Vec::new() };
        let (waiting, begun) = (waiting.into(), !matches!(scope, VerifyScope::Everything));
        Self { core, scope, begun, cursor, walk: None, waiting, ended: false }
    }

    /// Takes one bounded step; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<VerifyStep>, StoreError> {
        let mut step = VerifyStep::default();
        if !self.begun {
            self.begun = true;
            self.check_store(&mut step).await?;
            return Ok(Some(step));
        }
        if self.walk.is_none() {
            let Some(actor) = self.next_actor(&mut step).await? else {
                let found = step.problems != Problems::default();
                return Ok(found.then_some(step));
            };
            self.walk = Some(ActorWalk::new(&actor));
        }
        let Some(walk) = &self.walk else { return Ok(Some(step)) };
        let ended = walk.step(&self.core, STEP_BYTES_MAX).await?;
        (step.rows, step.bytes) = walk.take_counts();
        if let Some(ended) = ended {
            let mut audited = match ended {
                End::Audited(audited) => Some(*audited),
                End::Busy => None,
            };
            if let Some(audited) = &mut audited {
                step.problems = std::mem::take(&mut audited.problems);
            }
            step.actor = Some(VerifiedActor { actor: walk.actor.id.clone(), audited });
            self.walk = None;
        }
        Ok(Some(step))
    }

    async fn check_store(&self, step: &mut VerifyStep) -> Result<(), StoreError> {
        match self.core.read(&Arc::new(OfNoActor)).await {
            Ok(problems) => problems.into_iter().for_each(|problem| step.problems.push(problem)),
            Err(StoreError::Corrupt { detail, .. }) => {
                step.problems.push(of_no_actor(RowKind::Store, detail));
            }
            Err(error) => return Err(error),
        }
        beside_rows(&self.core, step).await
    }

    /// The next actor that has a row of any kind. Keys that belong to no actor are reported.
    async fn next_actor(&mut self, step: &mut VerifyStep) -> Result<Option<ActorId>, StoreError> {
        loop {
            if let Some(actor) = self.waiting.pop_front() {
                return Ok(Some(actor));
            }
            if self.ended || matches!(self.scope, VerifyScope::Actor(_)) {
                return Ok(None);
            }
            let key = match self.core.read(&Arc::new(NextKey(self.cursor.clone()))).await {
                Ok(key) => key,
                Err(StoreError::Corrupt { detail, .. }) => {
                    self.ended = true;
                    let detail = format!("cannot read on: {detail}");
                    step.problems.push(of_no_actor(RowKind::Unknown, detail));
                    None
                }
                Err(error) => return Err(error),
            };
            let Some(key) = key.filter(|key| self.is_in_scope(key)) else {
                self.ended = true;
                continue;
            };
            self.cursor = IdCursor::behind(&key);
            match actor_of(&key) {
                Some(actor) => self.waiting.push_back(actor),
                None => {
                    step.problems.push(of_no_actor(RowKind::Unknown, DecodeError::Key { key }.to_string()));
                }
            }
        }
    }

    fn is_in_scope(&self, key: &[u8]) -> bool {
        match &self.scope {
            VerifyScope::Prefix(prefix) => IdCursor::before(prefix).is_prefix_of(key),
            VerifyScope::Everything | VerifyScope::Actor(_) => true,
        }
    }
}

/// What is wrong with what the backend keeps beside the rows. What somebody who writes may be the reason of is told
/// only if nothing about it changes for a while.
async fn beside_rows(core: &Core, step: &mut VerifyStep) -> Result<(), StoreError> {
    let mut findings = core.kv.check().await.map_err(surface)?;
    for _ in 0..LOOKS {
        if !findings.iter().any(|finding| finding.may_pass) {
            break;
        }
        core.env.sleep(LOOK_PAUSE).await;
        let mut again = core.kv.check().await.map_err(surface)?;
        again.retain(|finding| !finding.may_pass || findings.contains(finding));
        findings = again;
    }
    for Finding { part, is_error, detail, .. } in findings {
        let kind = match part {
            Part::Checkpoint => RowKind::Checkpoint,
            Part::Journal => RowKind::Journal,
        };
        let severity = if is_error { Severity::Error } else { Severity::Warning };
        step.problems.push(Problem { severity, ..of_no_actor(kind, detail) });
    }
    Ok(())
}

fn of_no_actor(kind: RowKind, detail: String) -> Problem {
    Problem { actor: None, kind, page: None, txid: None, severity: Severity::Error, detail }
}

/// The store's own row, and keys that belong to no actor.
struct OfNoActor;

impl ReadFn for OfNoActor {
    type Output = Vec<Problem>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Vec<Problem>, Failure>> {
        async move {
            let mut problems = Vec::new();
            let store = key::store();
            match view.get(&store, Isolation::Snapshot).await? {
                None => problems.push(of_no_actor(RowKind::Store, "the store's own row is gone".to_owned())),
                Some(value) => {
                    if let Err(error) = codec::decode::<StoreRow>(&store, &value) {
                        problems.push(of_no_actor(RowKind::Store, error.to_string()));
                    }
                }
            }
            for range in strange_ranges() {
                let mut visit = |key: &[u8], _: &[u8]| {
                    let error = DecodeError::Key { key: key.to_vec() };
                    problems.push(of_no_actor(RowKind::Unknown, error.to_string()));
                    ControlFlow::Continue(())
                };
                view.scan(Scan::snapshot(range).rows(STRANGE_KEYS_MAX), &mut visit).await?;
            }
            Ok(problems)
        }
        .boxed()
    }
}

/// The first key at or after a position, among fences and other rows, whichever id sorts first.
struct NextKey(IdCursor);

impl ReadFn for NextKey {
    type Output = Option<Vec<u8>>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        async move {
            let [fences, rows] = self.0.ranges();
            let (fence, row) = try_join(first_key(view, fences), first_key(view, rows)).await?;
            Ok([fence, row].into_iter().flatten().min_by(|one, other| one[1..].cmp(&other[1..])))
        }
        .boxed()
    }
}

async fn first_key(view: &dyn View, range: KeyRange) -> Result<Option<Vec<u8>>, Failure> {
    let mut first = None;
    let mut visit = |key: &[u8], _: &[u8]| {
        first = Some(key.to_vec());
        ControlFlow::Break(())
    };
    view.scan(Scan::snapshot(range).rows(1), &mut visit).await?;
    Ok(first)
}
