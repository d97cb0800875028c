//! A store's metrics as JavaScript values. `lib/observe/metrics.js` turns them into an object and a text.

use napi_derive::napi;

use crate::metrics::{Distribution, Family, Kind, Series, Value};

/// A metric.
#[napi(object, object_from_js = false)]
pub struct NativeMetricFamily {
    /// Its name, without prefix.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// The kind of its numbers.
    #[napi(ts_type = "'counter' | 'gauge' | 'histogram'")]
    pub kind: &'static str,
    /// The name of the label that distinguishes its numbers, if there are several.
    pub label: Option<&'static str>,
    /// Its numbers.
    pub series: Vec<NativeMetricSeries>,
}

/// One number of a metric.
#[napi(object, object_from_js = false)]
pub struct NativeMetricSeries {
    /// The value of the label.
    pub label: Option<&'static str>,
    /// Its place in the object that users get, with dots.
    pub path: &'static str,
    /// A counter or a gauge.
    pub value: Option<f64>,
    /// A histogram.
    pub histogram: Option<NativeHistogram>,
}

/// A histogram.
#[napi(object, object_from_js = false)]
pub struct NativeHistogram {
    /// The bounds, ascending, without infinity.
    pub bounds: Vec<f64>,
    /// How many values are at or below each bound.
    pub counts: Vec<f64>,
    /// How many values there are.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, which no count here reaches")]
fn number(count: u64) -> f64 {
    count as f64
}

impl From<Family> for NativeMetricFamily {
    fn from(Family { name, help, kind, label, series }: Family) -> Self {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        Self { name, help, kind, label, series: series.into_iter().map(Into::into).collect() }
    }
}

impl From<Series> for NativeMetricSeries {
    fn from(Series { label, path, value }: Series) -> Self {
        let (value, histogram) = match value {
            Value::Number(value) => (Some(number(value)), None),
            Value::Distribution(distribution) => (None, Some(distribution.into())),
        };
        Self { label, path, value, histogram }
    }
}

impl From<Distribution> for NativeHistogram {
    fn from(Distribution { buckets, count, sum }: Distribution) -> Self {
        let (bounds, counts) = buckets.into_iter().map(|(bound, count)| (bound, number(count))).unzip();
        Self { bounds, counts, count: number(count), sum }
    }
}
