//! A connection and what is open on it: compiled statements, cursors, transactions. Its methods run on one
//! worker at a time and block until the store has answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libsqlite3_sys as ffi;

use super::error::DatabaseError;
use super::interrupt::Interrupt;
use super::source::Source;
use super::sqlite::{Connection, Denied, Hooks, SqlError, Statement, Step};
use super::statements::{self, StatementCache};
use super::vfs::{self, Announced, MainFile, Signals};
use super::wire::{self, RowWriter, Summary};
use super::{Behavior, Column, Description, Kind};
use crate::engine::StoreError;
use crate::types::PageRange;

/// What SQLite is told once, before the first statement. A lock that is never given back lets it keep its
/// cache between transactions; an emptied journal gives its memory back. NORMAL has it sync the main file,
/// which is the commit, and not the journal.
const SETUP: [&str; 3] =
    ["PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = NORMAL"];

/// What the connection calls back for.
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
        // Memory, and the temporary file that a VACUUM copies through. One that a statement attached could
        // not commit together with the main file.
        file == Some(":memory:") || (file == Some("") && !by_statement)
    }

    fn may_ask(&self, pragma: &str) -> bool {
        !vfs::is_of_the_process(pragma)
    }
}

/// A statement that is stepped by several calls.
struct Cursor {
    statement: Statement,
    sql: String,
    /// How deep in transactions it was opened; it ends with that transaction.
    depth: usize,
}

/// A connection and what is open on it.
pub(super) struct Session {
    // Cursors and statements are finalized before the connection is closed.
    cursors: HashMap<u32, Cursor>,
    next_cursor: u32,
    statements: StatementCache,
    connection: Connection,
    ready: bool,
    /// Failures of the store that are dealt with.
    failures_seen: u64,
    /// Whether what was begun at depth 0 is a savepoint, in a transaction that a statement had begun.
    is_nested: bool,
    file: Arc<Mutex<MainFile>>,
    signals: Arc<Signals>,
    interrupt: Arc<Interrupt>,
    _name: Announced,
}

impl Session {
    /// Opens SQLite on these pages. Nothing is read yet.
    pub(super) fn open(source: Source, interrupt: Arc<Interrupt>) -> Result<Self, DatabaseError> {
        vfs::register()?;
        let signals = Arc::new(Signals::default());
        let file = Arc::new(Mutex::new(MainFile::new(source, Arc::clone(&signals))));
        let name = vfs::announce(&file, &signals);
        let hooks = SessionHooks { interrupt: Arc::clone(&interrupt), signals: Arc::clone(&signals) };
        // SQLite looks at the header, which may have to come from the store.
        let connection = Connection::open(name.name(), vfs::NAME, Arc::new(hooks)).map_err(|error| {
            let failure = file.lock().unwrap_or_else(PoisonError::into_inner).take_failure();
            failure.map_or_else(|| error.into(), DatabaseError::from)
        })?;
        Ok(Self {
            cursors: HashMap::new(),
            next_cursor: 1,
            statements: StatementCache::default(),
            connection,
            ready: false,
            failures_seen: 0,
            is_nested: false,
            file,
            signals,
            interrupt,
            _name: name,
        })
    }

    fn file(&self) -> MutexGuard<'_, MainFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing works here any more, if that is so.
    pub(super) fn dead(&self) -> Option<StoreError> {
        self.file().dead().cloned()
    }

    /// Every call on the connection begins here.
    fn enter(&mut self) -> Result<(), DatabaseError> {
        if let Some(error) = self.dead() {
            return Err(error.into());
        }
        self.signals.reset();
        self.file().take_failure();
        self.forget_what_failed()?;
        if !self.ready {
            for pragma in SETUP {
                self.connection.execute(pragma).map_err(|error| self.failed(error))?;
            }
            self.file().pin_pragmas();
            self.ready = true;
        }
        Ok(())
    }

    /// After a failure of the store SQLite has rolled back, but virtual tables may keep what they have read
    /// by half: FTS5 takes the counts of its documents for zero, and writes that with its next change. So
    /// they are made anew, with the schema.
    fn forget_what_failed(&mut self) -> Result<(), DatabaseError> {
        let failures = self.file().failures();
        if self.failures_seen != failures && self.is_autocommit() {
            self.failures_seen = failures;
            self.statements.clear();
            self.connection.execute("PRAGMA writable_schema = RESET").map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// The reason behind an error of SQLite.
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
            Some(Denied::Pragma(name)) if error.code & 0xFF == ffi::SQLITE_AUTH => {
                let message = format!("PRAGMA {name} is refused: it would change the whole process");
                SqlError { message, ..error }.into()
            }
            _ if error.code & 0xFF == ffi::SQLITE_INTERRUPT && self.interrupt.is_set() => {
                DatabaseError::Aborted("the statement was interrupted; it has had no effect".to_owned())
            }
            _ => error.into(),
        }
    }

    /// Whether no transaction is open.
    pub(super) fn is_autocommit(&self) -> bool {
        self.connection.is_autocommit()
    }

    /// The one statement of a text.
    fn prepare(&mut self, sql: &str) -> Result<Statement, DatabaseError> {
        if let Some(statement) = self.statements.take(sql) {
            return Ok(statement);
        }
        let prepared = self.connection.prepare(sql, true);
        let (statement, mut end) = prepared.map_err(|error| self.failed(placed(error, sql, 0)))?;
        let Some(statement) = statement else {
            return Err(DatabaseError::Invalid("the SQL holds no statement".to_owned()));
        };
        while end < sql.len() {
            let rest = self.connection.prepare(&sql[end..], false);
            match rest.map_err(|error| self.failed(placed(error, sql, end)))? {
                (Some(_), _) => {
                    let message = "the SQL holds more than one statement; exec runs several";
                    return Err(DatabaseError::Invalid(message.to_owned()));
                }
                (None, 0) => break,
                (None, more) => end += more,
            }
        }
        Ok(statement)
    }

    /// Puts a statement away for the next time. The answer is what it ended with.
    fn put_away(&mut self, sql: String, mut statement: Statement) -> Result<(), SqlError> {
        let ended = statement.reset();
        if StatementCache::is_worth_keeping(&sql) {
            statement.clear_bindings();
            self.statements.put(sql, statement);
        }
        ended
    }

    /// Runs SQL. The answer is one chunk of rows, or several.
    pub(super) fn run(
        &mut self,
        kind: Kind,
        sql: String,
        params: Option<&[u8]>,
        depth: usize,
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        self.enter()?;
        if kind == Kind::Exec {
            return self.exec(&sql);
        }
        let before = self.connection.total_changes();
        let mut statement = self.prepare(&sql)?;
        let ran = match wire::bind(&mut statement, params) {
            // One that writes commits at its end, and so would all others before it. Its rows are in memory
            // anyway, so they are all handed over at once.
            Ok(()) if kind == Kind::Iterate && statement.is_readonly() => {
                return self.iterate(Cursor { statement, sql, depth }, before);
            }
            Ok(()) => self.step_through(kind, &mut statement),
            Err(error) => Err(error),
        };
        // A statement without a transaction commits at its end, so only then is it known to have succeeded.
        let ended = self.put_away(sql, statement);
        let (mut chunks, mut writer) = ran?;
        ended.map_err(|error| self.failed(error))?;
        chunks.push(writer.finish(self.summary(before)));
        if let [first, .., _] = chunks.as_mut_slice() {
            self.restate(first, before);
        }
        Ok(chunks)
    }

    /// Steps as far as the kind of call wants it. The last chunk is left in the writer.
    fn step_through(
        &mut self,
        kind: Kind,
        statement: &mut Statement,
    ) -> Result<(Vec<Vec<u8>>, RowWriter), DatabaseError> {
        let mut chunks = Vec::new();
        let mut step = statement.step().map_err(|error| self.failed(error))?;
        // Where the schema has changed the first step compiles the statement anew, with other columns perhaps.
        let mut writer = RowWriter::new(Some(statement), kind != Kind::Run);
        while step == Step::Row {
            if kind != Kind::Run {
                writer.push(statement);
            }
            if kind == Kind::Get {
                break;
            }
            if kind == Kind::All && writer.is_full() {
                chunks.push(writer.finish(Summary::default()));
            }
            step = statement.step().map_err(|error| self.failed(error))?;
        }
        Ok((chunks, writer))
    }

    /// The first chunk of several was made before the statement was through: it gets the final numbers.
    fn restate(&self, first: &mut [u8], before: i64) {
        wire::restate(first, self.summary(before));
    }

    fn summary(&self, before: i64) -> Summary {
        let changed = self.connection.total_changes() != before;
        Summary {
            cursor: 0,
            changes: if changed { self.connection.changes() } else { 0 },
            last_insert_rowid: self.connection.last_insert_rowid(),
        }
    }

    fn exec(&mut self, sql: &str) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let mut start = 0;
        while start < sql.len() {
            let prepared = self.connection.prepare(&sql[start..], false);
            let (statement, end) = prepared.map_err(|error| self.failed(placed(error, sql, start)))?;
            if let Some(mut statement) = statement {
                if statement.parameter_count() > 0 {
                    let message = "exec takes no parameters; run, get and all do";
                    return Err(DatabaseError::Invalid(message.to_owned()));
                }
                self.signals.reset();
                while statement.step().map_err(|error| self.failed(error))? == Step::Row {}
            }
            if end == 0 {
                break;
            }
            start += end;
        }
        Ok(vec![RowWriter::new(None, false).finish(Summary::default())])
    }

    fn iterate(&mut self, cursor: Cursor, before: i64) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let id = self.next_cursor;
        self.next_cursor = self.next_cursor.checked_add(1).unwrap_or(1);
        self.advance(id, cursor, before, true).map(|chunk| vec![chunk])
    }

    /// The next rows of a cursor, which is put back if there may be more.
    fn advance(
        &mut self,
        id: u32,
        mut cursor: Cursor,
        before: i64,
        with_names: bool,
    ) -> Result<Vec<u8>, DatabaseError> {
        let mut step = cursor.statement.step();
        // After the first step, as in `step_through`.
        let mut writer = RowWriter::new(Some(&cursor.statement), with_names);
        loop {
            match step {
                Ok(Step::Row) => writer.push(&cursor.statement),
                Ok(Step::Done) => {
                    self.put_away(cursor.sql, cursor.statement).map_err(|error| self.failed(error))?;
                    return Ok(writer.finish(self.summary(before)));
                }
                Err(error) => {
                    let failed = self.failed(error);
                    drop(cursor);
                    return Err(failed);
                }
            }
            if writer.is_full() {
                self.cursors.insert(id, cursor);
                return Ok(writer.finish(Summary { cursor: id, ..self.summary(before) }));
            }
            step = cursor.statement.step();
        }
    }

    /// More rows of an iteration.
    pub(super) fn fetch(&mut self, id: u32) -> Result<Vec<u8>, DatabaseError> {
        self.enter()?;
        let Some(cursor) = self.cursors.remove(&id) else {
            let message = "the iteration is over: its transaction has ended or it was closed";
            return Err(DatabaseError::Closed(message.to_owned()));
        };
        let before = self.connection.total_changes();
        self.advance(id, cursor, before, false)
    }

    /// Ends an iteration early. A cursor that is gone already is none to complain about.
    pub(super) fn close_cursor(&mut self, id: u32) -> Result<(), DatabaseError> {
        let Some(cursor) = self.cursors.remove(&id) else { return Ok(()) };
        self.signals.reset();
        self.put_away(cursor.sql, cursor.statement).map_err(|error| self.failed(error))
    }

    /// What a statement takes and gives.
    pub(super) fn describe(&mut self, sql: String) -> Result<Description, DatabaseError> {
        self.enter()?;
        // One that was compiled before may know an earlier schema.
        drop(self.statements.take(&sql));
        let statement = self.prepare(&sql)?;
        let owned = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
        let columns = (0..statement.column_count())
            .map(|index| Column {
                name: statement.column_name(index).into_owned(),
                column: owned(statement.column_origin(index)),
                table: owned(statement.column_table(index)),
                declared_type: owned(statement.column_type(index)),
            })
            .collect();
        let parameters = (1..=statement.parameter_count())
            .map(|number| statement.parameter_name(number).map(str::to_owned))
            .collect();
        let description = Description { columns, parameters, is_readonly: statement.is_readonly() };
        self.put_away(sql, statement).map_err(|error| self.failed(error))?;
        Ok(description)
    }

    /// Runs statements one after the other; all of them take effect or none.
    pub(super) fn batch(
        &mut self,
        batch: Vec<(String, Option<Vec<u8>>)>,
        depth: usize,
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        self.begin(depth, Behavior::Deferred)?;
        let mut answers = Vec::with_capacity(batch.len());
        for (index, (sql, params)) in batch.into_iter().enumerate() {
            let ran = if statements::ends_transaction(&sql) {
                let message = "a batch is a transaction, which none of its statements may end";
                Err(DatabaseError::Invalid(message.to_owned()))
            } else {
                self.run(Kind::Whole, sql, params.as_deref(), depth + 1)
            };
            match ran {
                Ok(chunks) => answers.extend(chunks),
                Err(error) => {
                    // The reason is the statement's; a rollback that fails too has left nothing behind.
                    let _ = self.end(depth, false);
                    return Err(DatabaseError::Batch { index, error: Box::new(error) });
                }
            }
        }
        self.end(depth, true)?;
        Ok(answers)
    }

    /// Begins a transaction at depth 0, a savepoint below.
    pub(super) fn begin(&mut self, depth: usize, behavior: Behavior) -> Result<(), DatabaseError> {
        self.enter()?;
        if depth == 0 {
            self.is_nested = !self.is_autocommit();
        }
        let sql = match behavior {
            _ if depth > 0 || self.is_nested => savepoint("SAVEPOINT", depth),
            Behavior::Deferred => "BEGIN".to_owned(),
            Behavior::Immediate => "BEGIN IMMEDIATE".to_owned(),
            Behavior::Exclusive => "BEGIN EXCLUSIVE".to_owned(),
        };
        self.connection.execute(&sql).map_err(|error| self.failed(error))
    }
}

impl Session {
    /// Ends what was begun at this depth.
    pub(super) fn end(&mut self, depth: usize, commit: bool) -> Result<(), DatabaseError> {
        self.cursors.retain(|_, cursor| cursor.depth <= depth);
        self.enter()?;
        if self.is_autocommit() {
            if commit {
                let message = "the transaction was rolled back before, by a statement or an error";
                return Err(DatabaseError::Closed(message.to_owned()));
            }
            return Ok(());
        }
        if depth > 0 || self.is_nested {
            if !commit {
                self.execute(&savepoint("ROLLBACK TO", depth))?;
            }
            return self.execute(&savepoint("RELEASE", depth));
        }
        if !commit {
            return self.execute("ROLLBACK");
        }
        self.execute("COMMIT").inspect_err(|_| {
            // A commit that was refused, for a foreign key say, leaves the transaction open.
            if !self.is_autocommit() {
                let _ = self.connection.execute("ROLLBACK");
            }
        })
    }

    fn execute(&self, sql: &str) -> Result<(), DatabaseError> {
        self.signals.reset();
        self.connection.execute(sql).map_err(|error| self.failed(error))
    }

    /// A call is through.
    pub(super) fn rest(&self) {
        if self.cursors.is_empty() {
            self.file().source().forget_fetched();
        }
    }

    /// Gives back the memory that an idle database can do without. The answer is what it still takes.
    pub(super) fn shrink(&mut self) -> usize {
        self.statements.clear();
        self.connection.release_memory();
        self.memory_bytes()
    }

    /// The bytes that SQLite holds for this database.
    pub(super) fn memory_bytes(&self) -> usize {
        self.connection.memory_bytes()
    }

    /// The bytes of the page cache, which is cheap to ask for.
    pub(super) fn cache_bytes(&self) -> usize {
        self.connection.cache_bytes()
    }

    /// What the next start should bring along, once it is known: when the first phase after the start is
    /// over, or when as many pages were read as hints may name.
    pub(super) fn take_hints(&self, phase_is_over: bool, given: &[PageRange]) -> Option<Vec<PageRange>> {
        let mut file = self.file();
        let source = file.source();
        if phase_is_over || source.hints_are_complete() { source.take_hints(given) } else { None }
    }
}

fn savepoint(verb: &str, depth: usize) -> String {
    format!("{verb} baton_{depth}")
}

/// The error with its place counted in the whole text, from which the part at `start` was compiled, and in
/// UTF-16 code units, as users count.
fn placed(error: SqlError, sql: &str, start: usize) -> SqlError {
    let before = error.offset.and_then(|offset| sql.get(..start + offset));
    SqlError { offset: before.map(|before| before.encode_utf16().count()), ..error }
}
