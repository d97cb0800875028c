//! Runs statements: complete answers, cursors, descriptions.

use std::borrow::Cow;

use crate::database::call::{Column, Description, Kind};
use crate::database::error::DatabaseError;
use crate::database::sqlite::{Script, Statement, Step};

use super::wire::{self, RowWriter, Summary};
use super::{Cursor, Session};

impl Session {
    /// Runs SQL. Returns one chunk of rows, or several.
    pub(in crate::database) fn run(
        &mut self,
        kind: Kind,
        sql: String,
        params: Option<&[u8]>,
        depth: usize,
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        if self.following.is_none() {
            return self.run_once(kind, sql, params, depth);
        }
        if kind == Kind::Exec {
            return self.exec(&sql);
        }
        self.at_one_head(|session| session.run_once(kind, sql.clone(), params, depth))
    }

    pub(super) fn run_once(
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
            // A statement that writes commits at its end, and so would every other statement before that. Its
            // rows are in memory anyway, so all of them are returned at once.
            Ok(()) if kind == Kind::Iterate && statement.is_readonly() => {
                return self.iterate(Cursor { statement, sql, depth }, before);
            }
            Ok(()) => self.step_through(kind, &mut statement),
            Err(error) => Err(error),
        };
        // A statement without a transaction commits at its end, so only then is its success known.
        let ended = self.put_away(sql, statement);
        let (mut chunks, mut writer) = ran?;
        ended.map_err(|error| self.failed(error))?;
        chunks.push(writer.finish(self.summary(before)));
        if let [first, .., _] = chunks.as_mut_slice() {
            self.restate(first, before);
        }
        Ok(chunks)
    }

    /// Steps as far as the kind of call needs. The last chunk is left in the writer.
    pub(super) fn step_through(
        &mut self,
        kind: Kind,
        statement: &mut Statement,
    ) -> Result<(Vec<Vec<u8>>, RowWriter), DatabaseError> {
        let mut chunks = Vec::new();
        let mut step = statement.step().map_err(|error| self.failed(error))?;
        // If the schema has changed, the first step compiles the statement again, perhaps with other columns.
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

    /// The first of several chunks was built before the statement finished: it gets the final numbers.
    pub(super) fn restate(&self, first: &mut [u8], before: i64) {
        wire::restate(first, self.summary(before));
    }

    pub(super) fn summary(&self, before: i64) -> Summary {
        let changed = self.connection.total_changes() != before;
        Summary {
            cursor: 0,
            changes: if changed { self.connection.changes() } else { 0 },
            last_insert_rowid: self.connection.last_insert_rowid(),
        }
    }

    fn exec(&mut self, sql: &str) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let script = Script::new(sql);
        let mut start = 0;
        while start < sql.len() {
            self.stop_if_asked()?;
            let end = if self.following.is_none() {
                self.exec_next(&script, start)?
            } else {
                // Each statement by itself: earlier ones may have changed temporary tables.
                self.at_one_head(|session| {
                    session.enter()?;
                    session.exec_next(&script, start)
                })?
            };
            if end == 0 {
                break;
            }
            start += end;
        }
        Ok(vec![RowWriter::new(None, false).finish(Summary::default())])
    }

    /// Compiles the statement of a script at `start`. Also returns its length.
    pub(super) fn compile_next(
        &mut self,
        script: &Script,
        start: usize,
    ) -> Result<(Option<Statement>, usize), DatabaseError> {
        self.file().pins().take_instead();
        let prepared = self.connection.prepare_next(script, start);
        let (statement, end) = prepared.or_else(|error| self.or_limited(error, script.text(), start))?;
        Ok((self.or_instead(statement)?, end))
    }

    /// Runs the statement at `start`. Returns its length.
    fn exec_next(&mut self, script: &Script, start: usize) -> Result<usize, DatabaseError> {
        let (statement, end) = self.compile_next(script, start)?;
        if let Some(mut statement) = statement {
            if statement.parameter_count() > 0 {
                let message = "exec takes no parameters; run, get and all do";
                return Err(DatabaseError::Invalid(message.to_owned()));
            }
            self.signals.reset();
            while statement.step().map_err(|error| self.failed(error))? == Step::Row {}
        }
        Ok(end)
    }

    pub(super) fn iterate(&mut self, cursor: Cursor, before: i64) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let id = self.new_cursor();
        self.advance(id, cursor, before, true).map(|chunk| vec![chunk])
    }

    /// A number for something that stays open between calls.
    pub(super) fn new_cursor(&mut self) -> u32 {
        let id = self.next_cursor;
        self.next_cursor = self.next_cursor.checked_add(1).unwrap_or(1);
        id
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

    /// More rows of a cursor.
    pub(in crate::database) fn fetch(&mut self, id: u32) -> Result<Vec<u8>, DatabaseError> {
        if self.following.is_none() {
            return self.fetch_once(id);
        }
        self.expect_cursor(id)?;
        self.at_this_head(|session| session.fetch_once(id))
    }

    fn fetch_once(&mut self, id: u32) -> Result<Vec<u8>, DatabaseError> {
        self.enter()?;
        if let Some(lost) = self.lost_cursors.remove(&id) {
            return Err(lost.into());
        }
        let Some(cursor) = self.cursors.remove(&id) else {
            let message = "the iteration is over: its transaction has ended or it was closed";
            return Err(DatabaseError::Closed(message.to_owned()));
        };
        let before = self.connection.total_changes();
        self.advance(id, cursor, before, false)
    }

    /// Closes a cursor early. A cursor that is gone already is not an error.
    pub(in crate::database) fn close_cursor(&mut self, id: u32) -> Result<(), DatabaseError> {
        if let Some(script) = self.scripts.remove(&id) {
            return script.open_cursor().map_or(Ok(()), |cursor| self.close_cursor(cursor));
        }
        let Some(cursor) = self.cursors.remove(&id) else {
            self.lost_cursors.remove(&id);
            self.forget_cursor(id);
            return Ok(());
        };
        self.signals.reset();
        self.put_away(cursor.sql, cursor.statement).map_err(|error| self.failed(error))
    }

    /// Describes a statement's parameters and columns.
    pub(in crate::database) fn describe(&mut self, sql: String) -> Result<Description, DatabaseError> {
        if self.following.is_none() {
            return self.describe_once(sql);
        }
        self.at_one_head(|session| session.describe_once(sql.clone()))
    }

    fn describe_once(&mut self, sql: String) -> Result<Description, DatabaseError> {
        self.enter()?;
        // A cached statement may be based on an earlier schema.
        drop(self.statements.take(&sql));
        let statement = self.prepare(&sql)?;
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
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
}
