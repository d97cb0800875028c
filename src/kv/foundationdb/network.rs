//! The client's network thread: started once per process when the first store is opened, shared by all stores
//! (worker threads and module registries included, since they share this library's statics), stopped when the
//! process ends.
//!
//! The C API can be started only once, so nothing stops it earlier.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use foundationdb::api::{FdbApiBuilder, NetworkStop};
use foundationdb_sys::LoadError;

use super::errors::text;
use crate::kv::KvError;

/// The client in use.
#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    /// Where its library was found, or the name under which the system found it.
    pub(super) library: PathBuf,
    /// Its release, such as `7.3.79`.
    pub(super) version: String,
}

/// How long the end of the process waits for a start in progress.
const STOP_PATIENCE_MS: u32 = 2_000;

enum Network {
    NotStarted,
    Running(NetworkStop, JoinHandle<()>),
    /// The C API cannot be started a second time, so the reason is final.
    Failed(String),
    Stopped,
}

static NETWORK: Mutex<Network> = Mutex::new(Network::NotStarted);

/// Loads the client library and starts its thread, unless that was done before. Calls `started` afterwards.
pub(super) fn start(client_library: Option<&Path>, started: fn()) -> Result<Client, KvError> {
    let mut network = NETWORK.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*network, Network::Stopped) {
        return Err(ending());
    }
    let loaded = foundationdb_sys::load(client_library).map_err(|error| unloaded(&error))?;
    if matches!(*network, Network::NotStarted) {
        *network = boot().unwrap_or_else(Network::Failed);
        if matches!(*network, Network::Running(..)) {
            started();
        }
    }
    match &*network {
        Network::Running(..) => {
            // SAFETY: a running network has selected an API version.
            let version = unsafe { foundationdb_sys::client_version() };
            Ok(Client { library: loaded.path.clone(), version })
        }
        Network::Failed(detail) => Err(KvError::Unusable { detail: detail.clone() }),
        Network::NotStarted | Network::Stopped => Err(ending()),
    }
}

fn unloaded(error: &LoadError) -> KvError {
    let advice = match error {
        LoadError::OtherInUse { .. } => "A process has one: name the same one everywhere, or none",
        LoadError::NotFound { .. } | LoadError::NotFdb { .. } | LoadError::TooOld { .. } => {
            "Install the FoundationDB clients package (7.3 or later, from \
             https://github.com/apple/foundationdb/releases), or say where libfdb_c is with foundationdb.clientLibrary \
             or FDB_CLIENT_LIBRARY"
        }
    };
    KvError::Unusable { detail: format!("{error}. {advice}") }
}

fn ending() -> KvError {
    KvError::Unusable { detail: "the process is ending".to_owned() }
}

fn boot() -> Result<Network, String> {
    let failed = |error| format!("the FoundationDB client does not start: {}", text(error));
    // Selecting the API version must come before every other call: the others crash without it.
    let builder = FdbApiBuilder::default().build().map_err(failed)?;
    let (runner, started) = builder.build().map_err(failed)?;
    let run = move || {
        // SAFETY: the thread is stopped before the process ends, by `ending`.
        if let Err(error) = unsafe { runner.run() } {
            tracing::error!(name: "kv.client-stopped", target: "baton::kv", error = text(error), "the FoundationDB client's thread has stopped");
        }
    };
    let thread = thread::Builder::new()
        .name("baton-fdb".to_owned())
        .spawn(run)
        .map_err(|error| format!("no thread for the FoundationDB client: {error}"))?;
    let stop = started.wait();
    Ok(Network::Running(stop, thread))
}

/// The lock, after waiting for a start in progress: starting does not wait for a cluster. The wait is
/// limited, since the process must end.
fn lock_soon() -> Option<MutexGuard<'static, Network>> {
    for _ in 0..STOP_PATIENCE_MS {
        match NETWORK.try_lock() {
            Ok(network) => return Some(network),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::park_timeout(Duration::from_millis(1)),
        }
    }
    None
}

/// Stops the thread for good, if it is running. For the end of the process: from here on no other thread
/// enters the library.
pub(super) fn stop() {
    let Some(mut network) = lock_soon() else { return };
    if let Network::Running(stop, thread) = std::mem::replace(&mut *network, Network::Stopped) {
        drop(network);
        foundationdb_sys::keep_out();
        // Nobody can read an error here: the process is ending.
        if stop.stop().is_ok() {
            let _ = thread.join();
        }
    }
}
