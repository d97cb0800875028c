//! The functions that SQLite calls on an open file (<https://sqlite.org/c3ref/io_methods.html>), implemented
//! with [`VfsFile`].

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{ManuallyDrop, size_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::slice;

use libsqlite3_sys as ffi;

use super::file::{Code, PragmaAnswer, VfsFile};

/// An open file as SQLite knows it, with SQLite's own part first.
#[repr(C)]
pub(super) struct RawFile {
    base: ffi::sqlite3_file,
    file: ManuallyDrop<Box<dyn VfsFile>>,
}

/// The bytes that SQLite sets aside for a file.
pub(super) const RAW_FILE_BYTES: usize = size_of::<RawFile>();

impl RawFile {
    /// Places an open file where SQLite has reserved the memory.
    ///
    /// # Safety
    ///
    /// `place` has [`RAW_FILE_BYTES`] bytes that nobody else uses, aligned for a pointer.
    pub(super) unsafe fn open_at(place: *mut ffi::sqlite3_file, file: Box<dyn VfsFile>) {
        let base = ffi::sqlite3_file { pMethods: &raw const METHODS };
        // SAFETY: guaranteed by the caller.
        unsafe { place.cast::<Self>().write(Self { base, file: ManuallyDrop::new(file) }) };
    }
}

/// The pointers of this table are plain functions, so it may be shared.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // 1: no shared memory (so no WAL, except with a lock that keeps others out), no memory mapping.
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(lock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Runs `body` on the file. A panic must not cross into C; it becomes an I/O error.
///
/// # Safety
///
/// `raw` is a file that [`RawFile::open_at`] created and that is not closed.
unsafe fn on_file(
    raw: *mut ffi::sqlite3_file,
    body: impl FnOnce(&mut dyn VfsFile) -> Result<(), Code>,
) -> c_int {
    // SAFETY: guaranteed by the caller; SQLite uses a file from one thread at a time.
    let file = unsafe { &mut **(*raw.cast::<RawFile>()).file };
    match catch_unwind(AssertUnwindSafe(|| body(file))) {
        Ok(Ok(())) => ffi::SQLITE_OK,
        Ok(Err(Code(code))) => code,
        Err(_) => ffi::SQLITE_IOERR,
    }
}

/// An offset or size from SQLite, which is never negative.
fn unsigned(value: ffi::sqlite3_int64) -> Result<u64, Code> {
    u64::try_from(value).map_err(|_| Code(ffi::SQLITE_MISUSE))
}

unsafe extern "C" fn close(raw: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once, and does not use it afterwards.
    let file = unsafe { ManuallyDrop::take(&mut (*raw.cast::<RawFile>()).file) };
    match catch_unwind(AssertUnwindSafe(|| drop(file))) {
        Ok(()) => ffi::SQLITE_OK,
        Err(_) => ffi::SQLITE_IOERR_CLOSE,
    }
}

unsafe extern "C" fn read(
    raw: *mut ffi::sqlite3_file,
    out: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let amount = usize::try_from(amount).unwrap_or(0);
    let out = if amount == 0 {
        // Even an empty slice needs an address, and C need not supply one.
        &mut []
    } else {
        // SAFETY: SQLite passes a buffer of `amount` bytes.
        unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), amount) }
    };
    // SAFETY: SQLite calls this only on open files.
    unsafe {
        on_file(raw, |file| match file.read(unsigned(offset)?, out)? {
            there if there < amount => Err(Code(ffi::SQLITE_IOERR_SHORT_READ)),
            _ => Ok(()),
        })
    }
}

unsafe extern "C" fn write(
    raw: *mut ffi::sqlite3_file,
    data: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let amount = usize::try_from(amount).unwrap_or(0);
    let data = if amount == 0 {
        &[]
    } else {
        // SAFETY: SQLite passes a buffer of `amount` bytes.
        unsafe { slice::from_raw_parts(data.cast::<u8>(), amount) }
    };
    // SAFETY: SQLite calls this only on open files.
    unsafe { on_file(raw, |file| file.write(unsigned(offset)?, data)) }
}

unsafe extern "C" fn truncate(raw: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls this only on open files.
    unsafe { on_file(raw, |file| file.truncate(unsigned(size)?)) }
}

unsafe extern "C" fn sync(raw: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite calls this only on open files.
    unsafe { on_file(raw, |file| file.sync()) }
}

unsafe extern "C" fn file_size(raw: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls this only on open files, with a place for the answer.
    unsafe {
        on_file(raw, |file| {
            *out = i64::try_from(file.size()?).map_err(|_| Code(ffi::SQLITE_IOERR_FSTAT))?;
            Ok(())
        })
    }
}

/// Locks between connections have no meaning here: a file has one connection, and the store's fence keeps the
/// owners in different processes apart.
unsafe extern "C" fn lock(_: *mut ffi::sqlite3_file, _level: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(_: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite passes a place for the answer.
    unsafe { *out = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(
    raw: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    match operation {
        // SAFETY: SQLite calls this only on open files, with a pragma's array of texts.
        ffi::SQLITE_FCNTL_PRAGMA => unsafe { pragma(raw, argument.cast()) },
        ffi::SQLITE_FCNTL_OVERWRITE => {
            // SAFETY: SQLite calls this only on open files.
            unsafe {
                on_file(raw, |file| {
                    file.overwrite();
                    Ok(())
                })
            }
        }
        ffi::SQLITE_FCNTL_MMAP_SIZE => {
            // Nothing is ever mapped, whatever the limit.
            // SAFETY: the argument is a place for the current limit.
            unsafe { *argument.cast::<ffi::sqlite3_int64>() = 0 };
            ffi::SQLITE_OK
        }
        _ => ffi::SQLITE_NOTFOUND,
    }
}

/// <https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntlpragma>: the array holds a place for
/// the answer, the pragma's name, and its argument or null.
///
/// # Safety
///
/// `raw` is an open file and `texts` such an array.
unsafe fn pragma(raw: *mut ffi::sqlite3_file, texts: *mut *mut c_char) -> c_int {
    // SAFETY: guaranteed by the caller.
    let text = |index: usize| unsafe {
        let text = *texts.add(index);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy())
    };
    let (name, argument) = (text(1).unwrap_or_default(), text(2));
    let mut answer = PragmaAnswer::Pass;
    // SAFETY: guaranteed by the caller.
    let code = unsafe {
        on_file(raw, |file| {
            answer = file.pragma(&name, argument.as_deref());
            Ok(())
        })
    };
    let (words, code) = match (answer, code) {
        (PragmaAnswer::Pass, ffi::SQLITE_OK) => return ffi::SQLITE_NOTFOUND,
        (PragmaAnswer::Pinned(pinned), ffi::SQLITE_OK) => (Cow::Borrowed(pinned.text), ffi::SQLITE_OK),
        (PragmaAnswer::Refused(words), ffi::SQLITE_OK) => (Cow::Owned(words), ffi::SQLITE_ERROR),
        (_, code) => return code,
    };
    // SAFETY: guaranteed by the caller; SQLite frees the text.
    unsafe { *texts = sqlite_text(&words) };
    code
}

/// A copy of a text in memory that SQLite frees; null if there is no memory.
fn sqlite_text(text: &str) -> *mut c_char {
    // SAFETY: memory of that size is allocated and filled, with a NUL at its end.
    unsafe {
        let copy = ffi::sqlite3_malloc64(text.len() as u64 + 1).cast::<u8>();
        if copy.is_null() {
            return null_mut();
        }
        copy.copy_from_nonoverlapping(text.as_ptr(), text.len());
        copy.add(text.len()).write(0);
        copy.cast()
    }
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

/// A commit is atomic, so nothing is ever torn, and appended data stays in order. So SQLite need not sync its
/// journal before it writes pages.
unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_SAFE_APPEND
        | ffi::SQLITE_IOCAP_SEQUENTIAL
        | ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
        | ffi::SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN
}

#[cfg(test)]
mod tests {
    //! Through the table of functions, as SQLite calls them, but without SQLite: Miri runs these.

    use std::mem::MaybeUninit;
    use std::ptr::null;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A file of a few bytes that records when it is dropped.
    struct Small {
        bytes: Vec<u8>,
        dropped: Arc<AtomicUsize>,
    }

    impl Drop for Small {
        fn drop(&mut self) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl VfsFile for Small {
        fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Code> {
            let start = usize::try_from(offset).map_err(|_| Code(ffi::SQLITE_IOERR_READ))?;
            assert_ne!(start, 13, "a panic in the middle of a call");
            let found = self.bytes.get(start..).unwrap_or_default();
            let there = found.len().min(out.len());
            out[..there].copy_from_slice(&found[..there]);
            out[there..].fill(0);
            Ok(there)
        }

        fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), Code> {
            self.bytes.truncate(usize::try_from(offset).unwrap_or(0));
            self.bytes.extend_from_slice(data);
            Ok(())
        }

        fn truncate(&mut self, size: u64) -> Result<(), Code> {
            self.bytes.truncate(usize::try_from(size).unwrap_or(0));
            Ok(())
        }

        fn sync(&mut self) -> Result<(), Code> {
            Err(Code(ffi::SQLITE_IOERR_FSYNC))
        }

        fn size(&mut self) -> Result<u64, Code> {
            Ok(self.bytes.len() as u64)
        }
    }

    #[test]
    fn a_file_lives_in_the_place_that_sqlite_has_for_it_until_it_is_closed() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let mut place = MaybeUninit::<RawFile>::uninit();
        let raw = place.as_mut_ptr().cast::<ffi::sqlite3_file>();
        let small = Small { bytes: Vec::new(), dropped: Arc::clone(&dropped) };
        let mut out = [9_u8; 8];
        let (mut size, mut reserved) = (-1, -1);
        // SAFETY: the place is large enough and does not move, and every buffer has the stated number of
        // bytes.
        unsafe {
            RawFile::open_at(raw, Box::new(small));
            assert_eq!(write(raw, b"hello".as_ptr().cast(), 5, 0), ffi::SQLITE_OK);
            assert_eq!(read(raw, out.as_mut_ptr().cast(), 5, 0), ffi::SQLITE_OK);
            assert_eq!(read(raw, out.as_mut_ptr().cast(), 8, 2), ffi::SQLITE_IOERR_SHORT_READ);
            assert_eq!(read(raw, out.as_mut_ptr().cast(), 1, -1), ffi::SQLITE_MISUSE);
            assert_eq!(read(raw, out.as_mut_ptr().cast(), 1, 13), ffi::SQLITE_IOERR, "a panic stays here");
            assert_eq!(truncate(raw, 4), ffi::SQLITE_OK);
            assert_eq!(file_size(raw, &raw mut size), ffi::SQLITE_OK);
            assert_eq!(sync(raw, 0), ffi::SQLITE_IOERR_FSYNC);
            assert_eq!(check_reserved_lock(raw, &raw mut reserved), ffi::SQLITE_OK);
            assert_eq!(file_control(raw, ffi::SQLITE_FCNTL_OVERWRITE, null_mut()), ffi::SQLITE_OK);
            assert_eq!(file_control(raw, 9_999, null_mut()), ffi::SQLITE_NOTFOUND);
            let name = c"user_version";
            let mut texts = [null_mut(), name.as_ptr().cast_mut(), null_mut()];
            assert_eq!(
                pragma(raw, texts.as_mut_ptr()),
                ffi::SQLITE_NOTFOUND,
                "the file passes on all pragmas"
            );
            assert_eq!(dropped.load(Ordering::Relaxed), 0);
            assert_eq!(close(raw), ffi::SQLITE_OK);
        }
        assert_eq!((&out, size, reserved), (b"llo\0\0\0\0\0", 4, 0));
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn nothing_may_be_read_and_written_anywhere() {
        let mut place = MaybeUninit::<RawFile>::uninit();
        let raw = place.as_mut_ptr().cast::<ffi::sqlite3_file>();
        let small = Small { bytes: b"x".to_vec(), dropped: Arc::default() };
        // SAFETY: as above; no byte is requested, so none need exist.
        unsafe {
            RawFile::open_at(raw, Box::new(small));
            assert_eq!(read(raw, null_mut(), 0, 0), ffi::SQLITE_OK);
            assert_eq!(write(raw, null(), 0, 1), ffi::SQLITE_OK);
            assert_eq!(close(raw), ffi::SQLITE_OK);
        }
    }
}
