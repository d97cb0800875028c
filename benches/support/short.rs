//! How long the criterion benches measure: short enough to run all of them while working on something.
//! `cargo bench -- --measurement-time 10` measures longer.

use std::time::Duration;

use criterion::Criterion;

pub fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_200))
}
