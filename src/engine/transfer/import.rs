//! importFrom: replaces the content of an actor by a plain SQLite file, in one commit, read in pieces.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::PreparedPage;
use crate::engine::commit::batch::{Batch, Room};
use crate::engine::commit::stage::StageWriter;
use crate::engine::error::StoreError;
use crate::engine::runtime::blocking::{blocking, failed};
use crate::engine::runtime::core::Core;
use crate::plan::{self, FILE_HEADER_BYTES, SqliteFile};
use crate::types::{ActorId, Meta, PageNumber};

use super::claim::{Claimed, claim, displaced};
use super::receive::finish;

/// Imports a file. The actor is taken over first, so that no owner writes in between; its content is replaced
/// only if `replace` is set. A missing actor stays invisible until everything is imported.
pub(crate) async fn import_from(
    core: &Arc<Core>,
    id: &ActorId,
    path: &Path,
    replace: bool,
) -> Result<Meta, StoreError> {
    let source = open_source(core, path).await?;
    let claimed = claim(core, id, replace).await?;
    import_into(&claimed, source).await.map_err(displaced)
}

async fn import_into(claimed: &Claimed, source: Source) -> Result<Meta, StoreError> {
    let SqliteFile { page_size, size_pages } = source.file;
    if size_pages.0 == 0 && claimed.meta.size_pages.0 == 0 && !claimed.is_new {
        // It is already empty, so no commit is needed.
        return Ok(claimed.meta);
    }
    let mut stage = claimed.stage(Some(size_pages)).await?;
    let mut left = Some(source);
    while let Some(source) = left {
        left = stage_batch(&mut stage, source).await?;
    }
    finish(claimed, stage, (size_pages, page_size)).await
}

/// Opens a database file that needs no replay of a journal.
pub(crate) async fn open_source(core: &Core, path: &Path) -> Result<Source, StoreError> {
    let path = path.to_owned();
    blocking(&*core.env, move || Source::open(&path)).await
}

/// Stages as many of the file's next pages as fit one transaction. Returns `None` at the end, if nobody has
/// changed the file since it was opened.
pub(crate) async fn stage_batch(
    stage: &mut StageWriter,
    source: Source,
) -> Result<Option<Source>, StoreError> {
    let room = Room::new(&stage.core.limits, &stage.actor.keys);
    let env = Arc::clone(&stage.core.env);
    match blocking(&*env, move || source.next_batch(room)).await? {
        (source, Some(pages)) => {
            stage.write(pages).await?;
            Ok(Some(source))
        }
        (source, None) => {
            blocking(&*env, move || source.check_unchanged()).await?;
            Ok(None)
        }
    }
}

/// The file being imported.
pub(crate) struct Source {
    path: PathBuf,
    pub(crate) file: SqliteFile,
    handle: File,
    metadata: Metadata,
    next: Option<PageNumber>,
    /// A page that was read and did not fit the last batch.
    waiting: Option<Batch>,
}

impl Source {
    /// Opens a database that needs no replay of a journal.
    fn open(path: &Path) -> Result<Self, StoreError> {
        let unreadable = |error| unreadable(path, &error);
        let mut handle = File::open(path).map_err(unreadable)?;
        let metadata = handle.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(StoreError::InvalidArg(format!("{} is not a file", path.display())));
        }
        refuse_sidecars(path)?;
        let mut header = Vec::with_capacity(FILE_HEADER_BYTES);
        handle.by_ref().take(FILE_HEADER_BYTES as u64).read_to_end(&mut header).map_err(unreadable)?;
        let file = plan::sqlite_file(&header, metadata.len()).map_err(|reason| {
            StoreError::InvalidArg(format!("{} is not a SQLite database: {reason}", path.display()))
        })?;
        // Opened again instead of seeking, so that the handle is read from its start.
        let handle = File::open(path).map_err(unreadable)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            handle,
            metadata,
            next: Some(PageNumber::FIRST),
            waiting: None,
        })
    }

    /// Reads and compresses as much as fits one transaction; `None` at the end.
    fn next_batch(mut self, room: Room) -> Result<(Self, Option<Vec<PreparedPage>>), StoreError> {
        let mut batch = self.waiting.take().unwrap_or_else(|| Batch::new(room));
        let mut failed = None;
        let mut page_bytes = vec![0; self.file.page_size.bytes()];
        let mut pages = std::iter::from_fn(|| {
            let page = self.next.filter(|page| self.file.size_pages.contains(*page))?;
            // The last page may be short; the rest of it is zeros.
            let start = u64::from(page.get() - 1) * page_bytes.len() as u64;
            let there = self.metadata.len().saturating_sub(start).min(page_bytes.len() as u64);
            let (there, behind) = page_bytes.split_at_mut(usize::try_from(there).unwrap_or(usize::MAX));
            behind.fill(0);
            if let Err(error) = self.handle.read_exact(there) {
                failed = Some(unreadable(&self.path, &error));
                return None;
            }
            self.next = page.next();
            Some(PreparedPage::new(page, self.file.page_size, &page_bytes))
        });
        let overflow = batch.fill(&mut pages);
        if let Some(error) = failed {
            return Err(error);
        }
        self.waiting = overflow;
        let pages = batch.into_pages();
        Ok((self, (!pages.is_empty()).then_some(pages)))
    }

    /// A file that changed while it was read may be a mix of two states.
    fn check_unchanged(self) -> Result<(), StoreError> {
        let now = std::fs::metadata(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        let same = now.len() == self.metadata.len() && now.modified().ok() == self.metadata.modified().ok();
        if !same {
            return Err(StoreError::InvalidArg(format!(
                "{} changed while it was imported; close it first",
                self.path.display()
            )));
        }
        refuse_sidecars(&self.path)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> StoreError {
    failed(format!("cannot read {}: {error}", path.display()), error)
}

/// A hot journal or a write-ahead log beside the file holds a part of the database.
pub(crate) fn refuse_sidecars(path: &Path) -> Result<(), StoreError> {
    let journal = beside(path, "-journal");
    if let Some(mut file) = open_if_there(&journal)? {
        let mut start = Vec::new();
        file.by_ref().take(8).read_to_end(&mut start).map_err(|error| unreadable(&journal, &error))?;
        if plan::is_hot_journal(&start) {
            return Err(StoreError::InvalidArg(format!(
                "{} has a hot rollback journal beside it ({}); open and close it with SQLite first",
                path.display(),
                journal.display()
            )));
        }
    }
    let wal = beside(path, "-wal");
    if let Some(file) = open_if_there(&wal)? {
        let length = file.metadata().map_err(|error| unreadable(&wal, &error))?.len();
        if length > 0 {
            return Err(StoreError::InvalidArg(format!(
                "{} has a write-ahead log beside it ({}, {length} bytes); \
                 run PRAGMA wal_checkpoint(TRUNCATE) and close it first",
                path.display(),
                wal.display()
            )));
        }
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn open_if_there(path: &Path) -> Result<Option<File>, StoreError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}
