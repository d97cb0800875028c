//! How a scenario is run many times, and how a run that failed is run again.
//!
//! Half of the runs pick the next thread by chance. The other half give threads priorities and change them
//! at a few moments ("PCT"), which finds what takes a few unlucky switches in a long run.

use std::path::Path;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler};
use shuttle::{Config, FailurePersistence, Runner};

pub use crate::database::cache_scenarios as cache;
pub use crate::database::scenarios as database;
pub use crate::engine::scenarios as engine;
pub use crate::kv::embedded::scenarios as embedded;
pub use crate::node::scenarios as node;

/// The runs of a scenario, unless `BATON_RUNS` says how many.
const RUNS: usize = 2_000;
/// The seed, unless `BATON_SEED` says which.
const SEED: u64 = 20_250_101;
/// At how many moments priorities change.
const PCT_DEPTH: usize = 3;

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

fn config(directory: &Path) -> Config {
    let mut config = Config::new();
    config.silence_warnings = true;
    config.stack_size = 256 << 10;
    config.failure_persistence = FailurePersistence::File(Some(directory.to_owned()));
    config
}

/// Runs a scenario many times, or as the file named by `BATON_SCHEDULE` says. The schedule of a run that
/// fails is stored in `directory`.
pub fn explore(scenario: fn(), directory: &Path) {
    if let Ok(file) = std::env::var("BATON_SCHEDULE") {
        let schedule = ReplayScheduler::new_from_file(file).expect("the file of a schedule");
        Runner::new(schedule, config(directory)).run(scenario);
        return;
    }
    let runs = number("BATON_RUNS").unwrap_or(RUNS);
    let seed = number("BATON_SEED").unwrap_or(SEED);
    Runner::new(RandomScheduler::new_from_seed(seed, runs.div_ceil(2)), config(directory)).run(scenario);
    Runner::new(PctScheduler::new_from_seed(seed, PCT_DEPTH, runs / 2), config(directory)).run(scenario);
}
