//! The threads that run SQL, separate from those of the event loop and of the runtime.
//!
//! A thread runs one call of one database, then takes the next database from the queue. `crew` says how many do so at
//! once. None waits for the flush of another: who commits while somebody else does only queues (`blocking::leading`).
//! A thread ends after it has been idle for a while.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::crew::{Call, Crew, Watch};
use crate::blocking::waiting::{self, Watcher};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{self, Condvar, Mutex, MutexGuard, Runtime, thread, thread_local};

/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);
/// How long a thread looks out for the next call before it sleeps: as long as an event loop takes to hear of an answer
/// and to make another call.
const LOOK_OUT: Duration = Duration::from_micros(100);
/// How long databases wait for a thread before one more may run. Much longer than they wait for each other on a busy
/// machine, and short for people.
const HELD_UP: Duration = Duration::from_millis(4);
/// SQLite's parser and virtual machine do not recurse deeply; this much is reserved, not used.
const STACK_BYTES: usize = 2 << 20;

/// Something with calls to run.
pub(crate) trait Turns: Send + Sync + 'static {
    /// Runs one call. Returns whether another one may run.
    fn turn(self: Arc<Self>) -> bool;

    /// Called after it was taken out of the queue, because there is no thread and none can be started.
    fn fail_waiting(self: Arc<Self>, why: &io::Error);
}

thread_local! {
    /// Whether this thread has said that its turn will be over at once.
    static ENDS_SOON: Cell<bool> = const { Cell::new(false) };
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<dyn Turns>>,
    crew: Crew,
}

impl State {
    fn call(&mut self) -> Call {
        self.crew.call(self.ready.len())
    }
}

/// The threads.
pub struct Pool {
    state: Mutex<State>,
    wake: Condvar,
    look_out: bool,
    /// Set for the thread that looks out.
    has_work: AtomicBool,
    /// The runtime whose timers and tasks the engine uses when it is called from these threads.
    runtime: Runtime,
    /// Called instead of starting a thread.
    #[cfg(feature = "testing")]
    starter: Option<Starter>,
}

/// Has [`Pool::work_off`] called.
#[cfg(feature = "testing")]
pub type Starter = Box<dyn Fn(Arc<Pool>) + Send + Sync>;

impl Pool {
    /// A pool whose threads run `at_once`, and more only while some of them are held up. There are at most
    /// `threads_max`, none of which is running yet.
    /// They `look_out` if there are cores that nobody else needs meanwhile.
    pub fn new(at_once: usize, threads_max: usize, look_out: bool, runtime: Runtime) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State { ready: VecDeque::new(), crew: Crew::new(at_once, threads_max) }),
            wake: Condvar::new(),
            look_out,
            has_work: AtomicBool::new(false),
            runtime,
            #[cfg(feature = "testing")]
            starter: None,
        })
    }

    /// A pool without threads: where it would start one, it calls `starter`, which has [`Self::work_off`]
    /// called where and when it sees fit.
    #[cfg(feature = "testing")]
    pub fn started_by(starter: Starter, runtime: Runtime) -> Arc<Self> {
        let state = Mutex::new(State { ready: VecDeque::new(), crew: Crew::new(1, 1) });
        let (wake, has_work) = (Condvar::new(), AtomicBool::new(false));
        Arc::new(Self { state, wake, look_out: false, has_work, runtime, starter: Some(starter) })
    }

    /// Does what a thread would do, until the queue is empty.
    #[cfg(feature = "testing")]
    pub fn work_off(self: &Arc<Self>) {
        let mut state = self.lock();
        state.crew.comes();
        let mut ran = true;
        while ran {
            (state, ran) = self.take_turn(state);
        }
        state.crew.leaves();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runtime whose timers and tasks its threads use.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Adds a database to the queue. The caller makes sure that it is in the queue only once.
    pub(crate) fn schedule(self: &Arc<Self>, database: Arc<dyn Turns>) {
        let mut state = self.lock();
        state.ready.push_back(database);
        let call = state.call();
        if state.crew.is_looking() {
            self.has_work.store(true, Ordering::Release);
        }
        drop(state);
        self.follow(call);
    }

    fn follow(self: &Arc<Self>, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Wake => self.wake.notify_one(),
            Call::Start => self.start(),
        }
    }

    fn start(self: &Arc<Self>) {
        #[cfg(feature = "testing")]
        if let Some(starter) = &self.starter {
            return starter(Arc::clone(self));
        }
        let pool = Arc::clone(self);
        let started = thread::Builder::new()
            .name("baton-sql".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || pool.work());
        if let Err(error) = started {
            tracing::warn!(
                name: "sql.no-thread", target: "baton::sql", %error, "no thread for SQL could be started");
            let mut state = self.lock();
            // The other threads take over its work. Without any, nobody would.
            let is_none = state.crew.stays_away();
            let left = if is_none { std::mem::take(&mut state.ready) } else { VecDeque::new() };
            drop(state);
            for database in left {
                database.fail_waiting(&error);
            }
        }
    }

    /// Runs one call of the first database in the queue. Returns whether there was one, and a thread for it.
    fn take_turn<'p>(self: &'p Arc<Self>, mut state: MutexGuard<'p, State>) -> (MutexGuard<'p, State>, bool) {
        if !state.crew.may_run() {
            return (state, false);
        }
        let Some(database) = state.ready.pop_front() else { return (state, false) };
        state.crew.begins();
        let call = state.call();
        drop(state);
        self.follow(call);
        // A panic is a bug of one database; the thread serves the others.
        let turn = catch_unwind(AssertUnwindSafe(|| Arc::clone(&database).turn()));
        let again = turn.unwrap_or(false);
        state = self.lock();
        if ENDS_SOON.with(|ends_soon| ends_soon.replace(false)) {
            state.crew.ends_as_said();
        } else {
            state.crew.ends();
        }
        if again {
            state.ready.push_back(database);
        } else {
            // Outside of the lock: this may drop the last reference to the database.
            drop(state);
            drop(database);
            state = self.lock();
        }
        (state, true)
    }

    fn work(self: Arc<Self>) {
        let _entered = self.runtime.enter();
        waiting::tell(Some(Arc::new(Arc::clone(&self))));
        let mut state = self.lock();
        state.crew.comes();
        loop {
            let ran;
            (state, ran) = self.take_turn(state);
            if ran {
                continue;
            }
            if self.look_out && state.ready.is_empty() && state.crew.looks_out() {
                self.has_work.store(false, Ordering::Relaxed);
                drop(state);
                let found = sync::look_out(LOOK_OUT, || self.has_work.load(Ordering::Acquire));
                state = self.lock();
                state.crew.has_looked(found);
                continue;
            }
            let ready = state.ready.len();
            let watch = state.crew.rests(ready);
            let limit = if watch == Watch::Nothing { IDLE } else { HELD_UP };
            let (woken, timeout) =
                self.wake.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.crew.has_rested(watch, timeout.timed_out());
            if timeout.timed_out() && watch == Watch::Nothing && state.ready.is_empty() {
                state.crew.leaves();
                return;
            }
        }
    }
}

impl Watcher for Arc<Pool> {
    fn waits(&self) {
        let mut state = self.lock();
        state.crew.waits();
        let call = state.call();
        drop(state);
        self.follow(call);
    }

    fn goes_on(&self) {
        self.lock().crew.goes_on();
    }

    fn has_time_soon(&self) {
        if !ENDS_SOON.with(|ends_soon| ends_soon.replace(true)) {
            self.lock().crew.ends_soon();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Counts down its turns, and records how many run at once.
    struct Counting {
        left: AtomicUsize,
        running: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
        done: Sender<()>,
    }

    impl Turns for Counting {
        fn turn(self: Arc<Self>) -> bool {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            thread::yield_now();
            self.running.fetch_sub(1, Ordering::SeqCst);
            let again = self.left.fetch_sub(1, Ordering::SeqCst) > 1;
            if !again {
                self.done.send(()).unwrap();
            }
            again
        }

        fn fail_waiting(self: Arc<Self>, why: &io::Error) {
            panic!("{why}");
        }
    }

    #[test]
    fn every_turn_is_taken_on_no_more_threads_than_allowed() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let pool = Pool::new(2, 3, true, runtime.handle().clone());
        let (done, finished) = channel();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..20 {
            pool.schedule(Arc::new(Counting {
                left: AtomicUsize::new(50),
                running: Arc::clone(&running),
                most: Arc::clone(&most),
                done: done.clone(),
            }));
        }
        for _ in 0..20 {
            finished.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= 3);
        assert!(pool.lock().crew.threads() <= 3);
    }

    /// Waits for something that another one brings.
    struct HeldUp {
        brings: Option<Sender<()>>,
        waits: Option<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>,
        done: Sender<()>,
    }

    impl Turns for HeldUp {
        fn turn(self: Arc<Self>) -> bool {
            if let Some(waits) = &self.waits {
                waits.lock().unwrap().recv().unwrap();
            }
            if let Some(brings) = &self.brings {
                brings.send(()).unwrap();
            }
            self.done.send(()).unwrap();
            false
        }

        fn fail_waiting(self: Arc<Self>, why: &io::Error) {
            panic!("{why}");
        }
    }

    #[test]
    fn a_turn_that_is_held_up_does_not_hold_up_the_others() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let pool = Pool::new(1, 2, true, runtime.handle().clone());
        let (done, finished) = channel();
        let (brings, waits) = channel();
        let waits = Some(std::sync::Mutex::new(waits));
        pool.schedule(Arc::new(HeldUp { brings: None, waits, done: done.clone() }));
        pool.schedule(Arc::new(HeldUp { brings: Some(brings), waits: None, done }));
        for _ in 0..2 {
            finished.recv_timeout(Duration::from_secs(60)).unwrap();
        }
    }
}
