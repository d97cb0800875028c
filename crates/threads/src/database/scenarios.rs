//! What must hold for the calls of databases, whatever the order of their threads.

use std::path::Path;
use std::sync::Arc;

use shuttle::rand::Rng;
use shuttle::sync::mpsc::{Receiver, channel};
use shuttle::thread;

use super::call::{Answer, Behavior, Call, Kind};
use super::error::DatabaseError;
use super::schedule::handle::Database;
use super::schedule::queue::DATABASE;
use super::schedule::shared::{databases, databases_on};
use super::session::{Event, Journal};
use crate::engine::StoreError;
use crate::kv::Kv;
use crate::kv::embedded::environment::Disk;
use crate::kv::embedded::whole::DiskKv;
use crate::sync::{block_on, let_time_pass, refuse_threads, stop_the_clock_of_waits};

type Told = Result<Answer, DatabaseError>;

/// The budget of `residency`.
const RESIDENT_BYTES_MAX: usize = 256 << 20;

/// A call that is under way.
struct Asked(Receiver<Told>);

impl Asked {
    fn told(self) -> Told {
        let told = self.0.recv().expect("a call was never answered");
        if let Err(DatabaseError::Closed(message)) = &told {
            assert!(!message.contains("a bug in"), "the session has panicked");
        }
        assert!(self.0.recv().is_err(), "a call was answered twice");
        told
    }
}

fn ask(database: &Database, scope: u32, job: u32, call: Call) -> Asked {
    let (reply, told) = channel();
    database.submit(scope, job, call, move |answer| {
        // A caller that has gone needs no answer.
        let _gone = reply.send(answer);
    });
    Asked(told)
}

fn run(name: &str) -> Call {
    Call::Run(Kind::Run, (name.to_owned(), None))
}

fn ran(journal: &Journal) -> Vec<String> {
    let name = |event| if let Event::Ran(name) = event { Some(name) } else { None };
    journal.events().into_iter().filter_map(name).collect()
}

fn is_closed(told: &Told) -> bool {
    matches!(told, Err(DatabaseError::Closed(_) | DatabaseError::Expired { .. }))
}

/// Three callers, three databases, two threads; idle threads end in between.
pub fn calls_run_one_at_a_time_in_the_order_in_which_they_came() {
    let databases: [_; 3] = databases(2);
    let callers: Vec<_> = (0..3)
        .map(|caller| {
            let databases = databases.each_ref().map(|(database, _)| Arc::clone(database));
            thread::spawn(move || {
                let asked = [0, 1, 2, 3].map(|call| {
                    let name = format!("{caller}{call}");
                    ask(&databases[(caller + call) % 3], DATABASE, 0, run(&name))
                });
                for asked in asked {
                    asked.told().expect("it runs");
                }
            })
        })
        .collect();
    let_time_pass();
    for caller in callers {
        caller.join().expect("no panic");
    }
    assert!(databases[0].1.load.most() <= 2, "more threads than may be");
    let names = databases.each_ref().map(|(_, journal)| ran(journal));
    assert_eq!(names.iter().map(Vec::len).sum::<usize>(), 12);
    for names in names {
        for caller in ["0", "1", "2"] {
            let calls: Vec<_> = names.iter().filter(|name| name.starts_with(caller)).collect();
            assert!(calls.is_sorted(), "{names:?}");
        }
    }
    // Without this the threads of the pool would wait for ever, which is found.
    stop_the_clock_of_waits();
}

/// Calls on their caller's own thread beside those that it has given to the pool: each one runs, alone, or is refused
/// because one that runs SQL is in its way.
pub fn calls_on_their_callers_thread_take_turns_with_the_pool() {
    let [(database, journal), (other, _)] = databases(2);
    // Both hold so much that each asks the other one to release memory.
    let beside = thread::spawn(move || {
        for _ in 0..3 {
            ask(&other, DATABASE, 0, run("read")).told().expect("it runs");
        }
    });
    for round in 0..2 {
        let flushed = ask(&database, DATABASE, 0, Call::Flush);
        let pooled = ask(&database, DATABASE, 0, run(&format!("write pooled {round}")));
        loop {
            match database.call_here(DATABASE, run(&format!("write here {round}"))) {
                Ok(_) => break,
                Err(DatabaseError::Busy(_)) => thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
        flushed.told().expect("it is over soon");
        pooled.told().expect("it runs");
        // What is over soon is in nobody's way.
        let soon = [Call::Flush, Call::Point, Call::CloseCursor(1), Call::Flush];
        let soon = soon.map(|call| ask(&database, DATABASE, 0, call));
        database.call_here(DATABASE, run(&format!("read {round}"))).expect("it waits for nothing");
        for soon in soon {
            soon.told().expect("it is over soon");
        }
    }
    beside.join().expect("no panic");
    let ran = ran(&journal);
    for name in ["write pooled 0", "write here 0", "read 0", "write pooled 1", "write here 1", "read 1"] {
        assert_eq!(ran.iter().filter(|ran| *ran == name).count(), 1, "{name}: {ran:?}");
    }
    ask(&database, DATABASE, 0, Call::Close).told().expect("it closes");
    assert!(matches!(database.call_here(DATABASE, run("late")), Err(DatabaseError::Closed(_))));
    stop_the_clock_of_waits();
}

/// Of four calls one is cancelled, before, while or after it runs.
pub fn only_the_call_that_was_cancelled_is_interrupted() {
    let [(database, journal)] = databases(2);
    let canceller = {
        let database = Arc::clone(&database);
        thread::spawn(move || {
            database.cancel(2);
            database.cancel(99);
        })
    };
    let asked = [1, 2, 3, 4].map(|job| ask(&database, DATABASE, job, run(&job.to_string())));
    let told = asked.map(Asked::told);
    canceller.join().expect("no panic");
    let ran = ran(&journal);
    for (job, told) in ["1", "2", "3", "4"].into_iter().zip(&told) {
        let has_run = ran.iter().any(|name| name == job);
        match told {
            Ok(_) => assert!(has_run, "{job} was acknowledged and has not run"),
            Err(DatabaseError::Aborted(_)) if job == "2" => assert!(!has_run),
            Err(error) => panic!("{job}: {error}"),
        }
    }
    stop_the_clock_of_waits();
}

/// A transaction, a caller outside of it, and a deadline that may come at any moment, or that alone ends it.
pub fn a_transaction_is_alone_until_it_ends_or_its_time_is_up() {
    let [(database, journal)] = databases(2);
    let outside = {
        let database = Arc::clone(&database);
        thread::spawn(move || {
            let asked = ["out", "out"].map(|name| ask(&database, DATABASE, 0, run(name)));
            for asked in asked {
                asked.told().expect("it runs once the transaction is over");
            }
        })
    };
    let clock = thread::spawn(let_time_pass);
    let begun = ask(&database, DATABASE, 0, Call::Begin(Behavior::Immediate, Some(1))).told();
    let Ok(Answer::Scope(scope)) = begun else { panic!("{begun:?}") };
    let asked = ["in", "in"].map(|name| ask(&database, scope, 0, run(name)));
    let inside = asked.map(Asked::told);
    let ended = if shuttle::rand::thread_rng().gen_bool(0.5) {
        ask(&database, scope, 0, Call::End(true)).told()
    } else {
        stop_the_clock_of_waits();
        ask(&database, DATABASE, 0, run("after")).told().expect("it runs once the time is up");
        Err(DatabaseError::Closed("it was never asked to end".to_owned()))
    };
    outside.join().expect("no panic");
    clock.join().expect("no panic");
    check_transaction(&journal.events(), &inside, &ended);
    stop_the_clock_of_waits();
}

fn check_transaction(events: &[Event], inside: &[Told], ended: &Told) {
    let is_end = |event: &Event| matches!(event, Event::Ended { .. });
    let begin = events.iter().position(|event| *event == Event::Began).expect("it has begun");
    let end = events.iter().position(is_end).expect("it has ended");
    let out = Event::Ran("out".to_owned());
    assert!(!events[begin..end].contains(&out), "a call of somebody else ran in a transaction: {events:?}");
    assert_eq!(events.iter().filter(|event| **event == out).count(), 2);
    assert_eq!(events.iter().filter(|event| is_end(event)).count(), 1, "{events:?}");
    let of_it = Event::Ran("in".to_owned());
    assert!(!events[end..].contains(&of_it), "a call ran outside of its transaction: {events:?}");
    match ended {
        Ok(_) => assert!(inside.iter().all(Result::is_ok) && events[end] == Event::Ended { commit: true }),
        Err(_) => {
            assert!(is_closed(ended) && events[end] == Event::Ended { commit: false }, "{ended:?}");
            // Interrupted, or not begun when the time was up.
            let expected = |told: &Told| {
                told.is_ok() || is_closed(told) || matches!(told, Err(DatabaseError::Aborted(_)))
            };
            assert!(inside.iter().all(expected), "{inside:?}");
        }
    }
}

/// Two callers, and one who closes among them.
pub fn closing_lets_earlier_calls_through_and_refuses_later_ones() {
    let [(database, journal)] = databases(2);
    let callers: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let database = Arc::clone(&database);
            thread::spawn(move || {
                let asked = [(); 2].map(|()| ask(&database, DATABASE, 0, run(name)));
                asked.map(Asked::told)
            })
        })
        .collect();
    let earlier = ask(&database, DATABASE, 0, run("earlier"));
    let closed = ask(&database, DATABASE, 0, Call::Close);
    assert!(earlier.told().is_ok());
    assert!(closed.told().is_ok());
    assert_eq!(journal.events().last(), Some(&Event::Closed));
    assert!(is_closed(&ask(&database, DATABASE, 0, run("later")).told()));
    let told: Vec<Told> = callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect();
    assert!(told.iter().all(|told| told.is_ok() || is_closed(told)), "{told:?}");
    let count = told.iter().filter(|told| told.is_ok()).count();
    assert_eq!(ran(&journal).len(), count + 1);
    assert_eq!(journal.events().last(), Some(&Event::Closed), "something ran on a closed database");
    stop_the_clock_of_waits();
}

/// A transaction that statements have begun, and its deadline, which may come at any moment.
pub fn a_transaction_of_statements_is_whole_or_its_loss_is_told() {
    let [(database, journal)] = databases(2);
    let clock = thread::spawn(let_time_pass);
    let tell = |name: &str| ask(&database, DATABASE, 0, run(name)).told();
    tell("BEGIN").expect("it begins");
    let told = ["in", "in", "COMMIT"].map(tell);
    clock.join().expect("no panic");
    if told[2].is_err() && tell("after").is_err() {
        // The COMMIT was interrupted, so it is not what has taken note of the loss.
        assert!(is_closed(&tell("COMMIT")));
    }
    tell("after").expect("the database goes on");
    let events = journal.events();
    let is_end = |event: &Event| matches!(event, Event::Ended { .. });
    let is_inside = |event: &Event| matches!(event, Event::Ran(name) if name == "in" || name == "COMMIT");
    match events.iter().position(is_end) {
        Some(end) => {
            assert!(!events[end..].iter().any(is_inside), "it ran outside of its transaction: {events:?}");
            assert!(told[2].is_err(), "nobody was told of the loss: {told:?}");
        }
        None => assert!(told[2].is_ok() && events.contains(&Event::Ran("COMMIT".to_owned())), "{told:?}"),
    }
    stop_the_clock_of_waits();
}

/// A caller, a transaction, and the end of the thread that both belong to at any moment.
pub fn a_database_that_is_abandoned_closes_itself_and_answers_all() {
    let [(database, journal)] = databases(2);
    let outside = {
        let database = Arc::clone(&database);
        thread::spawn(move || ask(&database, DATABASE, 0, run("out")).told())
    };
    let inside = {
        let database = Arc::clone(&database);
        thread::spawn(move || {
            let begun = ask(&database, DATABASE, 0, Call::Begin(Behavior::Immediate, Some(1))).told();
            let Ok(Answer::Scope(scope)) = begun else { return vec![begun] };
            vec![ask(&database, scope, 0, run("in")).told(), ask(&database, scope, 0, Call::End(true)).told()]
        })
    };
    database.abandon();
    let mut told = inside.join().expect("no panic");
    told.push(outside.join().expect("no panic"));
    let expected =
        |told: &Told| told.is_ok() || is_closed(told) || matches!(told, Err(DatabaseError::Aborted(_)));
    assert!(told.iter().all(expected), "{told:?}");
    let is_over = || journal.events().contains(&Event::Closed);
    for _ in 0..100 {
        if is_over() {
            break;
        }
        thread::yield_now();
    }
    assert!(is_over(), "nobody has closed it");
    assert!(is_closed(&ask(&database, DATABASE, 0, run("later")).told()));
    assert_eq!(journal.events().last(), Some(&Event::Closed), "something ran on a closed database");
    stop_the_clock_of_waits();
}

/// Each database alone holds less than all may, two of them more.
pub fn databases_that_hold_much_give_it_back() {
    let databases: [_; 3] = databases(2);
    let callers: Vec<_> = databases
        .iter()
        .map(|(database, _)| {
            let database = Arc::clone(database);
            thread::spawn(move || {
                ask(&database, DATABASE, 0, run("a")).told().expect("it runs");
                ask(&database, DATABASE, 0, run("b")).told().expect("it runs");
            })
        })
        .collect();
    for caller in callers {
        caller.join().expect("no panic");
    }
    // Behind these nothing is left to be done, for a database is asked to shrink before the call that made
    // it do so is answered; and giving memory back comes last.
    let mut held = usize::MAX;
    for _ in 0..100 {
        held = databases.iter().map(|(_, journal)| journal.cache_bytes()).sum();
        if held <= RESIDENT_BYTES_MAX {
            break;
        }
        thread::yield_now();
    }
    assert!(held <= RESIDENT_BYTES_MAX, "the databases hold {held} bytes, and nobody gives anything back");
    stop_the_clock_of_waits();
}

/// The operating system refuses the first threads: where no thread is left that could take a call over, its caller is
/// told, and the next time it runs.
pub fn a_thread_that_cannot_begin_refuses_calls_and_loses_none() {
    let databases: [_; 3] = databases(2);
    refuse_threads(2);
    let asked = databases.each_ref().map(|(database, _)| ask(database, DATABASE, 0, run("a")));
    for (asked, (database, _)) in asked.into_iter().zip(&databases) {
        let mut told = asked.told();
        while matches!(told, Err(DatabaseError::Store(StoreError::Unavailable(_)))) {
            told = ask(database, DATABASE, 0, run("a")).told();
        }
        told.expect("it runs");
    }
    for (_, journal) in &databases {
        assert_eq!(ran(journal), ["a"]);
    }
    stop_the_clock_of_waits();
}

/// Writers whose transactions are sealed, readers between them, and the end of the database: each answer comes once,
/// and none before the commit of what it has seen.
pub fn answers_come_once_and_after_their_commits() {
    let [(database, journal)] = databases(2);
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let database = Arc::clone(&database);
            thread::spawn(move || {
                let asked = ["write", "read", "write"].map(|name| ask(&database, DATABASE, 0, run(name)));
                let mut durable = 0;
                for (asked, writes) in asked.into_iter().zip([1, 0, 1]) {
                    asked.told().expect("it runs");
                    durable += writes;
                    assert!(database.stats().transactions >= durable, "answered before it was durable");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.join().expect("no panic");
    }
    assert!(ask(&database, DATABASE, 0, run("write")).told().is_ok());
    assert_eq!(database.stats().transactions, 5);
    let ends = shuttle::rand::thread_rng().gen_bool(0.5);
    let last = ask(&database, DATABASE, 0, run("write"));
    if ends {
        database.abandon();
        let told = last.told();
        let given_up = matches!(told, Err(DatabaseError::Store(_) | DatabaseError::Aborted(_)));
        assert!(told.is_ok() || is_closed(&told) || given_up, "{told:?}");
    } else {
        let closed = ask(&database, DATABASE, 0, Call::Close);
        assert!(closed.told().is_ok());
        assert_eq!(database.stats().transactions, 6, "closed before all was durable");
        assert!(last.told().is_ok());
        assert_eq!(journal.events().last(), Some(&Event::Closed));
    }
    stop_the_clock_of_waits();
}

/// Three databases on one disk, two threads that run SQL and lead, and what they leave to the store's own thread.
pub fn commits_of_many_databases_share_batches_and_all_are_answered() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let disk = Disk::of(directory);
    let kv: Arc<dyn Kv> = Arc::new(DiskKv::open(directory));
    let databases: [_; 3] = databases_on(Arc::clone(&kv), 2);
    let starts = disk.commits();
    let callers: Vec<_> = databases
        .iter()
        .flat_map(|(database, _)| [Arc::clone(database), Arc::clone(database)])
        .map(|database| {
            thread::spawn(move || {
                let asked = ["write", "read"].map(|name| ask(&database, DATABASE, 0, run(name)));
                for asked in asked {
                    asked.told().expect("it runs");
                }
                assert!(database.stats().transactions >= 1, "answered before it was durable");
            })
        })
        .collect();
    for caller in callers {
        caller.join().expect("no panic");
    }
    let commits: u64 = databases.iter().map(|(database, _)| database.stats().commits).sum();
    for (database, _) in &databases {
        assert_eq!(database.stats().transactions, 2);
        assert!(ask(database, DATABASE, 0, Call::Close).told().is_ok());
    }
    let batches = disk.commits() - starts;
    assert!(batches >= 1 && batches as u64 <= commits, "{batches} batches for {commits} commits");
    drop(databases);
    block_on(kv.close());
    stop_the_clock_of_waits();
}

/// A database that is alone has its commits on the thread that runs its SQL: nobody else is woken.
pub fn a_database_that_is_alone_commits_on_its_own_thread() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let disk = Disk::of(directory);
    let kv: Arc<dyn Kv> = Arc::new(DiskKv::open(directory));
    let [(database, _)] = databases_on(Arc::clone(&kv), 2);
    // The thread may still be on its way out of what the start has committed.
    ask(&database, DATABASE, 0, run("write")).told().expect("it runs");
    let mut before = disk.led();
    for _ in 0..3 {
        ask(&database, DATABASE, 0, run("write")).told().expect("it runs");
        let now = disk.led();
        assert_eq!(now.0, before.0 + 1, "the thread was woken for what its caller can do");
        before = now;
    }
    assert!(ask(&database, DATABASE, 0, Call::Close).told().is_ok());
    drop(database);
    block_on(kv.close());
    stop_the_clock_of_waits();
}
