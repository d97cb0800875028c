//! What each transaction has done: who did it, whether they were allowed to, and what the actor shows since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use batondb::codec::Head;
use batondb::kv::Mutations;
use batondb::types::{Origin, Token};

use crate::audit::{By, FenceStep, HeadStep, Raised, cleanups_are_noted, ensure, fence_step, head_step};
use crate::burst::{self, Burst};
use crate::stream;
use crate::world::{Inner, Op, OpId, State, Version, What};

/// Whoever raises a fence for nobody is known by the commit that comes with it.
fn of_the_commit(fenced: FenceStep, step: &HeadStep) -> FenceStep {
    match (fenced, step) {
        (FenceStep::Raised(raised), HeadStep::Committed { mark, .. }) if raised.token == Token::NOBODY => {
            FenceStep::Raised(Raised { token: mark.token, ..raised })
        }
        (fenced, _) => fenced,
    }
}

impl Inner {
    /// A transaction has taken place: what it wrote must be a step that somebody may take.
    pub fn commit(&mut self, op: Option<OpId>, mutations: &Mutations) -> Result<(), String> {
        let before: Vec<_> = self.shadow.actors.iter().map(|rows| (rows.fence, rows.head())).collect();
        let changes = self.shadow.apply(mutations)?;
        self.moment += 1;
        for &actor in &changes.actors {
            let (fence, head) = &before[actor];
            let rows = &self.shadow.actors[actor];
            let fenced = fence_step(fence.as_ref(), rows.fence.as_ref())?;
            let after = rows.head();
            let deletes =
                matches!(fenced, Some(FenceStep::Raised(Raised { by: By::Deletion, live: false, .. })));
            let raised = matches!(fenced, Some(FenceStep::Raised(_)));
            let step = head_step(head, &after, (deletes, raised))?;
            let fenced = fenced.map(|fenced| of_the_commit(fenced, &step));
            self.note_step(actor, fenced, &step, &after)?;
            let rows = &self.shadow.actors[actor];
            cleanups_are_noted(rows)?;
            let state = self.actors[actor].states.last().unwrap();
            let version = &self.actors[actor].versions[state.version];
            let shown = self.shadow.visible(actor);
            ensure!(
                shown == *version.pages,
                "actor {actor} shows {:?} instead of {:?} at head {after:?}",
                shown,
                version.pages
            );
            self.trace.push(format!(
                "      {op:?} actor {actor}: generation {} head {} size {} next {} stage {:?} untrimmed {:?} unswept {} rows {} past {}",
                state.generation, after.txid, after.size_pages.0, after.next_txid, after.open_stage.map(|stage| (stage.txid.0, stage.aborted)),
                after.untrimmed_above.map(|above| above.0), after.unswept, rows.pages.len(), rows.past
            ));
        }
        self.check_past(op, &changes)
    }

    /// Who did it, and were they allowed to?
    fn note_step(
        &mut self,
        actor: usize,
        fenced: Option<FenceStep>,
        step: &HeadStep,
        head: &Head,
    ) -> Result<(), String> {
        let log = &self.actors[actor];
        let mut state = *log.states.last().unwrap();
        let was_migrating = state.live && state.origin == Origin::MigratingFromV1;
        match fenced {
            Some(FenceStep::Raised(raised)) => state = self.raise(actor, state, raised)?,
            Some(FenceStep::Finished) => {
                let commits = matches!(step, HeadStep::Committed { .. });
                ensure!(commits, "an import ended without its content: {step:?}");
                state.origin = Origin::MigratedFromV1;
                *self.tally.entry("migrations").or_default() += 1;
            }
            Some(FenceStep::Arrived) => {
                let commits = matches!(step, HeadStep::Committed { .. });
                ensure!(commits, "an actor came without its content: {step:?}");
                state.live = true;
                *self.tally.entry("arrivals").or_default() += 1;
            }
            Some(FenceStep::Renewed) => *self.tally.entry("renewed leases").or_default() += 1,
            None => {}
        }
        let finishes = matches!(fenced, Some(FenceStep::Finished));
        let commits = matches!(step, HeadStep::Committed { .. });
        ensure!(!was_migrating || !commits || finishes, "a commit into an unfinished import: {step:?}");
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
                let before = self.actors[actor].versions[state.version].txid;
                let version = self.extend(op, actor, state, head)?;
                self.ops[op].head_before = before;
                if let (What::Burst(burst), Some(table)) = (&self.ops[op].what, &version.table) {
                    self.ops[op].durable = burst.transactions_in(table);
                }
                self.actors[actor].versions.push(version);
                state.version = self.actors[actor].versions.len() - 1;
                self.actors[actor].copies.insert(head.txid.0, state.version);
                self.ops[op].committed = Some((head.txid.0, self.actors[actor].states.len()));
                *self.tally.entry(if *staged { "staged commits" } else { "commits" }).or_default() += 1;
            }
        }
        if self.actors[actor].states.last() != Some(&state) {
            self.actors[actor].states.push(state);
        }
        Ok(())
    }

    /// The state after a fence was raised, if whoever did it may.
    fn raise(&mut self, actor: usize, before: State, raised: Raised) -> Result<State, String> {
        let id = self.tokens.get(&raised.token.0).copied().ok_or("a fence with a token that nobody drew")?;
        let of_an_import = self.is_of_an_import(actor, before.generation);
        let of_nobody = self.is_nobodys(actor, before.generation);
        let op = &mut self.ops[id];
        ensure!(op.actor == actor, "operation {id} of another actor raised the fence");
        // A start whose first success was deleted before its answer arrived makes the actor again, also behind an
        // import or a restore that has come in between. An import that gives up raises the fence once more.
        let starts = matches!(op.what, What::Start | What::Import(_));
        let sets_back = matches!(op.what, What::Restore(_)) && before.live;
        let forks = matches!(op.what, What::Fork(..)) && !before.live;
        let again = op.raised.is_none()
            || (starts && (!before.live || of_an_import || of_nobody))
            || (raised.by == By::GivingUp && op.raised == Some(before.generation));
        ensure!(again, "operation {id} raised the fence twice");
        let migrating = before.live && before.origin == Origin::MigratingFromV1;
        let may = match raised.by {
            By::Takeover if sets_back || forks => !migrating,
            By::Takeover => starts && !migrating && (before.live || matches!(op.what, What::Start)),
            By::Claim => matches!(op.what, What::Import(_)) && !before.live,
            By::Deletion => matches!(op.what, What::Delete),
            By::Import => matches!(op.what, What::Migrate(_) | What::Prepare) && (migrating || !before.live),
            By::GivingUp => matches!(op.what, What::Migrate(_)) && migrating,
            By::Reset => matches!(op.what, What::Reset) && migrating,
        };
        ensure!(may, "operation {id} may not raise this fence ({raised:?}): {op:?} in {before:?}");
        op.raised = Some(raised.generation);
        op.ruled_out |= raised.by == By::GivingUp;
        let (name, origin) = match raised.by {
            By::Takeover if sets_back => ("restores", before.origin),
            By::Takeover if forks => ("forks", Origin::Native),
            By::Takeover if before.live => ("takeovers", before.origin),
            By::Takeover => ("takeovers", Origin::Native),
            By::Deletion => ("deletions", before.origin),
            By::Claim => ("claims", Origin::Native),
            By::Import => ("imports of v1", Origin::MigratingFromV1),
            By::GivingUp => ("imports of v1 given up", Origin::MigratingFromV1),
            By::Reset => ("imports of v1 reset", Origin::MigratingFromV1),
        };
        *self.tally.entry(name).or_default() += 1;
        let at = self.actors[actor].states.len();
        self.actors[actor].won.insert(raised.generation, (id, at));
        Ok(State { generation: raised.generation, live: raised.live, origin, version: before.version })
    }

    /// Whether a generation is one that no owner has raised.
    pub fn is_of_an_import(&self, actor: usize, generation: u64) -> bool {
        let winner = self.actors[actor].won.get(&generation);
        winner.is_some_and(|(op, _)| {
            matches!(self.ops[*op].what, What::Migrate(_) | What::Prepare | What::Reset)
        })
    }

    /// Whether nobody owns a generation: a restore or a fork has raised it.
    pub fn is_nobodys(&self, actor: usize, generation: u64) -> bool {
        let winner = self.actors[actor].won.get(&generation);
        winner.is_some_and(|(op, _)| matches!(self.ops[*op].what, What::Restore(_) | What::Fork(..)))
    }

    /// The content after a commit, if it was one that its operation may make now (G1, G3).
    fn extend(&self, id: OpId, actor: usize, state: State, head: &Head) -> Result<Version, String> {
        let op = &self.ops[id];
        let base = &self.actors[actor].versions[state.version];
        ensure!(op.actor == actor, "operation {id} of another actor committed");
        let is_burst = matches!(op.what, What::Burst(_));
        ensure!(op.committed.is_none() || is_burst, "operation {id} committed twice: {op:?}");
        ensure!(!op.ruled_out, "operation {id} took place after its caller was told that it did not: {op:?}");
        if let What::Burst(burst) = &op.what {
            return self.extend_by_burst(op, burst, (actor, state, base.txid), head);
        }
        if matches!(op.what, What::Restore(_) | What::Fork(..)) {
            return self.taken_from_the_past(id, actor, state, head);
        }
        if let What::Sql { generation, base: base_txid, after } = &op.what {
            let may = state.live && *generation == state.generation && *base_txid == base.txid;
            ensure!(may, "fenced, and committed all the same: {op:?} in {state:?}, head {}", base.txid);
            let (txid, size, page_size) = (head.txid.0, head.size_pages.0, head.page_size);
            // What SQLite writes is checked by what it reads.
            let pages = Arc::new(self.shadow.visible(actor));
            return Ok(Version { txid, size, page_size, pages, table: Some(after.clone()) });
        }
        let (What::Commit(change) | What::Import(change) | What::Migrate(change)) = &op.what else {
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

    /// The content after a commit of several transactions: each is in it as a whole or not at all, none that was
    /// there is missing, and none that its caller was told is lost.
    fn extend_by_burst(
        &self,
        op: &Op,
        burst: &Burst,
        (actor, state, base): (usize, State, u64),
        head: &Head,
    ) -> Result<Version, String> {
        let last = op.committed.map_or(burst.base, |(txid, _)| txid);
        let may = state.live && burst.generation == state.generation && last == base;
        ensure!(may, "fenced, and committed all the same: {op:?} in {state:?}, head {base}");
        let (txid, size, page_size) = (head.txid.0, head.size_pages.0, head.page_size);
        let pages = self.shadow.visible(actor);
        let table = burst::table_of(&self.shadow.file(&pages, size, page_size.bytes()))?;
        let durable = burst.transactions_in(&table);
        ensure!(
            table == burst.table_with(&durable),
            "head {txid} has parts of transactions: {table:?} of {op:?}"
        );
        ensure!(durable.is_superset(&op.durable), "transactions vanished: {durable:?} of {op:?}");
        ensure!(
            !burst.is_deferred || stream::has_no_gap(&durable, &op.answered),
            "later transactions are there, and earlier ones are not: {durable:?} of {op:?}"
        );
        ensure!(
            durable.is_disjoint(&op.refused),
            "transactions that were refused are there: {durable:?} of {op:?}"
        );
        Ok(Version { txid, size, page_size, pages: Arc::new(pages), table: Some(table) })
    }

    /// The states of an operation's actor from its beginning until now.
    pub fn window(&self, id: OpId) -> &[State] {
        let op = &self.ops[id];
        &self.actors[op.actor].states[op.begun..]
    }

    /// The states of any actor while an operation ran.
    pub fn window_of(&self, id: OpId, actor: usize) -> &[State] {
        &self.actors[actor].states[self.ops[id].begun_all[actor]..]
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
