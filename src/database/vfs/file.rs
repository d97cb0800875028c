//! The operations that SQLite needs of a file.

use std::ffi::c_int;

/// A result code of SQLite other than `SQLITE_OK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub(super) c_int);

/// What a pragma is answered before SQLite looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PragmaAnswer {
    /// SQLite's own answer.
    Pass,
    /// What holds whatever is asked for, and nothing else happens.
    Pinned(Pinned),
    /// An error with these words.
    Refused(String),
}

/// How a pragma is answered that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pinned {
    /// The value as text, which is all that a file can answer with. SQLite gives it for the column's name, too.
    pub(super) text: &'static str,
    /// The statement to run in place of the pragma: its column and its value as SQLite has them.
    pub(super) instead: &'static str,
}

/// An open file. Offsets and sizes are in bytes.
pub(super) trait VfsFile: Send {
    /// Fills `out` from `offset` on. Beyond the end it is filled with zeros; the answer is how many bytes
    /// the file had.
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Code>;
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), Code>;
    fn truncate(&mut self, size: u64) -> Result<(), Code>;
    fn sync(&mut self) -> Result<(), Code>;
    fn size(&mut self) -> Result<u64, Code>;

    /// Asked before SQLite handles a pragma.
    fn pragma(&mut self, _name: &str, _argument: Option<&str>) -> PragmaAnswer {
        PragmaAnswer::Pass
    }

    /// The whole file is about to be overwritten by the transaction (`SQLITE_FCNTL_OVERWRITE`): a VACUUM.
    fn overwrite(&mut self) {}
}
