//! Builds the metrics of a family: a single number, numbers with a label, a distribution.

use super::counting::Histogram;
use super::table::{Family, Kind, Series, Value};

pub(super) fn one(
    name: &'static str,
    kind: Kind,
    path: &'static str,
    value: Value,
    help: &'static str,
) -> Family {
    Family { name, help, kind, label: None, series: vec![Series { label: None, path, value }] }
}

pub(super) fn counter(name: &'static str, path: &'static str, value: u64, help: &'static str) -> Family {
    one(name, Kind::Counter, path, Value::Number(value), help)
}

pub(super) fn gauge(name: &'static str, path: &'static str, value: u64, help: &'static str) -> Family {
    one(name, Kind::Gauge, path, Value::Number(value), help)
}

pub(super) fn histogram(
    name: &'static str,
    path: &'static str,
    from: &Histogram,
    help: &'static str,
) -> Family {
    one(name, Kind::Histogram, path, Value::Distribution(from.read()), help)
}

/// Several numbers, each with a label and a path.
pub(super) fn several<const COUNT: usize>(
    name: &'static str,
    kind: Kind,
    label: &'static str,
    series: [(&'static str, &'static str, Value); COUNT],
    help: &'static str,
) -> Family {
    let series = series.map(|(label, path, value)| Series { label: Some(label), path, value }).into();
    Family { name, help, kind, label: Some(label), series }
}

pub(super) fn counters<const COUNT: usize>(
    name: &'static str,
    label: &'static str,
    series: [(&'static str, &'static str, u64); COUNT],
    help: &'static str,
) -> Family {
    let series = series.map(|(label, path, value)| (label, path, Value::Number(value)));
    several(name, Kind::Counter, label, series, help)
}
