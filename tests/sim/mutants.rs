//! Is a simulation that finds nothing worth anything? It must find each bug that is planted, within its short run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use batondb::planted::{Bug, plant};

use crate::campaign::SEEDS;
use crate::simulation::simulate;

/// The first seed that finds the bug, and what it finds.
fn find(bug: Bug) -> Option<(u64, String)> {
    let directory = tempfile::tempdir().unwrap();
    (1..=SEEDS).find_map(|seed| {
        plant(Some(bug));
        let report = simulate(seed, directory.path());
        plant(None);
        Some((seed, report.violation?))
    })
}

#[test]
fn each_planted_bug_is_found() {
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&bug) = Bug::ALL.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match find(bug) {
                        Some((seed, found)) => {
                            let found: String = found.chars().take(150).collect();
                            println!("{bug:?}: found by seed {seed}: {found}");
                        }
                        None => missed.lock().unwrap().push(bug),
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}
