//! Translates the errors of LMDB and the operating system into what the engine can do about them.
//!
//! Every LMDB error is named here once. Opening has its own interpretations (a file that is not ours); they
//! are in `opening`.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

use super::lmdb::{Code, LmdbError};
use super::locks::{Holder, NoTurn, Process};
use crate::kv::KvError;

/// How many reads can run at once, over all processes.
pub(super) const READERS_MAX: u32 = 1_024;

/// The meaning of an error from a read or write inside a transaction.
pub(super) fn kv_error(error: LmdbError) -> KvError {
    match error {
        LmdbError::Io(error) => io_error(&error),
        LmdbError::Lmdb(code) => lmdb_error(code, &error),
    }
}

/// There is no room left in the map.
pub(super) fn map_full() -> KvError {
    KvError::Full {
        detail: "the file has reached maxSizeBytes, and what was deleted cannot be used while somebody still reads it; delete \
                 rows or actors, end long reads, or raise it"
            .into(),
    }
}

fn lmdb_error(code: Code, error: &LmdbError) -> KvError {
    match code {
        Code::MapFull => map_full(),
        Code::TxnFull => KvError::TooLarge { detail: "the transaction changes too many pages".into() },
        Code::BadValSize => KvError::TooLarge { detail: "LMDB refused the size of a key or a value".into() },
        Code::Damaged(_) | Code::Invalid | Code::VersionMismatch | Code::Incompatible => {
            KvError::Corrupt { detail: format!("LMDB found its file damaged: {error}") }
        }
        Code::Panic => KvError::Unusable {
            detail: "an earlier write failed half way; close the store everywhere in this process and open \
                     it again"
                .into(),
        },
        Code::ReadersFull => KvError::Unavailable {
            detail: format!("more than {READERS_MAX} reads are running at once"),
        },
        // The caller enlarges the map where this can happen.
        Code::MapResized => KvError::Unavailable {
            detail: "another process has let the file grow, and reads of this process that have not ended keep it \
                     from mapping all of it"
                .into(),
        },
        // None of these can come from the calls made here; all of them leave the transaction uncommitted.
        Code::Other(_) => KvError::Unavailable { detail: format!("LMDB failed: {error}") },
    }
}

/// No other process let this one write in time.
pub(super) fn no_turn(error: NoTurn) -> KvError {
    match error {
        NoTurn::Failed(error) => {
            KvError::of_system(format!("the lock files of the store failed: {error}"), &error)
        }
        NoTurn::Waited { waited, holder, others } => KvError::Unavailable {
            detail: format!(
                "waited {} ms for the turn to write, and nothing was written: {}",
                waited.as_millis(),
                holder.as_ref().map_or_else(|| had_by_one_of(&others), had_by)
            ),
        },
    }
}

/// Who has the write turn, and since when.
pub(super) fn had_by(holder: &Holder) -> String {
    let process = holder.process.as_ref().map_or_else(|| "a process".to_owned(), ToString::to_string);
    format!("{process} has had it since {}", timestamp(holder.since))
}

/// One of these has the write turn, and has not noted so.
fn had_by_one_of(others: &[Process]) -> String {
    let named: Vec<String> = others.iter().map(Process::to_string).collect();
    match &named[..] {
        [] => "other processes had it".to_owned(),
        [one] => format!("{one} has it"),
        several => format!("one of these has it: {}", several.join(", ")),
    }
}

/// A time for people and machines: RFC 3339, UTC, to the millisecond.
pub(super) fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

fn io_error(error: &io::Error) -> KvError {
    if is_full(error) {
        disk_full(error)
    } else {
        KvError::of_system(format!("the operating system failed: {error}"), error)
    }
}

fn disk_full(error: &io::Error) -> KvError {
    KvError::Full { detail: format!("the disk, or a quota on it, is full: {error}") }
}

/// Whether the operating system had no space.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// The meaning of an error of a commit.
///
/// LMDB writes and flushes the data first, and last the meta page that makes the data visible. If that last
/// write failed, the environment refuses everything from then on (`panicked`), and nobody knows what the disk
/// holds. A full map or disk (`disk_is_full`) before that point leaves nothing visible, and the error says
/// so. Any other disk failure is reported as unknown: a device that fails a flush cannot be trusted about
/// what it did before.
pub(super) fn commit_error(error: LmdbError, panicked: bool, disk_is_full: bool) -> KvError {
    let unknown = |detail: String| KvError::UnknownOutcome { detail: format!("the commit failed: {detail}") };
    if panicked {
        return unknown(error.to_string());
    }
    match error {
        LmdbError::Io(error) if disk_is_full || is_full(&error) => disk_full(&error),
        LmdbError::Io(error) => unknown(error.to_string()),
        error @ LmdbError::Lmdb(_) => kv_error(error),
    }
}

/// The directory, or a file in it, could not be used, for a reason given by the operating system.
pub(super) fn unavailable(path: &Path, error: &io::Error) -> KvError {
    if is_full(error) {
        return KvError::Full {
            detail: format!("cannot open {}: the disk, or a quota on it, is full: {error}", path.display()),
        };
    }
    KvError::of_system(format!("cannot open {}: {error}", path.display()), error)
}
