//! The number by which LMDB knows this process.
//!
//! LMDB marks a reader's slot in its table with the process id, and tells the living from the dead by a lock
//! on the byte of that number. In two containers that share a directory, process ids collide: both may be 1.
//! So LMDB is compiled with `getpid` replaced by [`baton_process_id`] (`.cargo/config.toml` has the flags),
//! which returns a random number larger than every process id. Whoever opens an environment checks that the
//! replacement is in use.

use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::kv::embedded::planted::{self, SharingBug};

/// Linux process ids never have more than 22 bits.
const PROCESS_ID_MAX: u32 = 1 << 22;
/// LMDB stores it in an `int`.
const IDENTITY_MAX: u32 = i32::MAX as u32;

/// The process id for which the identity was drawn, and the identity; 0 means none yet.
static IDENTITY: AtomicU64 = AtomicU64::new(0);

/// The number by which LMDB knows this process, until another one is drawn.
pub(crate) fn own_identity() -> c_int {
    let process = std::process::id();
    if planted::is_in_process(SharingBug::ProcessIds) {
        return c_int::try_from(process).unwrap_or(c_int::MAX);
    }
    let known = IDENTITY.load(Ordering::Acquire);
    // A forked child has its parent's memory, but must not have its identity.
    if known != 0 && (known >> 32) == u64::from(process) {
        return identity(known);
    }
    let drawn = draw(process);
    match IDENTITY.compare_exchange(known, drawn, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => identity(drawn),
        Err(faster) => identity(faster),
    }
}

/// Draws another number, because another process on the directory has this one.
pub(crate) fn renew_identity() {
    IDENTITY.store(draw(std::process::id()), Ordering::Release);
}

fn draw(process: u32) -> u64 {
    let random = getrandom::u32().unwrap_or_else(|_| fallback());
    let identity = PROCESS_ID_MAX + 1 + random % (IDENTITY_MAX - PROCESS_ID_MAX - 1);
    (u64::from(process) << 32) | u64::from(identity)
}

/// If the operating system has no randomness: the address of a variable, which is random, too.
fn fallback() -> u32 {
    let here = 0_u8;
    let address = (&raw const here).addr() as u64;
    u32::try_from((address >> 4) & u64::from(u32::MAX)).unwrap_or_default() ^ std::process::id()
}

fn identity(known: u64) -> c_int {
    c_int::try_from(known & u64::from(u32::MAX)).expect("it was drawn below the largest")
}

/// What LMDB (and SQLite, which only mixes it into its randomness) calls instead of `getpid`.
#[unsafe(no_mangle)]
extern "C" fn baton_process_id() -> c_int {
    own_identity()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_larger_than_every_process_id_and_stays() {
        let first = own_identity();
        assert!(first > 1 << 22);
        assert_eq!(own_identity(), first);
        assert_eq!(baton_process_id(), first);
    }
}
