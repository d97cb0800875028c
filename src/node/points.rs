//! Policies, points and the answers about them, as JavaScript sees them.

use napi_derive::napi;

use crate::engine::{PastSummary, PointInfo, PointKind, PointRef, StoreError};
use crate::types::{HistoryPolicy, HistoryTier, Txid};

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
pub(super) fn whole(ms: f64) -> u64 {
    ms as u64
}

/// A time in milliseconds, or a count.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, until the year 287,396")]
pub(super) fn time(ms: u64) -> f64 {
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

/// What an actor keeps of its past.
#[napi(object, object_from_js = false)]
pub struct NativePast {
    /// How many states.
    pub points: f64,
    /// The oldest of them.
    pub oldest: Option<String>,
    /// How many pins.
    pub pins: f64,
    /// The actors of which it shows something.
    pub ancestors: Vec<String>,
    /// Rows that are there for the past alone.
    pub rows: f64,
    /// Their bytes, keys included.
    pub bytes: f64,
}

impl From<PastSummary> for NativePast {
    fn from(past: PastSummary) -> Self {
        Self {
            points: time(past.points),
            oldest: past.oldest.map(point_text),
            pins: time(past.pins),
            ancestors: past.ancestors.iter().map(ToString::to_string).collect(),
            rows: time(past.held.rows),
            bytes: time(past.held.bytes()),
        }
    }
}
