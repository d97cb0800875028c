//! An LMDB environment that is a Baton store.
//!
//! The directory holds `data.mdb` and `lock.mdb` (LMDB's own names) and `turnstile`. LMDB's main database
//! holds the format's version and the two databases of [`Tables`], all made in one transaction. Anything
//! else found there belongs to somebody else and is left alone, byte for byte.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use heed::types::Bytes as Raw;
use heed::{
    CommitOrAbort, Env, EnvClosingEvent, EnvFlags, EnvOpenOptions, MdbError, RoTxn, RwTxn, WithoutTls,
};

use super::errors::{commit_error, is_full, kv_error};
use super::turnstile::Turnstile;
use super::values::{KEY_BYTES_MAX, Tables};
use super::{Durability, Settings};
use super::{making, names};
use crate::kv::KvError;
use crate::sync::watch;

/// How many reads can run at once, over all processes.
pub(super) const READERS_MAX: u32 = 1_024;

pub(super) const DATA_FILE_NAME: &str = "data.mdb";
/// A file that exists only while the disk is found to be full or not.
const PROBE_FILE_NAME: &str = "probe";
/// More than LMDB writes at once.
const PROBE_BYTES: usize = 512 * 1024;
const ROWS_NAME: &str = "rows";
const PARTS_NAME: &str = "parts";
/// Names the layout of this directory. A release that changes the layout changes the value, and an older
/// release then refuses the directory instead of misreading it.
const FORMAT_KEY: &[u8] = b"baton-format";
const FORMAT_VALUE: &[u8] = b"1";

/// A write transaction. One at a time runs, over all processes.
pub(super) type WriteTxn<'e> = RwTxn<'e>;
/// By which a thread waits for LMDB to have closed.
pub(super) type Closing = EnvClosingEvent;

/// An opened environment. LMDB closes when the last reference to it goes.
pub(super) struct Store {
    env: Env<WithoutTls>,
    pub(super) tables: Tables,
    turnstile: Turnstile,
    commits: AtomicU64,
    closing: Closing,
    // Fields go in the order of their declaration: whoever sees this one gone knows that LMDB has closed.
    closed: watch::Sender<()>,
}

impl Store {
    /// Opens the directory, which exists and is not open in this process.
    pub(super) fn open(directory: &Path, settings: Settings) -> Result<Self, KvError> {
        let io = |error| unavailable(directory, &error);
        let open = || {
            refuse_foreign_file(directory)?;
            open_env(directory, settings)
        };
        let env = making::alone(directory, &directory.join(DATA_FILE_NAME), open).map_err(io)??;
        if settings.durability == Durability::Strict {
            // Before anything is built on what is found: an earlier process may have opened it as relaxed, or
            // made it and gone no further.
            env.force_sync().map_err(kv_error)?;
            names::flush(directory).map_err(io)?;
        }
        let found = open_tables(&env, directory)?;
        // The turnstile's file is made only in a directory that is ours or empty.
        let turnstile = Turnstile::open(directory).map_err(io)?;
        let tables = match found {
            Some(tables) => tables,
            None => create_tables(&env, &turnstile, directory)?,
        };
        if env.max_key_size() <= KEY_BYTES_MAX {
            let (path, bytes) = (directory.display(), env.max_key_size());
            return Err(KvError::Invalid {
                detail: format!("{path}: its pages hold only keys of {bytes} bytes"),
            });
        }
        let closing = env.clone().prepare_for_closing();
        let store = Self {
            env,
            tables,
            turnstile,
            commits: AtomicU64::new(0),
            closing,
            closed: watch::Sender::new(()),
        };
        store.clear_stale_readers();
        Ok(store)
    }

    /// Begins a read of the newest committed state.
    ///
    /// LMDB has two meta pages that commits write in turn. A reader takes a number T, then copies the meta page of T; if it
    /// is held up in between until commit T+2 writes that page, it reads what is not committed yet, and its next read
    /// may get T+1: back in time. So a read that two commits have passed begins again.
    pub(super) fn read_txn(&self) -> Result<RoTxn<'_, WithoutTls>, KvError> {
        loop {
            let txn = self.env.read_txn().map_err(kv_error)?;
            if self.env.info().last_txn_id <= txn.id() + 1 {
                return Ok(txn);
            }
        }
    }

    /// Begins a write transaction, in turn with the other processes.
    pub(super) fn write_txn(&self) -> Result<WriteTxn<'_>, KvError> {
        self.turnstile.write_txn(&self.env)
    }

    /// Commits, and tells apart what is certain about a failure from what is not.
    pub(super) fn commit(&self, txn: WriteTxn<'_>) -> Result<(), KvError> {
        match txn.commit() {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                let panicked = matches!(self.env.read_txn(), Err(heed::Error::Mdb(MdbError::Panic)));
                let full = !panicked && matches!(error, heed::Error::Io(_)) && self.is_disk_full();
                Err(commit_error(error, panicked, full))
            }
        }
    }

    /// Whether the disk has no room for a little more than the file. LMDB reports a write that the disk took
    /// only in part, which is how most disks fill up, as an input/output error; this tells the two apart.
    fn is_disk_full(&self) -> bool {
        let path = self.env.path().join(PROBE_FILE_NAME);
        let probed = self.env.real_disk_size().map_err(|_| ErrorKind::Other.into()).and_then(|bytes| {
            let mut probe = File::create(&path)?;
            probe.seek(SeekFrom::Start(bytes))?;
            probe.write_all(&vec![1; PROBE_BYTES])
        });
        // What cannot be removed is overwritten by the next probe.
        let _removed = std::fs::remove_file(&path);
        probed.is_err_and(|error| is_full(&error))
    }

    /// Forgets the reads of processes that died, whose states would otherwise be kept for ever.
    pub(super) fn clear_stale_readers(&self) {
        match self.env.clear_stale_readers() {
            Ok(0) => {}
            Ok(readers) => {
                tracing::debug!(
                    name: "kv.readers-forgotten", target: "baton::kv", readers,
                    "forgot the reads of processes that died"
                );
            }
            // It costs space, not correctness, and the next attempt is near.
            Err(error) => {
                tracing::warn!(
                    name: "kv.readers-unknown", target: "baton::kv", %error,
                    "could not look for the reads of processes that died"
                );
            }
        }
    }

    /// How many transactions were committed through this environment.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Ends once LMDB has closed; for threads.
    pub(super) fn closing(&self) -> Closing {
        self.closing.clone()
    }

    /// Fails to change once LMDB has closed; for tasks.
    pub(super) fn closed(&self) -> watch::Receiver<()> {
        self.closed.subscribe()
    }
}

fn open_env(directory: &Path, settings: Settings) -> Result<Env<WithoutTls>, KvError> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    let bytes = usize::try_from(settings.size_bytes).expect("the settings were checked against usize");
    options.map_size(bytes).max_readers(READERS_MAX).max_dbs(2);
    if settings.durability == Durability::Relaxed {
        // SAFETY: without flushes a power loss may destroy the file, which Relaxed documents. While the
        // machine runs, every process sees the same page cache, so no memory is at stake.
        unsafe { options.flags(EnvFlags::NO_SYNC) };
    }
    // SAFETY: the map is only sound while nobody but LMDB changes the file. The registry opens a directory
    // once a process, LMDB's locks order processes, and the documentation of `EmbeddedOptions::path`
    // excludes network file systems and foreign writers.
    let opened = unsafe { options.open(directory) };
    opened.map_err(|error| match error {
        heed::Error::Mdb(MdbError::Invalid | MdbError::VersionMismatch) => foreign(directory),
        heed::Error::Io(error) if error.kind() == ErrorKind::OutOfMemory => KvError::Unavailable {
            detail: format!(
                "{}: cannot reserve an address space of maxSizeBytes = {} bytes ({error}); lower it, or \
                 raise the process's limit (ulimit -v)",
                directory.display(),
                settings.size_bytes
            ),
        },
        heed::Error::Io(error) => unavailable(directory, &error),
        error => kv_error(error),
    })
}

/// The databases of a store, or nothing if LMDB has not stored anything in the file.
fn open_tables(env: &Env<WithoutTls>, directory: &Path) -> Result<Option<Tables>, KvError> {
    let txn = env.read_txn().map_err(kv_error)?;
    let found = env.open_databases_and_commit(txn, |opener, txn| {
        let main = opener.open_database::<Raw, Raw>(txn, None)?.ok_or(MdbError::NotFound)?;
        if main.is_empty(txn)? {
            return Ok(CommitOrAbort::Abort(Found::Nothing));
        }
        let rows = opener.open_database::<Raw, Raw>(txn, Some(ROWS_NAME))?;
        let parts = opener.open_database::<Raw, Raw>(txn, Some(PARTS_NAME))?;
        let (Some(rows), Some(parts)) = (rows, parts) else {
            return Ok(CommitOrAbort::Abort(Found::Foreign));
        };
        if main.get(txn, FORMAT_KEY)? != Some(FORMAT_VALUE) {
            return Ok(CommitOrAbort::Abort(Found::Foreign));
        }
        Ok::<_, heed::Error>(CommitOrAbort::Commit((rows, parts)))
    });
    match found {
        Ok(CommitOrAbort::Commit((rows, parts))) => Ok(Some(Tables { rows, parts })),
        Ok(CommitOrAbort::Abort(Found::Nothing)) => Ok(None),
        Ok(CommitOrAbort::Abort(Found::Foreign)) | Err(heed::Error::Mdb(MdbError::Incompatible)) => {
            Err(foreign(directory))
        }
        Err(error) => Err(kv_error(error)),
    }
}

/// Why there are no tables to open.
enum Found {
    Nothing,
    Foreign,
}

/// Makes the databases. If another process was faster, this finds them made and changes nothing.
fn create_tables(env: &Env<WithoutTls>, turnstile: &Turnstile, directory: &Path) -> Result<Tables, KvError> {
    let txn = turnstile.write_txn(env)?;
    let created = env.create_databases_and_commit(txn, |opener, txn| {
        let main = opener.create_database::<Raw, Raw>(txn, None)?;
        main.put(txn, FORMAT_KEY, FORMAT_VALUE)?;
        let rows = opener.create_database::<Raw, Raw>(txn, Some(ROWS_NAME))?;
        let parts = opener.create_database::<Raw, Raw>(txn, Some(PARTS_NAME))?;
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit((rows, parts)))
    });
    match created {
        Ok(made) => {
            let (rows, parts) = made.commit().expect("the closure above never aborts");
            Ok(Tables { rows, parts })
        }
        Err(heed::Error::Io(error)) => Err(unavailable(directory, &error)),
        Err(error) => Err(kv_error(error)),
    }
}

/// Refuses a `data.mdb` that LMDB did not write, before LMDB puts its lock file next to it.
fn refuse_foreign_file(directory: &Path) -> Result<(), KvError> {
    // Both metas begin with a page header of 16 bytes, then LMDB's number in the machine's byte order.
    let mut head = Vec::new();
    match File::open(directory.join(DATA_FILE_NAME)) {
        Ok(file) => file.take(20).read_to_end(&mut head).map_err(|error| unavailable(directory, &error))?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unavailable(directory, &error)),
    };
    // LMDB fills a file that is empty, as a crash during its creation leaves it.
    if head.is_empty() || making::MAGICS.iter().any(|magic| head.ends_with(magic)) {
        return Ok(());
    }
    Err(foreign(directory))
}

fn foreign(directory: &Path) -> KvError {
    let path = directory.join(DATA_FILE_NAME);
    KvError::Invalid { detail: format!("{} is not a Baton store that this release can read", path.display()) }
}

/// The directory could not be used for a reason that the operating system gave.
pub(super) fn unavailable(path: &Path, error: &std::io::Error) -> KvError {
    KvError::Unavailable { detail: format!("cannot open {}: {error}", path.display()) }
}
