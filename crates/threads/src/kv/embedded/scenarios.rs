//! What must hold for transactions on one directory, whatever the order of its threads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use shuttle::rand::Rng;
use shuttle::thread;

use super::environment::{Disk, Fate, WAITED};
use super::handle::Handle;
use super::options::Settings;
use super::registry::Directories;
use super::values::{GUILTY_KEY, LARGE_KEY};
use crate::blocking::leading;
use crate::kv::{Isolation, KvError, Mutations, TransactionRunner, View};
use crate::sync::{block_on, let_time_pass, stop_the_clock_of_waits};

const COUNT_KEY: &[u8] = b"count";

/// Counts one up, and leaves a key of its own.
struct Count(Vec<u8>);

/// The same for a caller who does not wait long for other processes.
struct InAHurry(Count);

impl TransactionRunner for InAHurry {
    fn is_wanted(&self, waited: Duration) -> bool {
        waited < 2 * WAITED
    }

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        self.0.run(view)
    }
}

impl TransactionRunner for Count {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        async move {
            let before = view.get(COUNT_KEY, Isolation::Serializable).await.expect("the disk reads");
            let before = before.map_or(0, |value| value[0]);
            let mut mutations = Mutations::new();
            mutations.put(COUNT_KEY.to_vec(), vec![before + 1]);
            mutations.put(self.0.clone(), vec![before + 1]);
            mutations
        }
        .boxed()
    }
}

/// What a caller was told of the transaction that leaves this key.
type Told = (Vec<u8>, Result<(), KvError>);

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn open(directories: &Directories) -> Arc<Handle> {
    Arc::new(Handle::open(directories, &directory(), Settings(0)).expect("it opens"))
}

/// Runs a transaction as a thread that may lead does, or as one that may not.
fn count_as(may_lead: bool, handle: &Handle, key: &[u8]) -> Result<(), KvError> {
    run_as(may_lead, handle, Arc::new(Count(key.to_vec())))
}

fn run_as(may_lead: bool, handle: &Handle, body: Arc<dyn TransactionRunner>) -> Result<(), KvError> {
    let mut run = Box::pin(handle.run(body));
    let mut early = None;
    if may_lead {
        leading::allow(|| early = run.as_mut().now_or_never());
    }
    early.unwrap_or_else(|| block_on(run))
}

fn count(handle: &Handle, disk: &Disk, key: &[u8]) -> Told {
    let told = count_as(shuttle::rand::thread_rng().gen_bool(0.5), handle, key);
    if told.is_ok() {
        assert!(disk.get(key).is_some(), "acknowledged before it was committed");
    }
    (key.to_vec(), told)
}

/// What was said, held against what is stored.
fn audit(disk: &Disk, told: &[Told]) {
    let mut done = 0;
    for (key, told) in told {
        let stored = disk.get(key).is_some();
        done += u8::from(stored);
        match told {
            Ok(()) => assert!(stored, "acknowledged and lost"),
            Err(KvError::UnknownOutcome { detail }) => {
                assert_eq!(detail, "as told", "whoever led has ended before its answer");
            }
            Err(KvError::Closed | KvError::Full { .. } | KvError::TooLarge { .. }) => {
                assert!(!stored, "{told:?}, and it is stored");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    let counted = disk.get(COUNT_KEY).map_or(0, |value| value[0]);
    assert_eq!(counted, done, "a transaction has not read what those before it wrote, or ran twice");
}

/// Three threads with two transactions each, a commit of some fate among them, and a close at some moment.
pub fn every_transaction_is_answered_once_and_not_before_its_commit() {
    let (directories, disk) = (Directories::default(), Disk::of(&directory()));
    let fates = [Fate::Commits, Fate::UnknownDone, Fate::UnknownLost, Fate::Rows(2)];
    let mut random = shuttle::rand::thread_rng();
    disk.meets((0..2).map(|_| fates[random.gen_range(0..fates.len())]));
    let handle = open(&directories);
    let callers: Vec<_> = (0..3u8)
        .map(|caller| {
            let (handle, disk) = (Arc::clone(&handle), disk.clone());
            thread::spawn(move || [0, 1].map(|call| count(&handle, &disk, &[caller, call])))
        })
        .collect();
    let closer = {
        let (handle, disk) = (Arc::clone(&handle), disk.clone());
        thread::spawn(move || {
            block_on(handle.close());
            let told = count(&handle, &disk, b"late").1;
            assert_eq!(told, Err(KvError::Closed));
        })
    };
    let told: Vec<Told> = callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect();
    closer.join().expect("no panic");
    // The thread that commits may still be on its way out, if the last user was a caller.
    drop(open(&directories));
    drop(handle);
    audit(&disk, &told);
    stop_the_clock_of_waits();
}

/// Among four transactions there is one that fails when it is applied, and one that is refused before.
pub fn of_a_batch_that_is_undone_only_the_guilty_one_fails() {
    let (directories, disk) = (Directories::default(), Disk::of(&directory()));
    let handle = open(&directories);
    let keys: [&[u8]; 5] = [b"one", GUILTY_KEY, b"two", LARGE_KEY, b"three"];
    let callers: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let (handle, disk) = (Arc::clone(&handle), disk.clone());
            thread::spawn(move || count(&handle, &disk, key))
        })
        .collect();
    let told: Vec<Told> = callers.into_iter().map(|caller| caller.join().expect("no panic")).collect();
    for (key, told) in &told {
        let expected: fn(&Result<(), KvError>) -> bool = match &key[..] {
            GUILTY_KEY => |told| matches!(told, Err(KvError::Full { .. })),
            LARGE_KEY => |told| matches!(told, Err(KvError::TooLarge { .. })),
            _ => Result::is_ok,
        };
        assert!(expected(told), "{key:?}: {told:?}");
    }
    audit(&disk, &told);
    assert!(disk.commits() <= 3);
    block_on(handle.close());
    assert!(!disk.is_open());
}

/// The disk fails the test if it is opened twice at a time, or used when it is closed.
pub fn a_directory_is_open_once_however_many_open_and_close_it() {
    let (directories, disk) = (Arc::new(Directories::default()), Disk::of(&directory()));
    let users: Vec<_> = (0..3u8)
        .map(|user| {
            let (directories, disk) = (Arc::clone(&directories), disk.clone());
            thread::spawn(move || {
                [0, 1].map(|round| {
                    let handle = open(&directories);
                    let told = count(&handle, &disk, &[user, round]);
                    assert!(disk.is_open(), "closed under its user");
                    // Who does not close just goes.
                    if (user + round) % 2 == 0 {
                        block_on(handle.close());
                    }
                    told
                })
            })
        })
        .collect();
    let other = {
        let directories = Arc::clone(&directories);
        thread::spawn(move || {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            for _ in 0..2 {
                let handle = Handle::open(&directories, &path, Settings(0)).expect("it opens");
                block_on(handle.close());
            }
        })
    };
    let told: Vec<Told> = users.into_iter().flat_map(|user| user.join().expect("no panic")).collect();
    other.join().expect("no panic");
    assert!(told.iter().all(|(_, told)| told.is_ok()), "{told:?}");
    audit(&disk, &told);
    assert!(disk.openings() <= 6);
}

/// Two handles close at once, and a third user has other settings.
pub fn whoever_closes_last_finds_the_directory_closed() {
    let (directories, disk) = (Arc::new(Directories::default()), Disk::of(&directory()));
    let closers: Vec<_> = [open(&directories), open(&directories)]
        .into_iter()
        .map(|handle| {
            thread::spawn(move || {
                block_on(handle.close());
                block_on(handle.close());
            })
        })
        .collect();
    match Handle::open(&directories, &directory(), Settings(1)) {
        // The first two have closed already.
        Ok(handle) => block_on(handle.close()),
        Err(error) => assert!(matches!(error, KvError::Invalid { .. }), "{error:?}"),
    }
    for closer in closers {
        closer.join().expect("no panic");
    }
    assert!(!disk.is_open(), "all have closed it, and it is open");
    assert_eq!(disk.get(COUNT_KEY), None);
}

/// Another handle keeps the directory open, so the closing one waits for its own transactions alone.
pub fn closing_waits_for_what_its_handle_has_queued() {
    let (directories, disk) = (Directories::default(), Disk::of(&directory()));
    let (handle, other) = (open(&directories), open(&directories));
    let busy = {
        let (other, disk) = (Arc::clone(&other), disk.clone());
        thread::spawn(move || count(&other, &disk, b"other"))
    };
    let mut queued = [b"one".to_vec(), b"two".to_vec()].map(|key| Box::pin(handle.run(Arc::new(Count(key)))));
    let early = block_on(async { queued.each_mut().map(|run| run.as_mut().now_or_never()) });
    block_on(handle.close());
    for (run, early) in queued.iter_mut().zip(early) {
        let told = early.or_else(|| block_on(async { run.as_mut().now_or_never() }));
        assert!(told.is_some_and(|told| told.is_ok()), "the handle has closed before its transaction");
    }
    busy.join().expect("no panic").1.expect("it runs");
    block_on(other.close());
    assert!(!disk.is_open());
}

/// Nobody else is there, so who may lead commits by itself, and wakes no thread.
pub fn a_caller_that_is_alone_leads() {
    let (directories, disk) = (Directories::default(), Disk::of(&directory()));
    let handle = open(&directories);
    for key in [b"one".as_slice(), b"two"] {
        assert_eq!(count_as(true, &handle, key), Ok(()));
    }
    assert_eq!(disk.led(), (2, 0), "the thread has committed what its caller could");
    assert_eq!(count_as(false, &handle, b"three"), Ok(()));
    block_on(handle.close());
    assert_eq!(disk.led(), (2, 1));
    assert!(!disk.is_open());
}

/// Another process has the turn for a while. Some callers leave then, whoever leads; the others wait, and nobody leads
/// for them who has left.
pub fn who_is_in_a_hurry_leaves_and_takes_nobody_along() {
    let (directories, disk) = (Directories::default(), Disk::of(&directory()));
    let handle = open(&directories);
    disk.is_held(shuttle::rand::thread_rng().gen_range(0..9));
    let callers: Vec<_> = (0..3u8)
        .map(|caller| {
            let (handle, disk) = (Arc::clone(&handle), disk.clone());
            thread::spawn(move || {
                for call in 0..2 {
                    let [may_lead, hurries] = [0, 1].map(|_| shuttle::rand::thread_rng().gen_bool(0.5));
                    let (key, count) = (vec![caller, call], Count(vec![caller, call]));
                    let told = if hurries {
                        run_as(may_lead, &handle, Arc::new(InAHurry(count)))
                    } else {
                        run_as(may_lead, &handle, Arc::new(count))
                    };
                    let is_stored = disk.get(&key).is_some();
                    match told {
                        Ok(()) => assert!(is_stored, "acknowledged and lost"),
                        Err(KvError::Unavailable { .. }) => assert!(hurries && !is_stored, "{hurries}"),
                        Err(error) => panic!("{error:?}"),
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.join().expect("no panic");
    }
    block_on(handle.close());
    assert!(!disk.is_open());
    stop_the_clock_of_waits();
}

/// Callers come and go while others lead. Some do not wait for their answer.
pub fn what_an_abandoned_caller_has_queued_takes_effect() {
    let (directories, disk) = (Directories::default(), Disk::of(&directory()));
    let handle = open(&directories);
    let callers: Vec<_> = (0..3u8)
        .map(|caller| {
            let handle = Arc::clone(&handle);
            thread::spawn(move || {
                let may_lead = shuttle::rand::thread_rng().gen_bool(0.5);
                let mut run = Box::pin(handle.run(Arc::new(Count(vec![caller]))));
                let mut first = || assert!(run.as_mut().now_or_never().is_none_or(|told| told.is_ok()));
                if may_lead {
                    leading::allow(first)
                } else {
                    first()
                }
                drop(run);
                assert_eq!(count_as(!may_lead, &handle, &[caller, 1]), Ok(()));
            })
        })
        .collect();
    for caller in callers {
        caller.join().expect("no panic");
    }
    block_on(handle.close());
    assert!(!disk.is_open());
    assert_eq!(disk.get(COUNT_KEY), Some(vec![6]));
}

/// The first one waits for the second, and no time passes.
pub fn a_batch_that_waits_for_others_hears_that_they_have_come() {
    let (directories, disk) = (Directories::default(), Disk::of(&directory()));
    disk.expect(2);
    let handle = open(&directories);
    let callers = [0u8, 1].map(|caller| {
        let (handle, disk) = (Arc::clone(&handle), disk.clone());
        thread::spawn(move || count(&handle, &disk, &[caller]))
    });
    let told = callers.map(|caller| caller.join().expect("no panic"));
    assert!(told.iter().all(|(_, told)| told.is_ok()), "{told:?}");
    audit(&disk, &told);
    assert_eq!(disk.commits(), 1);
    disk.expect(0);
    block_on(handle.close());
}

/// Each batch waits for two, which may be one more than there are, and time passes now and then.
pub fn a_batch_that_waits_for_others_begins_when_they_have_come_or_time_is_up() {
    let (directories, disk) = (Directories::default(), Disk::of(&directory()));
    disk.expect(2);
    let handle = open(&directories);
    let callers: Vec<_> = (0..3u8)
        .map(|caller| {
            let (handle, disk) = (Arc::clone(&handle), disk.clone());
            thread::spawn(move || [0, 1].map(|call| count(&handle, &disk, &[caller, call])))
        })
        .collect();
    let clock = thread::spawn(|| {
        (0..10).for_each(|_| let_time_pass());
        // From here on it passes by itself.
        stop_the_clock_of_waits();
    });
    let told: Vec<Told> = callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect();
    block_on(handle.close());
    clock.join().expect("no panic");
    assert!(told.iter().all(|(_, told)| told.is_ok()), "{told:?}");
    audit(&disk, &told);
}

/// Whoever leads meets a bug. Nobody waits for ever, and nothing is committed any more.
pub fn a_leader_that_panics_leaves_nobody_waiting() {
    let (directories, disk) = (Directories::default(), Disk::of(&directory()));
    let before = shuttle::rand::thread_rng().gen_range(0..2);
    disk.meets((0..before).map(|_| Fate::Commits).chain([Fate::Panics]));
    let handle = open(&directories);
    let callers: Vec<_> = (0..3u8)
        .map(|caller| {
            let handle = Arc::clone(&handle);
            thread::spawn(move || {
                let may_lead = shuttle::rand::thread_rng().gen_bool(0.5);
                [0, 1].map(|call| (vec![caller, call], count_as(may_lead, &handle, &[caller, call])))
            })
        })
        .collect();
    let told: Vec<Told> = callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect();
    for (key, told) in &told {
        match told {
            Ok(()) => assert!(disk.get(key).is_some(), "acknowledged and lost"),
            Err(KvError::UnknownOutcome { .. } | KvError::Unavailable { .. }) => {
                assert_eq!(disk.get(key), None)
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(disk.commits() <= before, "committed after the bug");
    block_on(handle.close());
    assert!(!disk.is_open());
}
