//! A main file and its journal as SQLite sees them, driven through the functions that SQLite calls, but
//! without SQLite: for tests that read and write bytes that SQLite never would. Only with the `testing`
//! feature.

use std::ffi::{CString, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, PoisonError};

use libsqlite3_sys as ffi;

use crate::database::error::DatabaseError;
use crate::database::pages::cache::PageCache;
use crate::database::pages::source::{ReadPolicy, Source};
use crate::database::stats::Counters;
use crate::engine::{Engine, Preload, StoreError};
use crate::types::ActorId;

use super::methods::RAW_FILE_BYTES;
use super::{Announced, MainFile, Signals, announce, register};

/// A file that the VFS has opened.
struct Handle {
    /// As many bytes as the VFS requests, aligned for a pointer. SQLite knows the address.
    memory: Box<[*mut c_void]>,
}

// SAFETY: the pointers belong to a file that one thread at a time uses, whoever owns the handle.
unsafe impl Send for Handle {}

impl Handle {
    fn open(name: &CString, flags: c_int) -> Result<Self, c_int> {
        let words = RAW_FILE_BYTES.div_ceil(size_of::<*mut c_void>());
        let mut handle = Self { memory: vec![null_mut(); words].into_boxed_slice() };
        // SAFETY: the VFS is registered for good, and the memory is as large as it requests.
        let code = unsafe {
            let vfs = ffi::sqlite3_vfs_find(super::NAME.as_ptr());
            let Some(open) = (*vfs).xOpen else { return Err(ffi::SQLITE_MISUSE) };
            open(vfs, name.as_ptr(), handle.raw(), flags, null_mut())
        };
        if code == ffi::SQLITE_OK { Ok(handle) } else { Err(code) }
    }

    fn raw(&mut self) -> *mut ffi::sqlite3_file {
        self.memory.as_mut_ptr().cast()
    }

    fn methods(&mut self) -> &'static ffi::sqlite3_io_methods {
        // SAFETY: an open file has the VFS's table of methods, which is static.
        unsafe { &*(*self.raw()).pMethods }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle begins with the methods; if the file was not opened, there are none.
        unsafe {
            if let Some(methods) = (*self.raw()).pMethods.as_ref()
                && let Some(close) = methods.xClose
            {
                close(self.raw());
                (*self.raw()).pMethods = null();
            }
        }
    }
}

/// An actor's main file, open. Returned numbers are SQLite result codes.
pub struct OpenFile {
    main: Handle,
    journal: Handle,
    file: Arc<Mutex<MainFile>>,
    signals: Arc<Signals>,
    _name: Announced,
}

impl OpenFile {
    /// Takes the actor over and opens its file.
    pub async fn open(
        engine: &Arc<Engine>,
        cache: &Arc<PageCache>,
        actor: &ActorId,
        preload: &Preload,
        read_ahead: bool,
    ) -> Result<Self, DatabaseError> {
        register()?;
        let startup = engine.load_startup(actor, preload).await?;
        let shared = (Arc::clone(engine), Arc::clone(cache), Arc::new(Counters::default()));
        let policy = ReadPolicy { read_ahead, learn_hints: false };
        let source = Source::new(shared, actor.clone(), startup, policy);
        let signals = Arc::new(Signals::default());
        let file = Arc::new(Mutex::new(MainFile::new(source, Arc::clone(&signals))));
        let name = announce(&file, &signals);
        let refused = |code| DatabaseError::Invalid(format!("the VFS answers {code}"));
        let of_main = name.name().to_owned();
        let of_journal = CString::new([of_main.as_bytes(), b"-journal"].concat()).unwrap_or_default();
        let main = Handle::open(&of_main, ffi::SQLITE_OPEN_MAIN_DB).map_err(refused)?;
        let journal = Handle::open(&of_journal, ffi::SQLITE_OPEN_MAIN_JOURNAL).map_err(refused)?;
        Ok(Self { main, journal, file, signals, _name: name })
    }

    /// Reads `amount` bytes into memory that was filled with something else before.
    pub fn read(&mut self, offset: i64, amount: usize) -> (c_int, Vec<u8>) {
        let mut out = vec![0xAA; amount];
        let code = match (self.main.methods().xRead, c_int::try_from(amount)) {
            // SAFETY: the file is open, and the buffer has that many bytes.
            (Some(read), Ok(count)) => unsafe {
                read(self.main.raw(), out.as_mut_ptr().cast(), count, offset)
            },
            _ => ffi::SQLITE_MISUSE,
        };
        (code, out)
    }

    /// Writes bytes.
    pub fn write(&mut self, offset: i64, data: &[u8]) -> c_int {
        match (self.main.methods().xWrite, c_int::try_from(data.len())) {
            // SAFETY: the file is open, and the buffer has that many bytes.
            (Some(write), Ok(count)) => unsafe {
                write(self.main.raw(), data.as_ptr().cast(), count, offset)
            },
            _ => ffi::SQLITE_MISUSE,
        }
    }

    /// Truncates the file.
    pub fn truncate(&mut self, size: i64) -> c_int {
        let truncate = self.main.methods().xTruncate;
        // SAFETY: the file is open.
        truncate.map_or(ffi::SQLITE_MISUSE, |truncate| unsafe { truncate(self.main.raw(), size) })
    }

    /// Syncs, as the commit or the rollback that was signalled before, if any. What is sealed by it becomes durable,
    /// or is lost, before this returns: a loss is the failure of the sync, as it is for the caller of a database.
    pub fn sync(&mut self) -> c_int {
        let sync = self.main.methods().xSync;
        // SAFETY: the file is open.
        let code =
            sync.map_or(ffi::SQLITE_MISUSE, |sync| unsafe { sync(self.main.raw(), ffi::SQLITE_SYNC_NORMAL) });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if code != ffi::SQLITE_OK {
            return code;
        }
        if file.source().loss().is_some() {
            // What was open above a loss can only be undone.
            file.has_undone();
            return code;
        }
        if file.source().settle().is_ok() {
            return code;
        }
        file.catch_up();
        match file.source().loss().map(|lost| lost.error.clone()) {
            Some(error) => file.fail(error, ffi::SQLITE_IOERR_FSYNC).0,
            None => ffi::SQLITE_IOERR_FSYNC,
        }
    }

    /// The size of the file.
    pub fn size(&mut self) -> Result<i64, c_int> {
        let mut size = -1;
        let file_size = self.main.methods().xFileSize;
        // SAFETY: the file is open, and there is a place for the answer.
        let code = file_size
            .map_or(ffi::SQLITE_MISUSE, |size_of| unsafe { size_of(self.main.raw(), &raw mut size) });
        if code == ffi::SQLITE_OK { Ok(size) } else { Err(code) }
    }

    /// Takes a lock, releases it, and checks for locks of others. Returns all codes that are not `SQLITE_OK`.
    pub fn locks(&mut self, level: c_int) -> Vec<c_int> {
        let methods = self.main.methods();
        let mut reserved = -1;
        // SAFETY: the file is open, and there is a place for the answer.
        let codes = unsafe {
            [
                methods.xLock.map(|lock| lock(self.main.raw(), level)),
                methods.xCheckReservedLock.map(|check| check(self.main.raw(), &raw mut reserved)),
                methods.xUnlock.map(|unlock| unlock(self.main.raw(), ffi::SQLITE_LOCK_NONE)),
                Some(reserved),
            ]
        };
        codes.into_iter().map(|code| code.unwrap_or(ffi::SQLITE_MISUSE)).filter(|&code| code != 0).collect()
    }

    /// A file control without an argument.
    pub fn control(&mut self, operation: c_int) -> c_int {
        let control = self.main.methods().xFileControl;
        // SAFETY: the file is open, and these operations take nothing.
        control
            .map_or(ffi::SQLITE_MISUSE, |control| unsafe { control(self.main.raw(), operation, null_mut()) })
    }

    /// A statement begins, as a session signals it.
    pub fn begin_statement(&self) {
        self.signals.reset();
    }

    /// The next sync is a commit, as SQLite's commit hook signals it.
    pub fn before_commit(&self) {
        self.signals.before_commit();
    }

    /// The journal is written and read, as a rollback does it: the next sync ends one.
    pub fn undo(&mut self) -> c_int {
        let methods = self.journal.methods();
        let mut byte = [7_u8];
        let (Some(write), Some(read)) = (methods.xWrite, methods.xRead) else { return ffi::SQLITE_MISUSE };
        // SAFETY: the file is open, and the buffer has one byte.
        unsafe {
            write(self.journal.raw(), byte.as_ptr().cast(), 1, 0)
                | read(self.journal.raw(), byte.as_mut_ptr().cast(), 1, 0)
        }
    }

    /// Finds out what became of a commit whose outcome was unknown, and forgets what is lost; returns whether it has
    /// taken place.
    pub fn resolve_doubt(&self) -> Result<bool, StoreError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let landed = file.resolve_doubt()?;
        file.forget_lost();
        Ok(landed)
    }

    /// Why the last operation failed, if the store caused it.
    pub fn take_failure(&self) -> Option<StoreError> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take_failure()
    }
}

/// The result codes that these functions return.
pub mod codes {
    pub use libsqlite3_sys::{
        SQLITE_FCNTL_OVERWRITE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ,
        SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE, SQLITE_MISUSE, SQLITE_NOTFOUND,
    };
}
