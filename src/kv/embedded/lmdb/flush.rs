//! What LMDB calls instead of `fdatasync`.
//!
//! A commit of LMDB writes its data pages, flushes them, and then writes the meta page, which makes them visible. A
//! commit through the journal has something else to flush at that point: the journal. So LMDB is compiled with
//! `fdatasync` replaced by [`baton_fdatasync`] (`.cargo/config.toml` has the flags), and a commit says what takes its
//! place. Thus the disk writes the record while LMDB writes its pages to the operating system's memory.
//!
//! SQLite has the same replacement, and nothing ever takes the place of its flushes. Elsewhere than on Linux, LMDB is
//! not changed: it does not flush, and the journal is flushed before LMDB's commit begins.

use std::cell::Cell;
use std::ptr::NonNull;

/// Whether LMDB calls [`baton_fdatasync`].
pub(super) const IS_REPLACED: bool = cfg!(target_os = "linux");

/// What takes the place of a flush. It returns whether the commit goes on.
pub(super) type Step<'s> = dyn FnMut() -> bool + 's;

thread_local! {
    /// What takes the place of this thread's next flush.
    static STEP: Cell<Option<NonNull<Step<'static>>>> = const { Cell::new(None) };
}

/// Does something in LMDB that flushes at most once, with `step` in place of the flush.
pub(super) fn instead<T>(step: &mut Step<'_>, action: impl FnOnce() -> T) -> T {
    struct Forget;
    impl Drop for Forget {
        fn drop(&mut self) {
            STEP.set(None);
        }
    }
    // SAFETY: only the lifetime is changed. This thread forgets the pointer before `step` ends.
    let erased: NonNull<Step<'static>> = unsafe { std::mem::transmute(NonNull::from(step)) };
    STEP.set(Some(erased));
    let _forget = Forget;
    action()
}

#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
extern "C" fn baton_fdatasync(file: std::ffi::c_int) -> std::ffi::c_int {
    let Some(mut step) = STEP.take() else {
        // SAFETY: this is the call that it replaces.
        return unsafe { libc::fdatasync(file) };
    };
    // SAFETY: `instead` has not returned yet, and taking the pointer made this the only use of it.
    if unsafe { step.as_mut() }() {
        return 0;
    }
    // SAFETY: the number of the last error is this thread's own.
    unsafe { *libc::__errno_location() = libc::EIO };
    -1
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_step_takes_the_place_of_one_flush() {
        use std::os::fd::AsRawFd;

        use super::{baton_fdatasync, instead};

        let file = tempfile::tempfile().unwrap();
        let mut steps = 0;
        let mut step = || {
            steps += 1;
            steps == 2
        };
        let flush = || baton_fdatasync(file.as_raw_fd());
        assert_eq!(instead(&mut step, || (flush(), flush())), (-1, 0));
        assert_eq!(instead(&mut step, flush), 0);
        assert_eq!((flush(), baton_fdatasync(-1)), (0, -1));
        assert_eq!(steps, 2);
    }
}
