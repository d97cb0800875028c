//! Everything that happened: the operations, what the store held after each transaction, and whether the two
//! fit. Operations are judged when they are answered, transactions when they take place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use batondb::codec::Head;
use batondb::kv::{KvError, Mutations};
use batondb::types::{ActorId, PageSize, Token};

use crate::audit::{HeadStep, Raised, debts_are_noted, ensure, fence_step, head_step, visible};
use crate::content::Content;
use crate::scheduler::{TaskId, current_task};
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
    Delete,
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
    /// The generation that it raised the fence to.
    pub raised: Option<u64>,
    /// The txid of its commit, and the state after it.
    pub committed: Option<(u64, usize)>,
    /// Backend operations that failed, and those among them whose outcome is unknown.
    pub faults: u32,
    pub unknown: u32,
    /// How often its actor had been damaged when it began, and whether it was then.
    pub damage: (u32, bool),
    /// Its caller was told that it did not take place.
    pub ruled_out: bool,
}

pub struct Inner {
    pub actors: Vec<ActorLog>,
    pub ops: Vec<Op>,
    pub shadow: Shadow,
    tokens: BTreeMap<[u8; 16], OpId>,
    tasks: BTreeMap<TaskId, OpId>,
    /// The callers that threads work for.
    threads: BTreeMap<TaskId, TaskId>,
    pub trace: Vec<String>,
    pub violation: Option<String>,
    pub tally: BTreeMap<&'static str, u64>,
    /// The processes whose stores were closed.
    pub closed: BTreeSet<u32>,
}

/// A handle on the history.
#[derive(Clone)]
pub struct World(Arc<Mutex<Inner>>);

impl World {
    pub fn new(actors: &[ActorId]) -> Self {
        let nothing =
            || Version { txid: 0, size: 0, page_size: PageSize::DEFAULT, pages: Arc::default(), table: None };
        let log = || ActorLog {
            versions: vec![nothing()],
            states: vec![State { generation: 0, live: false, version: 0 }],
            won: BTreeMap::new(),
            damage: (0, false),
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
        let damage = inner.actors[actor].damage;
        inner.trace.push(format!("{id}: process {owner}, actor {actor}: {}", short(&what)));
        inner.tasks.insert(current_task(), id);
        inner.ops.push(Op {
            owner,
            actor,
            what,
            begun,
            raised: None,
            committed: None,
            faults: 0,
            unknown: 0,
            damage,
            ruled_out: false,
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
        What::Other(name) => (*name).to_owned(),
        other => format!("{other:?}"),
    }
}

impl Inner {
    fn current_op(&self) -> Option<OpId> {
        let task = current_task();
        self.tasks.get(self.threads.get(&task).unwrap_or(&task)).copied()
    }

    fn commit(&mut self, op: Option<OpId>, mutations: &Mutations) -> Result<(), String> {
        let before: Vec<_> = self.shadow.actors.iter().map(|rows| (rows.fence, rows.head())).collect();
        for actor in self.shadow.apply(mutations)? {
            let (fence, head) = &before[actor];
            let rows = &self.shadow.actors[actor];
            let raised = fence_step(fence.as_ref(), rows.fence.as_ref())?;
            let after = rows.head();
            let step = head_step(head, &after, raised.is_some_and(|raised| raised.deleted))?;
            self.note_step(actor, raised, &step, &after)?;
            let rows = &self.shadow.actors[actor];
            debts_are_noted(rows)?;
            let state = self.actors[actor].states.last().unwrap();
            let version = &self.actors[actor].versions[state.version];
            let shown = visible(rows);
            ensure!(
                shown == *version.pages,
                "actor {actor} shows {:?} instead of {:?} at head {after:?}",
                shown,
                version.pages
            );
            self.trace.push(format!(
                "      {op:?} actor {actor}: generation {} head {} size {} next {} stage {:?} untrimmed {:?} unswept {} rows {}",
                state.generation, after.txid, after.size_pages.0, after.next_txid, after.open_stage.map(|stage| (stage.txid.0, stage.doomed)),
                after.untrimmed_above.map(|above| above.0), after.unswept, rows.pages.len()
            ));
        }
        Ok(())
    }

    /// Who did it, and were they allowed to?
    fn note_step(
        &mut self,
        actor: usize,
        raised: Option<Raised>,
        step: &HeadStep,
        head: &Head,
    ) -> Result<(), String> {
        let log = &self.actors[actor];
        let mut state = *log.states.last().unwrap();
        if let Some(raised) = raised {
            let op =
                self.tokens.get(&raised.token.0).copied().ok_or("a fence with a token that nobody drew")?;
            self.raise(op, actor, raised)?;
            state.generation = raised.generation;
            state.live = !raised.deleted;
            let at = self.actors[actor].states.len();
            self.actors[actor].won.insert(raised.generation, (op, at));
            *self.tally.entry(if raised.deleted { "deletions" } else { "takeovers" }).or_default() += 1;
        }
        match step {
            HeadStep::Tidied => {}
            HeadStep::Emptied => {
                let version = Version {
                    size: 0,
                    pages: Arc::default(),
                    table: None,
                    ..self.actors[actor].versions[state.version].clone()
                };
                self.actors[actor].versions.push(version);
                state.version = self.actors[actor].versions.len() - 1;
            }
            HeadStep::Committed { mark, staged } => {
                let op = self
                    .tokens
                    .get(&mark.token.0)
                    .copied()
                    .ok_or("a commit with a token that nobody drew")?;
                let version = self.extend(op, actor, state, head)?;
                self.actors[actor].versions.push(version);
                state.version = self.actors[actor].versions.len() - 1;
                self.ops[op].committed = Some((head.txid.0, self.actors[actor].states.len()));
                *self.tally.entry(if *staged { "staged commits" } else { "commits" }).or_default() += 1;
            }
        }
        if self.actors[actor].states.last() != Some(&state) {
            self.actors[actor].states.push(state);
        }
        Ok(())
    }

    fn raise(&mut self, id: OpId, actor: usize, raised: Raised) -> Result<(), String> {
        let live_before = self.actors[actor].states.last().map(|state| state.live);
        let op = &mut self.ops[id];
        ensure!(op.actor == actor, "operation {id} of another actor raised the fence");
        // A start whose first success was deleted before its answer arrived makes the actor again.
        let again = op.raised.is_none()
            || (live_before == Some(false) && matches!(op.what, What::Start | What::Import(_)));
        ensure!(again, "operation {id} raised the fence twice");
        let may = match op.what {
            What::Start | What::Import(_) => !raised.deleted,
            What::Delete => raised.deleted,
            _ => false,
        };
        ensure!(may, "operation {id} is none that raises the fence: {op:?}");
        op.raised = Some(raised.generation);
        Ok(())
    }

    /// The content after a commit, if it was one that its operation may make now (G1, G3).
    fn extend(&self, id: OpId, actor: usize, state: State, head: &Head) -> Result<Version, String> {
        let op = &self.ops[id];
        let base = &self.actors[actor].versions[state.version];
        ensure!(op.actor == actor, "operation {id} of another actor committed");
        ensure!(op.committed.is_none(), "operation {id} committed twice: {op:?}");
        ensure!(!op.ruled_out, "operation {id} took place after its caller was told that it did not: {op:?}");
        if let What::Sql { generation, base: base_txid, after } = &op.what {
            let may = state.live && *generation == state.generation && *base_txid == base.txid;
            ensure!(may, "fenced, and committed all the same: {op:?} in {state:?}, head {}", base.txid);
            let (txid, size, page_size) = (head.txid.0, head.size_pages.0, head.page_size);
            // What SQLite writes is checked by what it reads.
            let pages = Arc::new(visible(&self.shadow.actors[actor]));
            return Ok(Version { txid, size, page_size, pages, table: Some(after.clone()) });
        }
        let (What::Commit(change) | What::Import(change)) = &op.what else {
            return Err(format!("operation {id} is none that commits: {op:?}"));
        };
        let held = change.generation.or(op.raised);
        ensure!(
            state.live && held == Some(state.generation),
            "fenced, and committed all the same: {op:?} in {state:?}"
        );
        let lineage = change.base.is_none_or(|base_txid| base_txid == base.txid);
        ensure!(lineage, "the head moved from {} under {op:?}", base.txid);
        let page_size_fits = change.size == 0 || head.page_size == change.page_size;
        let fits = head.size_pages.0 == change.size && page_size_fits;
        ensure!(fits, "committed {head:?} instead of {change:?}");
        let mut pages = match change.base {
            Some(_) => (*base.pages).clone(),
            None => BTreeMap::new(),
        };
        pages.extend(&change.pages);
        pages.retain(|page, _| *page <= change.size);
        Ok(Version {
            txid: head.txid.0,
            size: change.size,
            page_size: head.page_size,
            pages: Arc::new(pages),
            table: base.table.clone(),
        })
    }

    /// The states of an operation's actor from its beginning until now.
    pub fn window(&self, id: OpId) -> &[State] {
        let op = &self.ops[id];
        &self.actors[op.actor].states[op.begun..]
    }

    pub fn version(&self, actor: usize, state: State) -> &Version {
        &self.actors[actor].versions[state.version]
    }

    /// The live actors now.
    pub fn live(&self) -> BTreeSet<usize> {
        let is_live = |actor: &usize| self.actors[*actor].states.last().is_some_and(|state| state.live);
        (0..self.actors.len()).filter(is_live).collect()
    }
}
