//! What the connection and the journal tell the main file, which sees only syncs.

use std::sync::atomic::{AtomicBool, Ordering};

/// What is known about a `sync` before it comes.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    committing: AtomicBool,
    journal_read: AtomicBool,
    /// Whether the journal contains anything, which it does while a transaction writes.
    journal_filled: AtomicBool,
}

impl Signals {
    /// A statement starts to run: the signals of earlier ones no longer apply.
    pub(crate) fn reset(&self) {
        self.committing.store(false, Ordering::Relaxed);
        self.journal_read.store(false, Ordering::Relaxed);
    }

    /// The transaction is about to commit (`sqlite3_commit_hook`). If the journal is read after this, a
    /// failed commit is being rolled back.
    pub(crate) fn before_commit(&self) {
        self.committing.store(true, Ordering::Relaxed);
        self.journal_read.store(false, Ordering::Relaxed);
    }

    /// The journal was read, which only a rollback does.
    pub(super) fn journal_was_read(&self) {
        self.journal_read.store(true, Ordering::Relaxed);
    }

    /// The journal was written or truncated.
    pub(super) fn journal_holds_something(&self, filled: bool) {
        self.journal_filled.store(filled, Ordering::Relaxed);
    }

    /// Whether a transaction is writing.
    pub(super) fn journal_is_filled(&self) -> bool {
        self.journal_filled.load(Ordering::Relaxed)
    }

    pub(super) fn take_committing(&self) -> bool {
        self.committing.swap(false, Ordering::Relaxed)
    }

    pub(super) fn take_journal_read(&self) -> bool {
        self.journal_read.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_read_before_a_commit_is_not_its_undo_and_one_read_after_is() {
        let signals = Signals::default();
        signals.journal_was_read();
        signals.before_commit();
        assert_eq!((signals.take_committing(), signals.take_journal_read()), (true, false));
        signals.before_commit();
        signals.journal_was_read();
        assert_eq!((signals.take_committing(), signals.take_journal_read()), (true, true));
        signals.before_commit();
        signals.journal_was_read();
        signals.reset();
        assert_eq!((signals.take_committing(), signals.take_journal_read()), (false, false));
    }
}
