//! Opening a directory: what is refused, what is created, and in which order.
//!
//! Nothing is created beside foreign files, nothing is mapped that does not exist, and only one process at a
//! time opens a directory. If the lock file cannot be written (a read-only mount, another user's directory),
//! a store is read without LMDB's locks; `locks::presence` says how writers find out about such a reader.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::content::{Content, FORMAT_KEY, FORMAT_VALUE, FORMAT_WITHOUT_JOURNAL, content_of, foreign};
use super::data_file::{self, DataFile, FILE_NAME};
use super::errors::{READERS_MAX, kv_error, unavailable};
use super::journal::recovery::Recovery;
use super::lmdb::{Code, Env, EnvOptions, LmdbError, own_identity};
use super::locks::files::Making;
use super::locks::{
    LOCK_FILE_NAME, Locks, NoEntry, Others, SECOND_FILE_NAME, can_be_used, is_written_by_earlier_release,
};
use super::map;
use super::options::Settings;
use super::place::Place;
use super::values::KEY_BYTES_MAX;
use crate::kv::{Identity, KvError};

/// An opened directory.
pub(super) struct Opened {
    pub env: Env,
    /// `None` if the store is read without them.
    pub locks: Option<Locks>,
    pub place: Place,
    pub making: Making,
    /// Whether no other process had the directory open.
    pub is_alone: bool,
    pub content: Content,
}

/// The identity of a store: its data file, whatever directory or name leads to it. Creates the file if there
/// is none, unless the store is opened read-only.
pub(super) fn identity(directory: &Path, settings: Settings) -> Result<Identity, KvError> {
    let data = directory.join(FILE_NAME);
    let making = Making::of(directory, settings.mode).map_err(|error| unavailable(directory, &error))?;
    if !settings.read_only {
        making.open(&data).map_err(|error| unavailable(&data, &error))?;
    }
    Identity::of_place(&data).map_err(|error| unavailable(&data, &error))
}

/// Opens the directory, which exists and is not open in this process.
pub(super) fn open(directory: &Path, settings: &Settings) -> Result<Opened, KvError> {
    // After a loss of power the file may be anything until it was recovered.
    let found = if Recovery::needed(directory)?.is_some() { None } else { Some(look(directory)?) };
    if settings.read_only && found == Some(DataFile::Empty) {
        let path = directory.display();
        return Err(KvError::Invalid {
            detail: format!("there is no store at {path}, and one opened read-only is not made"),
        });
    }
    let opened = if settings.read_only && !can_be_used(directory) {
        open_without_locks(directory, settings)?
    } else {
        open_with_locks(directory, settings)?
    };
    if opened.env.key_bytes_max() <= KEY_BYTES_MAX {
        let (path, bytes) = (directory.display(), opened.env.key_bytes_max());
        return Err(KvError::Invalid {
            detail: format!("{path}: its pages hold only keys of {bytes} bytes"),
        });
    }
    Ok(opened)
}

fn open_with_locks(directory: &Path, settings: &Settings) -> Result<Opened, KvError> {
    let io = |error| unavailable(directory, &error);
    let making = Making::of(directory, settings.mode).map_err(io)?;
    let data = directory.join(FILE_NAME);
    let open_file = |path: &Path| if settings.read_only { File::open(path) } else { making.open(path) };
    let file = open_file(&data).map_err(|error| unavailable(&data, &error))?;
    let second = directory.join(SECOND_FILE_NAME);
    let second = open_file(&second).map_err(|error| unavailable(&second, &error))?;
    let (locks, (env, is_alone)) = Locks::enter(directory, &making, second, |others| {
        let is_alone = others == Others::None;
        if is_alone {
            recover(directory, settings, &making)?;
        }
        remake(&file, &data, others)?;
        let env = open_env(directory, settings, &making, others)?;
        env.take_place().map_err(kv_error)?;
        check_build(&env, settings.read_only)?;
        Ok::<_, OpenError>((env, is_alone))
    })
    .map_err(|error| error.into_kv(directory))?;
    let place = Place::of(directory, true).map_err(io)?;
    let content = content_of(&env, directory)?;
    Ok(Opened { env, locks: Some(locks), place, making, is_alone, content })
}

/// After a loss of power: makes the data file what the last checkpoint and the journal say.
fn recover(directory: &Path, settings: &Settings, making: &Making) -> Result<(), OpenError> {
    let Some(recovery) = Recovery::needed(directory)? else { return Ok(()) };
    if !recovery.is_due(directory)? {
        return Ok(());
    }
    recovery.restore(directory)?;
    let settings = Settings { read_only: false, ..*settings };
    let env = open_env(directory, &settings, making, Others::None)?;
    env.take_place().map_err(kv_error)?;
    Ok(recovery.apply(&env, directory)?)
}

fn open_without_locks(directory: &Path, settings: &Settings) -> Result<Opened, KvError> {
    let io = |error| unavailable(directory, &error);
    let data = directory.join(FILE_NAME);
    let file = File::open(&data).map_err(|error| unavailable(&data, &error))?;
    if let Ok(lock) = File::open(directory.join(LOCK_FILE_NAME))
        && is_written_by_earlier_release(&lock, &file).map_err(io)?
    {
        return Err(KvError::Unavailable {
            detail: format!(
                "{}: a process with an earlier release of Baton has it open, and its lock file cannot be written here",
                directory.display()
            ),
        });
    }
    if let Some(recovery) = Recovery::needed(directory)?
        && recovery.is_due(directory)?
    {
        return Err(KvError::Unusable {
            detail: format!(
                "{}: the machine went down while the store was open, and its files cannot be written here; open it \
                 once where they can",
                directory.display()
            ),
        });
    }
    let making = Making::of(directory, settings.mode).map_err(io)?;
    let env =
        open_env(directory, settings, &making, Others::None).map_err(|error| error.into_kv(directory))?;
    env.take_place().map_err(kv_error)?;
    let place = Place::of(directory, false).map_err(io)?;
    let content = content_of(&env, directory)?;
    Ok(Opened { env, locks: None, place, making, is_alone: false, content })
}

/// Why LMDB was not opened.
enum OpenError {
    Kv(KvError),
    Lmdb(LmdbError, Others),
    Entry(NoEntry),
}

impl From<KvError> for OpenError {
    fn from(error: KvError) -> Self {
        Self::Kv(error)
    }
}

impl From<NoEntry> for OpenError {
    fn from(error: NoEntry) -> Self {
        Self::Entry(error)
    }
}

impl OpenError {
    fn into_kv(self, directory: &Path) -> KvError {
        let path = directory.display();
        match self {
            Self::Kv(error) => error,
            Self::Entry(error) => no_entry(directory, error),
            // The data file was checked before, so this error concerns the lock file.
            Self::Lmdb(LmdbError::Lmdb(Code::Invalid | Code::VersionMismatch), Others::Present) => {
                KvError::Unusable {
                    detail: format!(
                        "{path}: another process has it open with another LMDB (another version, build or C library), \
                         whose {LOCK_FILE_NAME} this one cannot share; close it there"
                    ),
                }
            }
            Self::Lmdb(LmdbError::Lmdb(Code::Invalid | Code::VersionMismatch), _) => foreign(directory),
            Self::Lmdb(LmdbError::Io(error), _) => unavailable(directory, &error),
            Self::Lmdb(error, _) => kv_error(error),
        }
    }
}

fn no_entry(directory: &Path, error: NoEntry) -> KvError {
    let path = directory.display();
    match error {
        NoEntry::Failed(error) => unavailable(directory, &error),
        NoEntry::ReadersLocked(holder) => KvError::Unavailable {
            detail: format!(
                "{path}: {} is opening it, or was stopped while it did",
                holder.as_deref().unwrap_or("another process")
            ),
        },
        NoEntry::LockFileRemoved => KvError::Unusable {
            detail: format!(
                "{path}: a lock file ({LOCK_FILE_NAME} or one beside it) was removed while other processes have the store \
                 open, or {FILE_NAME} is a hard link to the data of another directory that is open; stop them first"
            ),
        },
        NoEntry::DataFileReplaced => KvError::Unusable {
            detail: format!(
                "{path}: {FILE_NAME} was removed or replaced while other processes have the store open; stop them \
                 first"
            ),
        },
        NoEntry::OtherLibrary => KvError::Unusable {
            detail: format!(
                "{path}: another process has it open that was built for another C library (glibc, musl); their locks do \
                 not fit each other"
            ),
        },
    }
}

/// Refuses what is not a store, or not a complete one, before anything is created or mapped.
fn look(directory: &Path) -> Result<DataFile, KvError> {
    let path = directory.join(FILE_NAME);
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(DataFile::Empty),
        file => file.map_err(|error| unavailable(&path, &error))?,
    };
    let found = data_file::look(&file, FORMAT_KEY).map_err(|error| unavailable(&path, &error))?;
    let emptied = if found == DataFile::Empty { emptied(directory, &file) } else { None };
    accept(emptied.unwrap_or(found), &path)
}

/// Whether an empty file is beside the lock file of a store that had commits.
fn emptied(directory: &Path, file: &File) -> Option<DataFile> {
    let lock = File::open(directory.join(LOCK_FILE_NAME)).ok()?;
    emptied_beside(lock, file)
}

/// The lock file is read before the length: another process may be creating the store and committing to it, and
/// LMDB writes the data before the lock file tells of a commit. The other way round, a file that was empty a moment
/// ago would be taken for one that was cut short.
fn emptied_beside(mut lock: impl Read, file: &File) -> Option<DataFile> {
    let mut head = [0; 16];
    lock.read_exact(&mut head).ok()?;
    let found = data_file::emptied(&head)?;
    file.metadata().is_ok_and(|metadata| metadata.len() == 0).then_some(found)
}

fn accept(found: DataFile, path: &Path) -> Result<DataFile, KvError> {
    let path = path.display();
    match found {
        DataFile::Store { format } if format != FORMAT_VALUE && format != FORMAT_WITHOUT_JOURNAL => {
            Err(KvError::Invalid {
                detail: format!(
                    "{path} is a Baton store of format \"{}\"; this release reads formats \"{}\" and \"{}\"",
                    format.escape_ascii(),
                    FORMAT_WITHOUT_JOURNAL.escape_ascii(),
                    FORMAT_VALUE.escape_ascii()
                ),
            })
        }
        DataFile::Foreign => Err(KvError::Invalid {
            detail: format!("{path} is not a Baton store that this release can read"),
        }),
        DataFile::CutShort { bytes, needed_bytes } => Err(KvError::Corrupt {
            detail: format!(
                "{path} has {bytes} bytes, and its newest commit needs {needed_bytes}: it was cut short"
            ),
        }),
        DataFile::Damaged(how) => Err(KvError::Corrupt { detail: format!("{path}: {how}") }),
        found @ (DataFile::Store { .. } | DataFile::Empty | DataFile::Torn) => Ok(found),
    }
}

/// Checks once more, now that nobody else opens the directory, and truncates a file that a loss of power left
/// incomplete.
fn remake(file: &File, path: &Path, others: Others) -> Result<(), OpenError> {
    let io = |error| unavailable(path, &error);
    let found = accept(data_file::look(file, FORMAT_KEY).map_err(io)?, path)?;
    if found == DataFile::Torn && others == Others::None {
        tracing::warn!(
            name: "kv.remade", target: "baton::kv", path = %path.display(),
            "the power was lost while the store was being made; making it anew"
        );
        File::options().write(true).open(path).and_then(|file| file.set_len(0)).map_err(io)?;
    }
    Ok(())
}

fn open_env(
    directory: &Path,
    settings: &Settings,
    making: &Making,
    others: Others,
) -> Result<Env, OpenError> {
    let data = directory.join(FILE_NAME);
    let file_bytes = std::fs::metadata(&data).map_err(|error| unavailable(&data, &error))?.len();
    let mut map_bytes = map::first(file_bytes, settings.size_limit(), map::address_bytes());
    loop {
        let options = EnvOptions {
            map_bytes: usize::try_from(map_bytes).unwrap_or(usize::MAX),
            readers_max: READERS_MAX,
            tables_max: 2,
            read_only: settings.read_only,
            no_lock: settings.read_only && !can_be_used(directory),
            mode: making.mode,
        };
        // LMDB does not flush: the journal and checkpoints make commits durable.
        // SAFETY: the map is only sound while nobody but LMDB changes the file. The registry opens a
        // directory once per process, the locks coordinate processes, and the documentation of
        // `EmbeddedOptions::path` excludes network file systems and foreign writers.
        match unsafe { Env::open(directory, &options) } {
            Err(LmdbError::Io(error)) if error.kind() == ErrorKind::OutOfMemory => {
                map_bytes = map::smaller(map_bytes, file_bytes)
                    .ok_or_else(|| no_address_space(directory, map_bytes, &error))?;
            }
            opened => return opened.map_err(|error| OpenError::Lmdb(error, others)),
        }
    }
}

fn no_address_space(directory: &Path, map_bytes: u64, error: &io::Error) -> KvError {
    KvError::Unusable {
        detail: format!(
            "{}: this process has no address space left to map {map_bytes} bytes of the store's file ({error}); open fewer \
             stores in one process, or raise its limit (ulimit -v)",
            directory.display()
        ),
    }
}

/// LMDB must know this process by its identity, or it cannot tell two containers apart; and a commit must flush what
/// it is to flush.
fn check_build(env: &Env, is_read_only: bool) -> Result<(), KvError> {
    let is_known = env.readers().iter().any(|reader| reader.identity == own_identity());
    let is_fit = (is_known || cfg!(not(target_os = "linux"))) && (is_read_only || env.has_replaced_flush());
    if is_fit {
        return Ok(());
    }
    Err(KvError::Unusable {
        detail:
            "this build of the addon is not fit for embedded stores: LMDB was compiled without the flags of \
                 .cargo/config.toml"
                .into(),
    })
}

/// A store without a journal is open elsewhere, perhaps in an earlier release, which knows of no journal.
pub(super) fn not_alone(directory: &Path) -> KvError {
    KvError::Unusable {
        detail: format!(
            "{}: the store was last written by an earlier release and another process has it open; close it there, \
             so that this release can convert it",
            directory.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::kv::embedded::creation::own_magic;

    /// A lock file in which a process notes its first commit, which it has just written to the data file.
    struct Committing<'f>(&'f File);

    impl Read for Committing<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.0.write_all(&[1; 512])?;
            head_after(1).as_slice().read(bytes)
        }
    }

    fn head_after(commits: u8) -> [u8; 16] {
        let mut head = [0; 16];
        head[..4].copy_from_slice(&own_magic());
        head[if cfg!(target_endian = "little") { 8 } else { 15 }] = commits;
        head
    }

    #[test]
    fn a_store_that_another_process_is_creating_was_not_cut_short() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(emptied_beside(Committing(&file), &file), None);
    }

    #[test]
    fn an_empty_file_beside_a_lock_file_with_commits_was_cut_short() {
        let file = tempfile::tempfile().unwrap();
        let found = emptied_beside(head_after(1).as_slice(), &file);
        assert!(matches!(found, Some(DataFile::CutShort { bytes: 0, .. })), "{found:?}");
        assert_eq!(emptied_beside(head_after(0).as_slice(), &file), None);
        assert_eq!(emptied_beside([0; 4].as_slice(), &file), None);
    }
}
