//! Idle read transactions: they keep their slots in the reader table between two uses.

use std::ptr::{self, NonNull};

use lmdb_master_sys as ffi;

use super::{Result, check};

/// Begins a transaction.
///
/// # Safety
/// `env` is open, and stays so as long as the transaction lives.
pub(super) unsafe fn begin(env: *mut ffi::MDB_env, flags: u32) -> Result<NonNull<ffi::MDB_txn>> {
    let mut raw = ptr::null_mut();
    // SAFETY: the environment is open, and there is no parent.
    check(unsafe { ffi::mdb_txn_begin(env, ptr::null_mut(), flags, &raw mut raw) })?;
    Ok(NonNull::new(raw).expect("a transaction that began has an address"))
}

/// A read transaction between two uses. It keeps its slot in the reader table, but no state.
pub(super) struct Idle(pub(super) NonNull<ffi::MDB_txn>);

// SAFETY: LMDB is opened with NOTLS, so a transaction is bound to no thread.
unsafe impl Send for Idle {}

impl Idle {
    /// Begins a first one, which takes a slot in the reader table.
    ///
    /// # Safety
    /// As for [`begin`].
    pub(super) unsafe fn begin(env: *mut ffi::MDB_env) -> Result<Self> {
        // SAFETY: guaranteed by the caller.
        let raw = unsafe { begin(env, ffi::MDB_RDONLY) }?;
        // SAFETY: it has just begun, and nobody has read through it.
        unsafe { ffi::mdb_txn_reset(raw.as_ptr()) };
        Ok(Self(raw))
    }

    /// Gives up the slot in the reader table.
    pub(super) fn abort(self) {
        // SAFETY: `self` was the only reference to it.
        unsafe { ffi::mdb_txn_abort(self.0.as_ptr()) };
    }
}

/// A state that is kept for other readers, until [`Kept::end`].
pub(super) struct Kept(pub(super) Idle);

impl Kept {
    /// Releases it.
    pub(super) fn end(self) -> Idle {
        // SAFETY: it is open, and nobody reads through it.
        unsafe { ffi::mdb_txn_reset(self.0.0.as_ptr()) };
        self.0
    }
}

/// A state whose pages no commit reuses, until [`Pin::end`]. Nobody reads through it.
pub(super) struct Pin {
    idle: Idle,
    /// The state's commit.
    pub(super) txn: usize,
}

impl Pin {
    /// The state of a read that is not used any more.
    pub(super) fn new(read: NonNull<ffi::MDB_txn>, txn: usize) -> Self {
        Self { idle: Idle(read), txn }
    }

    /// Releases it.
    pub(super) fn end(self) -> Idle {
        Kept(self.idle).end()
    }
}
