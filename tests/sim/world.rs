//! Everything that happened: the operations, what the store held after each transaction, and whether the two
//! fit. Operations are judged when they are answered, transactions when they take place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use batondb::engine::PointRef;
use batondb::kv::{KvError, Mutations};
use batondb::types::{ActorId, Origin, PageSize, Token};

use crate::burst::Burst;
use crate::content::Content;
use crate::history::Lives;
use crate::scheduler::{Scheduler, TaskId, current_task};
use crate::shadow::Shadow;

pub type OpId = usize;

/// Rows of a table of SQL, by their keys.
pub type Table = BTreeMap<i64, i64>;

/// The content of a database after a commit.
#[derive(Debug, Clone)]
pub struct Version {
    pub txid: u64,
    pub size: u32,
    pub page_size: PageSize,
    pub pages: Arc<BTreeMap<u32, Content>>,
    /// What it holds for SQL, if that has written it.
    pub table: Option<Table>,
}

/// What anybody can know of an actor at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub generation: u64,
    pub live: bool,
    pub origin: Origin,
    /// Index into the versions.
    pub version: usize,
}

/// One actor from the beginning on.
#[derive(Debug)]
pub struct ActorLog {
    pub versions: Vec<Version>,
    pub states: Vec<State>,
    /// Which operation won each generation, and at which state.
    pub won: BTreeMap<u64, (OpId, usize)>,
    /// How often one of its rows was damaged, and whether one is.
    pub damage: (u32, bool),
    /// The version of each commit: the states that may be kept.
    pub copies: BTreeMap<u64, usize>,
    /// Which of them were kept when.
    pub lives: Lives,
}

/// A change that somebody wants to commit.
#[derive(Debug, Clone)]
pub struct Change {
    /// The generation held; an import takes one of its own.
    pub generation: Option<u64>,
    /// The head that it extends; an import replaces whatever there is.
    pub base: Option<u64>,
    pub size: u32,
    pub page_size: PageSize,
    pub pages: BTreeMap<u32, Content>,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub enum What {
    Start,
    Commit(Change),
    Import(Change),
    /// A transaction of SQL, as the holder of a generation, on a head, and what it makes of the table.
    Sql {
        generation: u64,
        base: u64,
        after: Table,
    },
    /// Transactions of SQL that are in flight together.
    Burst(Burst),
    Delete,
    /// An import of v1 data.
    Migrate(Change),
    /// The reservation for one.
    Prepare,
    /// The reset of one.
    Reset,
    Restore(PointRef),
    /// A fork of this actor.
    Fork(usize, PointRef),
    Pin(PointRef),
    Unpin,
    Other(&'static str),
}

/// An operation.
#[derive(Debug)]
pub struct Op {
    pub owner: u32,
    pub actor: usize,
    pub what: What,
    /// The state of the actor when it began.
    pub begun: usize,
    /// The states of all actors, and how many transactions there had been.
    pub begun_all: Vec<usize>,
    pub begun_at: u64,
    /// The generation that it raised the fence to.
    pub raised: Option<u64>,
    /// The txid of its commit, and the state after it.
    pub committed: Option<(u64, usize)>,
    /// The head before its commit, and the points that it has pinned.
    pub head_before: u64,
    pub pinned: BTreeSet<u64>,
    /// How many pins it has removed.
    pub unpinned: usize,
    /// Of a reader: it does not need its pin any more.
    pub lets_go: bool,
    /// Backend operations that failed, and those among them whose outcome is unknown.
    pub faults: u32,
    pub unknown: u32,
    /// How often a row had been damaged when it began, and whether one was then.
    pub damage: (u32, bool),
    /// Its caller was told that it did not take place.
    pub ruled_out: bool,
    /// Of a burst: the transactions that are durable, and those of which their callers were told that they are not.
    pub durable: BTreeSet<usize>,
    pub refused: BTreeSet<usize>,
    /// And, where they may be answered before they are durable, those that were.
    pub answered: BTreeSet<usize>,
}

pub struct Inner {
    pub actors: Vec<ActorLog>,
    pub ops: Vec<Op>,
    pub shadow: Shadow,
    pub tokens: BTreeMap<[u8; 16], OpId>,
    tasks: BTreeMap<TaskId, OpId>,
    /// The callers that threads work for.
    threads: BTreeMap<TaskId, TaskId>,
    pub trace: Vec<String>,
    pub violation: Option<String>,
    pub tally: BTreeMap<&'static str, u64>,
    /// The processes whose stores were closed.
    pub closed: BTreeSet<u32>,
    /// How many transactions there have been.
    pub moment: u64,
    pub scheduler: Scheduler,
    /// Whether there are forks and the like.
    pub has_past: bool,
}

/// A handle on the history.
#[derive(Clone)]
pub struct World(Arc<Mutex<Inner>>);

impl World {
    pub fn new(actors: &[ActorId], scheduler: &Scheduler, has_past: bool) -> Self {
        let nothing =
            || Version { txid: 0, size: 0, page_size: PageSize::DEFAULT, pages: Arc::default(), table: None };
        let log = || ActorLog {
            versions: vec![nothing()],
            states: vec![State { generation: 0, live: false, origin: Origin::Native, version: 0 }],
            won: BTreeMap::new(),
            damage: (0, false),
            copies: BTreeMap::new(),
            lives: Lives::default(),
        };
        Self(Arc::new(Mutex::new(Inner {
            actors: actors.iter().map(|_| log()).collect(),
            ops: Vec::new(),
            shadow: Shadow::new(actors),
            tokens: BTreeMap::new(),
            tasks: BTreeMap::new(),
            threads: BTreeMap::new(),
            trace: Vec::new(),
            violation: None,
            tally: BTreeMap::new(),
            closed: BTreeSet::new(),
            moment: 0,
            scheduler: scheduler.clone(),
            has_past,
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tell(&self, event: String) {
        self.lock().trace.push(event);
    }

    pub fn is_violated(&self) -> bool {
        self.lock().violation.is_some()
    }

    /// Counts something that a simulation should meet.
    pub fn count(&self, what: &'static str) {
        *self.lock().tally.entry(what).or_default() += 1;
    }

    pub fn count_of(&self, what: &'static str) -> u64 {
        self.lock().tally.get(what).copied().unwrap_or(0)
    }

    /// The operation that the current task is busy with.
    pub fn current_op(&self) -> Option<OpId> {
        self.lock().current_op()
    }

    /// A task that a thread has begun goes on for the thread's caller.
    pub fn work_on(&self, task: TaskId) {
        let mut inner = self.lock();
        if let Some(caller) = inner.threads.get(&current_task()).copied() {
            inner.threads.insert(task, caller);
        }
    }

    /// The current task is a thread that works for another one.
    pub fn work_for(&self, caller: TaskId) {
        self.lock().threads.insert(current_task(), caller);
    }

    pub fn note_token(&self, token: Token) {
        let mut inner = self.lock();
        if let Some(op) = inner.current_op() {
            inner.tokens.insert(token.0, op);
        }
    }

    pub fn note_fault(&self, op: Option<OpId>, error: &KvError) {
        let mut inner = self.lock();
        inner.trace.push(format!("      {op:?}: {error}"));
        if let Some(op) = op.and_then(|op| inner.ops.get_mut(op)) {
            op.faults += 1;
            op.unknown += u32::from(error.may_have_committed());
        }
    }

    /// An operation begins in the current task.
    pub fn begin(&self, owner: u32, actor: usize, what: What) -> OpId {
        let mut inner = self.lock();
        let id = inner.ops.len();
        let begun = inner.actors[actor].states.len() - 1;
        let damage = inner.damage_near(actor);
        let begun_all = inner.actors.iter().map(|log| log.states.len() - 1).collect();
        let begun_at = inner.moment;
        inner.trace.push(format!("{id}: process {owner}, actor {actor}: {}", short(&what)));
        inner.tasks.insert(current_task(), id);
        inner.ops.push(Op {
            owner,
            actor,
            what,
            begun,
            begun_all,
            begun_at,
            raised: None,
            committed: None,
            head_before: 0,
            pinned: BTreeSet::new(),
            unpinned: 0,
            lets_go: false,
            faults: 0,
            unknown: 0,
            damage,
            ruled_out: false,
            durable: BTreeSet::new(),
            refused: BTreeSet::new(),
            answered: BTreeSet::new(),
        });
        id
    }

    /// An operation has its answer, or was dropped: the current task goes on to something else.
    pub fn end(&self, id: OpId, answer: &str) {
        let mut inner = self.lock();
        inner.tasks.remove(&current_task());
        inner.trace.push(format!("{id}: -> {answer}"));
    }

    /// Notes what is wrong, if something is.
    pub fn judge(&self, what: &str, verdict: Result<(), String>) {
        if let Err(problem) = verdict {
            let mut inner = self.lock();
            let problem = format!("{what}: {problem}");
            inner.trace.push(format!("VIOLATION {problem}"));
            inner.violation.get_or_insert(problem);
        }
    }

    /// A transaction has taken place.
    pub fn committed(&self, op: Option<OpId>, mutations: &Mutations) {
        let verdict = self.lock().commit(op, mutations);
        self.judge(&format!("a transaction of operation {op:?}"), verdict);
    }
}

fn short(what: &What) -> String {
    match what {
        What::Commit(change) => {
            let pages: Vec<u32> = change.pages.keys().copied().collect();
            let Change { generation, base, size, .. } = change;
            format!("commit of {pages:?} as {generation:?} on {base:?}, size {size}")
        }
        What::Import(change) => format!("import of {} pages", change.size),
        What::Migrate(change) => format!("migration of {} pages", change.size),
        What::Other(name) => (*name).to_owned(),
        other => format!("{other:?}"),
    }
}

impl Inner {
    /// How often a row was damaged that the actor may show, and whether one is: one of its own, or, where there
    /// are forks, any.
    pub fn damage_near(&self, actor: usize) -> (u32, bool) {
        if !self.has_past {
            return self.actors[actor].damage;
        }
        let damages = self.actors.iter().map(|log| log.damage);
        damages.fold((0, false), |(times, now), damage| (times + damage.0, now || damage.1))
    }

    fn current_op(&self) -> Option<OpId> {
        let task = current_task();
        self.tasks.get(self.threads.get(&task).unwrap_or(&task)).copied()
    }
}
