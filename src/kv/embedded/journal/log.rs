//! The log: records are appended behind a position, and read again from one.

use std::io;

use super::files::Files;
use super::position::Position;
use super::record::{self, BLOCK_BYTES, Head, Record, Written};
use crate::kv::embedded::content::StoreId;
use crate::kv::embedded::planted::{self, JournalBug};

/// The size of the first segment of a store.
pub(in crate::kv::embedded) const SEGMENT_BYTES_FIRST: u64 = 256 * 1024;
/// The size up to which the segments of a busy store grow.
pub(in crate::kv::embedded) const SEGMENT_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The log of one store.
#[derive(Debug)]
pub(in crate::kv::embedded) struct Log {
    pub files: Files,
    pub store: StoreId,
}

/// Why a record was not appended.
#[derive(Debug)]
pub(in crate::kv::embedded) enum AppendError {
    /// It is not in the log, and never will be.
    NotWritten(io::Error),
    /// Nobody knows whether the disk has it. Nothing may be appended behind it.
    Unknown(io::Error),
}

impl Log {
    /// Writes a record behind `tail`, and returns the place behind it. The segment has room for it. The disk begins to
    /// write, but does not have it before [`flush`](Self::flush).
    pub(in crate::kv::embedded) fn append(
        &self,
        tail: Position,
        record: &mut Record,
    ) -> Result<Position, AppendError> {
        let file = tail.file();
        if tail.is_start() {
            // What an earlier use of the file has written in large pieces would count again with each record.
            self.files.forget(file);
            self.files.write(file, 0, &tail.header(self.store)).map_err(AppendError::NotWritten)?;
        }
        let (bytes, written) = record.seal(tail.number + 1, tail.chain);
        if let Err(error) = self.files.write(file, tail.offset, bytes) {
            // All but the zeros behind it may have been written.
            let is_whole = !matches!(self.find(tail, tail.number + 1), Ok(None));
            return Err(if is_whole { AppendError::Unknown(error) } else { AppendError::NotWritten(error) });
        }
        self.files.begin_flush(file, tail.offset, written.bytes);
        Ok(tail.after(written.bytes, written.chain))
    }

    /// Makes sure that the disk has the record that ends at `after`.
    pub(in crate::kv::embedded) fn flush(&self, after: Position) -> io::Result<()> {
        self.files.flush(after.file())
    }

    /// Takes back the record behind `tail`, so that nobody ever finds it there.
    pub(in crate::kv::embedded) fn retract(&self, tail: Position) -> io::Result<()> {
        let file = tail.file();
        self.files.write(file, tail.offset, &[0; BLOCK_BYTES])?;
        self.files.flush(file)
    }

    /// Takes back a record behind `tail` that was never committed, if there is one, in the next segment too.
    pub(in crate::kv::embedded) fn retract_uncommitted(&self, tail: Position) -> io::Result<()> {
        loop {
            let mut walk = Walk::new(self, tail);
            if walk.next()?.is_none() {
                return Ok(());
            }
            let Position { segment, .. } = walk.at();
            let is_here = segment == tail.segment;
            self.retract(if is_here { tail } else { Position::start_of(segment, tail.number, tail.chain) })?;
        }
    }

    /// Goes on behind `tail` in the next segment, in a file with at least so many bytes.
    ///
    /// What lies behind `tail` may be a record that was never committed: its process was killed, or its flush
    /// has failed. Whoever reads the journal would go on there instead, so the disk has to forget it first.
    pub(in crate::kv::embedded) fn switch(&self, tail: Position, file_bytes: u64) -> io::Result<Position> {
        if self.has_room(tail, BLOCK_BYTES as u64)? {
            self.retract(tail)?;
        }
        let next = Position::start_of(tail.segment + 1, tail.number, tail.chain);
        self.files.make_ready(next.file(), file_bytes)?;
        Ok(next)
    }

    /// Whether the segment has room for so many bytes behind `tail`.
    pub(in crate::kv::embedded) fn has_room(&self, tail: Position, bytes: u64) -> io::Result<bool> {
        Ok(tail.offset + bytes <= self.files.segment_bytes(tail.file())?)
    }

    /// The number of the transaction before the segment that `tail` is in: what the other file holds ends
    /// there.
    pub(in crate::kv::embedded) fn first_of(&self, tail: Position) -> io::Result<u64> {
        if tail.is_start() {
            return Ok(tail.number);
        }
        let start = self.files.start(tail.file(), self.store)?;
        let start = start.filter(|start| start.segment == tail.segment);
        start.map(|start| start.number).ok_or_else(|| io::Error::other("the journal lost a segment's header"))
    }

    /// The largest number of a segment that either file holds.
    pub(in crate::kv::embedded) fn newest_segment(&self) -> io::Result<u64> {
        let mut newest = 0;
        for file in 0..2 {
            let segment = self.files.start(file, self.store)?.map_or(0, |start| start.segment);
            newest = newest.max(segment);
        }
        Ok(newest)
    }

    /// The place behind the record of transaction `number`, if the records from `from` on lead there.
    pub(in crate::kv::embedded) fn find(&self, from: Position, number: u64) -> io::Result<Option<Position>> {
        let mut walk = Walk::new(self, from);
        while walk.at().number < number {
            if walk.next()?.is_none() {
                return Ok(None);
            }
        }
        Ok((walk.at().number == number).then(|| walk.at()))
    }
}

/// Goes from record to record, as long as each follows the one before.
pub(in crate::kv::embedded) struct Walk<'l> {
    log: &'l Log,
    at: Position,
}

impl<'l> Walk<'l> {
    pub(in crate::kv::embedded) fn new(log: &'l Log, from: Position) -> Self {
        Self { log, at: from }
    }

    /// The place behind the last record.
    pub(in crate::kv::embedded) fn at(&self) -> Position {
        self.at
    }

    /// The next record, whole.
    pub(in crate::kv::embedded) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(record) = self.next_here()? {
            return Ok(Some(record));
        }
        // A segment that was begun where this one ends goes on in the other file.
        let Position { segment, number, chain, .. } = self.at;
        let start = Position::start_of(segment + 1, number, chain);
        if self.log.files.start(start.file(), self.log.store)? != Some(start) {
            return Ok(None);
        }
        let end = std::mem::replace(&mut self.at, start);
        let record = self.next_here()?;
        if record.is_none() {
            self.at = end;
        }
        Ok(record)
    }

    fn next_here(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Position { offset, number, chain, .. } = self.at;
        let (files, file) = (&self.log.files, self.at.file());
        let mut bytes = files.read(file, offset, BLOCK_BYTES)?;
        let Some(head) = Head::parse(&bytes).filter(|head| head.number == number + 1) else {
            return Ok(None);
        };
        if head.bytes > bytes.len() {
            if offset + head.bytes as u64 > files.segment_bytes(file)? {
                return Ok(None);
            }
            bytes = files.read(file, offset, head.bytes)?;
        }
        if bytes.len() < head.bytes {
            return Ok(None);
        }
        bytes.truncate(head.bytes);
        let followed = record::follow(&bytes, chain);
        let accepted = if planted::is_journal(JournalBug::ChainNotChecked) {
            followed.or(Some(Written { bytes: bytes.len().next_multiple_of(BLOCK_BYTES) as u64, chain }))
        } else {
            followed
        };
        let Some(written) = accepted else { return Ok(None) };
        self.at = self.at.after(written.bytes, written.chain);
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::embedded::locks::files::Making;
    use crate::kv::{Mutation, WriteConflict};

    fn record(bytes: usize) -> Record {
        let mut record = Record::default();
        let conflict = WriteConflict::Omitted;
        record.row(&Mutation::Put { key: b"key".to_vec(), value: vec![7; bytes], conflict });
        record
    }

    fn log() -> (tempfile::TempDir, Log, Position) {
        let directory = tempfile::tempdir().unwrap();
        let making = Making::of(directory.path(), None).unwrap();
        let log = Log { files: Files::create(directory.path(), &making).unwrap(), store: [1; 16] };
        let start = Position::start_of(1, 40, 3);
        log.files.make_ready(start.file(), SEGMENT_BYTES_FIRST).unwrap();
        (directory, log, start)
    }

    #[test]
    fn records_are_found_again_across_segments() {
        let (_directory, log, start) = log();
        let mut tail = start;
        for number in 0..300 {
            if !log.has_room(tail, record(number).file_bytes()).unwrap() {
                tail = log.switch(tail, SEGMENT_BYTES_FIRST).unwrap();
            }
            tail = log.append(tail, &mut record(number)).unwrap();
        }
        assert!(tail.segment > 4);
        assert_eq!(
            log.first_of(tail).unwrap(),
            log.files.start(tail.file(), [1; 16]).unwrap().unwrap().number
        );
        // Both files were used again, so the first records are gone, and the others lead to the end.
        assert_eq!(log.find(start, tail.number).unwrap(), None);
        let of_segment = log.files.start(1 - tail.file(), [1; 16]).unwrap().unwrap();
        assert_eq!(log.find(of_segment, tail.number).unwrap(), Some(tail));
    }

    #[test]
    fn a_record_that_was_never_committed_gives_way_to_the_one_that_was() {
        let (_directory, log, start) = log();
        let tail = log.append(start, &mut record(10)).unwrap();
        // In the same segment.
        log.append(tail, &mut record(9_000)).unwrap();
        let after = log.append(tail, &mut record(20)).unwrap();
        assert_eq!(log.find(start, after.number).unwrap(), Some(after));
        assert_eq!(log.find(start, after.number + 1).unwrap(), None);
        // It is taken back for a commit without a record, here and where the next segment begins.
        log.append(after, &mut record(9_000)).unwrap();
        log.retract_uncommitted(after).unwrap();
        assert_eq!(log.find(after, after.number + 1).unwrap(), None);
        let next = log.switch(after, SEGMENT_BYTES_FIRST).unwrap();
        log.append(next, &mut record(10)).unwrap();
        log.retract_uncommitted(after).unwrap();
        assert_eq!(log.find(after, after.number + 1).unwrap(), None);
        // It fitted, and the one that was committed did not.
        log.append(after, &mut record(30)).unwrap();
        let next = log.switch(after, SEGMENT_BYTES_FIRST).unwrap();
        let first = log.append(next, &mut record(40)).unwrap();
        let second = log.append(first, &mut record(50)).unwrap();
        assert_eq!(log.find(start, second.number).unwrap(), Some(second));
        // The other way round: in the next segment a record that was never committed, and then one here.
        let unused = log.switch(second, SEGMENT_BYTES_FIRST).unwrap();
        log.append(unused, &mut record(60)).unwrap();
        let here = log.append(second, &mut record(70)).unwrap();
        assert_eq!(log.find(next, here.number).unwrap(), Some(here));
    }

    #[test]
    fn a_record_that_was_taken_back_is_not_found() {
        let (_directory, log, start) = log();
        let tail = log.append(start, &mut record(10)).unwrap();
        log.append(tail, &mut record(20)).unwrap();
        log.retract(tail).unwrap();
        assert_eq!(log.find(start, tail.number + 1).unwrap(), None);
    }
}
