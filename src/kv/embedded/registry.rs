//! One environment for each directory in a process.
//!
//! LMDB must not open a file twice in one process: closing either environment would free the slots of both in
//! the reader table. But worker threads and module realms of one Node.js process do not know of each other.
//! So handles share an open environment, and the last handle closes it. A store is identified by its data
//! file, that is by device and inode, since it may have many names: links, mounts. Opening a directory that
//! is being closed waits until it is closed. A store whose files were deleted or replaced is not joined: the
//! files that are there now are another store.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::committer;
use super::environment::{Closing, Store};
use super::errors::unavailable;
use super::opening;
use super::options::Settings;
use super::queue::Queue;
use crate::kv::{Identity, KvError};
use crate::sync::{Mutex, thread};

/// How long opening waits for the last transactions and reads of an earlier environment.
const CLOSING_WAIT_MAX: Duration = Duration::from_secs(30);

/// What the handles of one directory share. When it is dropped, the committer finishes its queue and ends.
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) queue: Arc<Queue>,
    settings: Settings,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A directory that is, or was, open.
#[derive(Default)]
struct Slot {
    shared: Weak<Shared>,
    store: Weak<Store>,
    closing: Option<Closing>,
}

/// The directories of a process.
#[derive(Default)]
pub(super) struct Directories(Mutex<BTreeMap<Identity, Arc<Mutex<Slot>>>>);

impl Directories {
    /// Opens an existing directory, or shares the open one.
    pub(super) fn open(&self, directory: &Path, settings: Settings) -> Result<Arc<Shared>, KvError> {
        let directory = directory.canonicalize().map_err(|error| unavailable(directory, &error))?;
        let id = opening::identity(&directory, settings)?;
        let slot = self.slot(id);
        // This lock is held while LMDB opens, so that concurrent openings of one directory open it once.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        // A store whose files are gone is not shared, and nobody waits for it to close.
        let is_gone = slot.store.upgrade().is_some_and(|store| !store.is_there());
        if !is_gone {
            if let Some(shared) = slot.shared.upgrade() {
                return join(shared, settings, &directory);
            }
            if let Some(closing) = slot.closing.take()
                && !closing.wait_timeout(CLOSING_WAIT_MAX)
            {
                slot.closing = Some(closing);
                let path = directory.display();
                return Err(KvError::Unavailable {
                    detail: format!("{path} is still being closed in this process"),
                });
            }
        }
        let shared = start(&directory, settings)?;
        *slot = Slot {
            shared: Arc::downgrade(&shared),
            store: Arc::downgrade(&shared.store),
            closing: Some(shared.store.closing()),
        };
        Ok(shared)
    }

    fn slot(&self, id: Identity) -> Arc<Mutex<Slot>> {
        let mut directories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Forgets closed directories, so that a process that opens many of them does not keep their entries.
        // A directory that is being opened right now has a second reference, and is kept.
        directories.retain(|_, slot| Arc::strong_count(slot) > 1 || !is_closed(slot));
        Arc::clone(directories.entry(id).or_default())
    }
}

fn join(shared: Arc<Shared>, settings: Settings, directory: &Path) -> Result<Arc<Shared>, KvError> {
    if shared.settings.serves(settings) {
        return Ok(shared);
    }
    let (path, open) = (directory.display(), shared.settings);
    Err(KvError::Invalid {
        detail: format!("{path} is open in this process with {open}, not with {settings}"),
    })
}

fn start(directory: &Path, settings: Settings) -> Result<Arc<Shared>, KvError> {
    let store = Arc::new(Store::open(directory, settings)?);
    // When it is dropped, also because of an error below, the thread ends.
    let shared = Arc::new(Shared { store, queue: Arc::default(), settings });
    let (store, queue) = (Arc::clone(&shared.store), Arc::clone(&shared.queue));
    thread::Builder::new()
        .name("baton-commit".into())
        .spawn(move || committer::serve(&store, &queue))
        .map_err(|error| unavailable(directory, &error))?;
    shared.store.begin_checkpoints().map_err(|error| unavailable(directory, &error))?;
    Ok(shared)
}

fn is_closed(slot: &Mutex<Slot>) -> bool {
    let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    slot.closing.as_ref().is_none_or(|closing| closing.wait_timeout(Duration::ZERO))
}
