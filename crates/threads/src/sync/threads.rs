//! Threads of the scheduler, which can be refused as by an operating system that has no more.

use std::sync::PoisonError;

shuttle::lazy_static! {
    static ref REFUSED: std::sync::Mutex<usize> = std::sync::Mutex::new(0);
}

/// Refuses the next so many threads.
pub(crate) fn refuse_threads(count: usize) {
    *REFUSED.lock().unwrap_or_else(PoisonError::into_inner) = count;
}

/// What the borrowed files use of `std::thread`.
pub(crate) mod thread {
    use std::io;
    use std::sync::PoisonError;

    use super::REFUSED;

    /// How a thread is to be.
    #[derive(Default)]
    pub(crate) struct Builder(shuttle::thread::Builder);

    impl Builder {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn name(self, name: String) -> Self {
            Self(self.0.name(name))
        }

        pub(crate) fn stack_size(self, bytes: usize) -> Self {
            // What is reserved here is touched, for each of many runs.
            Self(self.0.stack_size(bytes.min(256 << 10)))
        }

        pub(crate) fn spawn(self, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
            let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(fewer) = refused.checked_sub(1) {
                *refused = fewer;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            drop(refused);
            self.0.spawn(body).map(drop)
        }
    }
}

/// A runtime, of which a thread may be part.
#[derive(Clone, Default)]
pub(crate) struct Runtime;

/// A thread is part of it.
pub(crate) struct Entered;

impl Runtime {
    #[expect(clippy::unused_self, reason = "so it is called")]
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }
}
