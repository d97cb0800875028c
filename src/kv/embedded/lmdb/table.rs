//! LMDB's named databases, called tables here: rows in key order.

use std::ffi::{CString, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use lmdb_master_sys as ffi;

use super::txn::{Txn, WriteTxn};
use super::{Result, check, found};

/// A table of an environment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table(ffi::MDB_dbi);

impl Table {
    /// LMDB's own list of free pages, for `free` only: it may only be read, with a cursor.
    pub(super) const FREE: Self = Self(0);

    /// The table of that name or, without a name, the one that holds the names of the others.
    ///
    /// The handle is valid in later transactions once this one is committed. In the whole process, only one
    /// transaction at a time may open tables.
    pub(crate) fn open(txn: &Txn<'_>, name: Option<&str>) -> Result<Option<Self>> {
        Self::open_with(txn, name, 0)
    }

    /// The table of that name, created if it does not exist.
    pub(crate) fn create(txn: &mut WriteTxn<'_>, name: Option<&str>) -> Result<Self> {
        let made = Self::open_with(txn, name, ffi::MDB_CREATE)?;
        Ok(made.expect("a table that is made where it is not there is there"))
    }

    fn open_with(txn: &Txn<'_>, name: Option<&str>, flags: u32) -> Result<Option<Self>> {
        let name = name.map(|name| CString::new(name).expect("the names of tables have no zeros"));
        let pointer = name.as_ref().map_or(ptr::null(), |name| name.as_ptr());
        let mut table = 0;
        // SAFETY: the transaction is open, the name ends with a zero.
        let is_there = found(unsafe { ffi::mdb_dbi_open(txn.raw.as_ptr(), pointer, flags, &raw mut table) })?;
        Ok(is_there.then_some(Self(table)))
    }

    /// The number of its rows.
    pub(crate) fn len(self, txn: &Txn<'_>) -> Result<u64> {
        // SAFETY: zeros are valid for this plain structure.
        let mut stat: ffi::MDB_stat = unsafe { std::mem::zeroed() };
        // SAFETY: transaction and table are open, and LMDB fills the structure.
        check(unsafe { ffi::mdb_stat(txn.raw.as_ptr(), self.0, &raw mut stat) })?;
        Ok(stat.ms_entries as u64)
    }

    /// The value of a key, borrowed until something is written.
    pub(crate) fn get<'t>(self, txn: &'t Txn<'_>, key: &[u8]) -> Result<Option<&'t [u8]>> {
        let (mut key, mut data) = (borrowed(key), empty());
        // SAFETY: LMDB only reads the key; its answer is in the map, or in a page of the transaction.
        let is_there = found(unsafe { ffi::mdb_get(txn.raw.as_ptr(), self.0, &raw mut key, &raw mut data) })?;
        // SAFETY: that memory does not change before the transaction writes or ends, which the borrow
        // prevents.
        Ok(is_there.then(|| unsafe { bytes(&data) }))
    }

    /// Writes a value of `length` bytes, which `fill` writes in place.
    pub(crate) fn put(
        self,
        txn: &mut WriteTxn<'_>,
        key: &[u8],
        length: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<()> {
        let mut space = sized(length);
        check(self.reserve(txn, key, &mut space, 0)?)?;
        // SAFETY: LMDB has reserved `length` bytes there, and nobody else knows of them.
        fill(unsafe { reserved(&space, length) });
        Ok(())
    }

    /// The value of an existing key; otherwise writes one, like [`put`](Self::put).
    pub(crate) fn get_or_put<'t>(
        self,
        txn: &'t mut WriteTxn<'_>,
        key: &[u8],
        length: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<Option<&'t [u8]>> {
        let mut space = sized(length);
        match self.reserve(txn, key, &mut space, ffi::MDB_NOOVERWRITE)? {
            // SAFETY: LMDB returns the existing value; see `get`.
            ffi::MDB_KEYEXIST => Ok(Some(unsafe { bytes(&space) })),
            code => {
                check(code)?;
                // SAFETY: as in `put`.
                fill(unsafe { reserved(&space, length) });
                Ok(None)
            }
        }
    }

    fn reserve(
        self,
        txn: &mut WriteTxn<'_>,
        key: &[u8],
        space: &mut ffi::MDB_val,
        flags: u32,
    ) -> Result<i32> {
        let (mut key, cursor) = (borrowed(key), txn.cursor(self.0)?);
        // SAFETY: the transaction is open and borrowed mutably, so no slice of its rows exists.
        Ok(unsafe { ffi::mdb_cursor_put(cursor, &raw mut key, space, flags | ffi::MDB_RESERVE) })
    }

    /// Deletes a row, and returns what `seen` makes of its value, if there was one.
    pub(crate) fn delete<T>(
        self,
        txn: &mut WriteTxn<'_>,
        key: &[u8],
        seen: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>> {
        let (mut key, mut data, cursor) = (borrowed(key), empty(), txn.cursor(self.0)?);
        // SAFETY: LMDB only reads the key.
        if !found(unsafe { ffi::mdb_cursor_get(cursor, &raw mut key, &raw mut data, ffi::MDB_SET) })? {
            return Ok(None);
        }
        // SAFETY: nothing is written while the value is looked at.
        let seen = seen(unsafe { bytes(&data) });
        // SAFETY: as in `reserve`; the cursor is at the row.
        check(unsafe { ffi::mdb_cursor_del(cursor, 0) })?;
        Ok(Some(seen))
    }

    /// The rows from `start` up to but not including `end`, or to the last row.
    pub(crate) fn range<'t>(
        self,
        txn: &'t Txn<'_>,
        start: &[u8],
        end: Option<&'t [u8]>,
    ) -> Result<Range<'t>> {
        let mut cursor = Cursor::open(txn, self)?;
        let first = cursor.seek(start)?;
        let is_empty = first.is_none();
        Ok(Range { cursor, first, is_empty, end })
    }

    /// The rows from `start` to the last.
    pub(crate) fn range_from<'t>(self, txn: &'t Txn<'_>, start: &[u8]) -> Result<Range<'t>> {
        self.range(txn, start, None)
    }

    /// Deletes the rows from `start` up to but not including `end`, at most `most` of them, and returns how
    /// many.
    pub(crate) fn delete_range(
        self,
        txn: &mut WriteTxn<'_>,
        start: &[u8],
        end: &[u8],
        most: usize,
    ) -> Result<usize> {
        let mut cursor = Cursor::open(txn, self)?;
        let mut deleted = 0;
        let mut at = cursor.seek(start)?;
        while deleted < most
            && let Some((key, _)) = at
            && key < end
        {
            // SAFETY: the transaction is borrowed mutably, the cursor is at a row, and the slices of that row
            // are no longer used.
            check(unsafe { ffi::mdb_cursor_del(cursor.raw.as_ptr(), 0) })?;
            deleted += 1;
            // After a deletion the cursor is already at the next row, and LMDB knows that.
            at = cursor.go(empty(), ffi::MDB_NEXT)?;
        }
        Ok(deleted)
    }
}

/// A position among the rows of a table.
struct Cursor<'t> {
    raw: NonNull<ffi::MDB_cursor>,
    txn: PhantomData<&'t ()>,
}

// SAFETY: as for `Txn`.
unsafe impl Send for Cursor<'_> {}

impl<'t> Cursor<'t> {
    fn open(txn: &'t Txn<'_>, table: Table) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the transaction and the table are open.
        check(unsafe { ffi::mdb_cursor_open(txn.raw.as_ptr(), table.0, &raw mut raw) })?;
        let raw = NonNull::new(raw).expect("an open cursor has an address");
        Ok(Self { raw, txn: PhantomData })
    }

    /// The first row at or after `key`.
    fn seek(&mut self, key: &[u8]) -> Result<Option<Row<'t>>> {
        // LMDB treats an empty key as an error, although it is the lowest of all.
        let operation = if key.is_empty() { ffi::MDB_FIRST } else { ffi::MDB_SET_RANGE };
        self.go(borrowed(key), operation)
    }

    fn go(&mut self, mut key: ffi::MDB_val, operation: u32) -> Result<Option<Row<'t>>> {
        let mut data = empty();
        // SAFETY: the cursor is open, and LMDB only reads the key.
        let is_there =
            found(unsafe { ffi::mdb_cursor_get(self.raw.as_ptr(), &raw mut key, &raw mut data, operation) })?;
        // SAFETY: see `Table::get`; the cursor borrows the transaction.
        Ok(is_there.then(|| unsafe { (bytes(&key), bytes(&data)) }))
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        // SAFETY: the transaction that it borrows is still open.
        unsafe { ffi::mdb_cursor_close(self.raw.as_ptr()) };
    }
}

/// A key and its value.
type Row<'t> = (&'t [u8], &'t [u8]);

/// Rows in key order.
pub(crate) struct Range<'t> {
    cursor: Cursor<'t>,
    /// The row at which the cursor was placed, until it is returned.
    first: Option<Row<'t>>,
    /// There was no row at or after the start.
    is_empty: bool,
    end: Option<&'t [u8]>,
}

impl<'t> Iterator for Range<'t> {
    type Item = Result<Row<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_empty {
            return None;
        }
        let row = match self.first.take() {
            first @ Some(_) => first,
            None => match self.cursor.go(empty(), ffi::MDB_NEXT) {
                Ok(row) => row,
                Err(error) => return Some(Err(error)),
            },
        };
        row.filter(|(key, _)| self.end.is_none_or(|end| *key < end)).map(Ok)
    }
}

fn empty() -> ffi::MDB_val {
    sized(0)
}

/// A request for this much space.
fn sized(length: usize) -> ffi::MDB_val {
    ffi::MDB_val { mv_size: length, mv_data: ptr::null_mut() }
}

/// Bytes that LMDB only reads.
fn borrowed(bytes: &[u8]) -> ffi::MDB_val {
    ffi::MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast::<c_void>() }
}

/// The bytes that LMDB returned.
///
/// # Safety
/// The memory does not change for `'t`.
unsafe fn bytes<'t>(value: &ffi::MDB_val) -> &'t [u8] {
    if value.mv_size == 0 {
        return &[];
    }
    // SAFETY: LMDB returns memory of that size; the caller guarantees the rest.
    unsafe { slice::from_raw_parts(value.mv_data.cast::<u8>(), value.mv_size) }
}

/// Space to fill.
///
/// # Safety
/// LMDB reserved it, and nobody else uses it for `'t`.
unsafe fn reserved<'t>(space: &ffi::MDB_val, length: usize) -> &'t mut [u8] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: the page was created by this transaction, whose memory LMDB initializes; the caller guarantees
    // the rest.
    unsafe { slice::from_raw_parts_mut(space.mv_data.cast::<u8>(), length) }
}
