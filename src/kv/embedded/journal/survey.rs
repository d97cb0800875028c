//! What the journal's files hold, for those who only look: nothing is written, and no lock is taken. Others may
//! write meanwhile, so what was read counts only if no checkpoint was written down in between.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::files::{Files, SEGMENT_NAMES};
use super::log::{Log, Walk};
use super::position::Position;
use super::record::{BLOCK_BYTES, Head};
use super::slot::{Checkpoint, Slots};
use crate::kv::embedded::content::StoreId;

/// How often the files are read again because others write.
const ATTEMPTS_MAX: usize = 10;

/// What was found.
#[derive(Debug)]
pub(in crate::kv::embedded) struct Survey {
    pub slots: Slots,
    /// Slots that were written and are not whole.
    pub damaged_slots: usize,
    /// When a checkpoint was last written down.
    pub noted: Option<SystemTime>,
    /// For each of the two files, its length and the segment in it, if that is one of the store.
    pub files: [(u64, Option<Position>); 2],
    /// The newest commit of the tree.
    pub newest: u64,
    /// How far the records lead from the checkpoint, at most to the newest commit; how many they are, and their
    /// bytes.
    pub reached: u64,
    pub records: u64,
    pub bytes: u64,
    /// If they do not lead to the newest commit: why.
    pub gap: Option<Gap>,
    /// Nobody has written a checkpoint down meanwhile.
    pub is_steady: bool,
}

/// Why the records do not lead to the newest commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kv::embedded) enum Gap {
    /// The next record is in this file, and is damaged.
    Damaged(&'static str),
    /// This file has it or a later one, and nothing leads there.
    Missing(&'static str),
    /// There are no more records, but some since the checkpoint.
    Ended,
    /// Nothing was written to the journal since the checkpoint.
    NotBegun,
}

impl Survey {
    /// Reads the files of a directory; `None` if one of them is not there. `newest` tells the tree's newest
    /// commit.
    pub(in crate::kv::embedded) fn of(
        directory: &Path,
        store: StoreId,
        newest: &dyn Fn() -> u64,
    ) -> io::Result<Option<Self>> {
        let Some(files) = Files::open(directory)? else { return Ok(None) };
        let log = Log { files, store };
        let mut attempts = 1;
        loop {
            let before = log.files.checkpoint_bytes()?;
            let mut survey = Self::look(&log, &before, newest)?;
            survey.is_steady = log.files.checkpoint_bytes()? == before;
            if survey.is_steady || attempts == ATTEMPTS_MAX {
                return Ok(Some(survey));
            }
            attempts += 1;
        }
    }

    fn look(log: &Log, checkpoints: &[u8], newest: &dyn Fn() -> u64) -> io::Result<Self> {
        let file =
            |file| Ok::<_, io::Error>((log.files.segment_bytes(file)?, log.files.start(file, log.store)?));
        let slots = Slots::parse(checkpoints);
        // A checkpoint is written down after its commit, and a record before.
        let newest = newest();
        let mut survey = Self {
            damaged_slots: Slots::damaged(checkpoints),
            noted: log.files.checkpoint_noted(),
            files: [file(0)?, file(1)?],
            newest,
            reached: newest,
            records: 0,
            bytes: 0,
            gap: None,
            is_steady: false,
            slots,
        };
        if let Slots::Newest(checkpoint) = &survey.slots
            && checkpoint.store == log.store
        {
            let position = checkpoint.position;
            survey.walk(log, position)?;
        }
        Ok(survey)
    }

    fn walk(&mut self, log: &Log, from: Position) -> io::Result<()> {
        let mut walk = Walk::new(log, from);
        while walk.at().number < self.newest {
            let Some(record) = walk.next()? else { break };
            self.records += 1;
            self.bytes += record.len().next_multiple_of(BLOCK_BYTES) as u64;
        }
        self.reached = walk.at().number;
        if self.reached < self.newest {
            self.gap = Some(self.gap_at(log, from, walk.at())?);
        }
        Ok(())
    }

    /// Why the journal does not go on at `end`. A record that was never committed has the number of the next
    /// commit, and those of an earlier use of the file have smaller ones. So a larger one follows what is
    /// missing.
    fn gap_at(&self, log: &Log, from: Position, end: Position) -> io::Result<Gap> {
        for file in [end.file(), 1 - end.file()] {
            let begin = if file == end.file() { end.offset } else { BLOCK_BYTES as u64 };
            let length = usize::try_from(self.files[file].0.saturating_sub(begin)).unwrap_or(usize::MAX);
            let bytes = log.files.read(file, begin, length)?;
            for (block, head) in bytes.chunks(BLOCK_BYTES).map(Head::parse).enumerate() {
                let Some(head) = head.filter(|head| head.number > end.number) else { continue };
                if head.number <= self.newest {
                    let is_next = file == end.file() && block == 0 && head.number == end.number + 1;
                    let name = SEGMENT_NAMES[file];
                    return Ok(if is_next { Gap::Damaged(name) } else { Gap::Missing(name) });
                }
            }
        }
        let is_header_there = || {
            let start = self.files[from.file()].1;
            start.is_some_and(|start| start.segment == from.segment)
        };
        Ok(if from.is_start() && !is_header_there() { Gap::NotBegun } else { Gap::Ended })
    }

    /// The newest checkpoint of this store.
    pub(in crate::kv::embedded) fn checkpoint(&self, store: StoreId) -> Option<&Checkpoint> {
        match &self.slots {
            Slots::Newest(newest) if newest.store == store => Some(newest),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::kv::embedded::journal::log::SEGMENT_BYTES_FIRST;
    use crate::kv::embedded::journal::machine::Machine;
    use crate::kv::embedded::journal::record::Record;
    use crate::kv::embedded::locks::files::Making;

    const STORE: StoreId = [1; 16];
    const FIRST: u64 = 40;

    /// A journal with a checkpoint at commit 40 and records after it, over a switch of segments.
    struct Made {
        directory: tempfile::TempDir,
        /// The place before each record.
        places: Vec<Position>,
    }

    impl Made {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let making = Making::of(directory.path(), None).unwrap();
            let log = Log { files: Files::create(directory.path(), &making).unwrap(), store: STORE };
            let start = Position::start_of(1, FIRST, 3);
            log.files.make_ready(start.file(), SEGMENT_BYTES_FIRST).unwrap();
            let machine = Machine { boot: [5; 16], device: 6, inode: 7 };
            let checkpoint = Checkpoint {
                number: 1,
                store: STORE,
                position: start,
                machine,
                page_bytes: 4_096,
                meta: [0; 136],
                is_suspect: false,
            };
            log.files.note_checkpoint(&checkpoint).unwrap();
            let (mut tail, mut places) = (start, Vec::new());
            for number in 0..100_u64 {
                let mut record = Record::default();
                record.size(number);
                if !log.has_room(tail, record.file_bytes()).unwrap() {
                    tail = log.switch(tail, SEGMENT_BYTES_FIRST).unwrap();
                }
                places.push(tail);
                tail = log.append(tail, &mut record).unwrap();
            }
            Self { directory, places }
        }

        fn survey(&self, newest: u64) -> Survey {
            Survey::of(self.directory.path(), STORE, &|| newest).unwrap().unwrap()
        }

        /// Writes zeros over blocks of the file of a record.
        fn clear(&self, record: usize, blocks: usize) {
            let place = self.places[record];
            self.clear_at(place.file(), usize::try_from(place.offset).unwrap(), blocks);
        }

        fn clear_at(&self, file: usize, from: usize, blocks: usize) {
            let path = self.directory.path().join(SEGMENT_NAMES[file]);
            let mut bytes = fs::read(&path).unwrap();
            bytes[from..from + blocks * BLOCK_BYTES].fill(0);
            fs::write(path, bytes).unwrap();
        }
    }

    #[test]
    fn records_lead_from_the_checkpoint_to_the_newest_commit() {
        let survey = Made::new().survey(FIRST + 100);
        assert_eq!((survey.gap, survey.is_steady, survey.damaged_slots), (None, true, 0));
        assert_eq!((survey.reached, survey.records), (FIRST + 100, 100));
        assert_eq!(survey.bytes, 100 * BLOCK_BYTES as u64);
        assert_eq!(survey.files.map(|(_, start)| start.unwrap().segment), [2, 1]);
        // One that was flushed and not committed yet.
        let survey = Made::new().survey(FIRST + 99);
        assert_eq!((survey.gap, survey.records), (None, 99));
    }

    #[test]
    fn what_is_missing_is_told_from_what_was_never_there() {
        let gap = |record, blocks, newest| {
            let made = Made::new();
            made.clear(record, blocks);
            let survey = made.survey(FIRST + newest);
            (survey.gap, survey.reached - FIRST)
        };
        assert_eq!(gap(5, 1, 100), (Some(Gap::Missing("journal-1")), 5));
        // The last one of its segment, with the next segment behind it.
        assert_eq!(gap(62, 1, 100), (Some(Gap::Missing("journal-0")), 62));
        assert_eq!(gap(99, 1, 100), (Some(Gap::Ended), 99));
        assert_eq!(gap(99, 1, 99), (None, 99));
        let made = Made::new();
        let place = made.places[70];
        let path = made.directory.path().join(SEGMENT_NAMES[place.file()]);
        let mut bytes = fs::read(&path).unwrap();
        bytes[usize::try_from(place.offset).unwrap() + 30] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(made.survey(FIRST + 100).gap, Some(Gap::Damaged("journal-0")));
    }

    #[test]
    fn a_header_that_is_missing_hides_no_records() {
        let made = Made::new();
        made.clear_at(0, 0, 1);
        assert_eq!(made.survey(FIRST + 100).gap, Some(Gap::Missing("journal-0")));
        // Nothing was written since the checkpoint, whatever the files hold of before.
        let survey = Survey::of(made.directory.path(), STORE, &|| FIRST).unwrap().unwrap();
        assert_eq!((survey.gap, survey.reached), (None, FIRST));
        let other = Survey::of(made.directory.path(), [2; 16], &|| FIRST + 1).unwrap().unwrap();
        assert!(other.gap.is_none() && other.checkpoint([2; 16]).is_none());
    }

    #[test]
    fn commits_without_a_record_are_told_from_a_journal_that_ends() {
        let made = Made::new();
        for name in SEGMENT_NAMES {
            fs::write(made.directory.path().join(name), b"").unwrap();
        }
        assert_eq!(made.survey(FIRST + 2).gap, Some(Gap::NotBegun));
        fs::remove_file(made.directory.path().join(SEGMENT_NAMES[0])).unwrap();
        assert!(Survey::of(made.directory.path(), STORE, &|| FIRST).unwrap().is_none());
    }
}
