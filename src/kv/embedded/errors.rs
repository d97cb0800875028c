//! What LMDB and the operating system say, as what the engine can do about it.
//!
//! Every LMDB error is named here once, so that a new one is a compile error and not a guess. Opening has
//! meanings of its own (a file that is not ours); they stand in `environment`, commits in `committer`.

use std::io::{self, ErrorKind};

use heed::MdbError;

use crate::kv::KvError;

/// The meaning of an error that came up while reading or writing inside a transaction.
pub(super) fn kv_error(error: heed::Error) -> KvError {
    match error {
        heed::Error::Io(error) => io_error(&error),
        heed::Error::Mdb(error) => mdb_error(error),
        // Rows are plain bytes, whose coding cannot fail.
        heed::Error::Encoding(error) | heed::Error::Decoding(error) => {
            KvError::Corrupt { detail: format!("a row cannot be decoded: {error}") }
        }
        heed::Error::EnvAlreadyOpened => {
            KvError::Unavailable { detail: "something else in this process has LMDB open on it".into() }
        }
    }
}

/// There is no room left in the map.
pub(super) fn map_full() -> KvError {
    KvError::Full { detail: "the file has reached maxSizeBytes; raise it, or delete actors".into() }
}

fn mdb_error(error: MdbError) -> KvError {
    match error {
        MdbError::MapFull => map_full(),
        MdbError::TxnFull => KvError::TooLarge { detail: "the transaction changes too many pages".into() },
        MdbError::BadValSize => {
            KvError::TooLarge { detail: "LMDB refused the size of a key or a value".into() }
        }
        MdbError::Corrupted
        | MdbError::PageNotFound
        | MdbError::Invalid
        | MdbError::VersionMismatch
        | MdbError::Incompatible => {
            KvError::Corrupt { detail: format!("LMDB found its file damaged: {error}") }
        }
        MdbError::Panic => KvError::Unavailable {
            detail: "an earlier write failed half way; close the store everywhere in this process and open \
                     it again"
                .into(),
        },
        MdbError::ReadersFull => KvError::Unavailable {
            detail: format!("more than {} reads are running at once", super::environment::READERS_MAX),
        },
        MdbError::MapResized => KvError::Unavailable {
            detail: "another process opened the directory with a larger maxSizeBytes and used it; open it \
                     here with the same one"
                .into(),
        },
        // None of these can come from the calls made here; all of them leave the transaction unwritten.
        MdbError::KeyExist
        | MdbError::NotFound
        | MdbError::DbsFull
        | MdbError::TlsFull
        | MdbError::CursorFull
        | MdbError::PageFull
        | MdbError::BadRslot
        | MdbError::BadTxn
        | MdbError::BadDbi
        | MdbError::Problem
        | MdbError::Other(_) => KvError::Unavailable { detail: format!("LMDB failed: {error}") },
    }
}

fn io_error(error: &io::Error) -> KvError {
    if is_full(error) {
        disk_full(error)
    } else {
        KvError::Unavailable { detail: format!("the operating system failed: {error}") }
    }
}

fn disk_full(error: &io::Error) -> KvError {
    KvError::Full { detail: format!("the disk, or a quota on it, is full: {error}") }
}

/// Whether the operating system had no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// The meaning of an error that a commit ended with.
///
/// LMDB writes and flushes the data first and the meta page that makes it visible last. If that last write
/// failed, the environment refuses everything from then on (`panicked`) and nobody knows what the disk
/// holds. A full map or disk (`disk_is_full`) before that point leaves nothing visible, and says so; any
/// other failure of the disk is reported as unknown, because a device that fails its flush is not to be
/// trusted about what it did before.
pub(super) fn commit_error(error: heed::Error, panicked: bool, disk_is_full: bool) -> KvError {
    let unknown = |detail: String| KvError::UnknownOutcome { detail: format!("the commit failed: {detail}") };
    match error {
        error if panicked => unknown(error.to_string()),
        heed::Error::Io(error) if disk_is_full || is_full(&error) => disk_full(&error),
        heed::Error::Io(error) => unknown(error.to_string()),
        error => kv_error(error),
    }
}
