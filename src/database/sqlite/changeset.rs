//! Sessions, which record the rows that change, and changesets, which carry them elsewhere
//! (<https://sqlite.org/sessionintro.html>).

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::ptr::{NonNull, null, null_mut};
use std::slice;
use std::sync::Arc;

use libsqlite3_sys as ffi;

use super::connection::Connection;
use super::context::Context;
use super::error::SqlError;
use super::function::NotRun;
use super::handle::{Handle, c_string};

/// What a recording returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeForm {
    /// Rows as they were and as they are.
    Changeset,
    /// Rows as they are, of deleted rows the primary key: smaller, and with fewer conflicts to notice.
    Patchset,
}

/// Why a change cannot simply be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The row has other values than those that the change begins with.
    Data,
    /// There is no such row.
    NotFound,
    /// There is such a row already.
    Exists,
    /// A constraint forbids it.
    Constraint,
    /// All changes are made, and foreign keys are violated.
    ForeignKey,
}

/// What becomes of a change that conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It is left out.
    Omit,
    /// It replaces what it finds; only for [`Conflict::Data`] and [`Conflict::Exists`].
    Replace,
    /// Nothing of the changeset is applied.
    Abort,
}

/// Decides about the changes of a changeset.
pub trait Decide: fmt::Debug + Send {
    /// Whether the changes of a table are applied.
    fn takes(&self, table: &str) -> Result<bool, NotRun>;
    /// What becomes of a change that conflicts.
    fn resolve(&self, conflict: Conflict) -> Result<Resolution, NotRun>;
}

/// Why a changeset was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotApplied {
    /// It was decided so.
    Aborted,
    /// Who decides has thrown an error, which its caller gets by another way.
    Thrown,
    /// A constraint or a trigger has rolled back the whole transaction.
    RolledBack,
    Failed(SqlError),
}

/// Records the rows that change on a connection, from its beginning until it is dropped.
pub(crate) struct Recording {
    session: NonNull<ffi::sqlite3_session>,
    /// The connection, and the context of its callbacks: both outlive what records it.
    handle: Arc<Handle>,
    context: Arc<Context>,
}

// SAFETY: see `Handle`: one thread at a time uses the session of ours that owns the recording.
unsafe impl Send for Recording {}

impl Recording {
    /// How many bytes a changeset has at most.
    pub(crate) fn changeset_bytes(&self) -> i64 {
        // SAFETY: the recording is open.
        unsafe { ffi::sqlite3session_changeset_size(self.session.as_ptr()) }
    }

    /// What has changed so far.
    pub(crate) fn changes(&self, form: ChangeForm) -> Result<Vec<u8>, SqlError> {
        let taken = self.take(form);
        self.context.unless_spoiled()?;
        taken
    }

    fn take(&self, form: ChangeForm) -> Result<Vec<u8>, SqlError> {
        let take = match form {
            ChangeForm::Changeset => ffi::sqlite3session_changeset,
            ChangeForm::Patchset => ffi::sqlite3session_patchset,
        };
        let (mut length, mut bytes) = (0, null_mut());
        // SAFETY: the recording and its connection are open, and both results are written to.
        let code = unsafe { take(self.session.as_ptr(), &raw mut length, &raw mut bytes) };
        if code != ffi::SQLITE_OK {
            // SAFETY: the connection is open as long as `handle` lives.
            return Err(unsafe { SqlError::last(self.handle.as_ptr(), code) });
        }
        let Some(bytes) = NonNull::new(bytes.cast::<u8>()) else { return Ok(Vec::new()) };
        let length = usize::try_from(length).unwrap_or(0);
        // SAFETY: SQLite returns memory of this length, which the caller must free.
        unsafe {
            let copied = slice::from_raw_parts(bytes.as_ptr(), length).to_vec();
            ffi::sqlite3_free(bytes.as_ptr().cast());
            Ok(copied)
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // SAFETY: it is deleted once, here, and its connection is still open.
        unsafe { ffi::sqlite3session_delete(self.session.as_ptr()) };
    }
}

/// Whether the bytes can be read as a changeset to their end.
pub(crate) fn is_changeset(bytes: &[u8]) -> bool {
    let Ok(length) = c_int::try_from(bytes.len()) else { return false };
    let mut changes = null_mut();
    // SAFETY: the bytes live longer than the iterator, which only reads them and is finalized.
    unsafe {
        let begun = ffi::sqlite3changeset_start(&raw mut changes, length, bytes.as_ptr().cast_mut().cast());
        if begun != ffi::SQLITE_OK {
            return false;
        }
        while ffi::sqlite3changeset_next(changes) == ffi::SQLITE_ROW {}
        ffi::sqlite3changeset_finalize(changes) == ffi::SQLITE_OK
    }
}

/// What the callbacks of one changeset share.
struct Applying<'a> {
    decide: &'a dyn Decide,
    connection: &'a Connection,
    /// Why it was stopped, if so.
    stopped: Option<NotApplied>,
}

impl Connection {
    /// Whether a database of this name is attached, or is one of the two that always are.
    pub(crate) fn has_database(&self, name: &str) -> bool {
        // SAFETY: the connection is open; a name is null beyond the last database, and otherwise lives as long as it.
        let named = |index| unsafe {
            let known = ffi::sqlite3_db_name(self.db(), index);
            (!known.is_null()).then(|| CStr::from_ptr(known))
        };
        let mut names = (0..).map_while(named);
        names.any(|known| known.to_bytes().eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Begins to record what changes in a database, of one table or of all.
    pub(crate) fn record(&self, database: &str, table: Option<&str>) -> Result<Recording, SqlError> {
        let (database, table) = (c_string(database), table.map(c_string));
        let mut session = null_mut();
        // SAFETY: the connection is open, and SQLite copies the name.
        let code = unsafe { ffi::sqlite3session_create(self.db(), database.as_ptr(), &raw mut session) };
        let Some(session) = NonNull::new(session) else { return Err(self.error(code)) };
        let (handle, context) = (Arc::clone(self.handle()), Arc::clone(self.context()));
        let recording = Recording { session, handle, context };
        let table = table.as_ref().map_or(null(), |table| table.as_ptr());
        let mut counts: c_int = 1;
        // SAFETY: the recording is open, and has no table yet; this option takes a number, which is written to. The
        // name is null, for all tables, or a C string that SQLite copies.
        let code = unsafe {
            ffi::sqlite3session_object_config(
                session.as_ptr(),
                ffi::SQLITE_SESSION_OBJCONFIG_SIZE,
                (&raw mut counts).cast(),
            );
            ffi::sqlite3session_attach(session.as_ptr(), table)
        };
        if code == ffi::SQLITE_OK { Ok(recording) } else { Err(self.error(code)) }
    }

    /// Applies a changeset within the open transaction, which the caller must roll back if this fails. Nothing is
    /// committed meanwhile, even if a constraint ends the transaction.
    pub(crate) fn apply(&self, bytes: &[u8], decide: &dyn Decide) -> Result<(), NotApplied> {
        let too_long = || NotApplied::Failed(SqlError::new(ffi::SQLITE_TOOBIG, "string or blob too big"));
        let length = c_int::try_from(bytes.len()).map_err(|_| too_long())?;
        let mut applying = Applying { decide, connection: self, stopped: None };
        self.refuse_commits(true);
        // SAFETY: the connection is open; SQLite only reads the bytes, and passes `applying`, which nothing else uses
        // meanwhile, to the callbacks.
        let code = unsafe {
            ffi::sqlite3changeset_apply_v2(
                self.db(),
                length,
                bytes.as_ptr().cast_mut().cast(),
                Some(on_filter),
                Some(on_conflict),
                (&raw mut applying).cast(),
                null_mut(),
                null_mut(),
                // The caller's transaction does the same, and can be told from one that was rolled back.
                ffi::SQLITE_CHANGESETAPPLY_NOSAVEPOINT,
            )
        };
        let error = self.error(code);
        self.refuse_commits(false);
        // Rows may have been found, or missed, by a comparison that had no answer.
        self.context().unless_spoiled().map_err(NotApplied::Failed)?;
        if let Some(stopped) = applying.stopped {
            return Err(stopped);
        }
        if self.is_autocommit() && matches!(code & 0xFF, ffi::SQLITE_OK | ffi::SQLITE_CONSTRAINT) {
            return Err(NotApplied::RolledBack);
        }
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(NotApplied::Failed(error)) }
    }
}

/// # Safety
///
/// `pointer` is what [`Connection::apply`] has passed to SQLite, and no other callback runs.
unsafe fn applying<'a>(pointer: *mut c_void) -> &'a mut Applying<'a> {
    // SAFETY: guaranteed by the caller.
    unsafe { &mut *pointer.cast::<Applying<'a>>() }
}

unsafe extern "C" fn on_filter(pointer: *mut c_void, table: *const c_char) -> c_int {
    // SAFETY: SQLite passes back the pointer that it was given, and the name of a table as a C string.
    let (applying, table) = unsafe { (applying(pointer), CStr::from_ptr(table)) };
    if applying.stopped.is_some() {
        return 0;
    }
    applying.decide.takes(&table.to_string_lossy()).map_or_else(
        |_| {
            applying.stopped = Some(NotApplied::Thrown);
            0
        },
        c_int::from,
    )
}

unsafe extern "C" fn on_conflict(
    pointer: *mut c_void,
    conflict: c_int,
    _: *mut ffi::sqlite3_changeset_iter,
) -> c_int {
    // SAFETY: SQLite passes back the pointer that it was given.
    let applying = unsafe { applying(pointer) };
    if applying.stopped.is_some() {
        return ffi::SQLITE_CHANGESET_ABORT;
    }
    if applying.connection.is_autocommit() {
        applying.stopped = Some(NotApplied::RolledBack);
        return ffi::SQLITE_CHANGESET_ABORT;
    }
    let conflict = match conflict {
        ffi::SQLITE_CHANGESET_DATA => Conflict::Data,
        ffi::SQLITE_CHANGESET_NOTFOUND => Conflict::NotFound,
        ffi::SQLITE_CHANGESET_CONFLICT => Conflict::Exists,
        ffi::SQLITE_CHANGESET_CONSTRAINT => Conflict::Constraint,
        _ => Conflict::ForeignKey,
    };
    match applying.decide.resolve(conflict) {
        Ok(Resolution::Omit) => ffi::SQLITE_CHANGESET_OMIT,
        Ok(Resolution::Replace) => ffi::SQLITE_CHANGESET_REPLACE,
        Ok(Resolution::Abort) => {
            if conflict != Conflict::ForeignKey {
                applying.stopped = Some(NotApplied::Aborted);
            }
            ffi::SQLITE_CHANGESET_ABORT
        }
        Err(_) => {
            applying.stopped = Some(NotApplied::Thrown);
            ffi::SQLITE_CHANGESET_ABORT
        }
    }
}
