//! A script that runs statement by statement, and the chunks of its answers.

use std::mem::replace;

use crate::database::error::DatabaseError;
use crate::database::sqlite::Script;

use super::wire::{self, RowWriter, Summary};

/// A script that is running.
pub(super) struct RunningScript {
    pub(super) script: Script,
    pub(super) start: usize,
    pub(super) statements: usize,
    /// The statement whose rows are being returned, if it has not finished.
    pub(super) open: Option<u32>,
    /// The error to return next.
    pub(super) failed: Option<DatabaseError>,
    /// The transaction depth at which it was begun; it ends with that transaction.
    pub(super) depth: usize,
}

impl RunningScript {
    /// The cursor that it has left open.
    pub(super) fn open_cursor(&self) -> Option<u32> {
        self.open
    }

    /// What it has read is lost, and the transaction that it runs in: it ends with this error.
    pub(super) fn lose(&mut self, why: DatabaseError) {
        self.open = None;
        self.failed.get_or_insert(why);
    }

    /// Adds the result of a statement to an answer.
    pub(super) fn take(&mut self, piece: Piece, gathered: &mut Gathered) {
        match piece {
            Piece::Nothing => {}
            Piece::Changes(changes, is_readonly) => gathered.changes.push_change(changes, is_readonly),
            Piece::Rows(mut chunk, flags) => {
                let cursor = wire::cursor(&chunk);
                self.open = (cursor != 0).then_some(cursor);
                wire::set_cursor(&mut chunk, 0);
                wire::mark(&mut chunk, flags | if cursor == 0 { 0 } else { wire::GOES_ON });
                gathered.push(chunk);
            }
            Piece::Whole(chunks) => {
                let last = chunks.len().saturating_sub(1);
                for (index, mut chunk) in chunks.into_iter().enumerate() {
                    wire::mark(&mut chunk, if index < last { wire::GOES_ON } else { 0 });
                    gathered.push(chunk);
                }
            }
        }
    }
}

/// The result of a statement.
pub(super) enum Piece {
    /// There was only whitespace and comments.
    Nothing,
    /// It has no columns and changed this many rows; and whether it is read-only.
    Changes(i64, bool),
    /// Rows, with more to come if the chunk has a cursor; and flags.
    Rows(Vec<u8>, u8),
    /// All its rows.
    Whole(Vec<Vec<u8>>),
}

/// The chunks of one answer.
pub(super) struct Gathered {
    chunks: Vec<Vec<u8>>,
    pub(super) bytes: usize,
    /// The changes of statements without columns.
    pub(super) changes: RowWriter,
}

impl Gathered {
    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), bytes: 0, changes: RowWriter::of_changes() }
    }

    pub(super) fn push(&mut self, chunk: Vec<u8>) {
        self.flush();
        self.bytes += chunk.len();
        self.chunks.push(chunk);
    }

    pub(super) fn flush(&mut self) {
        if !self.changes.is_empty() {
            let mut chunk = replace(&mut self.changes, RowWriter::of_changes()).finish(Summary::default());
            wire::mark(&mut chunk, wire::CHANGES);
            self.bytes += chunk.len();
            self.chunks.push(chunk);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.changes.is_empty()
    }

    pub(super) fn finish(mut self, more: u32) -> Vec<Vec<u8>> {
        self.flush();
        if self.chunks.is_empty() {
            let mut chunk = self.changes.finish(Summary::default());
            wire::mark(&mut chunk, wire::CHANGES);
            self.chunks.push(chunk);
        }
        if let Some(last) = self.chunks.last_mut() {
            wire::set_cursor(last, more);
        }
        self.chunks
    }
}
