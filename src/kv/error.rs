//! The errors of backends, classified by what the engine can do about them.

use std::io::{self, ErrorKind};

/// A failure of a backend. All but [`KvError::UnknownOutcome`] promise that nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// Another transaction wrote what this one read. Try again (FoundationDB: 1020).
    #[error("the transaction conflicted with another one")]
    Conflict,
    /// The answer was lost: the writes took place or not (FoundationDB: 1021, 1031 and related codes).
    #[error("the outcome of the transaction is unknown: {detail}")]
    UnknownOutcome {
        /// The backend's message.
        detail: String,
    },
    /// The transaction took longer than the backend keeps a state. Try again (FoundationDB: 1007, 1009).
    #[error("the transaction read a state that the store no longer keeps")]
    TooOld,
    /// The backend asks to try again later: it is catching up, recovering or throttling. Nothing was written
    /// (FoundationDB: 1037, 1042, 1051, 1078, 1213).
    #[error("the store is busy: {detail}")]
    Busy {
        /// The backend's message.
        detail: String,
    },
    /// The transaction, a key or a value is larger than the backend accepts.
    #[error("too large for the store: {detail}")]
    TooLarge {
        /// What was too large, and the limit.
        detail: String,
    },
    /// There is no room left.
    #[error("the store is full: {detail}")]
    Full {
        /// Which limit was reached, and how to raise it.
        detail: String,
    },
    /// The backend cannot be reached or used now. This may pass by itself.
    #[error("the store is unavailable: {detail}")]
    Unavailable {
        /// The backend's message.
        detail: String,
    },
    /// The backend cannot be used until somebody changes something: a permission, a path, an option, a
    /// library.
    #[error("the store cannot be used: {detail}")]
    Unusable {
        /// The backend's message, and what to change.
        detail: String,
    },
    /// The backend was opened read-only.
    #[error("the store was opened read-only")]
    ReadOnly,
    /// The backend cannot open this place, or not in this way.
    #[error("{detail}")]
    Invalid {
        /// Which option, its value, and what is wrong with it.
        detail: String,
    },
    /// The backend's own rows are damaged.
    #[error("the store is damaged: {detail}")]
    Corrupt {
        /// Where and how.
        detail: String,
    },
    /// The backend was closed.
    #[error("the store is closed")]
    Closed,
}

impl KvError {
    /// Whether the writes may have taken place all the same.
    pub fn may_have_committed(&self) -> bool {
        matches!(self, Self::UnknownOutcome { .. })
    }

    /// Whether the same transaction is likely to succeed if it is executed again soon.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict | Self::TooOld | Self::Busy { .. })
    }

    /// The operating system refused something; `detail` says what.
    pub fn of_system(detail: String, error: &io::Error) -> Self {
        if may_pass(error) { Self::Unavailable { detail } } else { Self::Unusable { detail } }
    }
}

/// Whether an operation that the operating system refused may succeed later without anybody changing
/// anything.
///
/// Names, permissions and types of files stay as they are until somebody changes them. Memory, descriptors,
/// threads and locks become available again when others release them. A failing device (`EIO`) may also
/// recover: the path to a disk or a network volume is lost and found again. Unknown errors count as
/// temporary, since a few useless retries cost a caller less than giving up too soon.
pub fn may_pass(error: &io::Error) -> bool {
    let stays = matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::AlreadyExists
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::UnexpectedEof
            | ErrorKind::NotSeekable
            | ErrorKind::CrossesDevices
            | ErrorKind::TooManyLinks
            | ErrorKind::FileTooLarge
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::Unsupported
    );
    !stays && !is_of_a_place(error)
}

/// File system errors without an error kind of their own: circular links, a device without a driver.
#[cfg(unix)]
fn is_of_a_place(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENODEV | libc::ENXIO))
}

#[cfg(not(unix))]
fn is_of_a_place(_: &io::Error) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_has_to_change_does_not_pass() {
        let stays = [
            libc::ENOENT,
            libc::ENOTDIR,
            libc::EISDIR,
            libc::EACCES,
            libc::EPERM,
            libc::EROFS,
            libc::ENAMETOOLONG,
            libc::ELOOP,
            libc::EINVAL,
            libc::ENOSYS,
            libc::EOPNOTSUPP,
            libc::ENODEV,
            libc::EEXIST,
            libc::ENOSPC,
        ];
        for errno in stays {
            let error = io::Error::from_raw_os_error(errno);
            assert!(!may_pass(&error), "{error}");
            assert!(matches!(KvError::of_system(String::new(), &error), KvError::Unusable { .. }), "{error}");
        }
    }

    #[test]
    fn what_others_let_go_of_passes() {
        let passes = [
            libc::EINTR,
            libc::EAGAIN,
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOMEM,
            libc::EBUSY,
            libc::EIO,
            libc::ETIMEDOUT,
        ];
        for errno in passes {
            let error = io::Error::from_raw_os_error(errno);
            assert!(may_pass(&error), "{error}");
            assert!(
                matches!(KvError::of_system(String::new(), &error), KvError::Unavailable { .. }),
                "{error}"
            );
        }
    }
}
