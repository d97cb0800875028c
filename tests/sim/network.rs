//! The way from one process to the store: it delays, loses and reorders messages, and may be cut.
//!
//! A transaction is three messages: it begins, it asks to be committed, it is answered. The body runs in its
//! process and dies with it; a commit that was sent goes on without it, and may arrive long after its caller
//! was told that nobody knows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use batondb::kv::memory::MemoryKv;
use batondb::kv::{
    Concurrency, Isolation, Kv, KvError, Limits, Mutations, ReadRunner, Scan, TransactionRunner, View,
    Visitor,
};
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt};
use tokio::sync::Mutex as AsyncMutex;

use crate::draw::Draw;
use crate::scheduler::{Owner, Scheduler};
use crate::world::{OpId, World};

/// When a client gives a message up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How bad the network is: how often, in a thousand transactions, each of these happens.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// The answer is lost, and the commit took place, or not, or does so later.
    pub lost: u64,
    /// A conflict, a state too old, a busy store, for no reason that shows.
    pub failed: u64,
    /// A message takes long.
    pub slow: u64,
}

/// What becomes of a commit that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// It never arrives.
    LostBefore,
    /// Its answer never arrives.
    LostAfter,
    /// It arrives after the client has given up.
    Late,
}

/// What all processes' ways to the store share.
pub struct Store {
    pub memory: MemoryKv,
    pub concurrency: Concurrency,
    /// A store that serializes runs one transaction after the other.
    pub line: Arc<AsyncMutex<()>>,
}

struct Link {
    owner: Owner,
    /// Whether its process is. What a dead one still asks for is refused, so that its threads come to an end.
    alive: Arc<AtomicBool>,
    scheduler: Scheduler,
    world: World,
    draw: Mutex<Draw>,
    weather: Mutex<Weather>,
    /// Until when nothing goes through.
    cut: Mutex<Duration>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// What is left of a partition.
    fn cut_for(&self) -> Option<Duration> {
        let left = lock(&self.cut).saturating_sub(self.scheduler.now());
        (!left.is_zero()).then_some(left)
    }

    fn is_over(&self) -> bool {
        !self.alive.load(Ordering::SeqCst) || self.world.is_violated()
    }

    fn delay(&self) -> Duration {
        let slow = lock(&self.weather).slow;
        let mut draw = lock(&self.draw);
        if draw.in_1000(slow) {
            return Duration::from_millis(draw.of(&[20, 200, 3_000]));
        }
        Duration::from_micros(draw.below(2_000))
    }

    /// How much later than its caller has given up a commit arrives.
    fn later(&self) -> Duration {
        let mut draw = lock(&self.draw);
        let most = draw.of(&[10_000, 60_000, 4_000_000]);
        Duration::from_micros(draw.below(most))
    }

    /// A message on its way to the store, or the reason why it does not arrive.
    async fn reach(&self, may_conflict: bool) -> Result<(), KvError> {
        if let Some(left) = self.cut_for() {
            self.scheduler.sleep(left.min(TIMEOUT)).await;
            if self.cut_for().is_some() {
                return Err(KvError::Unavailable { detail: "the network is cut".to_owned() });
            }
        }
        self.scheduler.sleep(self.delay()).await;
        let failed = lock(&self.weather).failed;
        let mut draw = lock(&self.draw);
        if !draw.in_1000(failed) {
            return Ok(());
        }
        Err(match draw.below(4) {
            0 if may_conflict => KvError::Conflict,
            0 | 1 => KvError::TooOld,
            2 => KvError::Busy { detail: "by chance".to_owned() },
            _ => KvError::Unavailable { detail: "by chance".to_owned() },
        })
    }

    fn fate(&self) -> Fate {
        let lost = if self.cut_for().is_some() { 1_000 } else { lock(&self.weather).lost };
        let mut draw = lock(&self.draw);
        if !draw.in_1000(lost) {
            return Fate::Answered;
        }
        draw.of(&[Fate::LostBefore, Fate::LostAfter, Fate::Late])
    }
}

/// One process's way to the store.
pub struct Network {
    store: Arc<Store>,
    kv: Arc<MemoryKv>,
    link: Arc<Link>,
}

impl Network {
    pub fn new(
        (owner, alive): (Owner, &Arc<AtomicBool>),
        store: &Arc<Store>,
        (scheduler, world): (&Scheduler, &World),
        draw: Draw,
        weather: Weather,
    ) -> Arc<Self> {
        let link = Link {
            owner,
            alive: Arc::clone(alive),
            scheduler: scheduler.clone(),
            world: world.clone(),
            draw: Mutex::new(draw),
            weather: Mutex::new(weather),
            cut: Mutex::new(Duration::ZERO),
        };
        Arc::new(Self { kv: Arc::new(store.memory.share()), store: Arc::clone(store), link: Arc::new(link) })
    }

    /// Lets nothing through for so long.
    pub fn cut(&self, duration: Duration) {
        *lock(&self.link.cut) = self.link.scheduler.now() + duration;
    }

    /// From now on everything goes well.
    pub fn heal(&self) {
        *lock(&self.link.weather) = Weather { lost: 0, failed: 0, slow: 0 };
        *lock(&self.link.cut) = Duration::ZERO;
    }
}

/// A transaction on its way, as the store sees it.
struct Courier {
    body: Arc<dyn TransactionRunner>,
    link: Arc<Link>,
    /// Where the caller waits, until it has been told something.
    caller: Mutex<Option<oneshot::Sender<Result<(), KvError>>>>,
    sent: Mutex<Option<(Mutations, Fate)>>,
    optimistic: bool,
    /// The operation that it belongs to, if it is not background work.
    op: Option<OpId>,
}

impl Courier {
    fn tell(&self, answer: Result<(), KvError>) {
        if let Err(error) = &answer {
            self.link.world.note_fault(self.op, error);
        }
        if let Some(caller) = lock(&self.caller).take() {
            // It may have died.
            let _ = caller.send(answer);
        }
    }

    async fn deliver(self: Arc<Self>, kv: Arc<MemoryKv>, line: Option<Arc<AsyncMutex<()>>>) {
        if let Err(error) = self.link.reach(self.optimistic).await {
            return self.tell(Err(error));
        }
        let turn = match &line {
            Some(line) => Some(line.lock().await),
            None => None,
        };
        let outcome = kv.run(Arc::clone(&self) as Arc<dyn TransactionRunner>).await;
        drop(turn);
        let sent = lock(&self.sent).take();
        let Some((mutations, fate)) = sent else { return self.tell(outcome) };
        if outcome.is_ok() && fate != Fate::LostBefore {
            self.link.world.committed(self.op, &mutations);
        }
        let lost = KvError::UnknownOutcome { detail: format!("{fate:?}") };
        match fate {
            Fate::Answered if self.link.cut_for().is_none() => {
                self.link.scheduler.sleep(self.link.delay()).await;
                self.tell(outcome);
            }
            Fate::Late => {}
            Fate::Answered | Fate::LostBefore | Fate::LostAfter => {
                self.link.scheduler.sleep(TIMEOUT).await;
                self.tell(Err(lost));
            }
        }
    }
}

impl TransactionRunner for Courier {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        async move {
            let view = FarView { view, link: &self.link, op: self.op };
            let mutations = self.body.run(&view).await;
            if mutations.is_empty() {
                return mutations;
            }
            let mut fate = self.link.fate();
            if fate == Fate::Late && !self.optimistic {
                // Nothing overtakes anything in a line.
                fate = Fate::LostAfter;
            }
            *lock(&self.sent) = Some((mutations.clone(), fate));
            self.link.scheduler.leave_process();
            self.link.scheduler.sleep(self.link.delay()).await;
            match fate {
                Fate::LostBefore => return Mutations::new(),
                Fate::Late => {
                    self.link.scheduler.sleep(TIMEOUT).await;
                    let lost = KvError::UnknownOutcome { detail: "late".to_owned() };
                    self.tell(Err(lost));
                    self.link.scheduler.sleep(self.link.later()).await;
                }
                Fate::Answered | Fate::LostAfter => {}
            }
            mutations
        }
        .boxed()
    }
}

/// A view over the network: each read takes a while.
struct FarView<'v> {
    view: &'v dyn View,
    link: &'v Link,
    op: Option<OpId>,
}

impl FarView<'_> {
    fn note<T>(&self, read: Result<T, KvError>) -> Result<T, KvError> {
        read.inspect_err(|error| self.link.world.note_fault(self.op, error))
    }
}

impl View for FarView<'_> {
    fn get<'a>(
        &'a self,
        key: &'a [u8],
        isolation: Isolation,
    ) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        async move {
            self.link.scheduler.sleep(self.link.delay()).await;
            self.note(self.view.get(key, isolation).await)
        }
        .boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        async move {
            self.link.scheduler.sleep(self.link.delay()).await;
            self.note(self.view.scan(scan, visitor).await)
        }
        .boxed()
    }
}

struct FarReads {
    body: Arc<dyn ReadRunner>,
    link: Arc<Link>,
    op: Option<OpId>,
}

impl ReadRunner for FarReads {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, ()> {
        async move { self.body.run(&FarView { view, link: &self.link, op: self.op }).await }.boxed()
    }
}

impl Kv for Network {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn concurrency(&self) -> Concurrency {
        self.store.concurrency
    }

    fn limits(&self) -> Limits {
        self.store.memory.limits()
    }

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            if self.link.is_over() {
                return Err(KvError::Closed);
            }
            let (sender, answer) = oneshot::channel();
            let optimistic = self.store.concurrency == Concurrency::Optimistic;
            let courier = Courier {
                body,
                link: Arc::clone(&self.link),
                caller: Mutex::new(Some(sender)),
                sent: Mutex::new(None),
                optimistic,
                op: self.link.world.current_op(),
            };
            let line = (!optimistic).then(|| Arc::clone(&self.store.line));
            let delivery = Arc::new(courier).deliver(Arc::clone(&self.kv), line);
            self.link.scheduler.spawn(self.link.owner, delivery.boxed());
            let died = || KvError::UnknownOutcome { detail: "the way to the store ended".to_owned() };
            answer.await.unwrap_or_else(|_| Err(died()))
        }
        .boxed()
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            if self.link.is_over() {
                return Err(KvError::Closed);
            }
            let op = self.link.world.current_op();
            self.link.reach(false).await.inspect_err(|error| self.link.world.note_fault(op, error))?;
            let far = FarReads { body, link: Arc::clone(&self.link), op };
            self.kv.read(Arc::new(far)).await
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.kv.close()
    }
}
