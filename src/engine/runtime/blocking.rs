//! Work on local files: runs it off the threads that drive tasks, and translates its errors.

use std::io::{self, ErrorKind};

use tokio::sync::oneshot;

use crate::engine::error::StoreError;
use crate::env::Env;
use crate::kv::may_pass;

/// Waits for blocking work.
pub(crate) async fn blocking<T: Send + 'static>(
    env: &dyn Env,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (sender, done) = oneshot::channel();
    env.run_blocking(Box::new(move || {
        // A caller that has gone needs no answer.
        let _gone = sender.send(work());
    }));
    let dropped = |_| {
        let message = "work on a file was not done: the process ends, or no thread could be started for it";
        StoreError::Unavailable(message.to_owned())
    };
    done.await.map_err(dropped)?
}

/// A file error, with a message that names the file. It counts as the caller's error if another name or other
/// permissions would help, and otherwise as the machine's, which may be gone the next time.
pub(crate) fn failed(message: String, error: &io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            StoreError::QuotaExceeded(message)
        }
        _ if may_pass(error) => StoreError::Unavailable(message),
        _ => StoreError::InvalidArg(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_lacks_is_not_the_callers_fault() {
        let code = |kind: ErrorKind| failed("cannot".to_owned(), &kind.into()).code();
        assert_eq!(code(ErrorKind::NotFound), "ERR_INVALID_ARG");
        assert_eq!(code(ErrorKind::StorageFull), "ERR_QUOTA_EXCEEDED");
        assert_eq!(code(ErrorKind::Interrupted), "ERR_UNAVAILABLE");
        // EMFILE and EIO have no kind of their own.
        for errno in [5, 24] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(failed("cannot".to_owned(), &error).code(), "ERR_UNAVAILABLE", "{error}");
        }
    }
}
