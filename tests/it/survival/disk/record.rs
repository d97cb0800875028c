//! What `shim.c` wrote down: the operations of a process on the files below a directory, in their order.
#![expect(clippy::host_endian_bytes, reason = "the log is of this machine, and read on it")]

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A file or directory, by the number that the recorder gave it.
pub type FileId = u64;

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// The file got its number. `is_new`: it was made by this.
    Open { file: FileId, is_new: bool },
    /// Bytes were handed to the kernel.
    Write { file: FileId, offset: u64, bytes: Vec<u8> },
    /// The same through a descriptor that also flushes these bytes, and whether that was said to have worked.
    WriteSynced { file: FileId, offset: u64, bytes: Vec<u8>, flushed: bool },
    /// The file was cut or extended.
    Truncate { file: FileId, length: u64 },
    /// A flush of the file began.
    SyncBegin { file: FileId },
    /// It ended, and whether it was said to have worked.
    SyncEnd { file: FileId, flushed: bool },
    /// A directory was made.
    MakeDirectory { path: PathBuf },
    /// A file was removed.
    Remove { path: PathBuf },
    /// The application says something.
    Mark(String),
}

/// All operations, and which file is where.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    pub ops: Vec<Op>,
    pub paths: HashMap<FileId, PathBuf>,
}

const HEAD_NUMBERS: usize = 6;
/// The kind of a mark, which the application writes and not the shim.
const MARK: u64 = 100;

impl Recording {
    /// Reads what was written down. Panics at what the replay would not know how to replay.
    pub fn read(log: &Path) -> Self {
        let bytes = std::fs::read(log).unwrap();
        let mut recording = Self::default();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (head, after) = rest.split_at(HEAD_NUMBERS * 8);
            let mut numbers = head.chunks(8).map(|number| u64::from_ne_bytes(number.try_into().unwrap()));
            let head: [u64; HEAD_NUMBERS] = std::array::from_fn(|_| numbers.next().unwrap());
            let (payload, after) = after.split_at(usize::try_from(head[5]).unwrap());
            rest = after;
            recording.push(head, payload);
        }
        recording
    }

    fn push(&mut self, head: [u64; HEAD_NUMBERS], payload: &[u8]) {
        let [kind, file, offset, length, flags, _] = head;
        let text = || String::from_utf8(payload.to_vec()).unwrap();
        let flushed = flags == 0;
        self.ops.push(match kind {
            1 => {
                self.paths.insert(file, text().into());
                Op::Open { file, is_new: flags != 0 }
            }
            2 => Op::Write { file, offset, bytes: payload.to_vec() },
            3 => Op::Truncate { file, length },
            4 => Op::SyncBegin { file },
            5 => Op::SyncEnd { file, flushed },
            6 => Op::WriteSynced { file, offset, bytes: payload.to_vec(), flushed },
            7 => Op::MakeDirectory { path: text().into() },
            9 => Op::Remove { path: text().into() },
            // Lock files are shared memory. They mean nothing after a loss of power.
            10 | 11 if self.is_lock(file) => return,
            MARK => Op::Mark(text()),
            other => {
                panic!("a call that cannot be replayed: {other} on {:?}: {}", self.paths.get(&file), text())
            }
        });
    }

    /// Whether a file holds locks only.
    pub fn is_lock(&self, file: FileId) -> bool {
        let path = self.paths.get(&file);
        path.is_some_and(|path| ["lock.mdb", "processes"].iter().any(|name| path.ends_with(name)))
    }

    /// What the application said before the operation `end`.
    pub fn marks(&self, end: usize) -> impl Iterator<Item = &str> {
        self.ops[..end].iter().filter_map(|op| match op {
            Op::Mark(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// Says something in the log, from the application.
pub struct Marks(std::fs::File);

impl Marks {
    pub fn to(log: &Path) -> Self {
        Self(std::fs::File::options().append(true).create(true).open(log).unwrap())
    }

    pub fn say(&self, text: &str) {
        let head = [MARK, 0, 0, 0, 0, text.len() as u64];
        let mut record: Vec<u8> = head.iter().flat_map(|number| number.to_ne_bytes()).collect();
        record.extend(text.as_bytes());
        // One call, so that it does not mix with the records of other threads.
        assert_eq!((&self.0).write(&record).unwrap(), record.len());
    }
}
