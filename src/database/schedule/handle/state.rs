//! The state that changes while a database is open: its calls, its transactions, and how it ends.

use std::collections::VecDeque;

use futures::future::AbortHandle;
use tracing::Span;

use crate::database::call::{Call, Reply};
use crate::database::error::DatabaseError;
use crate::database::interrupt::CallNumber;
use crate::database::schedule::queue::Queue;

/// The changing state of a database, under one lock.
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub(super) struct State {
    pub(super) queue: Queue<(Call, Reply, Span)>,
    pub(super) running: Option<(CallNumber, u32, u32)>,
    /// Whether what runs is over soon: the upkeep of the database, or a call that runs no SQL.
    pub(super) is_brief: bool,
    /// Whether a caller's thread waits for the end of that.
    pub(super) is_awaited: bool,
    pub(super) deadlines: Vec<Deadline>,
    pub(super) expired: VecDeque<u32>,
    pub(super) ended: Ended,
    pub(super) loose: Loose,
    pub(super) shrink: bool,
    /// Whether a commit has failed, and what is open above it has to be undone.
    pub(super) has_lost: bool,
    pub(super) abandoned: Abandoned,
    /// Whether the database is in the queue of the pool, or on one of its threads.
    pub(super) scheduled: bool,
    pub(super) closed: bool,
}

/// How many ended transactions are remembered.
const ENDED_MAX: usize = 64;

/// An open transaction's deadline.
pub(super) struct Deadline {
    pub(super) scope: u32,
    pub(super) timeout_ms: u64,
    pub(super) timer: AbortHandle,
}

/// The answer to a call of a transaction that has ended normally.
pub(super) fn over() -> DatabaseError {
    DatabaseError::Closed("the transaction is over".to_owned())
}

/// Why transactions have ended, for calls that still come. The oldest are forgotten.
#[derive(Default)]
pub(super) struct Ended(VecDeque<(u32, DatabaseError)>);

impl Ended {
    pub(super) fn note(&mut self, scope: u32, why: &DatabaseError) {
        // A transaction that ended normally needs no entry.
        if *why == over() {
            return;
        }
        if self.0.len() >= ENDED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((scope, why.clone()));
    }

    pub(super) fn why(&self, scope: u32) -> DatabaseError {
        let noted = self.0.iter().rev().find(|(ended, _)| *ended == scope);
        noted.map_or_else(over, |(_, why)| why.clone())
    }
}

/// A transaction that statements have begun.
#[derive(Default)]
pub(super) struct Loose {
    pub(super) stage: Stage,
    /// How many of them there were.
    pub(super) count: u64,
    /// Whether the next turn rolls it back.
    pub(super) is_due: bool,
}

/// Its current stage.
#[derive(Default)]
pub(super) enum Stage {
    #[default]
    None,
    Open {
        timer: AbortHandle,
    },
    /// Rolled back at its deadline, and no caller has seen the error yet.
    Lost {
        wrote: bool,
    },
}

impl Loose {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open { .. })
    }

    pub(super) fn end(&mut self) {
        if let Stage::Open { timer } = std::mem::take(&mut self.stage) {
            timer.abort();
        }
        self.is_due = false;
    }
}

/// Whether the callers of a database are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abandoned {
    No,
    /// The next turn closes the database.
    Now,
    /// A turn closes it, or has closed it.
    Before,
}

impl Abandoned {
    /// Whether this is the turn that closes the database.
    pub(super) fn take(&mut self) -> bool {
        let is_now = *self == Self::Now;
        if is_now {
            *self = Self::Before;
        }
        is_now
    }
}
