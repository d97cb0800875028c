//! What FoundationDB's error codes mean for an operation.
//! <https://apple.github.io/foundationdb/api-error-codes.html> lists them.

use foundationdb::FdbError;

use crate::kv::KvError;

/// The error codes that are distinguished.
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

/// Refusals by the client itself: nothing was sent, and the same call will be refused again.
const CLIENT_ERRORS: std::ops::Range<i32> = 2000..3000;
/// A refusal by the servers for lack of permission.
const PERMISSION_DENIED: i32 = 6000;

/// The meaning of an error that has certainly prevented the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prevented {
    Conflict,
    TooOld,
    Busy,
    TooLarge,
    Unavailable,
    Unusable,
}

/// Which errors have certainly prevented the commit. None of the others may be treated as one of these.
fn prevented(error_code: i32) -> Option<Prevented> {
    Some(match error_code {
        code::NOT_COMMITTED => Prevented::Conflict,
        code::TOO_OLD => Prevented::TooOld,
        code::FUTURE_VERSION
        | code::PROCESS_BEHIND
        | code::COMMIT_PROXY_MEMORY
        | code::BATCH_THROTTLED
        | code::GRV_PROXY_MEMORY
        | code::TAG_THROTTLED
        | code::PROXY_TAG_THROTTLED => Prevented::Busy,
        code::TRANSACTION_TOO_LARGE | code::KEY_TOO_LARGE | code::VALUE_TOO_LARGE => Prevented::TooLarge,
        code::DATABASE_LOCKED => Prevented::Unavailable,
        PERMISSION_DENIED => Prevented::Unusable,
        other if CLIENT_ERRORS.contains(&other) => Prevented::Unusable,
        _ => return None,
    })
}

fn not_committed(error: FdbError, detail: String) -> Result<KvError, String> {
    Ok(match prevented(error.code()) {
        Some(Prevented::Conflict) => KvError::Conflict,
        Some(Prevented::TooOld) => KvError::TooOld,
        Some(Prevented::Busy) => KvError::Busy { detail },
        Some(Prevented::TooLarge) => KvError::TooLarge { detail },
        Some(Prevented::Unavailable) => KvError::Unavailable { detail },
        Some(Prevented::Unusable) => KvError::Unusable { detail },
        None => return Err(detail),
    })
}

/// An error before the commit.
pub(super) fn read_error(error: FdbError, cluster: &str) -> KvError {
    not_committed(error, format!("{cluster}: {}", text(error))).unwrap_or_else(|detail| match error.code() {
        // The cluster was upgraded: the client has reconnected, and no commit was sent.
        code::CLUSTER_VERSION_CHANGED | code::COMMIT_UNKNOWN_RESULT => KvError::Busy { detail },
        _ => KvError::Unavailable { detail },
    })
}

/// An error of the commit. Everything that does not certainly mean "not committed" means "unknown": a wrong
/// "unknown" costs a read, a wrong "not committed" costs a commit.
pub(super) fn commit_error(error: FdbError, cluster: &str) -> KvError {
    not_committed(error, format!("{cluster}: {}", text(error)))
        .unwrap_or_else(|detail| KvError::UnknownOutcome { detail })
}

/// The client's text for an error, with its number to look it up.
pub(super) fn text(error: FdbError) -> String {
    format!("{} ({})", error.message(), error.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_committed_is_not_taken_for_prevented() {
        // Lost, fatally lost, cancelled, connection failed, maybe delivered, timed out, another version of the cluster,
        // broken promise, cancelled future, platform and disk errors, internal errors, and one that is not known yet.
        for unknown in [1021, 1022, 1025, 1026, 1030, 1031, 1039, 1100, 1101, 1500, 1510, 4000, 4100, 1999] {
            assert_eq!(prevented(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn what_was_prevented_is_told_apart_by_what_to_do() {
        let known = [
            (1020, Prevented::Conflict),
            (1007, Prevented::TooOld),
            (1009, Prevented::Busy),
            (1037, Prevented::Busy),
            (1042, Prevented::Busy),
            (1213, Prevented::Busy),
            (2101, Prevented::TooLarge),
            (2103, Prevented::TooLarge),
            (1038, Prevented::Unavailable),
            (2017, Prevented::Unusable),
            (6000, Prevented::Unusable),
        ];
        for (error_code, meaning) in known {
            assert_eq!(prevented(error_code), Some(meaning), "{error_code}");
        }
    }
}
