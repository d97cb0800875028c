//! The files of v1 data on their way into an actor, in a directory of their own where SQLite can replay a
//! journal.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::engine::error::StoreError;
use crate::engine::transfer::scratch::{ScratchDirectory, cannot_write};
use crate::plan::{V1Error, V1File, V1Layout, V1Place, V1Sizes};

const MAIN: &str = "main.sqlite";
const JOURNAL: &str = "main.sqlite-journal";

/// An entry of an actor's key-value store: key and value.
pub type V1Entry = (Vec<u8>, Vec<u8>);

/// The files, as far as their entries have arrived. They are removed on drop.
pub(crate) struct V1Files {
    // After the files in it, which not every system can remove while they are open.
    main: File,
    journal: Option<File>,
    directory: ScratchDirectory,
    layout: V1Layout,
}

impl V1Files {
    /// An empty directory that only this user can read.
    pub(crate) fn new() -> Result<Self, StoreError> {
        let directory = ScratchDirectory::new()?;
        let main = directory.create(MAIN)?;
        Ok(Self { directory, layout: V1Layout::default(), main, journal: None })
    }

    /// Writes entries to their places in the files.
    pub(crate) fn take(&mut self, entries: &[V1Entry]) -> Result<(), StoreError> {
        for (key, value) in entries {
            if let Some(V1Place { file, offset }) =
                self.layout.take(key, value).map_err(|error| refused(&error))?
            {
                let target = match file {
                    V1File::Main => &mut self.main,
                    V1File::Journal => self.journal()?,
                };
                let written = target.seek(SeekFrom::Start(offset)).and_then(|_| target.write_all(value));
                written.map_err(|error| cannot_write(self.directory.path(), &error))?;
            }
        }
        Ok(())
    }

    fn journal(&mut self) -> Result<&mut File, StoreError> {
        let journal = match self.journal.take() {
            Some(journal) => journal,
            None => self.directory.create(JOURNAL)?,
        };
        Ok(self.journal.insert(journal))
    }

    /// The database file, with its journal beside it, once every byte of both has arrived.
    pub(crate) fn complete(&mut self) -> Result<PathBuf, StoreError> {
        let V1Sizes { main_bytes, journal_bytes } =
            self.layout.complete().map_err(|error| refused(&error))?;
        let sized = self.main.set_len(main_bytes);
        sized.map_err(|error| cannot_write(self.directory.path(), &error))?;
        if let Some(bytes) = journal_bytes {
            let sized = self.journal()?.set_len(bytes);
            sized.map_err(|error| cannot_write(self.directory.path(), &error))?;
        }
        Ok(self.directory.path().join(MAIN))
    }
}

fn refused(error: &V1Error) -> StoreError {
    let message = format!("these entries cannot be migrated: {error}");
    match error {
        V1Error::TooLarge { .. } => StoreError::TooLarge(message),
        _ => StoreError::InvalidArg(message),
    }
}
