//! A record of a span or an event: its fields, as owned values.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};

/// Text is cut off after this many bytes, at a character boundary: a record is a line, not a dump.
const TEXT_BYTES_MAX: usize = 4_096;

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(f64),
    /// A generation or a txid, which a float cannot hold.
    Exact(u64),
    Flag(bool),
}

/// The fields whose values are generations and txids.
const EXACT: [&str; 7] =
    ["generation", "previous", "current", "held", "txid", "held_head_txid", "current_head_txid"];

/// Fields in the order in which they arrived.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) named: Vec<(&'static str, Value)>,
}

impl Fields {
    /// The text of a field, if it has one.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.named.iter().find(|(known, _)| *known == name).and_then(|(_, value)| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    fn set(&mut self, field: &Field, value: Value) {
        // A span's field may be set again.
        match self.named.iter_mut().find(|(name, _)| *name == field.name()) {
            Some((_, old)) => *old = value,
            None => self.named.push((field.name(), value)),
        }
    }

    fn set_text(&mut self, field: &Field, mut text: String) {
        if text.len() > TEXT_BYTES_MAX {
            let end = (0..=TEXT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text.truncate(end);
            text.push_str("...");
        }
        if field.name() == "message" {
            self.message = text;
        } else {
            self.set(field, Value::Text(text));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53; what may be larger is kept exact")]
impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, Value::Number(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Number(value as f64));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let is_exact = EXACT.contains(&field.name());
        self.set(field, if is_exact { Value::Exact(value) } else { Value::Number(value as f64) });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Flag(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set_text(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set_text(field, format!("{value:?}"));
    }
}

/// A span that was open around an event.
#[derive(Debug, Clone)]
pub(super) struct SpanRecord {
    pub(super) metadata: &'static Metadata<'static>,
    pub(super) fields: Fields,
}

/// An event, with the spans around it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) time_ms: u64,
    pub(super) level: Level,
    pub(super) target: String,
    pub(super) name: String,
    pub(super) fields: Fields,
    /// The outermost first.
    pub(super) spans: Vec<SpanRecord>,
    /// The ids of trace and span of the call.
    pub(super) trace: Option<(String, String)>,
}
