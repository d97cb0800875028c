//! After a loss of power: the tree goes back to the last checkpoint, and the journal behind it is applied
//! again.
//!
//! Only the process that opens the directory alone does this. It may be repeated: the checkpoint's pages stay
//! whole until the next checkpoint, so a loss of power meanwhile leaves everything as it was.

use std::fs::File;
use std::io;
use std::path::Path;

use super::files::{CHECKPOINT_NAME, Files};
use super::log::{Log, Walk};
use super::machine::Machine;
use super::position::Position;
use super::record::{self, Write};
use super::slot::{Checkpoint, Slots};
use crate::kv::KvError;
use crate::kv::embedded::content::{self, STORE_ID_KEY};
use crate::kv::embedded::data_file::{self, FILE_NAME};
use crate::kv::embedded::errors::kv_error;
use crate::kv::embedded::errors::unavailable;
use crate::kv::embedded::lmdb::{Env, LmdbError};
use crate::kv::embedded::planted::{self, JournalBug};
use crate::kv::embedded::values::Tables;

/// What has to be applied again.
#[derive(Debug)]
pub(in crate::kv::embedded) struct Recovery {
    log: Log,
    checkpoint: Checkpoint,
    machine: Machine,
}

impl Recovery {
    /// What a directory needs before it is opened, if the machine may have gone down since the last
    /// checkpoint. The process is the only one that has the directory open.
    pub(in crate::kv::embedded) fn needed(directory: &Path) -> Result<Option<Self>, KvError> {
        let io = |error| unavailable(&directory.join(CHECKPOINT_NAME), &error);
        let Some(files) = Files::open(directory).map_err(io)? else { return Ok(None) };
        let checkpoint = match files.slots().map_err(io)? {
            Slots::None => return Ok(None),
            Slots::Newest(newest) => *newest,
            Slots::Damaged => return Err(damaged(directory)),
        };
        let machine = Machine::of(&directory.join(FILE_NAME)).map_err(io)?;
        if machine.is_still(&checkpoint.machine) && !checkpoint.is_suspect {
            return Ok(None);
        }
        let log = Log { files, store: checkpoint.store };
        Ok(Some(Self { log, checkpoint, machine }))
    }

    /// Whether the data file is not yet what the checkpoint and the journal say.
    pub(in crate::kv::embedded) fn is_due(&self, directory: &Path) -> Result<bool, KvError> {
        let path = directory.join(FILE_NAME);
        let io = |error| unavailable(&path, &error);
        let data = File::open(&path).map_err(io)?;
        let Checkpoint { store, meta, position, .. } = &self.checkpoint;
        let found = data_file::value_at(&data, meta, STORE_ID_KEY).map_err(io)?;
        if found.as_deref() != Some(&store[..]) {
            return Err(other_file(directory));
        }
        let is_newest = data_file::newest_txn(&data).map_err(io)? == Some(position.number)
            && data_file::meta_of(&data, self.page_bytes(), position.number).map_err(io)? == Some(*meta);
        let has_more = Walk::new(&self.log, *position).next().map_err(io)?.is_some();
        Ok(!is_newest || has_more || self.checkpoint.is_suspect)
    }

    /// Makes the checkpoint the newest state of the data file.
    pub(in crate::kv::embedded) fn restore(&self, directory: &Path) -> Result<(), KvError> {
        let path = directory.join(FILE_NAME);
        let io = |error| unavailable(&path, &error);
        tracing::warn!(
            name: "kv.recovering", target: "baton::kv", path = %path.display(), checkpoint = self.checkpoint.txn(),
            "the machine went down while the store was open; going back to the last checkpoint and applying the \
             journal"
        );
        if planted::is_journal(JournalBug::MetaNotRestored) {
            return Ok(());
        }
        let data = File::options().read(true).write(true).open(&path).map_err(io)?;
        data_file::restore(&data, self.page_bytes(), &self.checkpoint.meta).map_err(io)
    }

    fn page_bytes(&self) -> usize {
        self.checkpoint.page_bytes as usize
    }

    /// Applies the journal, and makes a checkpoint of the result.
    pub(in crate::kv::embedded) fn apply(&self, env: &Env, directory: &Path) -> Result<(), KvError> {
        let io = |error| unavailable(directory, &error);
        let tables = content::tables_of(env)?.ok_or_else(|| other_file(directory))?;
        // What the checkpoint refers to stays whole until the next one is written.
        env.pin().map_err(kv_error)?;
        let mut walk = Walk::new(&self.log, self.checkpoint.position);
        let mut applied = 0_u64;
        while let Some(record) = walk.next().map_err(io)? {
            let number = walk.at().number;
            let writes = record::writes(&record).ok_or_else(|| unknown_record(directory, number))?;
            apply_one(env, tables, &writes, number).map_err(|error| match error {
                ApplyError::Kv(error) => error,
                ApplyError::Number => unknown_record(directory, number),
            })?;
            applied += 1;
        }
        env.sync().map_err(kv_error)?;
        let checkpoint = self.checkpoint_at(walk.at(), env, directory).map_err(io)?;
        let files = Files::open_to_write(directory).map_err(io)?;
        files.note_checkpoint(&checkpoint).and_then(|()| files.flush_checkpoint()).map_err(io)?;
        env.release_pins();
        tracing::info!(
            name: "kv.recovered", target: "baton::kv", path = %directory.display(), transactions = applied,
            "applied the journal"
        );
        Ok(())
    }

    fn checkpoint_at(&self, end: Position, env: &Env, directory: &Path) -> io::Result<Checkpoint> {
        let data = File::open(directory.join(FILE_NAME))?;
        let meta = data_file::meta_of(&data, env.page_bytes(), end.number)?;
        let meta = meta.ok_or_else(|| io::Error::other("the meta page of the last commit is not there"))?;
        // A new chain: nothing that lies behind the end of the old one ever counts.
        let segment = self.checkpoint.position.segment.max(self.log.newest_segment()?) + 1;
        let chain = getrandom::u64().map_err(|_| io::Error::other("the system has no randomness"))?;
        let Checkpoint { number, is_suspect, .. } = self.checkpoint;
        Ok(Checkpoint {
            // In place of the one that says that the tree is suspect, which no flush has covered: the one before
            // it is on the disk, and must stay there until the next one is.
            number: if is_suspect { number } else { number + 1 },
            position: Position::start_of(segment, end.number, chain),
            machine: self.machine,
            meta,
            is_suspect: false,
            ..self.checkpoint
        })
    }
}

enum ApplyError {
    Kv(KvError),
    /// LMDB gave the transaction another number.
    Number,
}

impl From<LmdbError> for ApplyError {
    fn from(error: LmdbError) -> Self {
        Self::Kv(kv_error(error))
    }
}

fn apply_one(env: &Env, tables: Tables, writes: &[Write], number: u64) -> Result<(), ApplyError> {
    let mut txn = env.begin_write()?;
    if txn.id() as u64 != number {
        return Err(ApplyError::Number);
    }
    for write in writes {
        match write {
            Write::Row(mutation) => {
                tables.apply(&mut txn, mutation).map_err(ApplyError::Kv)?;
            }
            Write::Size(bytes) => content::note_size(&mut txn, *bytes)?,
        }
    }
    if writes.is_empty() {
        content::rewrite_format(&mut txn)?;
    }
    Ok(txn.commit()?)
}

fn damaged(directory: &Path) -> KvError {
    KvError::Corrupt {
        detail: format!(
            "{}: both of its checkpoints are damaged, so nobody knows whether data.mdb is whole",
            directory.join(CHECKPOINT_NAME).display()
        ),
    }
}

fn other_file(directory: &Path) -> KvError {
    KvError::Corrupt {
        detail: format!(
            "{}: {FILE_NAME} is not the one that {CHECKPOINT_NAME} and the journal beside it belong to; if it was put \
             there as a complete copy, remove {CHECKPOINT_NAME} and the journal",
            directory.display()
        ),
    }
}

fn unknown_record(directory: &Path, number: u64) -> KvError {
    KvError::Corrupt {
        detail: format!("{}: transaction {number} of the journal cannot be applied", directory.display()),
    }
}
