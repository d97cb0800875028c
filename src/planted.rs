//! Bugs on purpose: the simulation is trusted because it finds each of them (`tests/sim/mutants.rs`).
//!
//! They exist with the `testing` feature only, one at a time and for one thread. In a release build [`has`] is
//! `false`, and nothing is left of them.

#[cfg(feature = "testing")]
use std::cell::Cell;
#[cfg(feature = "testing")]
use std::sync::OnceLock;

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A commit does not compare its generation with the fence's.
    FenceNotChecked,
    /// A commit does not compare the head that it extends.
    HeadNotCompared,
    /// A commit whose answer was lost does not look for its mark.
    TokenNotResolved,
    /// A stage that is rolled back gives its txid back.
    TxidReused,
    /// A start reads head and pages without having a commit in between conflict.
    PreloadOutsideFence,
    /// A database that is opened finds the pages that an earlier opening had cached.
    StaleCache,
    /// A commit passes an open stage without rolling it back.
    RollbackSkipped,
    /// A shrink leaves the rows that it cuts off, and no note.
    ShrinkNotCleared,
    /// Stored bytes are taken as they come.
    ChecksumIgnored,
    /// A start that lost brings pages along.
    LoserGivenPages,
    /// A rollback does not mark the stage first.
    AbortNotMarked,
    /// A deletion deletes whatever there is when it is tried again.
    DeletionRepeated,
    /// A start loses against a deletion.
    LostToDeletion,
    /// A database does not ask what became of a doubtful commit.
    DoubtForgotten,
    /// An actor is started in the middle of an import.
    ImportIgnored,
    /// An import that was reset begins anew when its beginning is tried again.
    ImportRepeated,
    /// The reset of an import resets whichever there is when it is tried again.
    ResetRepeated,
    /// A call that has written is answered before that is durable.
    AnsweredBeforeDurable,
    /// A call that has only read is answered before what it has read is durable.
    ReadsPassTheGate,
    /// Of a page that two transactions of one commit have written, the older image is committed.
    OlderImageMerged,
    /// What was sealed stays readable when its commit has failed.
    LostLayersKept,
    /// A transaction too large for memory begins its stage while others are not durable.
    StagedOverPending,
    /// A point is dropped although somebody holds it.
    PinIgnored,
    /// A restore ends at the txid that it goes back to.
    RestoreKeepsTxid,
    /// A fork pins nothing of what it shows.
    ForkNotPinned,
    /// Growth does not hide the rows of an earlier, larger size.
    AbsentPagesShown,
    /// A point is dropped together with versions that the next point still shows.
    DroppedWhole,
    /// Versions that lie between two segments are shown.
    GapRowsShown,
    /// A start loses against a restore or a fork.
    LostToNobody,
    /// Thinning drops what was committed after it had looked at the actor.
    SurveyTrusted,
    /// A flattening goes on in whichever line is the newest.
    FlattenedOnward,
    /// A fork or a pin does not conflict with the deletion of its actor.
    ForkPassesDeletion,
    /// Thinning reads pins without having one in between conflict.
    PinsPassed,
    /// Thinning reads lines without having a restore in between conflict.
    LinesPassed,
    /// A point is dropped as if the one before it, which is dropped in parts, had passed on nothing.
    PartsForgotten,
    /// The lines of an actor that keeps no history go without what they hold of other actors.
    LinesClearedAlone,
    /// A restore whose answer was lost tells the head that its first attempt has found.
    UndoOfFirstAttempt,
    /// A gate opens when all but the last transaction that it covers is durable.
    GateMissesLast,
    /// A deferred database goes on when a commit has failed.
    WritesAfterLoss,
    /// A deferred database goes on when the outcome of a commit is unknown.
    GateForgetsDoubt,
    /// Who closes a deferred database is not told of a loss that nobody has heard of.
    LossUntold,
    /// What gathers above a failed commit is kept, and committed later.
    KeptAboveLoss,
    /// A flattening leaves the copy of a page that its owner has rewritten in the meantime.
    CopiesLeft,
    /// A database that is opened in the past goes on to the head.
    PastFollowed,
    /// A database that was opened in the past holds its state when it is closed.
    ReaderStays,
}

#[cfg(feature = "testing")]
impl Bug {
    /// Those that the simulation finds.
    pub const ALL: [Self; 22] = [
        Self::FenceNotChecked,
        Self::HeadNotCompared,
        Self::TokenNotResolved,
        Self::TxidReused,
        Self::PreloadOutsideFence,
        Self::StaleCache,
        Self::RollbackSkipped,
        Self::ShrinkNotCleared,
        Self::ChecksumIgnored,
        Self::LoserGivenPages,
        Self::AbortNotMarked,
        Self::DeletionRepeated,
        Self::LostToDeletion,
        Self::DoubtForgotten,
        Self::ImportIgnored,
        Self::ImportRepeated,
        Self::ResetRepeated,
        Self::AnsweredBeforeDurable,
        Self::ReadsPassTheGate,
        Self::OlderImageMerged,
        Self::LostLayersKept,
        Self::StagedOverPending,
    ];

    /// Those of deferred databases, which the simulation finds, too.
    pub const OF_DEFERRED: [Self; 5] = [
        Self::GateMissesLast,
        Self::WritesAfterLoss,
        Self::GateForgetsDoubt,
        Self::LossUntold,
        Self::KeptAboveLoss,
    ];

    /// Those of history, which its oracle finds (`tests/it/history/oracle.rs`).
    pub const OF_HISTORY: [Self; 6] = [
        Self::PinIgnored,
        Self::RestoreKeepsTxid,
        Self::ForkNotPinned,
        Self::AbsentPagesShown,
        Self::DroppedWhole,
        Self::GapRowsShown,
    ];

    /// Those that need two of history's operations at once, or a lost answer: the simulation finds them.
    pub const OF_HISTORY_AT_ONCE: [Self; 7] = [
        Self::LostToNobody,
        Self::SurveyTrusted,
        Self::FlattenedOnward,
        Self::ForkPassesDeletion,
        Self::PinsPassed,
        Self::PastFollowed,
        Self::ReaderStays,
    ];

    /// Those of them that take it many seeds.
    pub const RARE: [Self; 5] = [
        Self::PartsForgotten,
        Self::LinesPassed,
        Self::UndoOfFirstAttempt,
        Self::LinesClearedAlone,
        Self::CopiesLeft,
    ];
}

#[cfg(feature = "testing")]
thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

#[cfg(feature = "testing")]
static EVERYWHERE: OnceLock<Bug> = OnceLock::new();

/// Plants a bug on this thread, in place of the one that was there.
#[cfg(feature = "testing")]
pub fn plant(bug: Option<Bug>) {
    if let Some(bug) = bug {
        // What the check of release builds looks for.
        tracing::debug!(name: "planted", target: "baton::planted", ?bug, "a bug is planted");
    }
    PLANTED.set(bug);
}

/// Plants a bug on all threads of this process, for good.
#[cfg(feature = "testing")]
pub fn plant_everywhere(bug: Bug) {
    // The first one stays.
    let _ = EVERYWHERE.set(bug);
}

/// Whether the bug is planted on this thread.
#[cfg(feature = "testing")]
pub(crate) fn has(bug: Bug) -> bool {
    PLANTED.get() == Some(bug) || EVERYWHERE.get() == Some(&bug)
}

/// Whether the bug is planted: it cannot be.
#[cfg(not(feature = "testing"))]
#[inline]
pub(crate) const fn has(_: Bug) -> bool {
    false
}
