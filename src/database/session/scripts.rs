//! Scripts whose statements run as one transaction and that return the rows of one statement.

use crate::database::call::{Behavior, Kind, ScriptKind};
use crate::database::error::DatabaseError;
use crate::database::keywords;
use crate::database::sqlite::{Script, Statement};

use super::Session;
use super::transactions::refuse_in_batch;
use super::wire::{self, RowWriter};

/// Whether the statements run in a transaction that was begun for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Together {
    /// Not begun: a single statement needs none.
    NotYet,
    Now,
    /// Ended: a statement that stands alone was reached.
    NoMore,
}

/// The progress of a script.
struct Progress {
    start: usize,
    /// The index of the next statement, from 0.
    index: usize,
    changes: i64,
    together: Together,
    /// The rows to return, so far.
    answer: RowWriter,
}

impl Session {
    /// Runs the statements of a text. Returns one chunk.
    pub(crate) fn script(
        &mut self,
        kind: ScriptKind,
        sql: &str,
        params: Option<&[u8]>,
        depth: usize,
    ) -> Result<Vec<u8>, DatabaseError> {
        let script = Script::new(sql);
        if self.following.is_none() {
            return self.script_once(kind, &script, params, depth);
        }
        self.at_one_head(|session| session.script_once(kind, &script, params, depth))
    }

    fn script_once(
        &mut self,
        kind: ScriptKind,
        script: &Script,
        params: Option<&[u8]>,
        depth: usize,
    ) -> Result<Vec<u8>, DatabaseError> {
        self.enter()?;
        let answer = RowWriter::new(None, false);
        let mut progress = Progress { start: 0, index: 0, changes: 0, together: Together::NotYet, answer };
        if kind == ScriptKind::Together {
            self.begin_together(&mut progress, depth)?;
        }
        let ran = self.script_through(kind, script, params, (&mut progress, depth));
        let Progress { index, changes, together, mut answer, .. } = progress;
        match ran {
            Ok(()) if together == Together::Now => self.end(depth, true)?,
            Ok(()) => {}
            Err(error) if together == Together::Now => {
                // The error is the statement's; even if the rollback fails too, nothing is left behind.
                let _ = self.end(depth, false);
                return Err(DatabaseError::Batch { index, error: Box::new(error) });
            }
            Err(error) => return Err(error),
        }
        let summary = self.summary(self.connection.total_changes());
        Ok(answer.finish(wire::Summary { changes, ..summary }))
    }

    /// Begins the transaction that the statements share.
    fn begin_together(&mut self, progress: &mut Progress, depth: usize) -> Result<(), DatabaseError> {
        self.begin_once(depth, Behavior::Deferred)?;
        progress.together = Together::Now;
        Ok(())
    }

    fn script_through(
        &mut self,
        kind: ScriptKind,
        script: &Script,
        params: Option<&[u8]>,
        (progress, depth): (&mut Progress, usize),
    ) -> Result<(), DatabaseError> {
        let sql = script.text();
        while progress.start < sql.len() {
            self.stop_if_asked()?;
            let rest = &sql[progress.start..];
            if kind == ScriptKind::Together {
                refuse_in_batch(rest)?;
            } else if progress.together != Together::NoMore && keywords::stands_alone(rest) {
                // Before it is compiled, which is when some pragmas take effect.
                if progress.together == Together::Now {
                    self.end(depth, true)?;
                }
                progress.together = Together::NoMore;
            }
            let (statement, length) = self.next_of(script, progress.start)?;
            let Some(statement) = statement else {
                if length == 0 {
                    break;
                }
                progress.start += length;
                continue;
            };
            let is_last = keywords::is_blank(&rest[length..]);
            if progress.together == Together::NotYet && !is_last {
                self.begin_together(progress, depth)?;
            }
            let statement =
                self.one_of_script(kind, statement, params.filter(|_| is_last), is_last, progress)?;
            if is_last && progress.index == 0 {
                self.put_away(sql.to_owned(), statement).map_err(|error| self.failed(error))?;
            }
            progress.start += length;
            progress.index += 1;
            if is_last {
                return Ok(());
            }
        }
        if kind == ScriptKind::Together && progress.index == 0 {
            return Err(DatabaseError::Invalid("the SQL holds no statement".to_owned()));
        }
        Ok(())
    }

    fn next_of(
        &mut self,
        script: &Script,
        start: usize,
    ) -> Result<(Option<Statement>, usize), DatabaseError> {
        // A text with a single statement that was run before.
        if start == 0
            && let Some(statement) = self.statements.take(script.text())
        {
            return Ok((Some(statement), script.text().len()));
        }
        self.compile_next(script, start)
    }

    fn one_of_script(
        &mut self,
        kind: ScriptKind,
        mut statement: Statement,
        params: Option<&[u8]>,
        is_last: bool,
        progress: &mut Progress,
    ) -> Result<Statement, DatabaseError> {
        if !is_last && statement.parameter_count() > 0 {
            let message = "only the last statement of several may have parameters";
            return Err(DatabaseError::Invalid(message.to_owned()));
        }
        wire::bind(&mut statement, params)?;
        self.signals.reset();
        let before = self.connection.total_changes();
        let is_wanted = is_last || kind == ScriptKind::AsFarAsMayBe;
        let (_, writer) =
            self.step_through(if is_wanted { Kind::Whole } else { Kind::Run }, &mut statement)?;
        statement.reset().map_err(|error| self.failed(error))?;
        progress.changes += self.summary(before).changes;
        if is_wanted && (kind == ScriptKind::Together || statement.column_count() > 0) {
            progress.answer = writer;
        }
        Ok(statement)
    }
}
