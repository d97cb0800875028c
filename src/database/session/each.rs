//! Scripts that run statement by statement, each as its own transaction, and return the answers of several
//! statements at a time.
//!
//! An answer is a list of chunks. A statement with columns has one or more chunks of its own. Statements
//! without columns share a chunk, with one row for each of them. `wire::Kind` says which kind a chunk is, and
//! the last chunk of an answer says whether the script goes on.

use crate::database::call::Kind;
use crate::database::error::DatabaseError;
use crate::database::sqlite::{Script, Statement};

use super::running_script::{Gathered, Piece, RunningScript};
use super::wire;
use super::{Cursor, Session};

/// An answer ends at about this size or after a number of statements. The first answer has only one
/// statement, so that a slow statement does not hold back earlier answers, and each answer has twice as many
/// as the one before.
const ANSWER_BYTES: usize = 64 << 10;
const STATEMENTS_MAX: usize = 4_096;

impl Session {
    /// Starts a script.
    pub(crate) fn each(&mut self, sql: String, depth: usize) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let script = Script::from(sql);
        let each = RunningScript { script, start: 0, statements: 1, open: None, failed: None, depth };
        let id = self.new_cursor();
        self.some_of(id, each)
    }

    /// Continues a script. `skip` leaves out the remaining rows of the open statement.
    pub(crate) fn each_on(&mut self, id: u32, skip: bool) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let Some(mut each) = self.scripts.remove(&id) else {
            let message = "the script is over: its transaction has ended or it was closed";
            return Err(DatabaseError::Closed(message.to_owned()));
        };
        if skip && let Some(cursor) = each.open.take() {
            self.close_cursor(cursor)?;
        }
        self.some_of(id, each)
    }

    fn some_of(&mut self, id: u32, mut each: RunningScript) -> Result<Vec<Vec<u8>>, DatabaseError> {
        if let Some(error) = each.failed.take() {
            return Err(error);
        }
        let mut gathered = Gathered::new();
        let ran = self.gather(&mut each, &mut gathered);
        let goes_on = match ran {
            Ok(goes_on) => goes_on,
            Err(error) if gathered.is_empty() => return Err(error),
            Err(error) => {
                // The statements before it have taken effect, so their answers come first.
                each.failed = Some(error);
                true
            }
        };
        if goes_on {
            each.statements = (2 * each.statements).min(STATEMENTS_MAX);
            self.scripts.insert(id, each);
        }
        Ok(gathered.finish(if goes_on { id } else { 0 }))
    }

    /// Runs statements until the answer is full. Returns whether there is more.
    fn gather(&mut self, each: &mut RunningScript, gathered: &mut Gathered) -> Result<bool, DatabaseError> {
        let mut statements = 0;
        loop {
            self.stop_if_asked()?;
            if let Some(cursor) = each.open.take() {
                let chunk = self.fetch(cursor)?;
                each.take(Piece::Rows(chunk, 0), gathered);
            } else if each.start >= each.script.text().len() {
                return Ok(false);
            } else if statements == each.statements {
                return Ok(true);
            } else {
                let (piece, length) = if self.following.is_none() {
                    self.enter()?;
                    self.next_of_each(each)?
                } else {
                    self.at_one_head(|session| {
                        session.enter()?;
                        session.next_of_each(each)
                    })?
                };
                if length == 0 {
                    return Ok(false);
                }
                // The answer says of each statement whether it has taken effect, so each is durable before the next.
                self.settle()?;
                each.take(piece, gathered);
                each.start += length;
                statements += 1;
            }
            if gathered.bytes + gathered.changes.bytes() >= ANSWER_BYTES {
                return Ok(each.open.is_some() || each.start < each.script.text().len());
            }
        }
    }

    /// Runs the next statement. Returns its result and the length of its text.
    fn next_of_each(&mut self, each: &RunningScript) -> Result<(Piece, usize), DatabaseError> {
        let (statement, length) = self.compile_next(&each.script, each.start)?;
        let Some(mut statement) = statement else { return Ok((Piece::Nothing, length)) };
        wire::bind(&mut statement, None)?;
        self.signals.reset();
        let before = self.connection.total_changes();
        let piece = if statement.column_count() == 0 {
            self.step_through(Kind::Run, &mut statement)?;
            Piece::Changes(self.summary(before).changes, statement.is_readonly())
        } else if statement.is_readonly() {
            let cursor = Cursor { statement, sql: String::new(), depth: each.depth };
            Piece::Rows(self.iterate(cursor, before)?.pop().unwrap_or_default(), wire::READONLY)
        } else {
            Piece::Whole(self.whole_of(statement, before)?)
        };
        Ok((piece, length))
    }

    /// Runs a statement that writes and has rows to its end before any row is returned.
    fn whole_of(&mut self, mut statement: Statement, before: i64) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let (mut chunks, mut writer) = self.step_through(Kind::All, &mut statement)?;
        statement.reset().map_err(|error| self.failed(error))?;
        chunks.push(writer.finish(self.summary(before)));
        if let [first, .., _] = chunks.as_mut_slice() {
            self.restate(first, before);
        }
        Ok(chunks)
    }
}
