//! The bridge from `tracing` to JavaScript. Each thread of Node may have a logger with its own filter and its
//! own bounded queue. Logging puts a record in the queue and does not wait. JavaScript is woken once for many
//! records, and takes a few at a time.

#![expect(clippy::needless_pass_by_value, reason = "Node-API hands strings over by value")]

mod bridge;
mod filter;
mod queue;
mod record;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::Status;
use napi::bindgen_prelude::{BigInt, Either4, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use tracing::Level;

use self::filter::Filter;
use self::queue::{Item, Queue};
use self::record::{Fields, Record, SpanRecord, Value};
use crate::env::{Env, SystemEnv};

/// Weak: a logger does not keep the process alive.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The destination of the records of one logger.
struct Outlet {
    filter: Filter,
    queue: Mutex<Queue<Record>>,
    wake: Wake,
}

impl Outlet {
    fn queue(&self) -> MutexGuard<'_, Queue<Record>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a record, from any thread and without waiting.
    fn put(&self, record: &Record) {
        let mut record = record.clone();
        // Spans that only another logger wants are dropped.
        record.spans.retain(|span| self.filter.wants(span.metadata));
        let is_first = self.queue().put(record);
        if is_first {
            // If its thread has ended, nobody needs the record.
            self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// The invalid directive of a filter, or nothing. Without a check beforehand the constructor would have to
/// throw, and errors are created in `lib/`.
#[napi]
pub fn wrong_directive(filter: String) -> Option<String> {
    Filter::parse(&filter).err()
}

/// A logger of this thread, until it is closed or the thread ends.
#[napi]
pub struct NativeLogger {
    outlet: Arc<Outlet>,
}

#[napi]
impl NativeLogger {
    /// Calls `wake` when there are records to take.
    #[napi(constructor)]
    pub fn new(filter: String, capacity: u32, wake: Function<'_, (), ()>) -> napi::Result<Self> {
        let filter = Filter::parse(&filter).map_err(napi::Error::from_reason)?;
        let wake = wake.build_threadsafe_function().weak::<true>().build()?;
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        let outlet = Arc::new(Outlet { filter, queue: Mutex::new(Queue::new(capacity)), wake });
        if bridge::add(Arc::clone(&outlet)) {
            Ok(Self { outlet })
        } else {
            Err(napi::Error::from_reason("the process has another subscriber of `tracing`"))
        }
    }

    /// Takes up to `count` records.
    #[napi]
    pub fn take(&self, count: u32) -> Vec<NativeLogRecord> {
        let taken = self.outlet.queue().take(usize::try_from(count).unwrap_or(usize::MAX));
        taken.into_iter().map(NativeLogRecord::from).collect()
    }

    /// How many records were dropped so far for lack of room.
    #[napi]
    pub fn dropped(&self) -> f64 {
        number(self.outlet.queue().dropped())
    }

    /// Ends it. Queued records can still be taken.
    #[napi]
    pub fn close(&self) {
        bridge::remove(&self.outlet);
    }
}

impl Drop for NativeLogger {
    fn drop(&mut self) {
        bridge::remove(&self.outlet);
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, which no count here reaches")]
fn number(count: u64) -> f64 {
    count as f64
}

type NativeValue = Either4<String, f64, BigInt, bool>;

/// Parallel lists of names and values.
#[napi(object, object_from_js = false)]
pub struct NativeFields {
    /// The names.
    pub names: Vec<String>,
    /// Their values.
    #[napi(ts_type = "Array<string | number | bigint | boolean>")]
    pub values: Vec<NativeValue>,
}

impl From<Fields> for NativeFields {
    fn from(fields: Fields) -> Self {
        let (names, values) =
            fields.named.into_iter().map(|(name, value)| (name.to_owned(), native(value))).unzip();
        Self { names, values }
    }
}

fn native(value: Value) -> NativeValue {
    match value {
        Value::Text(text) => Either4::A(text),
        Value::Number(number) => Either4::B(number),
        Value::Exact(exact) => Either4::C(exact.into()),
        Value::Flag(flag) => Either4::D(flag),
    }
}

/// A span around a record.
#[napi(object, object_from_js = false)]
pub struct NativeSpan {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: NativeFields,
}

/// A log record.
#[napi(object, object_from_js = false)]
pub struct NativeLogRecord {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub time: f64,
    /// Its level.
    pub level: String,
    /// Its target.
    pub target: String,
    /// The name of the event.
    pub name: String,
    /// The message for people.
    pub message: String,
    /// Its fields.
    pub fields: NativeFields,
    /// The spans around it, the outermost first.
    pub spans: Vec<NativeSpan>,
    /// The trace of the call.
    pub trace_id: Option<String>,
    /// The span of the call.
    pub span_id: Option<String>,
}

impl From<Item<Record>> for NativeLogRecord {
    fn from(item: Item<Record>) -> Self {
        match item {
            Item::Record(record) => record.into(),
            Item::Gap(missing) => Self {
                time: number(SystemEnv.now_ms()),
                level: "warn".to_owned(),
                target: "baton::logger".to_owned(),
                name: "logger.dropped".to_owned(),
                message: "records had no room in the logger's queue".to_owned(),
                fields: NativeFields {
                    names: vec!["dropped".to_owned()],
                    values: vec![Either4::B(number(missing))],
                },
                spans: Vec::new(),
                trace_id: None,
                span_id: None,
            },
        }
    }
}

impl From<Record> for NativeLogRecord {
    fn from(record: Record) -> Self {
        let Record { time_ms, level, target, name, mut fields, spans, trace } = record;
        let (trace_id, span_id) = trace.unzip();
        let message = std::mem::take(&mut fields.message);
        let span = |SpanRecord { metadata, fields }| NativeSpan {
            name: metadata.name().to_owned(),
            fields: fields.into(),
        };
        Self {
            time: number(time_ms),
            level: level_name(level).to_owned(),
            target,
            name,
            message,
            fields: fields.into(),
            spans: spans.into_iter().map(span).collect(),
            trace_id,
            span_id,
        }
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directive_that_is_wrong_is_named_and_a_good_filter_has_none() {
        assert_eq!(wrong_directive("warn,baton::commit=debug".to_owned()), None);
        assert!(wrong_directive("warn,baton=loud".to_owned()).is_some_and(|named| named.contains("loud")));
    }
}
