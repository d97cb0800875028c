//! Serializes a whole database into the bytes of its file, as the connection sees it.

use libsqlite3_sys as ffi;

use crate::database::error::DatabaseError;
use crate::database::sqlite::{SqlError, Value};
use crate::engine::StoreError;

use super::Session;

/// The largest allocation that SQLite makes.
pub(super) const BYTES_MAX: i64 = 2_147_483_391;

impl Session {
    /// The bytes of the database, including the changes of an open transaction.
    pub(crate) fn serialize(&mut self) -> Result<Vec<u8>, DatabaseError> {
        if self.following.is_none() {
            return self.serialize_once();
        }
        self.at_one_head(Self::serialize_once)
    }

    /// The txid of the last commit, big-endian: that of this call's beginning, once it is durable.
    pub(crate) fn point(&mut self) -> Result<Vec<u8>, DatabaseError> {
        self.enter()?;
        let mut file = self.file();
        file.source().settle()?;
        Ok(file.source().head().0.to_be_bytes().to_vec())
    }

    fn serialize_once(&mut self) -> Result<Vec<u8>, DatabaseError> {
        self.enter()?;
        let bytes = self.number("PRAGMA page_count")?.saturating_mul(self.number("PRAGMA page_size")?);
        if bytes == 0 {
            // SQLite would create the first page, which would be a commit.
            return Ok(Vec::new());
        }
        if bytes > BYTES_MAX {
            let message = format!(
                "the database has {bytes} bytes, more than the {BYTES_MAX} that are handed over at once; \
                 store.exportTo writes it to a file or a stream"
            );
            return Err(StoreError::TooLarge(message).into());
        }
        self.connection.serialize().ok_or_else(|| {
            let failure = self.file().take_failure();
            let no_memory = || SqlError::new(ffi::SQLITE_NOMEM, "out of memory").into();
            self.dead().or(failure).map_or_else(no_memory, DatabaseError::from)
        })
    }

    pub(super) fn number(&mut self, pragma: &str) -> Result<i64, DatabaseError> {
        let (statement, _) = self.connection.prepare(pragma, false).map_err(|error| self.failed(error))?;
        let Some(mut statement) = statement else { return Ok(0) };
        statement.step().map_err(|error| self.failed(error))?;
        Ok(if let Value::Integer(number) = statement.column(0) { number } else { 0 })
    }
}
