//! A connection and what is open on it: compiled statements, cursors, transactions. Its methods run on one
//! worker at a time and block until the store answers.

mod changes;
mod defining;
mod definitions;
mod each;
mod following;
mod limited;
mod losses;
mod queries;
mod running_script;
mod scripts;
mod serialize;
pub(crate) mod statements;
mod transactions;
pub(crate) mod wire;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libsqlite3_sys as ffi;

use crate::database::error::DatabaseError;
use crate::database::interrupt::Interrupt;
use crate::database::keywords;
use crate::database::pages::source::Source;
use crate::database::sqlite::{Asked, Connection, Denied, Hooks, Recording, SqlError, Statement};
use crate::database::vfs::{self, Announced, MainFile, Signals};
use crate::engine::StoreError;
use crate::types::PageRange;

use self::definitions::Definitions;
use self::running_script::RunningScript;
use self::statements::StatementCache;

/// Settings made once, before the first statement. A lock that is never released lets SQLite keep its cache
/// between transactions; a truncated journal releases its memory. `synchronous` stays at FULL, which is what
/// applies: the sync of the main file is the commit, and that of the journal does nothing.
const SETUP: [&str; 2] = ["PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = TRUNCATE"];

/// The additional state of a read-only session.
struct Following {
    /// The text encoding that the connection has adopted for good.
    text_encoding: u8,
    /// The cursors that have lost their head.
    lost: HashSet<u32>,
}

impl Following {
    fn new(text_encoding: u8) -> Self {
        Self { text_encoding, lost: HashSet::new() }
    }
}

/// The hooks of the connection.
struct SessionHooks {
    interrupt: Arc<Interrupt>,
    signals: Arc<Signals>,
}

impl Hooks for SessionHooks {
    fn is_interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    fn before_commit(&self) {
        self.signals.before_commit();
    }

    fn may_attach(&self, file: Option<&str>, by_statement: bool) -> bool {
        // Memory, and the temporary file that a VACUUM copies through. A file that a statement attached could
        // not commit together with the main file.
        file == Some(":memory:") || (file == Some("") && !by_statement)
    }

    fn may_ask(&self, asked: &Asked<'_>) -> bool {
        !vfs::is_of_the_process(asked.name) && !vfs::would_be_passed_over(asked)
    }
}

/// A statement that is stepped by several calls.
struct Cursor {
    statement: Statement,
    /// Empty for a statement of a script, which is not kept.
    sql: String,
    /// The transaction depth at which it was opened; it ends with that transaction.
    depth: usize,
}

/// A connection and everything that is open on it.
pub(crate) struct Session {
    // Cursors and statements are finalized before the connection is closed.
    cursors: HashMap<u32, Cursor>,
    /// Scripts that run statement by statement. They share the numbers of cursors.
    scripts: HashMap<u32, RunningScript>,
    /// What records changes. They share the numbers of cursors, too.
    recordings: HashMap<u32, Recording>,
    next_cursor: u32,
    statements: StatementCache,
    connection: Connection,
    definitions: Definitions,
    ready: bool,
    /// How many failures of the store were handled.
    failures_seen: u64,
    /// Whether virtual tables may hold what is not so, statements tell no recording what they do, or indexes are not used
    /// that could be.
    has_old_schema: Cell<bool>,
    /// Whether SQLite has read what is not so, and not read the database again since: a commit that it
    /// considered failed has taken place, or transactions that it considered committed are lost.
    is_stale: bool,
    /// The cursors that have ended because what they had read was lost, and why.
    lost_cursors: HashMap<u32, StoreError>,
    /// Whether what was begun at depth 0 is a savepoint, in a transaction that a statement had begun.
    is_nested: bool,
    /// For a read-only database.
    following: Option<Following>,
    file: Arc<Mutex<MainFile>>,
    signals: Arc<Signals>,
    interrupt: Arc<Interrupt>,
    name: Announced,
}

/// Opens a connection to a file, under a name that is valid as long as the connection is used.
fn connect(
    file: &Arc<Mutex<MainFile>>,
    signals: &Arc<Signals>,
    interrupt: &Arc<Interrupt>,
    read_only: bool,
) -> Result<(Connection, Announced), DatabaseError> {
    let name = vfs::announce(file, signals);
    let hooks = SessionHooks { interrupt: Arc::clone(interrupt), signals: Arc::clone(signals) };
    // SQLite reads the header, which may have to come from the store.
    let names = (name.name(), vfs::NAME);
    let connection = Connection::open(names, Arc::new(hooks), read_only).map_err(|error| {
        let failure = file.lock().unwrap_or_else(PoisonError::into_inner).take_failure();
        failure.map_or_else(|| error.into(), DatabaseError::from)
    })?;
    Ok((connection, name))
}

impl Session {
    /// Opens SQLite on these pages. Nothing is read yet.
    pub(crate) fn open(mut source: Source, interrupt: Arc<Interrupt>) -> Result<Self, DatabaseError> {
        vfs::register()?;
        let running = Arc::clone(&interrupt);
        let commits = Arc::clone(source.commits());
        source.commit_while(Arc::new(move |waited| !running.is_set() && commits.hurry().stays(waited)));
        let read_only = source.is_following();
        let signals = Arc::new(Signals::default());
        let file = MainFile::new(source, Arc::clone(&signals));
        let following = read_only.then(|| Following::new(file.text_encoding()));
        let file = Arc::new(Mutex::new(file));
        let (connection, name) = connect(&file, &signals, &interrupt, read_only)?;
        Ok(Self {
            cursors: HashMap::new(),
            scripts: HashMap::new(),
            recordings: HashMap::new(),
            next_cursor: 1,
            statements: StatementCache::default(),
            connection,
            definitions: Definitions::default(),
            ready: false,
            failures_seen: 0,
            has_old_schema: Cell::new(false),
            is_stale: false,
            lost_cursors: HashMap::new(),
            is_nested: false,
            following,
            file,
            signals,
            interrupt,
            name,
        })
    }

    fn file(&self) -> MutexGuard<'_, MainFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing works here any more, if so.
    pub(crate) fn dead(&self) -> Option<StoreError> {
        self.file().dead().cloned()
    }

    /// Every call on the connection begins here.
    fn enter(&mut self) -> Result<(), DatabaseError> {
        self.check_alive()?;
        if let Some(error) = self.loss() {
            if !self.is_autocommit() {
                return Err(error.into());
            }
            self.undo_lost();
        }
        self.signals.reset();
        self.file().take_failure();
        // The end of a statement that has failed may have asked for a function once more.
        self.connection.take_denied();
        self.place_collations()?;
        if self.following.is_some() {
            self.is_stale |= self.has_old_schema.take();
            return self.enter_following();
        }
        if self.is_autocommit() {
            let landed = self.file().resolve_doubt()?;
            self.is_stale |= landed;
            if self.is_stale {
                self.read_anew()?;
                self.is_stale = false;
            }
        }
        self.forget_what_failed()?;
        if !self.ready {
            for pragma in SETUP {
                self.connection.execute(pragma).map_err(|error| self.failed(error))?;
            }
            self.file().pins().set(true);
            self.ready = true;
        }
        Ok(())
    }

    /// After a failure of the store SQLite has rolled back, but virtual tables may hold incomplete data: FTS5
    /// takes its document counts for zero, and writes that with its next change. So they are created again,
    /// together with the schema. The same where a changeset has written their rows.
    fn forget_what_failed(&mut self) -> Result<(), DatabaseError> {
        let failures = self.file().failures();
        if self.has_old_schema.get() || (self.failures_seen != failures && self.is_autocommit()) {
            self.failures_seen = failures;
            self.has_old_schema.set(false);
            self.statements.clear();
            self.connection.execute("PRAGMA writable_schema = RESET").map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// The reason behind an SQLite error.
    fn failed(&self, error: SqlError) -> DatabaseError {
        if let Some(dead) = self.dead() {
            return dead.into();
        }
        if error.is_of_the_file()
            && let Some(failure) = self.file().take_failure()
        {
            return failure.into();
        }
        match self.connection.take_denied() {
            Some(Denied::Attach(file)) if error.code & 0xFF == ffi::SQLITE_AUTH => {
                let file = file.map_or_else(|| "a computed name".to_owned(), |file| format!("{file:?}"));
                let message = format!(
                    "ATTACH or VACUUM INTO {file} is refused: a database is one actor's pages and reaches no \
                     other file; use store.exportTo for a copy"
                );
                SqlError { message, ..error }.into()
            }
            Some(Denied::Function(name)) => only_here("function", &name),
            Some(Denied::Collation(name)) => only_here("collation", &name),
            None if let Some(name) = self.definitions.missed_collation(&error) => {
                // SQLite uses no index any more whose collation it has missed, and then cannot read a table WITHOUT
                // ROWID at all.
                self.has_old_schema.set(true);
                only_here("collation", &name)
            }
            Some(Denied::Pragma(name)) if error.code & 0xFF == ffi::SQLITE_AUTH => {
                refused_pragma(&name).into()
            }
            _ if error.code & 0xFF == ffi::SQLITE_INTERRUPT && self.interrupt.is_set() => interrupted(),
            _ if matches!(error.code & 0xFF, ffi::SQLITE_LOCKED | ffi::SQLITE_BUSY)
                && !self.cursors.is_empty() =>
            {
                let why = "an iteration is under way: leave its loop, or call return() of an iterator that is stepped by hand";
                SqlError { message: format!("{} ({why})", error.message), ..error }.into()
            }
            _ => error.into(),
        }
    }

    /// Called between statements, which may be many and each too short to be interrupted itself.
    fn stop_if_asked(&self) -> Result<(), DatabaseError> {
        if self.interrupt.is_set() { Err(interrupted()) } else { Ok(()) }
    }

    /// Whether no transaction is open.
    pub(crate) fn is_autocommit(&self) -> bool {
        self.connection.is_autocommit()
    }

    /// The one statement of a text.
    fn prepare(&mut self, sql: &str) -> Result<Statement, DatabaseError> {
        if let Some(statement) = self.statements.take(sql) {
            return Ok(statement);
        }
        self.file().pins().take_instead();
        let prepared = self.connection.prepare(sql, true);
        let (statement, end) = prepared.or_else(|error| self.or_limited(error, sql, 0))?;
        let statement = self.or_instead(statement)?;
        let Some(statement) = statement else {
            return Err(DatabaseError::Invalid("the SQL holds no statement".to_owned()));
        };
        // Not by compiling the rest: some pragmas take effect when they are compiled.
        if !keywords::is_blank(sql.get(end..).unwrap_or_default()) {
            let message = "the SQL holds more than one statement; exec runs several";
            return Err(DatabaseError::Invalid(message.to_owned()));
        }
        Ok(statement)
    }

    /// The statement to run instead of a compiled one: another one for a pragma that SQLite must not answer.
    fn or_instead(&self, statement: Option<Statement>) -> Result<Option<Statement>, DatabaseError> {
        let Some(instead) = self.file().pins().take_instead() else { return Ok(statement) };
        let (statement, _) = self.connection.prepare(instead, false).map_err(|error| self.failed(error))?;
        Ok(statement)
    }

    /// Puts a statement back for reuse. Returns the outcome of its last run.
    fn put_away(&mut self, sql: String, mut statement: Statement) -> Result<(), SqlError> {
        let ended = statement.reset();
        if StatementCache::is_worth_keeping(&sql) {
            statement.clear_bindings();
            self.statements.put(sql, statement);
        }
        ended
    }

    /// A call has finished.
    pub(crate) fn rest(&self) {
        if self.cursors.is_empty() {
            self.file().source().forget_fetched();
        }
    }

    /// Releases the memory that an idle database can do without. Returns how much it still uses.
    pub(crate) fn shrink(&mut self) -> usize {
        self.statements.clear();
        self.connection.release_memory();
        self.memory_bytes()
    }

    /// The bytes that SQLite holds for this database.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.connection.memory_bytes()
    }

    /// The bytes of the page cache, which are cheap to get.
    pub(crate) fn cache_bytes(&self) -> usize {
        self.connection.cache_bytes()
    }

    /// The hints for the next start, once they are known: when the first phase after the start is over, or
    /// when as many pages were read as hints may hold.
    pub(crate) fn take_hints(&self, phase_is_over: bool, given: &[PageRange]) -> Option<Vec<PageRange>> {
        let mut file = self.file();
        let source = file.source();
        if phase_is_over || source.hints_are_complete() { source.take_hints(given) } else { None }
    }
}

/// The error of a pragma that the hooks have refused.
fn refused_pragma(name: &str) -> SqlError {
    if vfs::is_of_the_process(name) {
        let message = format!("PRAGMA {name} is refused: it would change the whole process");
        return SqlError::new(ffi::SQLITE_AUTH, message);
    }
    let message = format!(
        "PRAGMA {name} is refused: inside a transaction SQLite passes over it in silence, and a batch is one; set it \
         before the transaction begins, or put the checks off to its end with PRAGMA defer_foreign_keys = ON"
    );
    SqlError::new(ffi::SQLITE_ERROR, message)
}

/// The error of what runs on another thread.
fn only_here(what: &str, name: &str) -> DatabaseError {
    DatabaseError::Invalid(format!(
        "the {what} {name} is defined in JavaScript and runs on its own thread only, and nothing was done; use a \
         synchronous call: getSync, allSync, runSync, execSync or iterateSync"
    ))
}

fn interrupted() -> DatabaseError {
    DatabaseError::Aborted("the statement was interrupted; it has had no effect".to_owned())
}

/// The error with its position counted in the whole text, from which the part at `start` was compiled, and in
/// UTF-16 code units, as users count.
fn placed(error: SqlError, sql: &str, start: usize) -> SqlError {
    let before = error.offset.and_then(|offset| sql.get(..start + offset));
    SqlError { offset: before.map(|before| before.encode_utf16().count()), ..error }
}
