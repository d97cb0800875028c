//! Read and write transactions.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::PoisonError;

use lmdb_master_sys as ffi;

use super::env::Env;
use super::idle::{self, Idle, Kept, Pin};
use super::{Code, LmdbError, Result, check, flush};

/// What both kinds of transactions can do: read one state.
pub(crate) struct Txn<'e> {
    pub(super) raw: NonNull<ffi::MDB_txn>,
    env: PhantomData<&'e Env>,
}

// SAFETY: LMDB is opened with NOTLS, so a transaction is not bound to a thread. Two threads must not use it
// at once, and it is not `Sync`.
unsafe impl Send for Txn<'_> {}

impl Txn<'_> {
    /// The number of the state: that of the commit that created it or, while writing, that of the next
    /// commit.
    pub(crate) fn id(&self) -> usize {
        // SAFETY: the transaction is open as long as this value lives.
        unsafe { ffi::mdb_txn_id(self.raw.as_ptr()) }
    }
}

/// A read of one committed state, which is kept as long as this value lives.
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
    /// Ends the read in such a way that the tables that it opened stay open.
    pub(crate) fn commit(self) -> Result<()> {
        let read = ManuallyDrop::new(self);
        // SAFETY: this is its last use; LMDB frees it and its slot.
        let committed = check(unsafe { ffi::mdb_txn_commit(read.txn.raw.as_ptr()) });
        read.env.end_read(None);
        committed
    }
}

impl Drop for ReadTxn<'_> {
    fn drop(&mut self) {
        // SAFETY: this is its last use as an open transaction; everything that borrowed from it is gone.
        unsafe { ffi::mdb_txn_reset(self.txn.raw.as_ptr()) };
        self.env.end_read(Some(Idle(self.txn.raw)));
    }
}

/// A write transaction. If it is dropped without a commit, it writes nothing.
pub(crate) struct WriteTxn<'e> {
    txn: Option<Txn<'e>>,
    /// A cursor for each table that was written, by the table's number. LMDB closes them when the transaction ends.
    cursors: Vec<Option<NonNull<ffi::MDB_cursor>>>,
}

// SAFETY: as for `Txn`.
unsafe impl Send for WriteTxn<'_> {}

impl WriteTxn<'_> {
    /// The cursor for writes of a table. It stays where the last write was, and the next one nearby need not descend
    /// from the root.
    pub(super) fn cursor(&mut self, table: ffi::MDB_dbi) -> Result<*mut ffi::MDB_cursor> {
        let number = table as usize;
        if self.cursors.len() <= number {
            self.cursors.resize(number + 1, None);
        }
        if let Some(cursor) = self.cursors[number] {
            return Ok(cursor.as_ptr());
        }
        let mut raw = std::ptr::null_mut();
        // SAFETY: the transaction and the table are open.
        check(unsafe { ffi::mdb_cursor_open(self.raw.as_ptr(), table, &raw mut raw) })?;
        self.cursors[number] = NonNull::new(raw);
        Ok(raw)
    }
}

impl WriteTxn<'_> {
    /// Makes everything visible, and flushes nothing.
    pub(crate) fn commit(self) -> Result<()> {
        flush::instead(&mut || true, || self.end())
    }

    /// Makes everything visible once `step` was successful. It is called at most once, after the pages are written and
    /// before they become visible, and not at all if nothing was changed; if it returns false, nothing is committed.
    pub(crate) fn commit_after(self, step: &mut dyn FnMut() -> bool) -> Result<()> {
        if !flush::IS_REPLACED && !step() {
            return Err(LmdbError::Io(std::io::ErrorKind::Other.into()));
        }
        flush::instead(step, || self.end())
    }

    /// Makes everything visible, and durable if the environment flushes.
    pub(crate) fn commit_flushed(self) -> Result<()> {
        self.end()
    }

    fn end(mut self) -> Result<()> {
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

/// The transactions of an environment.
impl Env {
    /// Begins a read of the newest state in a slot that an earlier read has left, if there is one.
    pub(crate) fn read_again(&self) -> Result<Option<ReadTxn<'_>>> {
        let idle = {
            let mut reading = self.reading();
            while reading.is_growing {
                reading = self.changed.wait(reading).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(idle) = reading.idle.pop() else { return Ok(None) };
            reading.active += 1;
            idle
        };
        self.renew(idle).map(Some)
    }

    fn renew(&self, idle: Idle) -> Result<ReadTxn<'_>> {
        let raw = idle.0;
        // SAFETY: it was begun in this environment, like all idle ones here, and was reset before.
        match check(unsafe { ffi::mdb_txn_renew(raw.as_ptr()) }) {
            Ok(()) => Ok(ReadTxn { txn: Txn { raw, env: PhantomData }, env: self }),
            Err(error) => {
                // If the slot no longer belongs to this process, giving it up would take it from another one.
                if !matches!(error, LmdbError::Lmdb(Code::Other(ffi::MDB_BAD_RSLOT))) {
                    idle.abort();
                }
                self.reading().active -= 1;
                self.changed.notify_all();
                Err(error)
            }
        }
    }

    /// Keeps the newest state until [`let_go`](Self::let_go), for readers that LMDB does not know about.
    pub(crate) fn keep(&self) -> Result<()> {
        if self.reading().kept.is_some() {
            return Ok(());
        }
        let Some(read) = self.read_again()? else { return Ok(()) };
        let read = ManuallyDrop::new(read);
        self.reading().kept = Some(Kept(Idle(read.txn.raw)));
        Ok(())
    }

    /// Pins the newest state, and returns its number: no commit reuses its pages before
    /// [`release_pins`](Self::release_pins).
    pub(crate) fn pin(&self) -> Result<Option<usize>> {
        let Some(read) = self.read_again()? else { return Ok(None) };
        let read = ManuallyDrop::new(read);
        let txn = read.id();
        let mut reading = self.reading();
        reading.active -= 1;
        reading.pins.push(Pin::new(read.txn.raw, txn));
        self.changed.notify_all();
        Ok(Some(txn))
    }

    /// Begins a write transaction. This waits for LMDB's mutex.
    pub(crate) fn begin_write(&self) -> Result<WriteTxn<'_>> {
        // SAFETY: the environment is open as long as it is borrowed.
        let raw = unsafe { idle::begin(self.raw(), 0) }?;
        Ok(WriteTxn { txn: Some(Txn { raw, env: PhantomData }), cursors: Vec::new() })
    }
}
