//! How a directory is opened: the options of callers, checked.

use std::fmt;
use std::path::PathBuf;

use crate::kv::KvError;

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// kill -9 and power loss.
    Strict,
    /// kill -9. A power loss costs the commits of the last second or so, and not the store.
    Relaxed,
}

/// How to open a directory.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The directory, on a local file system; created with its parents if it does not exist. Nobody but Baton
    /// may write to the files in it.
    pub path: PathBuf,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// The maximum size of the store's file, in bytes, rounded up to a multiple of 64 KiB. The next write
    /// records it in the store. `None`: the recorded size, or else 1 TiB (1 GiB on 32-bit machines).
    pub size_bytes_max: Option<u64>,
    /// Whether the store is only read. Nothing is created then, and the directory need not be writable.
    pub read_only: bool,
    /// The permissions of new files, as `chmod` takes them. `None`: those of the directory, without execute
    /// permission. Not on Windows.
    pub mode: Option<u32>,
}

impl EmbeddedOptions {
    /// A durable store at `path`, with the other options at their defaults.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { path, durability: Durability::Strict, size_bytes_max: None, read_only: false, mode: None }
    }
}

/// The smallest `size_bytes_max`: with less, a store is full before it holds anything.
const SIZE_BYTES_MIN: u64 = 1024 * 1024;
const SIZE_BYTES_DEFAULT: u64 = if cfg!(target_pointer_width = "64") { 1 << 40 } else { 1 << 30 };
/// A multiple of every page size that operating systems use.
const SIZE_BYTES_STEP: u64 = 64 * 1024;

/// More than the address space of a process.
const SIZE_BYTES_MAX: u64 = if cfg!(target_pointer_width = "64") { 1 << 46 } else { 1 << 31 };

/// How a directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) durability: Durability,
    /// `None` if any recorded size will do.
    pub(super) size_bytes: Option<u64>,
    pub(super) read_only: bool,
    pub(super) mode: Option<u32>,
}

impl Settings {
    pub(super) fn new(options: &EmbeddedOptions) -> Result<Self, KvError> {
        let size_bytes = options.size_bytes_max.map(checked_size).transpose()?;
        let (durability, read_only, mode) = (options.durability, options.read_only, options.mode);
        if let Some(mode) = mode
            && (mode & !0o777 != 0 || mode & 0o600 != 0o600)
        {
            let detail = format!(
                "mode = 0o{mode:o} must give its owner the rights to read and write (0o600), and have no bits beyond 0o777"
            );
            return Err(KvError::Invalid { detail });
        }
        Ok(Self { durability, size_bytes, read_only, mode })
    }

    /// The maximum size of the file if the store records none.
    pub(super) fn size_limit(&self) -> u64 {
        self.size_bytes.unwrap_or(SIZE_BYTES_DEFAULT)
    }

    /// Whether a directory that is open with these settings can serve a handle that asks for `asked`.
    pub(super) fn serves(self, asked: Self) -> bool {
        let size = asked.size_bytes.is_none() || asked.size_bytes == self.size_bytes;
        // A reader accepts whatever is there.
        asked.read_only || (!self.read_only && asked.durability == self.durability && size)
    }
}

fn checked_size(asked: u64) -> Result<u64, KvError> {
    let invalid = |what: &str| KvError::Invalid { detail: format!("maxSizeBytes = {asked} {what}") };
    if asked < SIZE_BYTES_MIN {
        return Err(invalid(&format!("is too small; the least is {SIZE_BYTES_MIN}")));
    }
    let rounded = asked.checked_next_multiple_of(SIZE_BYTES_STEP).filter(|bytes| *bytes <= SIZE_BYTES_MAX);
    rounded.ok_or_else(|| invalid("is more than this machine can address"))
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let durability = match self.durability {
            Durability::Strict => "strict",
            Durability::Relaxed => "relaxed",
        };
        write!(f, "durability = {durability} and maxSizeBytes = ")?;
        match self.size_bytes {
            Some(bytes) => write!(f, "{bytes}")?,
            None => f.write_str("unset")?,
        }
        if self.read_only { f.write_str(", read-only") } else { Ok(()) }
    }
}
