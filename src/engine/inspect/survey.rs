//! What the history of a whole store holds. Of an actor without history only the head is read; of the others, every
//! row. Everything is read in slices, and only sums are kept.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, try_join_all};

use crate::codec;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::kv::{Isolation, KeyRange, ReadFn, Scan, View};
use crate::plan::HistoryUsage;
use crate::types::ActorId;

use super::usage::UsageWalk;

/// Actors whose heads are read at once.
const CHUNK: usize = 250;
/// The most that one step reads, so that it takes milliseconds.
const STEP_BYTES_MAX: usize = 8 << 20;

/// What a step of a survey has found.
#[derive(Debug, Default)]
pub struct SurveyStep {
    /// Actors that were looked at, deleted ones included.
    pub actors: u64,
    /// An actor with history that was counted.
    pub counted: Option<(ActorId, HistoryUsage)>,
    /// Rows that were read of actors with history.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A survey in progress.
pub struct HistorySurvey {
    core: Arc<Core>,
    /// The fences that are still to be looked at.
    range: KeyRange,
    waiting: VecDeque<ActorId>,
    walk: Option<UsageWalk>,
}

impl HistorySurvey {
    pub(crate) fn new(core: &Arc<Core>, prefix: &str) -> Self {
        let (core, range) = (Arc::clone(core), codec::fences(prefix, None));
        Self { core, range, waiting: VecDeque::new(), walk: None }
    }

    /// Takes one bounded step; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<SurveyStep>, StoreError> {
        let mut step = SurveyStep::default();
        if let Some(walk) =
            self.walk.take().or_else(|| self.waiting.pop_front().map(|id| UsageWalk::new(&id)))
        {
            let before = walk.read();
            let ended = walk.step(&self.core, STEP_BYTES_MAX).await?;
            let after = walk.read();
            (step.rows, step.bytes) = (after.0 - before.0, after.1 - before.1);
            match ended {
                ControlFlow::Continue(()) => self.walk = Some(walk),
                ControlFlow::Break(()) => step.counted = Some((walk.id().clone(), walk.finish())),
            }
            return Ok(Some(step));
        }
        if self.range.is_empty() {
            return Ok(None);
        }
        let chunk = self.core.read(&Arc::new(Chunk(self.range.clone()))).await?;
        step.actors = chunk.actors;
        self.waiting.extend(chunk.with_history);
        let end = self.range.end().to_vec();
        let start = chunk.last.map_or_else(|| end.clone(), |last| KeyRange::single(last).end().to_vec());
        self.range = KeyRange::new(start, end);
        Ok(Some(step))
    }
}

struct Chunk(KeyRange);

struct Found {
    actors: u64,
    with_history: Vec<ActorId>,
    /// The last key, if there may be more.
    last: Option<Vec<u8>>,
}

impl ReadFn for Chunk {
    type Output = Found;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let mut keys = Vec::new();
            let mut visit = |key: &[u8], _: &[u8]| {
                keys.push(key.to_vec());
                ControlFlow::Continue(())
            };
            view.scan(Scan::snapshot(self.0.clone()).rows(CHUNK), &mut visit).await?;
            // Keys that belong to no actor are what a check of the store tells of.
            let actors = keys.iter().filter_map(|key| codec::fence_actor(key).ok());
            let actors: Vec<Actor> = actors.map(|id| Actor::new(&id)).collect();
            let heads = actors.iter().map(|actor| actor.stored_head(view, Isolation::Snapshot));
            let heads = try_join_all(heads).await?;
            let with = actors
                .iter()
                .zip(heads)
                .filter(|(_, head)| head.as_ref().is_some_and(|head| head.history.is_some()));
            let with_history = with.map(|(actor, _)| actor.id.clone()).collect();
            let last = keys.last().filter(|_| keys.len() == CHUNK).cloned();
            Ok(Found { actors: actors.len() as u64, with_history, last })
        }
        .boxed()
    }
}
