//! Numbers that many threads add to at once.
//!
//! All orderings are relaxed: each number is independent, and no other memory is read because of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only increases.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, amount: usize) {
        self.0.fetch_add(amount as u64, Ordering::Relaxed);
    }

    /// The current value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// From 10 us, the time of a read in memory, to 30 s, the default limit of a call on a cluster.
const NANOS: [u64; 20] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];
/// Ideally a query needs none; small numbers have their own buckets, since each round trip is a wait.
const ROUND_TRIPS: [u64; 11] = [0, 1, 2, 3, 4, 8, 16, 32, 64, 256, 1024];
/// The maximum number of bounds, plus one bucket for values above all of them.
const BUCKETS: usize = NANOS.len() + 1;

/// How often values fell between fixed bounds, and their sum.
///
/// Aligned to its own cache lines, so that two histograms written by different threads do not slow each other
/// down (processors fetch lines in pairs).
#[derive(Debug)]
#[repr(align(128))]
pub struct Histogram {
    sum: AtomicU64,
    /// One for each bound, counting the values up to it and above the previous one; then one for the values
    /// above all bounds.
    buckets: [AtomicU64; BUCKETS],
    bounds: &'static [u64],
    /// How many recorded units make one displayed unit.
    scale: f64,
}

impl Histogram {
    fn new(bounds: &'static [u64], scale: f64) -> Self {
        Self { sum: AtomicU64::new(0), buckets: Default::default(), bounds, scale }
    }

    /// A histogram of durations, displayed in seconds.
    pub fn of_seconds() -> Self {
        Self::new(&NANOS, 1e9)
    }

    /// A histogram of small numbers.
    pub fn of_round_trips() -> Self {
        Self::new(&ROUND_TRIPS, 1.0)
    }

    /// Records a value.
    pub fn record(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Records a duration.
    pub fn record_duration(&self, duration: Duration) {
        self.record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// The current numbers. The count is the sum of the buckets, even while values are being recorded; the
    /// sum may be a few values ahead or behind.
    pub fn read(&self) -> Distribution {
        let mut count = 0;
        let mut up_to = |bucket: &AtomicU64| {
            count += bucket.load(Ordering::Relaxed);
            count
        };
        let (inside, above) = self.buckets.split_at(self.bounds.len());
        let buckets = self.bounds.iter().zip(inside);
        let buckets = buckets.map(|(bound, bucket)| (shown(*bound) / self.scale, up_to(bucket))).collect();
        let count = up_to(&above[0]);
        Distribution { buckets, count, sum: shown(self.sum.load(Ordering::Relaxed)) / self.scale }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53: 104 days in nanoseconds")]
fn shown(value: u64) -> f64 {
    value as f64
}

/// The content of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Each bound with the number of values up to it, including those of lower bounds.
    pub buckets: Vec<(f64, u64)>,
    /// How many values there are.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values near bounds, where a histogram is most likely to be wrong, and others.
    fn values() -> impl Strategy<Value = Vec<u64>> {
        let near = |bound: u64| prop_oneof![Just(bound.saturating_sub(1)), Just(bound), Just(bound + 1)];
        let bound = prop_oneof![prop::sample::select(&NANOS[..]), prop::sample::select(&ROUND_TRIPS[..])];
        let value = prop_oneof![bound.prop_flat_map(near), 0..40_000_000_000_u64];
        prop::collection::vec(value, 0..200)
    }

    proptest! {
        #[test]
        fn a_histogram_is_what_counting_each_value_gives(values in values()) {
            for (histogram, bounds, scale) in [
                (Histogram::of_seconds(), &NANOS[..], 1e9),
                (Histogram::of_round_trips(), &ROUND_TRIPS[..], 1.0),
            ] {
                for value in &values {
                    histogram.record(*value);
                }
                let up_to = |bound: u64| values.iter().filter(|value| **value <= bound).count() as u64;
                let buckets = bounds.iter().map(|bound| (shown(*bound) / scale, up_to(*bound))).collect();
                let sum = shown(values.iter().sum()) / scale;
                let naive = Distribution { buckets, count: values.len() as u64, sum };
                prop_assert_eq!(histogram.count(), naive.count);
                prop_assert_eq!(histogram.read(), naive);
            }
        }
    }

    #[test]
    fn bounds_rise_and_are_not_more_than_there_is_room_for() {
        for bounds in [&NANOS[..], &ROUND_TRIPS[..]] {
            assert!(bounds.is_sorted_by(|one, next| one < next));
            assert!(bounds.len() < BUCKETS);
        }
    }

    #[test]
    fn a_duration_beyond_all_bounds_is_counted_too() {
        let histogram = Histogram::of_seconds();
        histogram.record_duration(Duration::from_secs(30));
        histogram.record_duration(Duration::from_secs(90));
        let Distribution { buckets, count, sum } = histogram.read();
        assert_eq!(buckets.last(), Some(&(30.0, 1)));
        assert_eq!((count, Duration::from_secs_f64(sum)), (2, Duration::from_secs(120)));
    }

    #[test]
    fn no_addition_of_many_threads_is_lost() {
        let (counter, histogram) = (Counter::default(), Histogram::of_round_trips());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (counter, histogram) = (&counter, &histogram);
                scope.spawn(move || {
                    for _ in 0..1_000 {
                        counter.add(2);
                        histogram.record(thread);
                    }
                });
            }
        });
        assert_eq!(counter.get(), 8_000);
        let Distribution { buckets, sum, .. } = histogram.read();
        assert_eq!(buckets[..4], [(0.0, 1_000), (1.0, 2_000), (2.0, 3_000), (3.0, 4_000)]);
        assert_eq!(sum.to_string(), "6000");
    }
}
