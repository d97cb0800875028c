//! Deliberate faults: `tests/it/sharing` plants each in separate processes and must detect the consequences.
//! They exist only with the `testing` feature.

#[cfg(feature = "testing")]
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// A bug by which processes that share a directory once harmed each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SharingBug {
    /// Only LMDB's own locks show that a directory is in use.
    ProcessLocksOnly = 1,
    /// LMDB knows a process by its process id.
    ProcessIds,
    /// The write turn is released as soon as LMDB's transaction has begun.
    TurnLetGoEarly,
}

/// A bug by which a loss of power would lose what was acknowledged: `tests/it/survival/power` plants each and
/// must find the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum JournalBug {
    /// No state is pinned, so commits reuse the pages of the checkpoint.
    NoPin = 1,
    /// The meta pages are left as they are found.
    MetaNotRestored,
    /// Records are accepted whatever they follow.
    ChainNotChecked,
    /// A process goes on where its own last record ended, whatever others have written since.
    TailNotFound,
}

#[cfg(feature = "testing")]
static PLANTED_IN_JOURNAL: AtomicU8 = AtomicU8::new(0);

#[cfg(feature = "testing")]
impl JournalBug {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::NoPin, Self::MetaNotRestored, Self::ChainNotChecked, Self::TailNotFound];

    /// The bug with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| format!("{bug:?}") == name)
    }
}

/// How many flushes of the journal are left before the process is killed; 0: it is not.
#[cfg(feature = "testing")]
static FLUSHES_TO_LIVE: AtomicU32 = AtomicU32::new(0);

/// Has this process killed right after so many flushes of the journal, before LMDB shows the commit. Until then its
/// segments stay small, so that this often happens where one ends.
#[cfg(feature = "testing")]
pub fn die_after_flushes(flushes: u32) {
    FLUSHES_TO_LIVE.store(flushes, Ordering::SeqCst);
}

/// Whether this process is going to be killed so.
#[cfg(feature = "testing")]
pub(crate) fn is_to_die() -> bool {
    FLUSHES_TO_LIVE.load(Ordering::SeqCst) > 0
}

/// Without the `testing` feature none is.
#[cfg(not(feature = "testing"))]
#[inline]
pub(crate) const fn is_to_die() -> bool {
    false
}

/// Called after the flush of the journal, before LMDB shows the commit.
#[cfg(feature = "testing")]
pub(crate) fn has_flushed() {
    if FLUSHES_TO_LIVE.load(Ordering::SeqCst) > 0 && FLUSHES_TO_LIVE.fetch_sub(1, Ordering::SeqCst) == 1 {
        std::process::abort();
    }
}

/// Without the `testing` feature no process is killed.
#[cfg(not(feature = "testing"))]
#[inline]
pub(crate) const fn has_flushed() {}

/// Plants a bug of the journal in this process, for good.
#[cfg(feature = "testing")]
pub fn plant_in_journal(bug: JournalBug) {
    tracing::debug!(name: "planted", target: "baton::planted", ?bug, "a bug is planted");
    PLANTED_IN_JOURNAL.store(bug as u8, Ordering::SeqCst);
}

/// Whether the bug of the journal is planted in this process.
#[cfg(feature = "testing")]
pub(crate) fn is_journal(bug: JournalBug) -> bool {
    PLANTED_IN_JOURNAL.load(Ordering::Relaxed) == bug as u8
}

/// Without the `testing` feature no bug can be planted.
#[cfg(not(feature = "testing"))]
#[inline]
pub(crate) const fn is_journal(_: JournalBug) -> bool {
    false
}

#[cfg(feature = "testing")]
static PLANTED_IN_PROCESS: AtomicU8 = AtomicU8::new(0);

/// Plants a bug in this process, for good.
#[cfg(feature = "testing")]
pub fn plant_in_process(bug: SharingBug) {
    tracing::debug!(name: "planted", target: "baton::planted", ?bug, "a bug is planted");
    PLANTED_IN_PROCESS.store(bug as u8, Ordering::SeqCst);
}

/// Whether the bug is planted in this process.
#[cfg(feature = "testing")]
pub(crate) fn is_in_process(bug: SharingBug) -> bool {
    PLANTED_IN_PROCESS.load(Ordering::Relaxed) == bug as u8
}

/// Without the `testing` feature no bug can be planted.
#[cfg(not(feature = "testing"))]
#[inline]
pub(crate) const fn is_in_process(_: SharingBug) -> bool {
    false
}
