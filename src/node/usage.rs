//! What history holds, for JavaScript: of one actor, or step by step of a whole store.

#![expect(clippy::needless_pass_by_value, reason = "Node-API hands strings over by value")]

use std::sync::Arc;

use futures::lock::Mutex;
use napi::bindgen_prelude::{Either, Env, PromiseRaw};
use napi_derive::napi;

use super::error::Failure;
use super::points::{point_text, time};
use super::runtime::answer;
use super::store::NativeStore;
use crate::engine::{HistorySurvey, HistoryUsage, StoreError, SurveyStep};
use crate::types::ActorId;

/// What an actor's history holds.
#[napi(object, object_from_js = false)]
pub struct NativeHistoryUsage {
    /// How many states, the current one included.
    pub points: f64,
    /// The oldest of them.
    pub oldest: Option<String>,
    /// When it was committed, in milliseconds since 1970-01-01 UTC.
    pub oldest_time_ms: Option<f64>,
    /// How many pins.
    pub pins: f64,
    /// The actors of which it shows something.
    pub ancestors: Vec<String>,
    /// Rows that are there for the past alone.
    pub rows: f64,
    /// Their bytes, keys included.
    pub bytes: f64,
    /// The bytes of the current state's rows that are the actor's own.
    pub own_bytes: f64,
    /// The bytes of those that belong to others.
    pub shared_bytes: f64,
}

impl From<HistoryUsage> for NativeHistoryUsage {
    fn from(usage: HistoryUsage) -> Self {
        Self {
            points: time(usage.points),
            oldest: usage.oldest.map(|(txid, _)| point_text(txid)),
            oldest_time_ms: usage.oldest.map(|(_, time_ms)| time(time_ms)),
            pins: time(usage.pins),
            ancestors: usage.ancestors.iter().map(ToString::to_string).collect(),
            rows: time(usage.held.rows),
            bytes: time(usage.held.bytes()),
            own_bytes: time(usage.own.bytes()),
            shared_bytes: time(usage.shared.bytes()),
        }
    }
}

/// An actor with history.
#[napi(object, object_from_js = false)]
pub struct NativeCountedActor {
    /// Which.
    pub actor_id: String,
    /// What its history holds.
    pub history: NativeHistoryUsage,
}

/// A step of a survey.
#[napi(object, object_from_js = false)]
pub struct NativeSurveyStep {
    /// Actors that were looked at.
    pub actors: f64,
    /// An actor with history that was counted.
    pub counted: Option<NativeCountedActor>,
    /// Rows that were read of actors with history.
    pub rows: f64,
    /// Their bytes.
    pub bytes: f64,
}

impl From<SurveyStep> for NativeSurveyStep {
    fn from(SurveyStep { actors, counted, rows, bytes }: SurveyStep) -> Self {
        let counted = counted
            .map(|(actor, usage)| NativeCountedActor { actor_id: actor.to_string(), history: usage.into() });
        Self { actors: time(actors), counted, rows: time(rows), bytes: time(bytes) }
    }
}

/// A survey in progress.
#[napi]
pub struct NativeHistorySurvey {
    survey: Arc<Mutex<HistorySurvey>>,
}

#[napi]
impl NativeHistorySurvey {
    /// Takes the next step; nothing at the end.
    #[napi]
    pub fn next<'env>(
        &self,
        env: &'env Env,
    ) -> napi::Result<PromiseRaw<'env, Either<Option<NativeSurveyStep>, Failure>>> {
        let survey = Arc::clone(&self.survey);
        let work = async move { Ok(survey.lock().await.next().await?.map(NativeSurveyStep::from)) };
        answer(env, work, StoreError::Unavailable)
    }
}

#[napi]
impl NativeStore {
    /// What the history of an actor holds.
    #[napi]
    pub fn actor_history<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeHistoryUsage, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move { Ok(engine.history_usage(&ActorId::new(actor_id)?).await?.into()) };
        answer(env, work, StoreError::Unavailable)
    }

    /// Begins to count what the history of the actors holds whose ids begin with a prefix.
    #[napi]
    pub fn history_survey(&self, prefix: String) -> NativeHistorySurvey {
        NativeHistorySurvey { survey: Arc::new(Mutex::new(self.engine.history_survey(&prefix))) }
    }
}
