//! The journal's files: checkpoints, and two files of segments.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::position::{HEADER_BYTES, Position};
use super::record::BLOCK_BYTES;
use super::slot::{Checkpoint, SLOT_BYTES, Slots};
use crate::kv::embedded::content::StoreId;
use crate::kv::embedded::locks::files::Making;
use crate::kv::embedded::positioned::{length, read_at, write_at};

pub(in crate::kv::embedded) const CHECKPOINT_NAME: &str = "checkpoint";
pub(in crate::kv::embedded) const SEGMENT_NAMES: [&str; 2] = ["journal-0", "journal-1"];
/// The kernel keeps what is written at once in one piece; more than so many bytes make it a large one.
const FINE_BYTES: usize = 4 * BLOCK_BYTES;
/// What is written at once to make a file longer.
const ZEROS_BYTES: usize = 1024 * 1024;

/// The open files.
#[derive(Debug)]
pub(in crate::kv::embedded) struct Files {
    checkpoint: File,
    segments: [Segment; 2],
}

/// One of the two files of segments.
#[derive(Debug)]
struct Segment {
    file: File,
    /// The kernel may keep it in pieces that are larger than records are.
    is_coarse: AtomicBool,
}

impl From<File> for Segment {
    fn from(file: File) -> Self {
        Self { file, is_coarse: AtomicBool::new(true) }
    }
}

impl Files {
    /// Opens the files of a directory, and creates those that are missing.
    pub(in crate::kv::embedded) fn create(directory: &Path, making: &Making) -> io::Result<Self> {
        let open = |name: &str| making.open(&directory.join(name));
        let [first, second] = SEGMENT_NAMES;
        Ok(Self { checkpoint: open(CHECKPOINT_NAME)?, segments: [open(first)?.into(), open(second)?.into()] })
    }

    /// Opens the files of a directory to read them; `None` if they are not there.
    pub(in crate::kv::embedded) fn open(directory: &Path) -> io::Result<Option<Self>> {
        let open = |name: &str| match File::open(directory.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        };
        let [first, second] = SEGMENT_NAMES;
        let files = (open(CHECKPOINT_NAME)?, open(first)?, open(second)?);
        let (Some(checkpoint), Some(first), Some(second)) = files else { return Ok(None) };
        Ok(Some(Self { checkpoint, segments: [first.into(), second.into()] }))
    }

    /// Opens the files of a directory, which are there, to write them.
    pub(in crate::kv::embedded) fn open_to_write(directory: &Path) -> io::Result<Self> {
        let open = |name: &str| File::options().read(true).write(true).open(directory.join(name));
        let [first, second] = SEGMENT_NAMES;
        Ok(Self { checkpoint: open(CHECKPOINT_NAME)?, segments: [open(first)?.into(), open(second)?.into()] })
    }

    /// What was written down about checkpoints.
    pub(in crate::kv::embedded) fn slots(&self) -> io::Result<Slots> {
        Ok(Slots::parse(&self.checkpoint_bytes()?))
    }

    /// The bytes of the slots.
    pub(in crate::kv::embedded) fn checkpoint_bytes(&self) -> io::Result<Vec<u8>> {
        read_at(&self.checkpoint, 0, BLOCK_BYTES + SLOT_BYTES)
    }

    /// When something was last written down about checkpoints, if the file system knows.
    pub(in crate::kv::embedded) fn checkpoint_noted(&self) -> Option<SystemTime> {
        self.checkpoint.metadata().and_then(|metadata| metadata.modified()).ok()
    }

    /// Writes a checkpoint down. Only within the write turn.
    pub(in crate::kv::embedded) fn note_checkpoint(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        write_at(&self.checkpoint, checkpoint.offset(), &checkpoint.to_bytes())
    }

    /// Flushes what was written down.
    pub(in crate::kv::embedded) fn flush_checkpoint(&self) -> io::Result<()> {
        self.checkpoint.sync_data()
    }

    /// Makes a checkpoint that could not be flushed one that nobody finds.
    pub(in crate::kv::embedded) fn revoke_checkpoint(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        write_at(&self.checkpoint, checkpoint.offset(), &[0; SLOT_BYTES])
    }

    /// The length of one of the two files of segments.
    pub(in crate::kv::embedded) fn segment_bytes(&self, file: usize) -> io::Result<u64> {
        length(&self.segments[file].file)
    }

    /// Reads from one of the two files of segments, as many bytes as there are.
    pub(in crate::kv::embedded) fn read(
        &self,
        file: usize,
        offset: u64,
        bytes: usize,
    ) -> io::Result<Vec<u8>> {
        read_at(&self.segments[file].file, offset, bytes)
    }

    /// Writes to one of the two files of segments.
    pub(in crate::kv::embedded) fn write(&self, file: usize, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let segment = &self.segments[file];
        if bytes.len() > FINE_BYTES {
            segment.is_coarse.store(true, Ordering::Relaxed);
        }
        write_at(&segment.file, offset, bytes)
    }

    /// Has the disk begin to write a part of one of the two files of segments, without waiting for it.
    pub(in crate::kv::embedded) fn begin_flush(&self, file: usize, offset: u64, bytes: u64) {
        begin_flush(&self.segments[file].file, offset, bytes);
    }

    /// Flushes one of the two files of segments.
    pub(in crate::kv::embedded) fn flush(&self, file: usize) -> io::Result<()> {
        self.segments[file].file.sync_data()
    }

    /// Makes one of the two files of segments ready for the next segment: at least `to` bytes long, with zeros
    /// that are on the disk when this returns, so that a flush of records never has to change where the file
    /// system keeps the file.
    pub(in crate::kv::embedded) fn make_ready(&self, file: usize, to: u64) -> io::Result<()> {
        let mut from = self.segment_bytes(file)?;
        if from >= to {
            return Ok(());
        }
        let zeros = vec![0; ZEROS_BYTES];
        while from < to {
            let bytes = usize::try_from(to - from).unwrap_or(ZEROS_BYTES).min(ZEROS_BYTES);
            self.write(file, from, &zeros[..bytes])?;
            from += bytes as u64;
        }
        self.segments[file].file.sync_all()
    }

    /// Drops what the kernel has in memory of one of the two files, all of which is on the disk, if that was written in
    /// large pieces. Otherwise the next record is written where an earlier one was, which takes it less time.
    pub(in crate::kv::embedded) fn forget(&self, file: usize) {
        let segment = &self.segments[file];
        if segment.is_coarse.swap(false, Ordering::Relaxed) {
            forget(&segment.file);
        }
    }

    /// The beginning of the segment that one of the two files holds.
    pub(in crate::kv::embedded) fn start(&self, file: usize, store: StoreId) -> io::Result<Option<Position>> {
        Ok(Position::of_header(&self.read(file, 0, HEADER_BYTES)?, store))
    }
}

/// Drops a file from the kernel's memory. It keeps what was written at once in one large piece, and a record
/// written later into that piece would count as all of it (`write_bytes` in `/proc/self/io`, and limits on
/// dirty memory).
#[cfg(target_os = "linux")]
fn forget(file: &File) {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open.
    let _result = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
}

#[cfg(not(target_os = "linux"))]
fn forget(_: &File) {}

/// Has the disk begin to write a part of a file. Whatever becomes of it, the next flush tells.
#[cfg(target_os = "linux")]
fn begin_flush(file: &File, offset: u64, bytes: u64) {
    use std::os::fd::AsRawFd;
    let (Ok(offset), Ok(bytes)) = (offset.try_into(), bytes.try_into()) else { return };
    // SAFETY: the descriptor is open.
    let _result =
        unsafe { libc::sync_file_range(file.as_raw_fd(), offset, bytes, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
fn begin_flush(_: &File, _: u64, _: u64) {}
