//! Whether a deferred database keeps its word: a gate opens when what it covers is durable, what is lost is lost from
//! the end on, and whoever has lost something hears so, and can do nothing more.

use std::collections::BTreeSet;

use batondb::database::{Answer, DatabaseError};
use batondb::engine::StoreError;

use crate::audit::ensure;
use crate::burst::{Burst, parsed};
use crate::sql_client::text;
use crate::world::{Inner, OpId};

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Write(usize),
    Read,
    /// The gate.
    Flush,
    /// The end of the database, which is a gate, too.
    Close,
}

/// A call and its answer.
#[derive(Debug)]
pub struct Told {
    pub asked: Asked,
    pub answer: Result<Answer, DatabaseError>,
    /// What was durable when the answer came.
    pub durable: BTreeSet<usize>,
    /// Whether its caller knew of a loss before it asked.
    pub after_loss: bool,
}

/// What its caller knows of a database.
#[derive(Debug, Default)]
pub struct Knowledge {
    /// The error of a loss, and whether it came from a gate.
    pub lost: Option<(StoreError, bool)>,
    /// Whether a call has been told that runs in the order of the calls.
    lost_in_turn: bool,
}

/// Whether each of these is durable that comes before a durable one.
pub fn has_no_gap(durable: &BTreeSet<usize>, answered: &BTreeSet<usize>) -> bool {
    let last = durable.last().copied().unwrap_or(0);
    answered.range(..last).all(|index| durable.contains(index))
}

/// The error by which a deferred database says that it has lost something, whichever call it is.
fn loss_of(answer: &Result<Answer, DatabaseError>) -> Option<&StoreError> {
    let Err(DatabaseError::Store(error)) = answer else { return None };
    let is_loss = match error {
        StoreError::FenceMismatch { .. } | StoreError::NotFound { .. } | StoreError::CommitUnknown { .. } => {
            true
        }
        StoreError::Unusable(message) => message.contains("since the last flushed()"),
        _ => false,
    };
    is_loss.then_some(error)
}

impl Inner {
    /// The answer of one call. They are judged in the order of the calls.
    pub fn judge_of_stream(
        &mut self,
        id: OpId,
        burst: &Burst,
        knowledge: &mut Knowledge,
        told: &Told,
    ) -> Result<(), String> {
        let loss = loss_of(&told.answer);
        if told.asked != Asked::Close {
            let knew = told.after_loss || (knowledge.lost_in_turn && told.asked != Asked::Flush);
            let known = knowledge.lost.as_ref().map(|(error, _)| error.code());
            let busy = matches!(told.answer, Err(DatabaseError::Busy(_)));
            ensure!(
                !knew || busy || loss.map(StoreError::code) == known,
                "{known:?} was told, and then {told:?}"
            );
        }
        match (&told.asked, &told.answer) {
            (Asked::Write(index), Ok(_)) => {
                self.ops[id].answered.insert(*index);
            }
            (Asked::Write(index), Err(_)) if loss.is_none() || told.after_loss => self.refuse(id, *index)?,
            (Asked::Read, Ok(_)) => {
                let read = text(&told.answer).map_err(|error| error.to_string())?.unwrap_or_default();
                let expected = burst.table_with(&self.ops[id].answered);
                ensure!(parsed(&read)? == expected, "read {read} instead of {expected:?}");
            }
            (Asked::Flush, Ok(_)) => self.are_durable(id, told)?,
            (Asked::Close, Ok(_)) if knowledge.lost.is_none() => self.are_durable(id, told)?,
            (Asked::Close, Err(_)) => {
                let from_gate = knowledge.lost.as_ref().is_some_and(|(_, from_gate)| *from_gate);
                ensure!(loss.is_some() && !from_gate, "told at close: {told:?}, known {knowledge:?}");
            }
            // A write that has heard of a loss may be there, together with those that were lost.
            _ => {}
        }
        let op = &self.ops[id];
        ensure!(
            has_no_gap(&op.durable, &op.answered),
            "later transactions are there, and earlier ones are not: {op:?}"
        );
        self.note_loss(id, knowledge, told);
        match &told.answer {
            Ok(_) | Err(DatabaseError::Busy(_)) => Ok(()),
            Err(DatabaseError::Store(StoreError::CommitUnknown { .. })) => {
                ensure!(self.ops[id].unknown > 0, "no answer was lost, and the outcome is unknown");
                Ok(())
            }
            Err(DatabaseError::Store(error)) => self.judge_failure(id, error),
            Err(other) => Err(other.to_string()),
        }
    }

    /// It did not take place, and never will.
    fn refuse(&mut self, id: OpId, index: usize) -> Result<(), String> {
        let op = &mut self.ops[id];
        ensure!(!op.durable.contains(&index), "{index} took place, and its caller was told that it did not");
        op.refused.insert(index);
        Ok(())
    }

    /// A gate has opened.
    fn are_durable(&self, id: OpId, told: &Told) -> Result<(), String> {
        let answered = &self.ops[id].answered;
        let durable = &told.durable;
        ensure!(answered.is_subset(durable), "{:?} with {durable:?} durable of {answered:?}", told.asked);
        Ok(())
    }

    fn note_loss(&mut self, id: OpId, knowledge: &mut Knowledge, told: &Told) {
        let Some(loss) = loss_of(&told.answer) else { return };
        let is_gate = matches!(told.asked, Asked::Flush | Asked::Close);
        knowledge.lost_in_turn |= !is_gate;
        if knowledge.lost.is_none() {
            *self.tally.entry("losses").or_default() += 1;
        }
        let (_, from_gate) = knowledge.lost.get_or_insert_with(|| (loss.clone(), false));
        *from_gate |= is_gate;
        // A commit that has failed for sure does not take place later.
        self.ops[id].ruled_out |= !matches!(loss, StoreError::CommitUnknown { .. });
    }
}
