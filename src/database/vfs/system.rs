//! The functions that SQLite calls on the VFS itself (<https://sqlite.org/c3ref/vfs.html>).

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use libsqlite3_sys as ffi;

use crate::database::sqlite::SqlError;

use super::directory;
use super::file::VfsFile;
use super::methods::{RAW_FILE_BYTES, RawFile};
use super::open_main::OpenMain;
use super::scratch::Scratch;

/// The longest file name: the names created here are short, and others are refused anyway.
const NAME_BYTES_MAX: c_int = 512;

/// Registers the VFS. It stays registered for the life of the process.
pub(super) fn register() -> Result<(), SqlError> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    let code = *REGISTERED.get_or_init(|| {
        // SAFETY: anyone may request initialization, any number of times.
        let code = unsafe { ffi::sqlite3_initialize() };
        if code != ffi::SQLITE_OK {
            return code;
        }
        let vfs = Box::leak(Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: c_int::try_from(RAW_FILE_BYTES).unwrap_or(c_int::MAX),
            mxPathname: NAME_BYTES_MAX,
            pNext: null_mut(),
            zName: super::NAME.as_ptr(),
            pAppData: null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            // Libraries are the system's; its functions do not look at the VFS that they are called on.
            xDlOpen: system().xDlOpen,
            xDlError: system().xDlError,
            xDlSym: system().xDlSym,
            xDlClose: system().xDlClose,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: the VFS is complete and lives forever; it does not become the default one.
        unsafe { ffi::sqlite3_vfs_register(vfs, 0) }
    });
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(SqlError::new(code, "the VFS was not registered")) }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    place: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes null for a file without a name, and otherwise a C string.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy());
    let name = name.as_deref().unwrap_or_default();
    let file: Option<Box<dyn VfsFile>> = if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
        directory::take_file(name).map(|file| Box::new(OpenMain(file)) as Box<dyn VfsFile>)
    } else if flags & ffi::SQLITE_OPEN_MAIN_JOURNAL != 0 {
        // Also the journal of an attached temporary database, which has no signals.
        Some(Box::new(Scratch::new(directory::signals_of_journal(name))))
    } else if flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_SUPER_JOURNAL) != 0 {
        None
    } else {
        Some(Box::new(Scratch::new(None)))
    };
    let Some(file) = file else {
        // SAFETY: the place belongs to SQLite; without methods it is not closed.
        unsafe { (*place).pMethods = null() };
        return ffi::SQLITE_CANTOPEN;
    };
    // SAFETY: SQLite reserves as many bytes as the VFS has requested.
    unsafe {
        RawFile::open_at(place, file);
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, _: *const c_char, _: c_int) -> c_int {
    // A scratch file disappears when it is closed.
    ffi::SQLITE_OK
}

unsafe extern "C" fn access(_: *mut ffi::sqlite3_vfs, _: *const c_char, _: c_int, out: *mut c_int) -> c_int {
    // No file can be found by its name: there is never a foreign journal to roll back.
    // SAFETY: SQLite passes a place for the answer.
    unsafe { *out = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    out_bytes: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a C string, and `out_bytes` bytes for the answer.
    unsafe {
        let name = CStr::from_ptr(name).to_bytes_with_nul();
        if usize::try_from(out_bytes).unwrap_or(0) < name.len() {
            return ffi::SQLITE_CANTOPEN;
        }
        out.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len());
    }
    ffi::SQLITE_OK
}

/// The system's default VFS, for functions that do not concern files.
fn system() -> &'static ffi::sqlite3_vfs {
    // SAFETY: SQLite always has a default VFS, which is never unregistered here.
    unsafe { &*ffi::sqlite3_vfs_find(null()) }
}

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, bytes: c_int, out: *mut c_char) -> c_int {
    let system = system();
    // SAFETY: SQLite passes `bytes` bytes for the answer.
    system
        .xRandomness
        .map_or(0, |randomness| unsafe { randomness(std::ptr::from_ref(system).cast_mut(), bytes, out) })
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    let system = system();
    // SAFETY: the function takes any number.
    system.xSleep.map_or(0, |sleep| unsafe { sleep(std::ptr::from_ref(system).cast_mut(), microseconds) })
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    let system = system();
    // SAFETY: SQLite passes a place for the answer.
    system
        .xCurrentTime
        .map_or(ffi::SQLITE_ERROR, |time| unsafe { time(std::ptr::from_ref(system).cast_mut(), out) })
}

unsafe extern "C" fn current_time_int64(_: *mut ffi::sqlite3_vfs, out: *mut ffi::sqlite3_int64) -> c_int {
    let system = system();
    // SAFETY: SQLite passes a place for the answer.
    system
        .xCurrentTimeInt64
        .map_or(ffi::SQLITE_ERROR, |time| unsafe { time(std::ptr::from_ref(system).cast_mut(), out) })
}

unsafe extern "C" fn last_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}
