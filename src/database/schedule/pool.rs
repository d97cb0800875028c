//! The threads that run SQL, separate from those of the event loop and of the runtime.
//!
//! A thread runs one call of one database, then takes the next database from the queue. It blocks while the
//! store flushes, so there are more threads than cores: that many commits can share one flush of the embedded
//! engine. A thread is started when all others are busy, and ends after it has been idle for a while.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::sync::{Condvar, Mutex, MutexGuard, Runtime, thread};

/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);
/// SQLite's parser and virtual machine do not recurse deeply; this much is reserved, not used.
const STACK_BYTES: usize = 2 << 20;

/// Something with calls to run.
pub(crate) trait Turns: Send + Sync + 'static {
    /// Runs one call. Returns whether another one may run.
    fn turn(self: Arc<Self>) -> bool;

    /// Called after it was taken out of the queue, because there is no thread and none can be started.
    fn fail_waiting(self: Arc<Self>, why: &io::Error);
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<dyn Turns>>,
    threads: usize,
    idle: usize,
}

/// The threads.
pub struct Pool {
    state: Mutex<State>,
    wake: Condvar,
    threads_max: usize,
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
    /// A pool of at most `threads_max` threads, none of which is running yet.
    pub fn new(threads_max: usize, runtime: Runtime) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            threads_max: threads_max.max(1),
            runtime,
            #[cfg(feature = "testing")]
            starter: None,
        })
    }

    /// A pool without threads: where it would start one, it calls `starter`, which has [`Self::work_off`]
    /// called where and when it sees fit.
    #[cfg(feature = "testing")]
    pub fn started_by(starter: Starter, runtime: Runtime) -> Arc<Self> {
        let (state, wake) = (Mutex::default(), Condvar::new());
        Arc::new(Self { state, wake, threads_max: 1, runtime, starter: Some(starter) })
    }

    /// Does what a thread would do, until the queue is empty.
    #[cfg(feature = "testing")]
    pub fn work_off(&self) {
        let (mut state, mut ran) = self.take_turn(self.lock());
        while ran {
            (state, ran) = self.take_turn(state);
        }
        state.threads -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a database to the queue. The caller makes sure that it is in the queue only once.
    pub(crate) fn schedule(self: &Arc<Self>, database: Arc<dyn Turns>) {
        let mut state = self.lock();
        state.ready.push_back(database);
        // An idle thread counts as idle until it has woken, so a longer queue than idle threads needs a new
        // one.
        let begin = state.ready.len() > state.idle && state.threads < self.threads_max;
        state.threads += usize::from(begin);
        drop(state);
        if begin {
            self.start();
        } else {
            self.wake.notify_one();
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
            state.threads -= 1;
            // The running threads take over its work. Without any, nobody would.
            let left = if state.threads == 0 { std::mem::take(&mut state.ready) } else { VecDeque::new() };
            drop(state);
            for database in left {
                database.fail_waiting(&error);
            }
        }
    }

    /// Runs one call of the first database in the queue. Returns whether there was one.
    fn take_turn<'p>(&'p self, mut state: MutexGuard<'p, State>) -> (MutexGuard<'p, State>, bool) {
        let Some(database) = state.ready.pop_front() else { return (state, false) };
        drop(state);
        let again = Arc::clone(&database).turn();
        state = self.lock();
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
        let mut state = self.lock();
        loop {
            let ran;
            (state, ran) = self.take_turn(state);
            if ran {
                continue;
            }
            state.idle += 1;
            let (woken, timeout) =
                self.wake.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.ready.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
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
        let pool = Pool::new(3, runtime.handle().clone());
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
        assert!(pool.lock().threads <= 3);
    }
}
