//! A process: an environment and a way to the store of its own, both of which end with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use batondb::env::Env;
use batondb::types::Token;
use futures::future::BoxFuture;

use crate::draw::Draw;
use crate::scheduler::{Owner, Scheduler};
use crate::world::World;

/// Somewhere in November 2023.
pub const EPOCH_MS: u64 = 1_700_000_000_000;

/// The time, chance and tasks of one process.
pub struct ProcessEnv {
    pub owner: Owner,
    scheduler: Scheduler,
    world: World,
    draw: Mutex<Draw>,
    /// Clocks of processes differ.
    skew_ms: u64,
    pub alive: Arc<AtomicBool>,
}

impl ProcessEnv {
    pub fn new(owner: Owner, scheduler: &Scheduler, world: &World, mut draw: Draw) -> Arc<Self> {
        let skew_ms = draw.below(60_000);
        Arc::new(Self {
            owner,
            scheduler: scheduler.clone(),
            world: world.clone(),
            draw: Mutex::new(draw),
            skew_ms,
            alive: Arc::new(AtomicBool::new(true)),
        })
    }

    /// Ends the process as kill -9 does.
    pub fn kill(&self) {
        // First, so that what its tasks would begin while they are dropped does not begin.
        self.alive.store(false, Ordering::SeqCst);
        self.scheduler.kill(self.owner);
    }

    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Draw) -> T) -> T {
        draw(&mut self.draw.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Env for ProcessEnv {
    fn now_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.scheduler.now().as_millis()).unwrap();
        EPOCH_MS + elapsed + self.skew_ms
    }

    fn elapsed(&self) -> Duration {
        self.scheduler.now()
    }

    fn token(&self) -> Token {
        let [high, low] = self.draw(|draw| [draw.next(), draw.next()]);
        let token = Token((u128::from(high) << 64 | u128::from(low)).to_be_bytes());
        self.world.note_token(token);
        token
    }

    fn random_below(&self, bound: u64) -> u64 {
        self.draw(|draw| draw.below(bound))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.scheduler.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        if self.alive.load(Ordering::SeqCst) {
            let task = self.scheduler.spawn(self.owner, task);
            self.world.work_on(task);
        }
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        // A file on this machine: one step.
        work();
    }

    fn block_on(&self, task: BoxFuture<'_, ()>) {
        self.scheduler.block_on(self.owner, task);
    }
}
