//! What an audit finds.

use crate::codec::{Fence, Head};
use crate::types::{ActorId, PageNumber, Txid};

/// How many problems of one actor are reported in full; further ones are only counted.
const PROBLEMS_MAX: usize = 1_000;

/// How serious a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Data is damaged, or will be.
    Error,
    /// Something is left over, or is ignored; no data is lost because of it.
    Warning,
}

/// The kind of row that has a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// The store's own.
    Store,
    /// Who owns an actor.
    Fence,
    /// What is committed.
    Head,
    /// A version of a page.
    Page,
    /// A manifest of a stage.
    Stage,
    /// What to preload.
    Hints,
    /// Which states of the past are kept.
    History,
    /// A state that is kept.
    Point,
    /// What keeps a state.
    Pin,
    /// What lies below a line of commits.
    Line,
    /// A kind that this release does not write.
    Unknown,
    /// No row: what a store in a directory has written down about a state that is whole on the disk.
    Checkpoint,
    /// No row: the journal behind it.
    Journal,
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The actor concerned.
    pub actor: Option<ActorId>,
    /// The kind of row.
    pub kind: RowKind,
    /// The page, if the row is one.
    pub page: Option<PageNumber>,
    /// The txid in the row's key.
    pub txid: Option<Txid>,
    /// How serious it is.
    pub severity: Severity,
    /// A description for people.
    pub detail: String,
}

/// A list of problems, the first ones in full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// In the order in which they were found.
    pub told: Vec<Problem>,
    /// How many more there are.
    pub omitted: u64,
}

impl Problems {
    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        if self.told.len() < PROBLEMS_MAX {
            self.told.push(problem);
        } else {
            self.omitted += 1;
        }
    }
}

/// The number of rows and their size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCount {
    /// The rows.
    pub rows: u64,
    /// The bytes of their keys.
    pub key_bytes: u64,
    /// The bytes of their values.
    pub value_bytes: u64,
}

impl RowCount {
    pub(in crate::plan) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows += 1;
        self.key_bytes += key.len() as u64;
        self.value_bytes += value.len() as u64;
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            key_bytes: self.key_bytes + other.key_bytes,
            value_bytes: self.value_bytes + other.value_bytes,
        }
    }

    /// The bytes of keys and values.
    pub fn bytes(self) -> u64 {
        self.key_bytes + self.value_bytes
    }
}

/// The rows of an actor by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActorRows {
    /// The fence.
    pub fence: RowCount,
    /// The head.
    pub head: RowCount,
    /// Pages that the head shows.
    pub live: RowCount,
    /// Older versions of pages.
    pub superseded: RowCount,
    /// Pages of the open stage.
    pub staged: RowCount,
    /// Pages beyond the size, waiting to be trimmed.
    pub beyond: RowCount,
    /// Manifests.
    pub manifests: RowCount,
    /// Hints.
    pub hints: RowCount,
    /// Policy, points, pins and lines.
    pub history: RowCount,
    /// Rows that belong to nothing.
    pub stray: RowCount,
}

/// A row that exists at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen<T> {
    /// There is none.
    Absent,
    /// It cannot be decoded.
    Damaged,
    /// It exists.
    Found(T),
}

impl<T> Seen<T> {
    /// The row, if it was found.
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(row) => Some(row),
            Self::Absent | Self::Damaged => None,
        }
    }
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Who owns the actor.
    pub fence: Seen<Fence>,
    /// What is committed.
    pub head: Seen<Head>,
    /// Its rows.
    pub rows: ActorRows,
    /// Pages inside the size without a row: they read as zeros.
    pub never_written: u64,
    /// What it keeps of its past.
    pub past: PastSummary,
    /// The problems.
    pub problems: Problems,
}

/// What an actor keeps of its past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PastSummary {
    /// How many states.
    pub points: u64,
    /// The oldest of them.
    pub oldest: Option<Txid>,
    /// How many pins.
    pub pins: u64,
    /// The actors of which it shows something, nearest first.
    pub ancestors: Vec<ActorId>,
    /// The rows that are there for the past alone.
    pub held: RowCount,
}
