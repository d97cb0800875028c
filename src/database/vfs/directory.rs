//! The names that main files are opened by.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::main_file::MainFile;
use super::signals::Signals;

const JOURNAL_SUFFIX: &str = "-journal";

/// A main file that may be opened.
struct Entry {
    /// Taken by the connection that opens it.
    file: Option<Arc<Mutex<MainFile>>>,
    signals: Arc<Signals>,
}

static ENTRIES: Mutex<Option<HashMap<String, Entry>>> = Mutex::new(None);

fn entries() -> MutexGuard<'static, Option<HashMap<String, Entry>>> {
    ENTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name that stands for a main file as long as this value lives.
pub(crate) struct Announced {
    name: CString,
}

impl Announced {
    /// The name to open the file by.
    pub(crate) fn name(&self) -> &CStr {
        &self.name
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let (Some(entries), Ok(name)) = (entries().as_mut(), self.name.to_str()) {
            entries.remove(name);
        }
    }
}

/// Gives a main file a name that nobody can guess before it is used.
pub(crate) fn announce(file: &Arc<Mutex<MainFile>>, signals: &Arc<Signals>) -> Announced {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let name = format!("actor-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let entry = Entry { file: Some(Arc::clone(file)), signals: Arc::clone(signals) };
    entries().get_or_insert_default().insert(name.clone(), entry);
    Announced { name: CString::new(name).unwrap_or_default() }
}

/// The main file of a name, for the first caller.
pub(super) fn take_file(name: &str) -> Option<Arc<Mutex<MainFile>>> {
    entries().as_mut()?.get_mut(name)?.file.take()
}

/// The signals of the main file that a journal belongs to.
pub(super) fn signals_of_journal(name: &str) -> Option<Arc<Signals>> {
    let name = name.strip_suffix(JOURNAL_SUFFIX)?;
    entries().as_ref()?.get(name).map(|entry| Arc::clone(&entry.signals))
}
