//! Many seeds, or one of them again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::simulation::{Report, simulate};

/// Seeds of the short run.
pub const SEEDS: u64 = 2_000;
/// How much of a failing seed's trace is shown, unless it was asked for by its number.
const TRACE_LINES_SHOWN: usize = 120;

/// What to run, from the environment: `npm run sim` sets it.
struct Orders {
    first: u64,
    seeds: u64,
    minutes: Option<f64>,
}

impl Orders {
    fn given() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<f64>().unwrap());
        let seed = std::env::var("BATON_SIM_SEED").ok().map(|text| text.parse().unwrap());
        let minutes = number("BATON_SIM_MINUTES");
        Self {
            first: seed.unwrap_or(1),
            seeds: match (seed, minutes) {
                (_, Some(_)) => u64::MAX,
                (Some(_), None) => 1,
                (None, None) => SEEDS,
            },
            minutes,
        }
    }
}

/// What the seeds of a campaign met, together.
#[derive(Default)]
struct Met {
    seeds: u64,
    steps: u64,
    tally: BTreeMap<&'static str, u64>,
    failed: Option<(u64, Report)>,
}

/// Runs seeds on all cores until one fails, all are through, or time is up.
fn run(first: u64, seeds: u64, limit: Option<Duration>) -> Met {
    let (next, met) = (AtomicU64::new(0), Mutex::new(Met::default()));
    #[expect(clippy::disallowed_methods, reason = "how long a campaign takes is no part of a simulation")]
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let directory = tempfile::tempdir().unwrap();
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let late = limit.is_some_and(|limit| begun.elapsed() >= limit);
                    if number >= seeds || late || met.lock().unwrap().failed.is_some() {
                        return;
                    }
                    let seed = first.wrapping_add(number);
                    let report = simulate(seed, directory.path());
                    let mut met = met.lock().unwrap();
                    met.seeds += 1;
                    met.steps += report.steps;
                    for (what, times) in &report.tally {
                        *met.tally.entry(what).or_default() += times;
                    }
                    if report.violation.is_some() {
                        met.failed.get_or_insert((seed, report));
                    }
                }
            });
        }
    });
    met.into_inner().unwrap()
}

fn show(seed: u64, report: &Report, lines_max: usize) {
    let skipped = report.trace.len().saturating_sub(lines_max);
    println!("{}", report.trace[..report.trace.len().min(1)].join("\n"));
    println!("... {skipped} lines ...");
    for line in &report.trace[skipped..] {
        println!("{line}");
    }
    println!("\nseed {seed} fails: {}", report.violation.as_deref().unwrap_or("it does not"));
    println!("replay it with: npm run sim -- --seed {seed}");
}

#[test]
fn every_seed_keeps_the_guarantees() {
    let orders = Orders::given();
    let limit = orders.minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0));
    let met = run(orders.first, orders.seeds, limit);
    if let Some((seed, report)) = &met.failed {
        let lines_max = if orders.seeds == 1 { usize::MAX } else { TRACE_LINES_SHOWN };
        show(*seed, report, lines_max);
        panic!("seed {seed}: {}", report.violation.as_deref().unwrap_or_default());
    }
    println!("{} seeds from {}, {} steps: {:?}", met.seeds, orders.first, met.steps, met.tally);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let directory = tempfile::tempdir().unwrap();
    for seed in 1..=20 {
        let [one, other] = [simulate(seed, directory.path()), simulate(seed, directory.path())];
        let differs = one.trace.iter().zip(&other.trace).position(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one, other, "seed {seed}");
    }
}
