//! What LMDB's main database holds: the version of the layout, the store's identity, the maximum size, and the
//! names of the tables.

use std::io;
use std::path::Path;

use super::data_file::FILE_NAME;
use super::errors::kv_error;
use super::lmdb::{Env, LmdbError, Table, Txn, WriteTxn};
use super::values::Tables;
use crate::kv::KvError;

const ROWS_NAME: &str = "rows";
const PARTS_NAME: &str = "parts";
/// The version of this directory's layout. A release that changes the layout changes the value, and an older
/// release then refuses the directory instead of misreading it.
pub(super) const FORMAT_KEY: &[u8] = b"baton-format";
pub(super) const FORMAT_VALUE: &[u8] = b"2";
/// The layout without a journal. It is converted when a process that may write opens the directory alone.
pub(super) const FORMAT_WITHOUT_JOURNAL: &[u8] = b"1";
/// The store's identity, which its journal and its checkpoints carry, too: 16 bytes.
pub(super) const STORE_ID_KEY: &[u8] = b"baton-store-id";
/// The maximum size of the file, as last set by a process: eight bytes, big-endian.
const SIZE_KEY: &[u8] = b"baton-max-size";

/// The identity of a store, drawn when its journal was made.
pub(super) type StoreId = [u8; 16];

/// What the main database holds.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The maximum size of the file that is recorded in the store.
    pub noted_size: Option<u64>,
    /// `None` if the tables have yet to be created.
    pub tables: Option<Tables>,
    /// `None` in a store without a journal.
    pub store: Option<StoreId>,
}

/// What a store's main database holds.
pub(super) fn content_of(env: &Env, directory: &Path) -> Result<Content, KvError> {
    let opened = || -> Result<_, LmdbError> {
        let Some(txn) = env.read_again()? else { return Ok((Content::default(), true)) };
        let Some(main) = Table::open(&txn, None)? else { return Ok((Content::default(), true)) };
        let format = main.get(&txn, FORMAT_KEY)?;
        let is_ours = format.is_some_and(|format| format == FORMAT_VALUE || format == FORMAT_WITHOUT_JOURNAL);
        let has_journal = format == Some(FORMAT_VALUE);
        let size = main.get(&txn, SIZE_KEY)?.and_then(|bytes| bytes.try_into().ok());
        let store = main.get(&txn, STORE_ID_KEY)?.and_then(|id| id.try_into().ok()).filter(|_| has_journal);
        let tables = if is_ours { named_tables(&txn)? } else { None };
        let is_empty = main.len(&txn)? == 0;
        // Later transactions can use the handles only after a commit.
        txn.commit()?;
        Ok((Content { noted_size: size.map(u64::from_be_bytes), tables, store }, is_empty))
    };
    match opened().map_err(kv_error)? {
        (Content { tables: None, .. }, false) => Err(foreign(directory)),
        (content, _) => Ok(content),
    }
}

/// The tables of a store that is being recovered.
pub(super) fn tables_of(env: &Env) -> Result<Option<Tables>, KvError> {
    let opened = || -> Result<_, LmdbError> {
        let Some(txn) = env.read_again()? else { return Ok(None) };
        let tables = if Table::open(&txn, None)?.is_some() { named_tables(&txn)? } else { None };
        txn.commit()?;
        Ok(tables)
    };
    let tables = opened().map_err(kv_error)?;
    // The read has given up its slot.
    env.take_place().map_err(kv_error)?;
    Ok(tables)
}

fn named_tables(txn: &Txn<'_>) -> Result<Option<Tables>, LmdbError> {
    let (rows, parts) = (Table::open(txn, Some(ROWS_NAME))?, Table::open(txn, Some(PARTS_NAME))?);
    Ok(rows.zip(parts).map(|(rows, parts)| Tables { rows, parts }))
}

/// Creates the tables in a transaction, and makes a store without a journal one with it. What another process
/// has created before stays.
pub(super) fn create_tables(txn: &mut WriteTxn<'_>) -> Result<(Tables, StoreId), LmdbError> {
    let main = Table::create(txn, None)?;
    let found: Option<StoreId> = main.get(txn, STORE_ID_KEY)?.and_then(|id| id.try_into().ok());
    let mut store = found.unwrap_or_default();
    if found.is_none() {
        getrandom::fill(&mut store).map_err(|_| io::Error::other("the system has no randomness"))?;
        main.put(txn, STORE_ID_KEY, store.len(), |space| space.copy_from_slice(&store))?;
    }
    main.put(txn, FORMAT_KEY, FORMAT_VALUE.len(), |space| space.copy_from_slice(FORMAT_VALUE))?;
    let rows = Table::create(txn, Some(ROWS_NAME))?;
    let parts = Table::create(txn, Some(PARTS_NAME))?;
    Ok((Tables { rows, parts }, store))
}

/// Records the maximum size of the file, for processes that do not set one.
pub(super) fn note_size(txn: &mut WriteTxn<'_>, bytes: u64) -> Result<(), LmdbError> {
    let main = Table::create(txn, None)?;
    main.put(txn, SIZE_KEY, 8, |space| space.copy_from_slice(&bytes.to_be_bytes()))
}

/// Rewrites an existing row, so that there is something to commit.
pub(super) fn rewrite_format(txn: &mut WriteTxn<'_>) -> Result<(), LmdbError> {
    let main = Table::create(txn, None)?;
    main.put(txn, FORMAT_KEY, FORMAT_VALUE.len(), |space| space.copy_from_slice(FORMAT_VALUE))
}

/// The file is another program's.
pub(super) fn foreign(directory: &Path) -> KvError {
    let path = directory.join(FILE_NAME);
    KvError::Invalid { detail: format!("{} is not a Baton store that this release can read", path.display()) }
}
