//! The history of a store's actors, for `NativeStore`.

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::{Either, Env, PromiseRaw};
use napi_derive::napi;

use super::convert::NativeMeta;
use super::error::Failure;
use super::runtime::answer;
use super::store::NativeStore;
use crate::engine::{PinRequest, PointInfo, PointKind, PointRef, PointsRequest, StoreError};
use crate::types::{ActorId, HistoryPolicy, HistoryTier, Txid};

/// A tier of a policy.
#[napi(object)]
pub struct NativeHistoryTier {
    /// The length of a stretch, in milliseconds.
    pub every: f64,
    /// The age at which the tier ends, in milliseconds.
    #[napi(js_name = "for")]
    pub for_ms: f64,
}

/// Which states of the past are kept.
#[napi(object)]
pub struct NativeHistory {
    /// The age up to which every commit is kept, in milliseconds; none: nothing is kept.
    pub keep_all: Option<f64>,
    /// What is kept of older ones.
    pub then: Vec<NativeHistoryTier>,
}

impl NativeHistory {
    /// The policy, if there is one.
    pub(super) fn policy(self) -> Result<Option<HistoryPolicy>, StoreError> {
        let Some(keep_all) = self.keep_all else { return Ok(None) };
        let tiers = self.then.into_iter();
        let tiers = tiers.map(|tier| HistoryTier { every_ms: whole(tier.every), for_ms: whole(tier.for_ms) });
        Ok(Some(HistoryPolicy::checked(whole(keep_all), tiers.collect())?))
    }
}

/// A number of milliseconds that the wrapper has checked.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and infinity is for ever"
)]
fn whole(ms: f64) -> u64 {
    ms as u64
}

#[expect(clippy::cast_precision_loss, reason = "exact until the year 287,396")]
fn time(ms: u64) -> f64 {
    ms as f64
}

/// A state of the past: exactly one field is set; none of them: the current state.
#[napi(object, object_to_js = false)]
pub struct NativePointRef {
    /// The point.
    pub point: Option<String>,
    /// A time, in milliseconds since 1970-01-01 UTC.
    pub time: Option<f64>,
    /// The name of a pin.
    pub name: Option<String>,
}

/// A point as its users write it: it sorts as time does.
pub(super) fn point_text(txid: Txid) -> String {
    format!("{:016x}", txid.0)
}

/// The txid of a point.
pub(super) fn point(text: &str) -> Result<Txid, StoreError> {
    let parsed = u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
    let invalid = || StoreError::InvalidArg(format!("a point has 16 hexadecimal digits, got {text:?}"));
    parsed.map(Txid).ok_or_else(invalid)
}

impl TryFrom<NativePointRef> for PointRef {
    type Error = StoreError;

    fn try_from(reference: NativePointRef) -> Result<Self, StoreError> {
        Ok(match reference {
            NativePointRef { point: Some(text), .. } => Self::Txid(point(&text)?),
            NativePointRef { time: Some(time), .. } => Self::Time(whole(time)),
            NativePointRef { name: Some(name), .. } => Self::Name(name),
            NativePointRef { .. } => Self::Head,
        })
    }
}

/// A state that is kept.
#[napi(object, object_from_js = false)]
pub struct NativePoint {
    /// What it is called.
    pub point: String,
    /// When it was committed, in milliseconds since 1970-01-01 UTC.
    pub time_ms: f64,
    /// How it came about.
    #[napi(ts_type = "'commit' | 'restore' | 'import' | 'fork'")]
    pub kind: &'static str,
    /// How many pages have changed since the point before.
    pub pages: Option<f64>,
    /// The size of the database in pages.
    pub size_pages: u32,
    /// The names of its pins.
    pub names: Vec<String>,
}

impl From<PointInfo> for NativePoint {
    fn from(info: PointInfo) -> Self {
        Self {
            point: point_text(info.txid),
            time_ms: time(info.time_ms),
            kind: match info.kind {
                PointKind::Commit => "commit",
                PointKind::Restore => "restore",
                PointKind::Import => "import",
                PointKind::Fork => "fork",
            },
            pages: info.pages.map(time),
            size_pages: info.size_pages.0,
            names: info.names,
        }
    }
}

/// An actor that was set back.
#[napi(object, object_from_js = false)]
pub struct NativeRestored {
    /// The generation that ended the last owner's.
    pub generation: u64,
    /// The point that is shown now.
    pub point: String,
    /// When it was committed, in milliseconds since 1970-01-01 UTC.
    pub time_ms: f64,
    /// The state before.
    pub undo: String,
}

/// An actor that was forked.
#[napi(object, object_from_js = false)]
pub struct NativeForked {
    /// The fork's generation.
    pub generation: u64,
    /// The point of the source that it shows.
    pub point: String,
}

#[napi]
impl NativeStore {
    /// Sets what one actor keeps: what the store says, if there is no history.
    #[napi]
    pub fn set_history<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        history: Option<NativeHistory>,
    ) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let policy = history.map(NativeHistory::policy).transpose()?;
            engine.set_history(&actor, policy).await
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// The newest points of an actor, up to a limit.
    #[napi]
    pub fn points<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        from: Option<String>,
        to: Option<String>,
        limit: u32,
    ) -> napi::Result<PromiseRaw<'env, Either<Vec<NativePoint>, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let parsed = |text: Option<String>| text.map(|text| point(&text)).transpose();
            let limit = Some(usize::try_from(limit).unwrap_or(usize::MAX));
            let request = PointsRequest { from: parsed(from)?, to: parsed(to)?, limit };
            Ok(engine.points(&actor, &request).await?.into_iter().map(NativePoint::from).collect())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// The point that is meant.
    #[napi]
    pub fn find_point<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        at: NativePointRef,
    ) -> napi::Result<PromiseRaw<'env, Either<NativePoint, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (actor, at) = (ActorId::new(actor_id)?, PointRef::try_from(at)?);
            Ok(engine.find_point(&actor, at).await?.into())
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Pins a point.
    #[napi]
    pub fn pin<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        at: NativePointRef,
        name: String,
        expires_at_ms: Option<f64>,
    ) -> napi::Result<PromiseRaw<'env, Either<String, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (actor, at) = (ActorId::new(actor_id)?, PointRef::try_from(at)?);
            let pin = PinRequest { name, expires_at_ms: expires_at_ms.map_or(0, whole) };
            Ok(point_text(engine.pin(&actor, at, pin).await?))
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Removes the pins of a name, or those that users have set on a point.
    #[napi]
    pub fn unpin<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        name: Option<String>,
        at: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Either<bool, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let actor = ActorId::new(actor_id)?;
            let removed = match (name, at) {
                (Some(name), _) => engine.unpin_name(&actor, name).await?,
                (None, Some(at)) => engine.unpin_point(&actor, point(&at)?).await?,
                (None, None) => 0,
            };
            Ok(removed > 0)
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Sets an actor back.
    #[napi]
    pub fn restore<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        to: NativePointRef,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeRestored, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (actor, to) = (ActorId::new(actor_id)?, PointRef::try_from(to)?);
            let restored = engine.restore(&actor, to).await?;
            Ok(NativeRestored {
                generation: restored.generation.0,
                point: point_text(restored.to),
                time_ms: time(restored.time_ms),
                undo: point_text(restored.undo),
            })
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Forks an actor.
    #[napi]
    pub fn fork<'env>(
        &self,
        env: &'env Env,
        from: String,
        to: String,
        at: NativePointRef,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeForked, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (from, to) = (ActorId::new(from)?, ActorId::new(to)?);
            let forked = engine.fork(&from, &to, PointRef::try_from(at)?).await?;
            Ok(NativeForked { generation: forked.generation.0, point: point_text(forked.at) })
        };
        answer(env, work, StoreError::Unavailable)
    }

    /// Copies what an actor shows of others.
    #[napi]
    pub fn flatten<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
    ) -> napi::Result<PromiseRaw<'env, Either<(), Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move { engine.flatten(&ActorId::new(actor_id)?).await };
        answer(env, work, StoreError::Unavailable)
    }

    /// Writes a point of an actor to a file.
    #[napi]
    pub fn export_point<'env>(
        &self,
        env: &'env Env,
        actor_id: String,
        at: NativePointRef,
        file: String,
        overwrite: bool,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeMeta, Failure>>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let (actor, file) = (ActorId::new(actor_id)?, PathBuf::from(file));
            Ok(engine.export_point(&actor, PointRef::try_from(at)?, &file, overwrite).await?.into())
        };
        answer(env, work, StoreError::Unavailable)
    }
}
