//! Loss of power (G10): a process commits on a disk that is recorded; then every disk that a loss of power could have
//! left is as good as any other, and the store must be sound on it.
//!
//! A recording is made by a child ([`workload`]), cut at a random operation, made into a disk by chance
//! ([`crate::survival::disk::states`]) and checked in another child ([`check`]). That this would find anything is shown by
//! the same run without flushes, and by recordings from which one kind of flush is removed.

mod check;
mod learned;
mod model;
mod workload;

use std::path::{Path, PathBuf};

use batondb::kv::embedded::planted::JournalBug;
use tempfile::TempDir;

use crate::support::Child;
use crate::survival::disk::record::{Op, Recording};
use crate::survival::disk::states::{Chance, Disk, Loss, disk};
use crate::survival::disk::{Control, Watched, is_here};
use crate::survival::power::model::{DEFERRED_ACTOR, RAW_ACTORS, SQL_ACTOR};
use crate::survival::power::workload::Part;

const STATES: u64 = 300;
/// With two recorded processes.
const STATES_OF_TWO: u64 = 150;
const COMMITS: u64 = 40;
/// How the long run is told what to do, and a failure is repeated; see scripts/power-loss.mjs.
const STATES_VARIABLE: &str = "BATON_POWER_STATES";
const SEED_VARIABLE: &str = "BATON_POWER_SEED";
const STATE_VARIABLE: &str = "BATON_POWER_STATE";
const LOG_VARIABLE: &str = "BATON_POWER_LOG";

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// A recording of the workload. The disk fails now and then if `faults` is not 0.
fn record(durability: &str, commits: u64, faults: u64) -> (Watched, Recording) {
    record_with(None, durability, commits, faults)
}

/// A recording with a bug planted.
fn record_with(bug: Option<JournalBug>, durability: &str, commits: u64, faults: u64) -> (Watched, Recording) {
    record_of(&[(Part::All, durability)], &name_of(bug), commits, faults)
}

/// A recording of two processes that commit at the same time, the second one with this durability.
fn record_two(bug: Option<JournalBug>, second: &str, faults: u64) -> (Watched, Recording) {
    record_of(&[(Part::First, "strict"), (Part::Second, second)], &name_of(bug), COMMITS, faults)
}

/// A recording of one process for each part.
fn record_of(parts: &[(Part, &str)], bug: &str, commits: u64, faults: u64) -> (Watched, Recording) {
    let disk = Watched::new();
    let child = "survival::power::workload::a_child_that_commits_on_a_recorded_disk";
    let (commits, faults) = (commits.to_string(), faults.to_string());
    let start = |(part, durability): &(Part, &str)| {
        disk.start(child, true, &[durability, &commits, &faults, bug, &format!("{part:?}")])
    };
    let children: Vec<Child> = parts.iter().map(start).collect();
    children.into_iter().for_each(Child::finish);
    let recording = Recording::read(&disk.log());
    (disk, recording)
}

/// Where to cut: anywhere, but often in the moment when a commit was just acknowledged, often while the store is
/// still being made, and often soon after a flush that failed.
fn draw_cut(recording: &Recording, chance: &mut Chance) -> usize {
    let ends = recording.ops.len();
    let is_acknowledged = |op: &Op| matches!(op, Op::Mark(text) if text.starts_with("ack"));
    let after =
        recording.ops.iter().enumerate().filter(|(_, op)| is_acknowledged(op)).map(|(index, _)| index + 1);
    let acknowledged: Vec<usize> = after.collect();
    let is_failure =
        |op: &Op| matches!(op, Op::SyncEnd { flushed: false, .. } | Op::WriteSynced { flushed: false, .. });
    let failures: Vec<usize> = (0..ends).filter(|&index| is_failure(&recording.ops[index])).collect();
    if !failures.is_empty() && chance.percent(60) {
        return ends.min(failures[chance.below(failures.len())] + chance.below(40));
    }
    match chance.below(10) {
        0 | 1 => chance.below(acknowledged.first().unwrap_or(&ends) + 40).min(ends),
        2..5 => acknowledged.get(chance.below(acknowledged.len())).copied().unwrap_or(ends),
        _ => chance.below(ends + 1),
    }
}

fn name_of(bug: Option<JournalBug>) -> String {
    bug.map_or_else(|| "no bug".to_owned(), |bug| format!("{bug:?}"))
}

/// Checks disks in a child that is started again if one of them ends it.
struct Checker {
    bug: Option<JournalBug>,
    child: Option<Child>,
    scratch: TempDir,
}

impl Checker {
    fn new(bug: Option<JournalBug>) -> Self {
        // In memory where that can be: these disks are only read by the child.
        let memory = Path::new("/dev/shm");
        let scratch = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap();
        Self { bug, child: None, scratch }
    }

    /// What is wrong with the store on a disk, if anything.
    fn find(
        &mut self,
        disk: &Disk,
        root: &Path,
        marks: &Recording,
        cut: usize,
        chance: &mut Chance,
    ) -> Option<String> {
        let at = |path: &Path| self.scratch.path().join("disk").join(path.strip_prefix(root).unwrap());
        let store = at(&root.join(workload::DIRECTORY));
        std::fs::create_dir_all(at(root)).unwrap();
        for directory in &disk.directories {
            std::fs::create_dir_all(at(directory)).unwrap();
        }
        for (path, bytes) in &disk.files {
            std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            std::fs::write(at(path), bytes).unwrap();
        }
        // Whatever is in the lock file, nobody has locked anything.
        let noise: Vec<u8> = (0..2_000).flat_map(|_| chance.next().to_be_bytes()).collect();
        match chance.below(3) {
            0 if store.is_dir() => std::fs::write(store.join("lock.mdb"), noise).unwrap(),
            1 if store.is_dir() => std::fs::write(store.join("lock.mdb"), vec![0; noise.len()]).unwrap(),
            _ => {}
        }
        let child = self.child.get_or_insert_with(|| {
            let mut child = Child::start(
                "survival::power::check::a_child_that_opens_what_a_loss_of_power_left",
                &[&name_of(self.bug)],
            );
            assert_eq!(child.hear().as_deref(), Some("ready"));
            child
        });
        child.tell(&check::to_line(&store, &check::expected(marks.marks(cut))));
        let answer = child.hear();
        std::fs::remove_dir_all(self.scratch.path().join("disk")).unwrap();
        match answer.as_deref() {
            Some("sound") => None,
            Some(found) => Some(found.to_owned()),
            None => {
                self.child = None;
                Some("the process that opened it was ended".to_owned())
            }
        }
    }
}

/// A recording, and which of its states are checked.
struct Search<'r> {
    recording: &'r Recording,
    seed: u64,
    /// What is planted in the process that opens the disks.
    bug: Option<JournalBug>,
    /// The cut of a state, by its number.
    cut: fn(&Recording, u64, &mut Chance) -> usize,
}

impl<'r> Search<'r> {
    fn new(recording: &'r Recording, seed: u64) -> Self {
        Self { recording, seed, bug: None, cut: |recording, _, chance| draw_cut(recording, chance) }
    }

    /// The states that are not sound, with their numbers. Ends at the first `findings_max`.
    fn find(&self, states: impl Iterator<Item = u64>, findings_max: usize) -> Vec<String> {
        let Self { recording, seed, bug, cut } = *self;
        let root = root_of(recording);
        let mut checker = Checker::new(bug);
        let mut findings = Vec::new();
        for state in states {
            let mut chance = Chance::new(seed, state);
            let cut = cut(recording, state, &mut chance);
            let loss = Loss::draw(&mut chance);
            let left = disk(recording, cut, loss, &mut chance);
            if let Some(found) = checker.find(&left, &root, recording, cut, &mut chance) {
                let ops = recording.ops.len();
                findings.push(format!("state {state}, cut at {cut} of {ops}, {loss:?}: {found}"));
                if findings.len() == findings_max {
                    break;
                }
            }
        }
        findings
    }
}

/// The recorded disk, found again: what all of its paths begin with.
fn root_of(recording: &Recording) -> PathBuf {
    let end = Path::new(workload::DIRECTORY).join("data.mdb");
    let data = recording.paths.values().find(|path| path.ends_with(&end)).expect("a store was made");
    data.ancestors().nth(end.components().count()).unwrap().to_owned()
}

/// Fails with how to see the finding again, for which the recording is kept.
fn fail(findings: &[String], seed: u64, log: &Path) {
    let kept =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power-{seed}-{}.log", std::process::id()));
    if log.exists() && !log.starts_with(env!("CARGO_TARGET_TMPDIR")) {
        std::fs::copy(log, &kept).unwrap();
    }
    let state = findings[0].trim_start_matches("state ").split(',').next().unwrap();
    panic!(
        "a loss of power does harm:\n  {}\nAgain: npm run power-loss -- --log {} --seed {seed} --state {state}",
        findings.join("\n  "),
        kept.display()
    );
}

#[test]
fn whatever_a_loss_of_power_leaves_what_was_acknowledged_is_there_and_nothing_by_half() {
    if !is_here(
        "survival::power::whatever_a_loss_of_power_leaves_what_was_acknowledged_is_there_and_nothing_by_half",
    ) {
        return;
    }
    let seed = variable(SEED_VARIABLE).unwrap_or(1);
    if let (Some(log), Some(state)) = (std::env::var_os(LOG_VARIABLE), variable(STATE_VARIABLE)) {
        let recording = Recording::read(Path::new(&log));
        let findings = Search::new(&recording, seed).find(state..=state, 1);
        assert!(findings.is_empty(), "{findings:?}");
        return;
    }
    let states = variable(STATES_VARIABLE).unwrap_or(STATES);
    // A long run records anew from time to time, since no two runs of threads are the same.
    let mut checked = 0;
    while checked < states {
        let (disk, recording) = record("strict", COMMITS, 0);
        let until = states.min(checked + 1_000);
        let findings = Search::new(&recording, seed).find(checked..until, 5);
        let synced =
            recording.ops.iter().filter(|op| matches!(op, Op::SyncEnd { .. } | Op::WriteSynced { .. }));
        println!(
            "states {checked} to {until} of {} operations, {} flushes",
            recording.ops.len(),
            synced.count()
        );
        if !findings.is_empty() {
            fail(&findings, seed, &disk.log());
        }
        checked = until;
    }
}

/// After a flush that failed, kernels forget what was not written, and later flushes say that all is well. What is
/// acknowledged from then on must not rest on that.
#[test]
fn a_disk_that_fails_now_and_then_and_loses_power_loses_nothing_that_was_acknowledged() {
    if !is_here(
        "survival::power::a_disk_that_fails_now_and_then_and_loses_power_loses_nothing_that_was_acknowledged",
    ) {
        return;
    }
    let seed = variable(SEED_VARIABLE).unwrap_or(1);
    let states = variable(STATES_VARIABLE).unwrap_or(STATES / 2);
    let mut checked = 0;
    while checked < states {
        let (disk, recording) = record("strict", COMMITS, seed + checked);
        let faults = disk.controls().get(Control::FaultsDone);
        assert!(faults > 5, "only {faults} faults");
        let until = states.min(checked + 150);
        let findings = Search::new(&recording, seed).find(checked..until, 5);
        println!("states {checked} to {until} of {} operations, {faults} faults", recording.ops.len());
        if !findings.is_empty() {
            fail(&findings, seed, &disk.log());
        }
        checked = until;
    }
}

/// How often a commit of one of two processes was begun right after one of the other.
fn turns(recording: &Recording) -> usize {
    let is_second =
        |mark: &str| [RAW_ACTORS[2], SQL_ACTOR, DEFERRED_ACTOR].contains(&mark.split(' ').nth(1).unwrap());
    let begun = recording.marks(recording.ops.len()).filter(|mark| mark.starts_with("begin"));
    let processes: Vec<bool> = begun.map(is_second).collect();
    processes.windows(2).filter(|two| two[0] != two[1]).count()
}

/// Two processes that commit in turns: each goes on in the journal behind the other, and each holds a pin of its own.
#[test]
fn what_two_processes_have_acknowledged_is_there() {
    let test = "survival::power::what_two_processes_have_acknowledged_is_there";
    search_two(test, "strict", STATES_OF_TWO, false);
}

/// What one process has acknowledged is there although the other one commits without the journal.
#[test]
fn what_a_process_has_acknowledged_beside_a_relaxed_one_is_there() {
    let test = "survival::power::what_a_process_has_acknowledged_beside_a_relaxed_one_is_there";
    search_two(test, "relaxed", STATES_OF_TWO / 2, false);
}

/// A flush that failed in one process is told to no other, and what it has lost is as lost for the other.
#[test]
fn what_two_processes_have_acknowledged_on_a_failing_disk_is_there() {
    let test = "survival::power::what_two_processes_have_acknowledged_on_a_failing_disk_is_there";
    search_two(test, "strict", STATES_OF_TWO / 2, true);
}

fn search_two(test: &str, second: &str, states: u64, fails: bool) {
    if !is_here(test) {
        return;
    }
    let seed = variable(SEED_VARIABLE).unwrap_or(6);
    let states = variable(STATES_VARIABLE).unwrap_or(states);
    let mut checked = 0;
    while checked < states {
        let faults = if fails { seed + checked } else { 0 };
        let (disk, recording) = record_two(None, second, faults);
        let turns = turns(&recording);
        assert!(turns > 20, "only {turns} turns");
        let until = states.min(checked + if fails { 75 } else { 500 });
        let findings = Search::new(&recording, seed).find(checked..until, 5);
        let faults = disk.controls().get(Control::FaultsDone);
        println!(
            "states {checked} to {until} of {} operations, {turns} turns, {faults} faults",
            recording.ops.len()
        );
        if !findings.is_empty() {
            fail(&findings, seed, &disk.log());
        }
        checked = until;
    }
}

/// The operations until the first start is answered, and those until LMDB's meta pages are flushed for the first time.
fn of_the_making(recording: &Recording) -> (usize, std::ops::Range<usize>) {
    let first = |is_it: &dyn Fn(&Op) -> bool| recording.ops.iter().position(is_it).unwrap();
    let is_data = |file: &u64| recording.paths[file].ends_with("data.mdb");
    let written = first(&|op| matches!(op, Op::Write { file, .. } if is_data(file)));
    let flushed = first(&|op| matches!(op, Op::SyncEnd { file, .. } if is_data(file)));
    (first(&|op| matches!(op, Op::Mark(_))) + 1, written + 1..flushed + 1)
}

/// Every moment until the first start is answered, each in several ways, and in many while the first pages are written:
/// what is there by then was acknowledged by nobody, and is no reason not to open.
#[test]
fn a_store_that_was_being_made_can_be_made_again() {
    const WAYS: usize = 25;
    const WAYS_OF_FIRST_PAGES: usize = 400;
    if !is_here("survival::power::a_store_that_was_being_made_can_be_made_again") {
        return;
    }
    let (_disk, recording) = record("strict", 2, 0);
    let (made, first_pages) = of_the_making(&recording);
    let cut = |recording: &Recording, state: u64, _: &mut Chance| {
        let (state, (made, first_pages)) = (usize::try_from(state).unwrap(), of_the_making(recording));
        let of_first_pages = |state: usize| first_pages.start + state / WAYS_OF_FIRST_PAGES;
        state.checked_sub(made * WAYS).map_or(state / WAYS, of_first_pages)
    };
    let states = made * WAYS + first_pages.len() * WAYS_OF_FIRST_PAGES;
    let search = Search { cut, ..Search::new(&recording, 4) };
    assert_eq!(search.find(0..states as u64, 5), [""; 0]);
}

/// A recording with less in it.
type Without<'w> = &'w dyn Fn(&Op) -> Option<Op>;

/// Not one of these may pass: a harness that finds nothing here finds nothing at all.
#[test]
fn a_flush_that_is_left_out_is_found() {
    if !is_here("survival::power::a_flush_that_is_left_out_is_found") {
        return;
    }
    let (_disk, recording) = record("strict", COMMITS, 0);
    assert_eq!(Search::new(&recording, 2).find(0..20, 1), [""; 0], "as it is, it is sound");
    let is = |file: &u64, name: &str| {
        let path = recording.paths[file].file_name().unwrap_or_default();
        path.to_string_lossy().starts_with(name)
    };
    let without_flushes = |op: &Op, is_meant: &dyn Fn(&u64) -> bool| match op {
        Op::SyncBegin { file, .. } | Op::SyncEnd { file, .. } if is_meant(file) => None,
        op => Some(op.clone()),
    };
    let is_file = |file: &u64| ["data.mdb", "journal", "checkpoint"].iter().any(|name| is(file, name));
    let without: [(&str, Without<'_>); 4] = [
        ("flushes of the journal", &|op| without_flushes(op, &|file| is(file, "journal"))),
        ("flushes of the data", &|op| without_flushes(op, &|file| is(file, "data.mdb"))),
        ("flushes of checkpoints", &|op| without_flushes(op, &|file| is(file, "checkpoint"))),
        ("flushes of directories", &|op| without_flushes(op, &|file| !is_file(file))),
    ];
    for (what, change) in without {
        let ops = recording.ops.iter().filter_map(change).collect();
        let changed = Recording { ops, paths: recording.paths.clone() };
        let findings = Search::new(&changed, 2).find(0..STATES, 1);
        println!("without {what}: {findings:?}");
        assert_eq!(findings.len(), 1, "nothing was found without {what}");
    }
}

/// Each part of the argument is needed: the pin and the end of the journal while states are recorded, the others when
/// they are opened.
#[test]
fn a_planted_bug_of_the_journal_is_found() {
    if !is_here("survival::power::a_planted_bug_of_the_journal_is_found") {
        return;
    }
    let (_disk, sound) = record("strict", COMMITS, 0);
    for bug in JournalBug::ALL {
        let planted = match bug {
            JournalBug::NoPin => Some(record_with(Some(bug), "strict", COMMITS, 0)),
            // One process always knows where its journal ends.
            JournalBug::TailNotFound => Some(record_two(Some(bug), "strict", 0)),
            JournalBug::MetaNotRestored | JournalBug::ChainNotChecked => None,
        };
        let recording = planted.as_ref().map_or(&sound, |(_, recording)| recording);
        let findings = Search { bug: Some(bug), ..Search::new(recording, 5) }.find(0..STATES, 1);
        println!("with {bug:?}: {findings:?}");
        assert_eq!(findings.len(), 1, "nothing was found with {bug:?}");
    }
}

/// What a gate of a deferred database covers is there, and this is looked at.
#[test]
fn a_gate_that_opens_early_is_found() {
    if !is_here("survival::power::a_gate_that_opens_early_is_found") {
        return;
    }
    let (_disk, recording) = record_of(&[(Part::All, "strict")], workload::EARLY_GATE, COMMITS, 0);
    let findings = Search::new(&recording, 7).find(0..STATES, 1);
    println!("{findings:?}");
    assert_eq!(findings.len(), 1, "nothing was found");
    assert!(findings[0].contains(&format!("{DEFERRED_ACTOR}: it is at commit")), "{findings:?}");
}

/// Without a flush at each commit the newest ones are lost, and the store is whole.
#[test]
fn relaxed_durability_loses_the_newest_commits_and_nothing_else() {
    if !is_here("survival::power::relaxed_durability_loses_the_newest_commits_and_nothing_else") {
        return;
    }
    let (_disk, recording) = record("relaxed", COMMITS / 2, 0);
    let findings = Search::new(&recording, 3).find(0..100, 100);
    println!("{} of 100 are not at their newest commit", findings.len());
    assert!(findings.len() > 10, "only {findings:?}");
    let is_older = |found: &&String| {
        ["it is at commit", "it is at generation", "it is not there", "a start got"]
            .iter()
            .any(|how| found.contains(how))
    };
    let worse: Vec<&String> = findings.iter().filter(|found| !is_older(found)).collect();
    assert!(worse.is_empty(), "{worse:#?}");
}
