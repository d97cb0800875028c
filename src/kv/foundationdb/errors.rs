//! What FoundationDB's errors mean for an operation: by their numbers, as
//! <https://apple.github.io/foundationdb/api-error-codes.html> lists them.

use foundationdb::FdbError;

use super::cluster::text;
use crate::kv::KvError;

/// The errors told apart.
pub(super) mod code {
    pub(in super::super) const TOO_OLD: i32 = 1007;
    pub(in super::super) const FUTURE_VERSION: i32 = 1009;
    pub(in super::super) const NOT_COMMITTED: i32 = 1020;
    pub(in super::super) const COMMIT_UNKNOWN_RESULT: i32 = 1021;
    pub(in super::super) const TIMED_OUT: i32 = 1031;
    pub(in super::super) const PROCESS_BEHIND: i32 = 1037;
    pub(in super::super) const DATABASE_LOCKED: i32 = 1038;
    pub(in super::super) const CLUSTER_VERSION_CHANGED: i32 = 1039;
    pub(in super::super) const COMMIT_PROXY_MEMORY: i32 = 1042;
    pub(in super::super) const BATCH_THROTTLED: i32 = 1051;
    pub(in super::super) const GRV_PROXY_MEMORY: i32 = 1078;
    pub(in super::super) const TAG_THROTTLED: i32 = 1213;
    pub(in super::super) const PROXY_TAG_THROTTLED: i32 = 1223;
    pub(in super::super) const FILE_NOT_FOUND: i32 = 1511;
    pub(in super::super) const FILE_NOT_READABLE: i32 = 1513;
    pub(in super::super) const NO_CLUSTER_FILE: i32 = 1515;
    pub(in super::super) const TRANSACTION_TOO_LARGE: i32 = 2101;
    pub(in super::super) const KEY_TOO_LARGE: i32 = 2102;
    pub(in super::super) const VALUE_TOO_LARGE: i32 = 2103;
    pub(in super::super) const CONNECTION_STRING_INVALID: i32 = 2104;
}

/// The client's own refusals begin here: nothing was sent.
const CLIENT_ERRORS: std::ops::Range<i32> = 2000..3000;
/// What the servers refuse for want of a right.
const PERMISSION_DENIED: i32 = 6000;

/// What an error that surely prevented the commit means, if it is one that the engine deals with.
fn not_committed(error: FdbError, cluster: &str) -> Option<KvError> {
    let detail = format!("{cluster}: {}", text(error));
    Some(match error.code() {
        code::NOT_COMMITTED => KvError::Conflict,
        code::TOO_OLD => KvError::TooOld,
        code::FUTURE_VERSION
        | code::PROCESS_BEHIND
        | code::COMMIT_PROXY_MEMORY
        | code::BATCH_THROTTLED
        | code::GRV_PROXY_MEMORY
        | code::TAG_THROTTLED
        | code::PROXY_TAG_THROTTLED => KvError::Busy { detail },
        code::TRANSACTION_TOO_LARGE | code::KEY_TOO_LARGE | code::VALUE_TOO_LARGE => {
            KvError::TooLarge { detail }
        }
        code::DATABASE_LOCKED | PERMISSION_DENIED => KvError::Unavailable { detail },
        other if CLIENT_ERRORS.contains(&other) => KvError::Unavailable { detail },
        _ => return None,
    })
}

/// An error before the commit.
pub(super) fn read_error(error: FdbError, cluster: &str) -> KvError {
    if let Some(known) = not_committed(error, cluster) {
        return known;
    }
    let detail = format!("{cluster}: {}", text(error));
    match error.code() {
        // The cluster was upgraded: the client has connected anew, and nothing was sent to be committed.
        code::CLUSTER_VERSION_CHANGED | code::COMMIT_UNKNOWN_RESULT => KvError::Busy { detail },
        _ => KvError::Unavailable { detail },
    }
}

/// An error of the commit. Whatever does not surely mean "not committed" means "unknown": a wrong "unknown" costs
/// a read, a wrong "not committed" costs a commit.
pub(super) fn commit_error(error: FdbError, cluster: &str) -> KvError {
    not_committed(error, cluster)
        .unwrap_or_else(|| KvError::UnknownOutcome { detail: format!("{cluster}: {}", text(error)) })
}
