//! The numbers of one store. The layers above report what has happened; this file decides which numbers to
//! update.

use std::time::Duration;

use super::counting::{Counter, Histogram};
use super::history::HistoryMetrics;

/// How a start ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It raised the generation.
    Won {
        /// The pages that it returned.
        pages: usize,
        /// From the call to the answer.
        took: Duration,
    },
    /// Another start was faster.
    Lost,
    /// It ended with an error.
    Failed,
}

/// How a commit was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitKind {
    /// In one transaction.
    Small,
    /// In parts.
    Staged,
}

/// What a commit has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Pages; a page that was written twice counts twice.
    pub pages: usize,
    /// Their bytes before encoding.
    pub page_bytes: usize,
    /// The bytes of their rows, including the keys.
    pub stored_bytes: usize,
}

/// Why a transaction or a read was retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// Another transaction changed what it had read.
    Conflict,
    /// It is unknown whether it took place.
    LostAnswer,
    /// It took longer than the backend keeps a state.
    TooOld,
    /// The backend asked to try again later.
    Busy,
}

/// What became of a call that has lost an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostAnswer {
    /// The call has found out the truth and returned it.
    Resolved,
    /// The call ended without knowing, and a later one has found out.
    ResolvedLater,
    /// The call ended without knowing.
    Unknown,
}

/// How an import of v1 data ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migration {
    /// The actor has its data.
    Completed,
    /// It ended with an error.
    Failed,
    /// It was unfinished, and the actor's owner has discarded it.
    Invalidated,
}

/// Counters that different threads write to are kept apart, like histograms.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct CommitCounters {
    pub(super) pages: Counter,
    pub(super) page_bytes: Counter,
    pub(super) stored_bytes: Counter,
}

/// Rare events, which may share cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct RareCounters {
    pub(super) startups_won: Counter,
    pub(super) startups_lost: Counter,
    pub(super) startups_failed: Counter,
    pub(super) startup_pages: Counter,
    pub(super) commits_failed: Counter,
    pub(super) stage_rollbacks: Counter,
    pub(super) conflicts: Counter,
    pub(super) retries_conflict: Counter,
    pub(super) retries_lost_answer: Counter,
    pub(super) retries_too_old: Counter,
    pub(super) retries_busy: Counter,
    pub(super) lost_resolved: Counter,
    pub(super) lost_resolved_later: Counter,
    pub(super) lost_unknown: Counter,
    pub(super) fence_mismatches: Counter,
    pub(super) deletions: Counter,
    pub(super) imports_completed: Counter,
    pub(super) imports_failed: Counter,
    pub(super) exports_completed: Counter,
    pub(super) exports_failed: Counter,
    pub(super) migrations_completed: Counter,
    pub(super) migrations_failed: Counter,
    pub(super) migrations_invalidated: Counter,
    pub(super) sql_overloaded: Counter,
}

/// The numbers of one store.
#[derive(Debug)]
pub struct Metrics {
    pub(super) takeover: Histogram,
    pub(super) commit_small: Histogram,
    pub(super) commit_staged: Histogram,
    pub(super) commits: CommitCounters,
    pub(super) read: Histogram,
    pub(super) read_pages: Counter,
    pub(super) sql_call: Histogram,
    pub(super) sql_call_round_trips: Histogram,
    pub(super) rare: RareCounters,
    /// What was done with the past of actors.
    pub history: HistoryMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            takeover: Histogram::of_seconds(),
            commit_small: Histogram::of_seconds(),
            commit_staged: Histogram::of_seconds(),
            commits: CommitCounters::default(),
            read: Histogram::of_seconds(),
            read_pages: Counter::default(),
            sql_call: Histogram::of_seconds(),
            sql_call_round_trips: Histogram::of_round_trips(),
            rare: RareCounters::default(),
            history: HistoryMetrics::default(),
        }
    }
}

impl Metrics {
    /// A start has ended.
    pub fn started(&self, started: Started) {
        match started {
            Started::Won { pages, took } => {
                self.rare.startups_won.add(1);
                self.rare.startup_pages.add(pages);
                self.takeover.record_duration(took);
            }
            Started::Lost => self.rare.startups_lost.add(1),
            Started::Failed => self.rare.startups_failed.add(1),
        }
    }

    /// A commit has taken place.
    pub fn committed(&self, kind: CommitKind, written: Written, took: Duration) {
        let Written { pages, page_bytes, stored_bytes } = written;
        match kind {
            CommitKind::Small => self.commit_small.record_duration(took),
            CommitKind::Staged => self.commit_staged.record_duration(took),
        }
        self.commits.pages.add(pages);
        self.commits.page_bytes.add(page_bytes);
        self.commits.stored_bytes.add(stored_bytes);
    }

    /// A commit has ended with an error.
    pub fn commit_failed(&self) {
        self.rare.commits_failed.add(1);
    }

    /// The rows of a stage that nobody has finalized were removed.
    pub fn stage_rolled_back(&self) {
        self.rare.stage_rollbacks.add(1);
    }

    /// A transaction has met a conflict, whether it is retried or not.
    pub fn conflicted(&self) {
        self.rare.conflicts.add(1);
    }

    /// A transaction or read is retried.
    pub fn retried(&self, why: Retried) {
        let counter = match why {
            Retried::Conflict => &self.rare.retries_conflict,
            Retried::LostAnswer => &self.rare.retries_lost_answer,
            Retried::TooOld => &self.rare.retries_too_old,
            Retried::Busy => &self.rare.retries_busy,
        };
        counter.add(1);
    }

    /// A call that has lost an answer has ended, or a later call has found out about it.
    pub fn lost_answer(&self, what: LostAnswer) {
        let counter = match what {
            LostAnswer::Resolved => &self.rare.lost_resolved,
            LostAnswer::ResolvedLater => &self.rare.lost_resolved_later,
            LostAnswer::Unknown => &self.rare.lost_unknown,
        };
        counter.add(1);
    }

    /// The store has refused a former owner.
    pub fn fence_mismatch(&self) {
        self.rare.fence_mismatches.add(1);
    }

    /// Pages were read.
    pub fn pages_read(&self, pages: usize, took: Duration) {
        self.read.record_duration(took);
        self.read_pages.add(pages);
    }

    /// An actor was deleted.
    pub fn deleted(&self) {
        self.rare.deletions.add(1);
    }

    /// An import of a file has ended.
    pub fn imported(&self, completed: bool) {
        if completed { &self.rare.imports_completed } else { &self.rare.imports_failed }.add(1);
    }

    /// An export to a file has ended.
    pub fn exported(&self, completed: bool) {
        if completed { &self.rare.exports_completed } else { &self.rare.exports_failed }.add(1);
    }

    /// An import of v1 data has ended.
    pub fn migrated(&self, migration: Migration) {
        let counter = match migration {
            Migration::Completed => &self.rare.migrations_completed,
            Migration::Failed => &self.rare.migrations_failed,
            Migration::Invalidated => &self.rare.migrations_invalidated,
        };
        counter.add(1);
    }

    /// A call that runs SQL has ended.
    pub fn sql_called(&self, round_trips: u64, took: Duration) {
        self.sql_call.record_duration(took);
        self.sql_call_round_trips.record(round_trips);
    }

    /// A call was refused because too many wait.
    pub fn sql_overloaded(&self) {
        self.rare.sql_overloaded.add(1);
    }
}
