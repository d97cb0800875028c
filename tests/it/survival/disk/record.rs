//! What `shim.c` wrote down: the operations of one process or of several on the files below a directory, in their order.
#![expect(clippy::host_endian_bytes, reason = "the log is of this machine, and read on it")]

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A file or directory, whichever process has it open.
pub type FileId = u64;
/// A process, by its number.
pub type ProcessId = u64;

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
    SyncBegin { file: FileId, process: ProcessId },
    /// It ended, and whether it was said to have worked.
    SyncEnd { file: FileId, process: ProcessId, flushed: bool },
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

/// A recording that is being read.
#[derive(Default)]
struct Reading {
    recording: Recording,
    /// What each process calls a file.
    files: HashMap<u64, FileId>,
    /// The files that are there, by their paths.
    at: HashMap<PathBuf, FileId>,
}

impl Reading {
    fn open(&mut self, name: u64, path: PathBuf) -> FileId {
        let next = self.recording.paths.len() as FileId + 1;
        let file = *self.at.entry(path.clone()).or_insert(next);
        self.recording.paths.insert(file, path);
        self.files.insert(name, file);
        file
    }

    fn push(&mut self, head: [u64; HEAD_NUMBERS], payload: &[u8]) {
        let [kind, name, offset, length, flags, _] = head;
        let (process, number) = (name >> 32, name & u64::from(u32::MAX));
        let text = || String::from_utf8(payload.to_vec()).unwrap();
        let flushed = flags == 0;
        // Those without a file of their own have the number 0.
        let file = if number == 0 || kind == 1 { 0 } else { self.files[&name] };
        let op = match kind {
            1 => Op::Open { file: self.open(name, text().into()), is_new: flags != 0 },
            2 => Op::Write { file, offset, bytes: payload.to_vec() },
            3 => Op::Truncate { file, length },
            4 => Op::SyncBegin { file, process },
            5 => Op::SyncEnd { file, process, flushed },
            6 => Op::WriteSynced { file, offset, bytes: payload.to_vec(), flushed },
            7 => Op::MakeDirectory { path: text().into() },
            9 => {
                self.at.remove(Path::new(&text()));
                Op::Remove { path: text().into() }
            }
            // Lock files are shared memory. They mean nothing after a loss of power.
            10 | 11 if self.recording.is_lock(file) => return,
            MARK => Op::Mark(text()),
            other => {
                let path = self.recording.paths.get(&file);
                panic!("a call that cannot be replayed: {other} on {path:?}: {}", text())
            }
        };
        self.recording.ops.push(op);
    }
}

impl Recording {
    /// Reads what was written down. Panics at what the replay would not know how to replay.
    pub fn read(log: &Path) -> Self {
        let bytes = std::fs::read(log).unwrap();
        let mut reading = Reading::default();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (head, after) = rest.split_at(HEAD_NUMBERS * 8);
            let mut numbers = head.chunks(8).map(|number| u64::from_ne_bytes(number.try_into().unwrap()));
            let head: [u64; HEAD_NUMBERS] = std::array::from_fn(|_| numbers.next().unwrap());
            let (payload, after) = after.split_at(usize::try_from(head[5]).unwrap());
            rest = after;
            reading.push(head, payload);
        }
        reading.recording
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
