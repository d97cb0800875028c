//! One thread, one clock, one order: tasks are polled one at a time in an order drawn from the seed, and time
//! passes only when nobody can go on (now and then a little earlier).

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::draw::Draw;

/// Whose task it is: a process, which can pause and die, or the world around them.
pub type Owner = u32;
/// The store, the network, and fate.
pub const WORLD: Owner = 0;

pub type TaskId = u64;

/// How often, in a thousand steps, time passes though somebody could go on.
const EARLY_IN_1000: u64 = 15;
/// And how much of it.
const EARLY_MAX: Duration = Duration::from_secs(10);

/// How many tasks may block inside one another. Each goes on only when those inside it are through.
const BLOCKED_MAX: u32 = 3;

thread_local! {
    static CURRENT: Cell<TaskId> = const { Cell::new(0) };
    static BLOCKED: Cell<u32> = const { Cell::new(0) };
}

/// The task that is being polled.
pub fn current_task() -> TaskId {
    CURRENT.get()
}

struct Task {
    owner: Owner,
    /// Whether it may block.
    blocks: bool,
    /// Absent while it is polled.
    future: Option<BoxFuture<'static, ()>>,
}

type Woken = Arc<Mutex<BTreeSet<TaskId>>>;

struct TaskWaker {
    id: TaskId,
    woken: Woken,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).insert(self.id);
    }
}

struct BlockedWaker(Arc<AtomicBool>);

impl Wake for BlockedWaker {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct State {
    draw: Draw,
    tasks: BTreeMap<TaskId, Task>,
    tasks_begun: TaskId,
    now: Duration,
    timers: BTreeMap<(Duration, u64), Waker>,
    timers_set: u64,
    /// Until when an owner is paused.
    paused: BTreeMap<Owner, Duration>,
    steps: u64,
}

/// How a run of the scheduler ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nobody waits for anything that could still come.
    Idle,
    /// The caller asked for it.
    Stopped,
    /// It took more steps than it should ever take.
    Endless,
}

#[derive(Clone)]
pub struct Scheduler {
    state: Arc<Mutex<State>>,
    woken: Woken,
}

impl Scheduler {
    pub fn new(draw: Draw) -> Self {
        let state = State {
            draw,
            tasks: BTreeMap::new(),
            tasks_begun: 0,
            now: Duration::ZERO,
            timers: BTreeMap::new(),
            timers_set: 0,
            paused: BTreeMap::new(),
            steps: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), woken: Woken::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn woken(&self) -> MutexGuard<'_, BTreeSet<TaskId>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> Duration {
        self.lock().now
    }

    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    pub fn spawn(&self, owner: Owner, future: BoxFuture<'static, ()>) -> TaskId {
        self.add(Task { owner, blocks: false, future: Some(future) })
    }

    /// A task that calls [`Self::block_on`], as a thread would block.
    pub fn spawn_thread(&self, owner: Owner, future: BoxFuture<'static, ()>) {
        self.add(Task { owner, blocks: true, future: Some(future) });
    }

    fn add(&self, task: Task) -> TaskId {
        let mut state = self.lock();
        state.tasks_begun += 1;
        let id = state.tasks_begun;
        state.tasks.insert(id, task);
        drop(state);
        self.woken().insert(id);
        id
    }

    /// Waits for a future inside of a task: others go on meanwhile.
    pub fn block_on(&self, owner: Owner, mut future: BoxFuture<'_, ()>) {
        let woken = Arc::new(AtomicBool::new(true));
        let waker = Waker::from(Arc::new(BlockedWaker(Arc::clone(&woken))));
        let may_go =
            |scheduler: &Self| !scheduler.lock().paused.contains_key(&owner) && woken.load(Ordering::SeqCst);
        BLOCKED.set(BLOCKED.get() + 1);
        loop {
            let goes_on = may_go(self);
            let first = goes_on && self.lock().draw.in_1000(700);
            let other = if first { None } else { self.choose() };
            if let Some((id, other)) = other {
                self.poll(id, other);
            } else if goes_on {
                woken.store(false, Ordering::SeqCst);
                if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    break;
                }
            } else if !may_go(self) && !self.pass_time() {
                panic!("a thread waits for ever, after {} steps", self.steps());
            }
        }
        BLOCKED.set(BLOCKED.get() - 1);
    }

    /// Makes the current task one of the world: it outlives its process.
    pub fn leave_process(&self) {
        if let Some(task) = self.lock().tasks.get_mut(&current_task()) {
            task.owner = WORLD;
        }
    }

    /// Ends every task of an owner where it stands.
    pub fn kill(&self, owner: Owner) {
        let mut state = self.lock();
        let dead: Vec<TaskId> =
            state.tasks.iter().filter(|(_, task)| task.owner == owner).map(|(id, _)| *id).collect();
        let dead: Vec<Option<Task>> = dead.iter().map(|id| state.tasks.remove(id)).collect();
        state.paused.remove(&owner);
        drop(state);
        drop(dead);
    }

    /// No task of an owner goes on for so long, like a process that is stopped or collects garbage.
    pub fn pause(&self, owner: Owner, duration: Duration) {
        let mut state = self.lock();
        let until = state.now + duration;
        state.paused.insert(owner, until);
    }

    /// Waits in virtual time.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let scheduler = self.clone();
        let mut due = None;
        Box::pin(poll_fn(move |context: &mut Context<'_>| {
            let mut state = scheduler.lock();
            let due = *due.get_or_insert(state.now + duration);
            if state.now >= due {
                return Poll::Ready(());
            }
            state.timers_set += 1;
            let number = state.timers_set;
            state.timers.insert((due, number), context.waker().clone());
            Poll::Pending
        }))
    }

    /// Runs until nobody can go on, or `stop` says so after a step.
    pub fn run(&self, steps_max: u64, stop: impl Fn() -> bool) -> Ended {
        loop {
            if stop() {
                return Ended::Stopped;
            }
            if self.steps() >= steps_max {
                return Ended::Endless;
            }
            let Some((id, future)) = self.choose() else {
                if self.pass_time() {
                    continue;
                }
                return Ended::Idle;
            };
            self.poll(id, future);
        }
    }

    /// One of the tasks that can go on; a little time may pass before.
    fn choose(&self) -> Option<(TaskId, BoxFuture<'static, ()>)> {
        if self.is_early() {
            self.pass_time();
        }
        let mut woken = self.woken();
        let mut state = self.lock();
        state.steps += 1;
        woken.retain(|id| state.tasks.contains_key(id));
        let deep = BLOCKED.get() >= BLOCKED_MAX;
        let may_go = |id: &&TaskId| {
            let task = &state.tasks[*id];
            // One that is being polled has blocked.
            !state.paused.contains_key(&task.owner) && task.future.is_some() && !(deep && task.blocks)
        };
        let ready: Vec<TaskId> = woken.iter().filter(may_go).copied().collect();
        if ready.is_empty() {
            return None;
        }
        let id = state.draw.of(&ready);
        woken.remove(&id);
        let future = state.tasks.get_mut(&id).and_then(|task| task.future.take());
        Some((id, future.unwrap()))
    }

    /// Whether something happens now that is due soon.
    fn is_early(&self) -> bool {
        let mut state = self.lock();
        let next = state.timers.keys().next().map(|(due, _)| *due);
        next.is_some_and(|next| next <= state.now + EARLY_MAX) && state.draw.in_1000(EARLY_IN_1000)
    }

    /// Goes to the next moment at which something happens; `false` if there is none.
    fn pass_time(&self) -> bool {
        let mut state = self.lock();
        let timer = state.timers.keys().next().map(|(due, _)| *due);
        let resumed = state.paused.values().min().copied();
        let Some(next) = timer.into_iter().chain(resumed).min() else { return false };
        state.now = state.now.max(next);
        let now = state.now;
        state.paused.retain(|_, until| *until > now);
        let later = state.timers.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut state.timers, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
        true
    }

    fn poll(&self, id: TaskId, mut future: BoxFuture<'static, ()>) {
        let waker = Waker::from(Arc::new(TaskWaker { id, woken: Arc::clone(&self.woken) }));
        let outer = CURRENT.replace(id);
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        CURRENT.set(outer);
        let mut state = self.lock();
        if let (Poll::Pending, Some(task)) = (polled, state.tasks.get_mut(&id)) {
            task.future = Some(future);
            return;
        }
        let task = state.tasks.remove(&id);
        // What is dropped may spawn or wake others.
        drop(state);
        drop((task, future));
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scheduler").finish_non_exhaustive()
    }
}
