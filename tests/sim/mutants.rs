//! Is a simulation that finds nothing worth anything? It must find each bug that is planted, within its short run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use batondb::planted::{Bug, plant};

use crate::campaign::SEEDS;
use crate::history::{Favourite, PastSetting};
use crate::simulation::simulate_with;

/// Where a bug is looked for: a seed of which two things at once, if two have to meet.
fn past(bug: Bug, seed: u64) -> PastSetting {
    use Favourite::{Deletions, Flattening, Forks, Pins, Restores, Thinning};
    match bug {
        Bug::ForkPassesDeletion => PastSetting::of(seed, [Forks, Deletions]),
        Bug::FlattenedOnward => PastSetting::of(seed, [Restores, Flattening]),
        Bug::LinesPassed | Bug::UndoOfFirstAttempt => PastSetting::of(seed, [Restores, Thinning]),
        // Of actors that keep nothing.
        Bug::CopiesLeft => PastSetting { policy: None, ..PastSetting::of(seed, [Forks, Flattening]) },
        Bug::PinsPassed => PastSetting::of(seed, [Pins, Thinning]),
        _ if Bug::ALL.contains(&bug) || Bug::OF_DEFERRED.contains(&bug) => PastSetting::default(),
        _ => PastSetting::some(seed),
    }
}

/// The first seed that finds the bug, and what it finds.
fn find(bug: Bug) -> Option<(u64, String)> {
    let directory = tempfile::tempdir().unwrap();
    (1..=SEEDS).find_map(|seed| {
        plant(Some(bug));
        let deferred = if Bug::OF_DEFERRED.contains(&bug) { 800 } else { 0 };
        let report = simulate_with(past(bug, seed), deferred, seed, directory.path());
        plant(None);
        Some((seed, report.violation?))
    })
}

#[test]
fn each_planted_bug_is_found() {
    let bugs = Bug::ALL.into_iter().chain(Bug::OF_DEFERRED).chain(Bug::OF_HISTORY);
    find_all(&bugs.chain(Bug::OF_HISTORY_AT_ONCE).collect::<Vec<_>>());
}

#[test]
#[ignore = "it takes minutes, and tests/it/history/at_once.rs has most of them"]
fn each_rare_bug_is_found() {
    find_all(&Bug::RARE);
}

fn find_all(bugs: &[Bug]) {
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&bug) = bugs.get(next.fetch_add(1, Ordering::SeqCst)) {
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
