//! What fails: numbers in a file that `shim.c` maps, so that they can be changed while the process runs, by
//! itself or from outside.
#![expect(clippy::host_endian_bytes, reason = "the numbers are of this machine, and read on it")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A number of the file, by its place.
#[derive(Debug, Clone, Copy)]
pub enum Control {
    /// How long each flush takes at least, in microseconds.
    SyncDelay = 0,
    /// How many flushes fail. [`ALWAYS`] does not run out, here and below.
    SyncErrors = 1,
    /// How many writes fail, those of [`Self::MetaErrors`] aside.
    WriteErrors = 2,
    /// How many writes through a descriptor that flushes fail: LMDB's meta pages.
    MetaErrors = 3,
    /// With which number of the operating system they fail.
    ErrorNumber = 4,
    /// How many threads cannot be started.
    ThreadErrors = 5,
    /// How many writes are taken only in part.
    ShortWrites = 6,
    /// While this is not 0 no flush ends.
    SyncsHeld = 7,
    /// How many faults there were. Counted up by the shim.
    FaultsDone = 8,
    /// How many flushes began. Counted up by the shim.
    SyncsSeen = 9,
    /// How many waits for the disk fail that are no flushes.
    WriteBackErrors = 10,
}

/// As many as come.
pub const ALWAYS: u32 = u32::MAX;
const NUMBERS: usize = 16;

/// The file.
pub struct Controls(File);

impl Controls {
    /// Makes the file, with nothing that fails.
    pub fn create(path: &Path) {
        std::fs::write(path, [0; NUMBERS * 4]).unwrap();
    }

    pub fn open(path: &Path) -> Self {
        Self(File::options().read(true).write(true).open(path).unwrap())
    }

    pub fn set(&self, control: Control, number: u32) {
        self.0.write_all_at(&number.to_ne_bytes(), control as u64 * 4).unwrap();
    }

    pub fn get(&self, control: Control) -> u32 {
        let mut bytes = [0; 4];
        self.0.read_exact_at(&mut bytes, control as u64 * 4).unwrap();
        u32::from_ne_bytes(bytes)
    }
}
