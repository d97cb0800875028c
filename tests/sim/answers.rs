//! Whether an answer is one that its caller may get: of some moment between call and answer, and true.

use std::collections::BTreeSet;

use batondb::codec::RECENT_COMMITS_MAX;
use batondb::engine::{Outcome, PageSet, Startup, StoreError};
use batondb::types::{Meta, Origin};

use crate::audit::ensure;
use crate::content::hash;
use crate::world::{Inner, OpId, State, Version, What};

type Verdict = Result<(), String>;

/// The heads that may pass under a call before a read that takes several slices gives up.
const BEGINNINGS_MAX: usize = 8;

impl Inner {
    fn meta_fits(&self, actor: usize, state: State, meta: &Meta) -> bool {
        let version = self.version(actor, state);
        let page_size_fits = version.size == 0 || version.page_size == meta.page_size;
        state.live
            && page_size_fits
            && state.origin == meta.origin
            && (state.generation, version.txid, version.size)
                == (meta.generation.0, meta.head_txid.0, meta.size_pages.0)
    }

    /// Whether a row was damaged, at some moment while the operation ran.
    pub fn is_damaged(&self, id: OpId) -> bool {
        let (times, damaged) = self.damage_near(self.ops[id].actor);
        let (times_before, damaged_before) = self.ops[id].damage;
        damaged || damaged_before || times > times_before
    }

    /// The version behind a state that fits, at some moment while the operation ran.
    fn moment(&self, id: OpId, fits: impl Fn(State, &Version) -> bool) -> Option<&Version> {
        let actor = self.ops[id].actor;
        let state = self.window(id).iter().find(|state| fits(**state, self.version(actor, **state)))?;
        Some(self.version(actor, *state))
    }

    /// Whether an import has met an actor with data of its own, or somebody has come between.
    fn is_displaced(&self, id: OpId) -> bool {
        let raised = self.ops[id].raised.unwrap_or(self.window(id)[0].generation);
        let displaced = |state: State, _: &Version| {
            let has_data = state.live && state.origin != Origin::MigratingFromV1;
            has_data || state.generation > raised
        };
        self.moment(id, displaced).is_some()
    }

    /// An import of v1 data: its own, or one that was finished before (G2, G3, G7).
    pub fn judge_migration(&mut self, id: OpId, answer: &Result<Meta, StoreError>) -> Verdict {
        let actor = self.ops[id].actor;
        match answer {
            Ok(meta) if self.ops[id].committed.is_some() => self.judge_commit(id, &Ok(meta.head_txid.0)),
            Ok(meta) => {
                let finished = meta.origin == Origin::MigratedFromV1;
                let so = self.moment(id, |state, _| self.meta_fits(actor, state, meta)).is_some();
                ensure!(finished && so, "told {meta:?}, which was never so: {:?}", self.window(id));
                Ok(())
            }
            Err(error) => self.judge_commit(id, &Err(error.clone())),
        }
    }

    /// The reservation of an actor, or the reset of one.
    pub fn judge_reservation(&mut self, id: OpId, answer: &Result<bool, StoreError>) -> Verdict {
        let (raised, begun) = (self.ops[id].raised, self.window(id)[0].generation);
        match answer {
            Ok(true) => {
                // By itself, or by somebody who began anew before its answer was there.
                let replaced =
                    self.ops[id].faults > 0 && self.moment(id, |state, _| state.generation > begun).is_some();
                ensure!(raised.is_some() || replaced, "told that it reset something, and did not");
            }
            Ok(false) => ensure!(raised.is_none(), "told that there was nothing, and reset it: {raised:?}"),
            Err(error) => return self.judge_failure(id, error),
        }
        Ok(())
    }

    /// Who won, and the state that the answer names (G1, G2).
    pub fn judge_meta(&self, id: OpId, outcome: Outcome, meta: &Meta) -> Result<Version, String> {
        let (actor, begun) = (self.ops[id].actor, self.ops[id].begun);
        let version = self.moment(id, |state, _| self.meta_fits(actor, state, meta));
        let Some(version) = version else {
            return Err(format!("{meta:?} was never so: {:?}", self.window(id)));
        };
        if outcome == Outcome::Lost {
            let winner = self.actors[actor].won.get(&meta.generation.0);
            let raced = winner.is_some_and(|(op, at)| *op != id && *at > begun)
                && !self.is_of_an_import(actor, meta.generation.0)
                && !self.is_nobodys(actor, meta.generation.0);
            ensure!(raced, "lost against nobody: {meta:?}, won by {winner:?}");
        } else {
            let raised = self.ops[id].raised;
            ensure!(raised == Some(meta.generation.0), "won {}, raised {raised:?}", meta.generation);
        }
        Ok(version.clone())
    }

    /// A start: G1, G2, G8 and what it brings along. `chosen` are the pages asked for, within the budget of
    /// `pages_max`; hinted ones may come on top.
    pub fn judge_start(
        &mut self,
        id: OpId,
        answer: &Result<Startup, StoreError>,
        (chosen, pages_max): (&BTreeSet<u32>, usize),
    ) -> Verdict {
        let started = match answer {
            Ok(started) => started,
            Err(error) => return self.judge_failure(id, error),
        };
        let version = self.judge_meta(id, started.outcome, &started.meta)?;
        if started.outcome == Outcome::Lost {
            let nothing = started.pages.pages.is_empty() && started.hints.is_empty();
            ensure!(nothing, "a loser was given pages");
            return Ok(());
        }
        let expected: BTreeSet<u32> =
            chosen.iter().copied().filter(|page| *page <= version.size).take(pages_max).collect();
        let given: BTreeSet<u32> = started.pages.pages.iter().map(|page| page.get()).collect();
        ensure!(expected.is_subset(&given), "pages {given:?} came instead of {expected:?}");
        let hinted = given.len() == expected.len() || !started.hints.is_empty();
        ensure!(
            hinted && given.len() <= pages_max,
            "pages {given:?} came, {expected:?} of {pages_max} were asked for"
        );
        pages_fit(&started.pages, &version)
    }

    /// Pages: all of one head, which was current while the generation was held (G1, G8, G9).
    pub fn judge_pages(
        &mut self,
        id: OpId,
        answer: &Result<PageSet, StoreError>,
        (generation, head): (u64, Option<u64>),
        wanted: &BTreeSet<u32>,
    ) -> Verdict {
        let pages = match answer {
            Ok(pages) => pages,
            Err(error) => return self.judge_failure(id, error),
        };
        ensure!(
            head.is_none_or(|head| head == pages.head_txid.0),
            "asked for {head:?}, got {}",
            pages.head_txid
        );
        let fits = |state: State, version: &Version| {
            let given: BTreeSet<u32> = pages.pages.iter().map(|page| page.get()).collect();
            let expected: BTreeSet<u32> =
                wanted.iter().copied().filter(|page| *page <= version.size).collect();
            state.live
                && (state.generation, version.txid) == (generation, pages.head_txid.0)
                && given == expected
        };
        let Some(version) = self.moment(id, fits) else {
            let given: Vec<u32> = pages.pages.iter().map(|page| page.get()).collect();
            return Err(format!(
                "head {} with {given:?} was never so: {:?}",
                pages.head_txid,
                self.window(id)
            ));
        };
        pages_fit(pages, version)
    }

    /// A commit, an import, or one whose fate was asked for later (G3, G7).
    pub fn judge_commit(&mut self, id: OpId, answer: &Result<u64, StoreError>) -> Verdict {
        match answer {
            Ok(txid) => {
                let committed = self.ops[id].committed.map(|(txid, _)| txid);
                ensure!(committed == Some(*txid), "told {txid}, took place as {committed:?}");
                Ok(())
            }
            Err(StoreError::CommitUnknown { .. }) => {
                let op = &self.ops[id];
                ensure!(op.unknown > 0, "no answer was lost, and the outcome is unknown");
                let commits =
                    self.window(id).iter().map(|state| state.version).collect::<BTreeSet<_>>().len();
                // Either the store could not be asked any more, or the head has forgotten.
                let forgotten = commits > RECENT_COMMITS_MAX;
                let asked = op.faults > 1 || self.is_damaged(id);
                ensure!(forgotten || asked, "the store could tell, and was not asked: {op:?}");
                Ok(())
            }
            Err(error) => self.rule_out(id, error),
        }
    }

    /// The caller was told that nothing took place: it did not, and never will.
    pub fn rule_out(&mut self, id: OpId, error: &StoreError) -> Verdict {
        let op = &mut self.ops[id];
        op.ruled_out = true;
        ensure!(op.committed.is_none(), "it took place, and its caller was told {error}");
        self.judge_failure(id, error)
    }

    /// The answer to what became of the commit `of`.
    pub fn judge_resolution(
        &mut self,
        id: OpId,
        of: OpId,
        answer: &Result<Option<Meta>, StoreError>,
    ) -> Verdict {
        match answer {
            Ok(Some(meta)) => {
                let committed = self.ops[of].committed.map(|(txid, _)| txid);
                ensure!(committed == Some(meta.head_txid.0), "told {meta:?}, took place as {committed:?}");
                Ok(())
            }
            Ok(None) => {
                let op = &mut self.ops[of];
                op.ruled_out = true;
                ensure!(op.committed.is_none(), "it took place, and its caller was told that it did not");
                Ok(())
            }
            Err(error) => self.judge_failure(id, error),
        }
    }

    pub fn judge_stat(&mut self, id: OpId, answer: &Result<Option<Meta>, StoreError>) -> Verdict {
        let actor = self.ops[id].actor;
        let fits = match answer {
            Ok(Some(meta)) => self.moment(id, |state, _| self.meta_fits(actor, state, meta)).is_some(),
            Ok(None) => self.moment(id, |state, _| !state.live).is_some(),
            Err(error) => return self.judge_failure(id, error),
        };
        ensure!(fits, "{answer:?} was never so: {:?}", self.window(id));
        Ok(())
    }

    pub fn judge_deletion(&mut self, id: OpId, answer: &Result<bool, StoreError>) -> Verdict {
        let deleted = self.ops[id].raised.is_some();
        match answer {
            // Of a deletion whose answer was lost nobody can say whose it was once the actor was made again.
            Ok(true) => {
                let gone = self.ops[id].faults > 0 && self.moment(id, |state, _| !state.live).is_some();
                // An import that begins anew makes another actor of an unfinished one: what was to be deleted is gone.
                let before = self.window(id)[0].generation;
                let anew = |state: State, _: &Version| {
                    state.origin == Origin::MigratingFromV1 && state.generation > before
                };
                let gone = gone || self.moment(id, anew).is_some();
                ensure!(deleted || gone, "told that it deleted something, and did not");
            }
            Ok(false) => {
                let absent = self.moment(id, |state, _| !state.live).is_some();
                ensure!(absent && !deleted, "told that there was nothing: {:?}", self.window(id));
            }
            Err(error) => return self.judge_failure(id, error),
        }
        Ok(())
    }

    /// An error must be true, and have a cause that its caller cannot be spared.
    pub fn judge_failure(&self, id: OpId, error: &StoreError) -> Verdict {
        let op = &self.ops[id];
        let fits = match error {
            StoreError::FenceMismatch { held, current, held_head_txid, current_head_txid, .. } => {
                let differs = held != current || held_head_txid != current_head_txid;
                let seen = self.moment(id, |state, version| {
                    state.live && (state.generation, version.txid) == (current.0, current_head_txid.0)
                });
                differs && seen.is_some()
            }
            StoreError::NotFound { actor } => {
                let whose = self.shadow.index_of(actor).unwrap_or(op.actor);
                self.window_of(id, whose).iter().any(|state| !state.live)
            }
            // Somebody else took over, or the own stage was rolled back by another holder.
            StoreError::ConcurrentTakeover { .. } => match op.what {
                What::Migrate(_) | What::Prepare => self.is_displaced(id),
                _ => matches!(op.what, What::Import(_) | What::Commit(_) | What::Sql { .. } | What::Burst(_)),
            },
            // It has data of its own, which an import would replace.
            StoreError::Occupied { .. } => {
                let has_data =
                    |state: State, _: &Version| state.live && state.origin != Origin::MigratingFromV1;
                matches!(op.what, What::Migrate(_) | What::Prepare) && self.moment(id, has_data).is_some()
            }
            StoreError::MigrationIncomplete { actor } => {
                let whose = self.shadow.index_of(actor).unwrap_or(op.actor);
                let migrating = |state: &State| state.live && state.origin == Origin::MigratingFromV1;
                self.window_of(id, whose).iter().any(migrating)
            }
            StoreError::Unavailable(message) => {
                let versions: BTreeSet<usize> = self.window(id).iter().map(|state| state.version).collect();
                let moved = message.contains("the head moved") && versions.len() >= BEGINNINGS_MAX;
                op.faults > 0 || moved || message.contains("given up half way")
            }
            StoreError::InvalidArg(message) => {
                let has_pages = |state: State, version: &Version| state.live && version.size > 0;
                match op.what {
                    What::Import(_) => message.contains("already") && self.moment(id, has_pages).is_some(),
                    What::Fork(..) | What::Pin(_) => self.is_history_so(id, error),
                    // Of another page size since an import, which also moved the head.
                    _ => false,
                }
            }
            StoreError::Corrupt { actor, .. } => actor.is_some() && self.is_damaged(id),
            StoreError::NotRetained { .. } | StoreError::Exists { .. } => self.is_history_so(id, error),
            StoreError::Closed => self.closed.contains(&op.owner),
            StoreError::Unusable(message) => {
                let is_loss = message.contains("since the last flushed()");
                let has_cause = op.faults > 0 || self.is_damaged(id) || self.closed.contains(&op.owner);
                is_loss && has_cause && matches!(&op.what, What::Burst(burst) if burst.is_deferred)
            }
            _ => false,
        };
        ensure!(fits, "{error} ({error:?}) is not true or has no cause; {op:?} in {:?}", self.window(id));
        Ok(())
    }
}

/// Every page is the one that this version has, and zeros where it has none.
pub fn pages_fit(pages: &PageSet, version: &Version) -> Verdict {
    let zeros = hash(&vec![0; pages.page_size.bytes()]);
    for (page, bytes) in pages.pages.iter().zip(pages.data.chunks_exact(pages.page_size.bytes())) {
        let expected = version.pages.get(&page.get()).copied().unwrap_or(zeros);
        ensure!(hash(bytes) == expected, "page {page} is not the one of head {}", version.txid);
    }
    Ok(())
}
