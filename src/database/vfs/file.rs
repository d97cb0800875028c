//! The operations that SQLite needs of a file.

use std::ffi::c_int;

/// A result code of SQLite other than `SQLITE_OK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub(super) c_int);

/// How a pragma is answered before SQLite handles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PragmaAnswer {
    /// SQLite handles it.
    Pass,
    /// Returns the value in force, whatever was requested, and changes nothing.
    Pinned(Pinned),
    /// An error with this message.
    Refused(String),
}

/// The answer to a pragma that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pinned {
    /// The value as text, which is all that a file can return. SQLite also uses it as the name of the column.
    pub(super) text: &'static str,
    /// The statement to run instead of the pragma, with the column and the value that SQLite would return.
    pub(super) instead: &'static str,
}

/// An open file. Offsets and sizes are in bytes.
pub(super) trait VfsFile: Send {
    /// Fills `out` from `offset` on, with zeros beyond the end. Returns how many bytes came from the file.
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Code>;
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), Code>;
    fn truncate(&mut self, size: u64) -> Result<(), Code>;
    fn sync(&mut self) -> Result<(), Code>;
    fn size(&mut self) -> Result<u64, Code>;

    /// Called before SQLite handles a pragma.
    fn pragma(&mut self, _name: &str, _argument: Option<&str>) -> PragmaAnswer {
        PragmaAnswer::Pass
    }

    /// The transaction is about to overwrite the whole file (`SQLITE_FCNTL_OVERWRITE`): a VACUUM.
    fn overwrite(&mut self) {}
}
