//! A spool of bytes: in memory while small, then in an unnamed file that only its user can read.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

/// Bytes, at first in memory.
pub(super) struct Spool {
    bytes: Bytes,
    memory_bytes_max: u64,
}

enum Bytes {
    Memory(Cursor<Vec<u8>>),
    Disk(File),
}

impl Spool {
    pub(super) fn new(memory_bytes_max: u64) -> Self {
        Self { bytes: Bytes::Memory(Cursor::default()), memory_bytes_max }
    }

    pub(super) fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.make_room(offset.saturating_add(data.len() as u64))?;
        match &mut self.bytes {
            Bytes::Memory(memory) => {
                memory.set_position(offset);
                memory.write_all(data)
            }
            Bytes::Disk(file) => {
                file.seek(SeekFrom::Start(offset))?;
                file.write_all(data)
            }
        }
    }

    pub(super) fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &mut self.bytes {
            Bytes::Memory(memory) => {
                memory.set_position(offset);
                memory.read_exact(out)
            }
            Bytes::Disk(file) => {
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(out)
            }
        }
    }

    pub(super) fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.make_room(bytes)?;
        match &mut self.bytes {
            Bytes::Memory(memory) => {
                let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
                memory.get_mut().resize(bytes, 0);
                Ok(())
            }
            Bytes::Disk(file) => file.set_len(bytes),
        }
    }

    /// Moves to disk before there are more bytes than memory may hold.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let Bytes::Memory(memory) = &self.bytes else { return Ok(()) };
        if bytes <= self.memory_bytes_max {
            return Ok(());
        }
        let mut file = nameless()?;
        file.write_all(memory.get_ref())?;
        self.bytes = Bytes::Disk(file);
        Ok(())
    }
}

/// A file in the system's temporary directory that disappears with the process. It has no name, but the
/// system may show open files under names of its own.
fn nameless() -> io::Result<File> {
    let file = tempfile::tempfile()?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_move_to_disk_once_and_stay_the_same() {
        let mut spool = Spool::new(10);
        spool.write_at(2, b"abc").unwrap();
        assert!(matches!(spool.bytes, Bytes::Memory(_)));
        spool.write_at(8, b"defg").unwrap();
        assert!(matches!(spool.bytes, Bytes::Disk(_)));
        spool.set_len(11).unwrap();
        let mut bytes = [1; 11];
        spool.read_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"\0\0abc\0\0\0def");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(nameless().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
