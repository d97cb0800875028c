//! Transactions.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use lmdb_master_sys as ffi;

use super::env::Env;
use super::{Code, LmdbError, Result, check};

/// What both kinds of transactions can do: look at one state.
pub(crate) struct Txn<'e> {
    pub(super) raw: NonNull<ffi::MDB_txn>,
    env: PhantomData<&'e Env>,
}

// SAFETY: LMDB is opened with NOTLS, so a transaction is bound to no thread; what it must not be is used by two
// at once, and it is not `Sync`.
unsafe impl Send for Txn<'_> {}

impl Txn<'_> {
    /// The state's number: that of the commit that made it, or, while writing, that of the one to come.
    pub(crate) fn id(&self) -> usize {
        // SAFETY: the transaction is open as long as this value lives.
        unsafe { ffi::mdb_txn_id(self.raw.as_ptr()) }
    }
}

/// Begins a transaction.
fn begin(env: &Env, flags: u32) -> Result<Txn<'_>> {
    let mut raw = ptr::null_mut();
    // SAFETY: the environment is open as long as it is borrowed, and there is no parent.
    check(unsafe { ffi::mdb_txn_begin(env.raw(), ptr::null_mut(), flags, &raw mut raw) })?;
    let raw = NonNull::new(raw).expect("a transaction that began has an address");
    Ok(Txn { raw, env: PhantomData })
}

/// A read transaction that is between two uses. It keeps its place in the table of readers, but no state.
pub(super) struct Idle(NonNull<ffi::MDB_txn>);

// SAFETY: as for `Txn`.
unsafe impl Send for Idle {}

impl Idle {
    /// Begins a first one, which takes a place in the table of readers.
    pub(super) fn begin(env: &Env) -> Result<Self> {
        let txn = begin(env, ffi::MDB_RDONLY)?;
        // SAFETY: it has just begun, and nobody has read through it.
        unsafe { ffi::mdb_txn_reset(txn.raw.as_ptr()) };
        Ok(Self(txn.raw))
    }

    /// Reads the newest state with it.
    ///
    /// # Safety
    /// `env` is the environment that it was begun in.
    pub(super) unsafe fn renew(self, env: &Env) -> Result<ReadTxn<'_>> {
        // SAFETY: it was reset before.
        match check(unsafe { ffi::mdb_txn_renew(self.0.as_ptr()) }) {
            Ok(()) => Ok(ReadTxn { txn: Txn { raw: self.0, env: PhantomData }, env }),
            Err(error) => {
                // Where the place is not this process's any more, giving it up would take it from somebody.
                if !matches!(error, LmdbError::Lmdb(Code::Other(ffi::MDB_BAD_RSLOT))) {
                    self.abort();
                }
                Err(error)
            }
        }
    }

    /// Gives up the place in the table of readers.
    pub(super) fn abort(self) {
        // SAFETY: `self` was the only one to know of it.
        unsafe { ffi::mdb_txn_abort(self.0.as_ptr()) };
    }
}

/// A read of one committed state, which is kept as long as this lives.
pub(crate) struct ReadTxn<'e> {
    txn: Txn<'e>,
    env: &'e Env,
}

impl<'e> Deref for ReadTxn<'e> {
    type Target = Txn<'e>;

    fn deref(&self) -> &Txn<'e> {
        &self.txn
    }
}

impl ReadTxn<'_> {
    /// Ends the read so that the tables that it opened stay open.
    pub(crate) fn commit(self) -> Result<()> {
        let read = ManuallyDrop::new(self);
        // SAFETY: this is its last use; LMDB frees it, and its place.
        let committed = check(unsafe { ffi::mdb_txn_commit(read.txn.raw.as_ptr()) });
        read.env.end_read(None);
        committed
    }
}

impl Drop for ReadTxn<'_> {
    fn drop(&mut self) {
        // SAFETY: this is its last use as an open one; whatever borrowed from it is gone.
        unsafe { ffi::mdb_txn_reset(self.txn.raw.as_ptr()) };
        self.env.end_read(Some(Idle(self.txn.raw)));
    }
}

/// A write transaction. Dropped without a commit it leaves nothing.
pub(crate) struct WriteTxn<'e> {
    txn: Option<Txn<'e>>,
}

impl<'e> WriteTxn<'e> {
    pub(super) fn begin(env: &'e Env) -> Result<Self> {
        Ok(Self { txn: Some(begin(env, 0)?) })
    }

    /// Makes everything visible and, unless the environment does not flush, durable.
    pub(crate) fn commit(mut self) -> Result<()> {
        let txn = self.txn.take().expect("a write transaction ends once");
        // SAFETY: LMDB frees it, whatever the outcome; `self` has forgotten it.
        check(unsafe { ffi::mdb_txn_commit(txn.raw.as_ptr()) })
    }
}

impl<'e> Deref for WriteTxn<'e> {
    type Target = Txn<'e>;

    fn deref(&self) -> &Txn<'e> {
        self.txn.as_ref().expect("a write transaction is open until it ends")
    }
}

impl Drop for WriteTxn<'_> {
    fn drop(&mut self) {
        if let Some(txn) = self.txn.take() {
            // SAFETY: it is open, and this is its last use.
            unsafe { ffi::mdb_txn_abort(txn.raw.as_ptr()) };
        }
    }
}

/// A state that is kept for others, until this is told to let it go.
pub(super) struct Kept(Idle);

impl Kept {
    /// Keeps the state of a read.
    pub(super) fn of(read: ReadTxn<'_>) -> Self {
        let read = ManuallyDrop::new(read);
        Self(Idle(read.txn.raw))
    }

    /// Lets it go.
    pub(super) fn end(self) -> Idle {
        // SAFETY: it is open, and nobody reads through it.
        unsafe { ffi::mdb_txn_reset(self.0.0.as_ptr()) };
        self.0
    }
}
