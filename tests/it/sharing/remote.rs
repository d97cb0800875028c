//! A process that does as it is told: opens stores, commits, holds the turn to write, keeps a state, copies files.
//!
//! One line is one order, and has one answer. A store has a name in the process; its rows are a counter, and *leaves*
//! that each commit rewrites, all of them whole and of one count, so that two writers at once or pages that were used
//! again too early do not go unnoticed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use batondb::engine::surface;
use batondb::kv::embedded::planted::{SharingBug, plant_in_process};
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use batondb::kv::{Kv, KvError, read, transact};
use futures::executor::block_on;

use super::process::{Own, PATIENCE, Process, number_next_thread};
use super::rows::{Churn, Keep, Step};
use crate::support::{child_arguments, tell_parent};

/// A refusal, as users are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: String,
    pub retryable: bool,
    pub message: String,
}

impl Refusal {
    #[track_caller]
    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let [code, retryable, message] = words.as_slice() else { panic!("{line}") };
        Self {
            code: (*code).to_owned(),
            retryable: retryable.parse().unwrap(),
            message: (*message).to_owned(),
        }
    }

    /// Expects a code, whether trying again helps, and words of the message.
    #[track_caller]
    pub fn expect(&self, code: &str, retryable: bool, words: &[&str]) {
        assert!(self.code == code && self.retryable == retryable, "{self:?}, not {code} {retryable}");
        for word in words {
            assert!(self.message.contains(word), "{:?} does not say {word:?}", self.message);
        }
    }
}

/// The process, as the test has it.
pub struct Remote(pub Process);

impl Remote {
    pub fn start(own: Own) -> Self {
        Self::start_with(own, None)
    }

    /// One with a bug.
    pub fn start_with(own: Own, bug: Option<SharingBug>) -> Self {
        let mut process = Process::start(own, "sharing::remote::a_child_that_does_as_it_is_told", &["-"]);
        assert_eq!(process.hear().as_deref(), Some("ready"));
        let mut remote = Self(process);
        if let Some(bug) = bug {
            remote.ask(&format!("plant {bug:?}")).unwrap();
        }
        remote
    }

    /// One with a store that it calls `s`.
    pub fn with(own: Own, path: &Path) -> Self {
        let mut remote = Self::start(own);
        remote.open("s", "-", path).unwrap();
        remote
    }

    /// `options`: `size=BYTES`, `relaxed`, and `thread=NUMBER` of the one that commits, with commas between them; `-` for
    /// none.
    pub fn open(&mut self, name: &str, options: &str, path: &Path) -> Result<String, Refusal> {
        self.ask(&format!("open {name} {options} {}", path.to_str().unwrap()))
    }

    /// Gives an order and waits for its answer. Fails where there is none.
    pub fn ask(&mut self, order: &str) -> Result<String, Refusal> {
        self.0.tell(order);
        self.answer(order)
    }

    /// The answer to an order that was told.
    pub fn answer(&mut self, order: &str) -> Result<String, Refusal> {
        self.answer_within(PATIENCE, order).unwrap_or_else(|| panic!("{order:?} has no end"))
    }

    /// The answer to an order that was told, if it has one in time.
    pub fn answer_within(&mut self, patience: Duration, order: &str) -> Option<Result<String, Refusal>> {
        let line = self.0.hear_within(patience).ok()?;
        let line = line.unwrap_or_else(|| panic!("{order:?} ended the process"));
        Some(match line.split_once(' ') {
            Some(("ok", answer)) => Ok(answer.to_owned()),
            Some(("err", refusal)) => Err(Refusal::parse(refusal)),
            _ => panic!("{line}"),
        })
    }

    /// The answer as a number.
    pub fn number(&mut self, order: &str) -> u64 {
        self.ask(order).unwrap_or_else(|refusal| panic!("{order}: {refusal:?}")).parse().unwrap()
    }

    /// Runs a line of shell in the process's namespaces.
    pub fn shell(&mut self, line: &str) {
        self.ask(&format!("shell {line}")).unwrap();
    }
}

/// A transaction, or a read, that is under way on a thread of its own.
struct Running {
    go_on: Sender<()>,
    end: JoinHandle<Result<String, KvError>>,
}

/// What the process has.
#[derive(Default)]
struct Obedient {
    stores: BTreeMap<String, Arc<EmbeddedKv>>,
    running: Vec<Running>,
}

#[test]
fn a_child_that_does_as_it_is_told() {
    if child_arguments().is_none() {
        return;
    }
    let mut obedient = Obedient::default();
    tell_parent("ready");
    for order in std::io::stdin().lines().map_while(Result::ok) {
        let answer = match obedient.obey(&order) {
            Ok(answer) => format!("ok {answer}"),
            Err(error) => {
                let error = surface(error);
                let message = error.to_string().replace('\n', " ");
                format!("err {} {} {message}", error.code(), error.is_retryable())
            }
        };
        tell_parent(&answer);
    }
}

impl Obedient {
    fn obey(&mut self, order: &str) -> Result<String, KvError> {
        let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
        let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            // open NAME OPTIONS PATH
            "open" => self.open(first, more),
            // close NAME
            "close" => {
                let store = self.stores.remove(first).expect("the store is open");
                block_on(store.close());
                Ok(String::new())
            }
            // commit NAME LEAVES: the new count
            "commit" => commit(self.store(first), &Step::new(more.parse().unwrap())),
            // many NAME TIMES LEAVES: the last count
            "many" => {
                let (times, leaves) = more.split_once(' ').unwrap();
                let step = Step::new(leaves.parse().unwrap());
                let mut last = String::new();
                for _ in 0..times.parse().unwrap() {
                    last = commit(self.store(first), &step)?;
                }
                Ok(last)
            }
            // churn NAME LEAVES: writes them and takes them away again
            "churn" => {
                let churn = Arc::new(Churn(more.parse().unwrap()));
                block_on(transact(&**self.store(first), &churn)).map(|count| count.to_string())
            }
            // check NAME: the count
            "check" => block_on(read(&**self.store(first), &Arc::new(Keep::new()))),
            // hold NAME LEAVES: begins a commit, which stands still inside its transaction
            "hold" => self.hold(first, more.parse().unwrap()),
            // keep NAME: begins a read, which keeps its state
            "keep" => self.keep(first),
            // begin NAME LEAVES: a commit that somebody waits for later
            "begin" => {
                self.begin(first, more.parse().unwrap());
                Ok(String::new())
            }
            // end: the first of those goes on; what it answers
            "end" => {
                let Running { go_on, end } = self.running.remove(0);
                // One that was never held has nobody who listens.
                let _ = go_on.send(());
                end.join().expect("the transaction does not panic")
            }
            // fast: whether the first of those has ended
            "ended" => Ok(self.running[0].end.is_finished().to_string()),
            // copy DIRECTORY: reads every file in it, as an application that makes a backup
            "copy" => Ok(copy(Path::new(rest)).to_string()),
            // mappings FILE: how often it is in this process's memory
            "mappings" => Ok(mappings(Path::new(rest)).to_string()),
            // shell LINE
            "shell" => {
                let output = Command::new("sh").args(["-c", rest]).output().unwrap();
                assert!(output.status.success(), "{rest}: {}", String::from_utf8_lossy(&output.stderr));
                Ok(String::from_utf8_lossy(&output.stdout).trim().replace('\n', " "))
            }
            // plant BUG
            "plant" => {
                plant_in_process(bug_named(first).expect("there is such a bug"));
                Ok(String::new())
            }
            // act USER: as which it does everything from now on
            "act" => {
                let user: u32 = first.parse().unwrap();
                // SAFETY: changes who this process acts for; it does nothing but what it is told.
                unsafe {
                    assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
                    assert_eq!((libc::setgid(user), libc::setuid(user)), (0, 0));
                }
                Ok(String::new())
            }
            _ => panic!("no order: {order}"),
        }
    }

    fn store(&self, name: &str) -> &Arc<EmbeddedKv> {
        self.stores.get(name).unwrap_or_else(|| panic!("{name} is not open"))
    }

    fn open(&mut self, name: &str, rest: &str) -> Result<String, KvError> {
        let (options, path) = rest.split_once(' ').unwrap();
        let store = EmbeddedKv::open(&parse_options(options, Path::new(path)))?;
        self.stores.insert(name.to_owned(), Arc::new(store));
        Ok(String::new())
    }

    fn hold(&mut self, name: &str, leaves: u32) -> Result<String, KvError> {
        let (step, began, go_on) = Step::held(leaves);
        let store = Arc::clone(self.store(name));
        self.run(&began, go_on, move || commit(&store, &step))
    }

    fn keep(&mut self, name: &str) -> Result<String, KvError> {
        let (keep, began, go_on) = Keep::held();
        let store = Arc::clone(self.store(name));
        self.run(&began, go_on, move || block_on(read(&*store, &Arc::new(keep))))
    }

    fn begin(&mut self, name: &str, leaves: u32) {
        let store = Arc::clone(self.store(name));
        let end = std::thread::spawn(move || commit(&store, &Step::new(leaves)));
        self.running.push(Running { go_on: channel().0, end });
    }

    /// Runs something that says when it has begun; one that cannot begin answers at once.
    fn run(
        &mut self,
        began: &Receiver<()>,
        go_on: Sender<()>,
        job: impl FnOnce() -> Result<String, KvError> + Send + 'static,
    ) -> Result<String, KvError> {
        let end = std::thread::spawn(job);
        if began.recv().is_err() {
            return end.join().expect("the transaction does not panic");
        }
        self.running.push(Running { go_on, end });
        Ok(String::new())
    }
}

/// The bug of this name, if there is one.
pub fn bug_named(name: &str) -> Option<SharingBug> {
    let all = [SharingBug::ProcessLocksOnly, SharingBug::ProcessIds, SharingBug::TurnLetGoEarly];
    all.into_iter().find(|bug| format!("{bug:?}") == name)
}

fn commit(store: &Arc<EmbeddedKv>, step: &Arc<Step>) -> Result<String, KvError> {
    block_on(transact(&**store, step)).map(|count| count.to_string())
}

fn parse_options(words: &str, path: &Path) -> EmbeddedOptions {
    let mut options = EmbeddedOptions::at(path);
    for word in words.split(',') {
        match word.split_once('=').unwrap_or((word, "")) {
            ("-", _) => {}
            ("size", bytes) => options.size_bytes_max = Some(bytes.parse().unwrap()),
            ("thread", number) => number_next_thread(number.parse().unwrap()),
            ("readOnly", _) => options.read_only = true,
            ("mode", rights) => options.mode = Some(u32::from_str_radix(rights, 8).unwrap()),
            ("relaxed", _) => options.durability = Durability::Relaxed,
            _ => panic!("no option: {word}"),
        }
    }
    options
}

/// Opens, reads and closes every file of a directory, and answers how many bytes there were.
pub fn copy(directory: &Path) -> usize {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    // A probe, or a file of an import, may have gone again.
    files.filter_map(|file| std::fs::read(file).ok()).map(|bytes| bytes.len()).sum()
}

/// How many ranges of this process's memory are mapped from a file.
fn mappings(file: &Path) -> usize {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(file).unwrap();
    let (major, minor) = (libc::major(metadata.dev()), libc::minor(metadata.dev()));
    let mark = format!(" {major:02x}:{minor:02x} {} ", metadata.ino());
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| format!("{line} ").contains(&mark)).count()
}
