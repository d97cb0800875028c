//! How rivetkit v1 stored a SQLite file: as rows of the actor's own key-value store.
//!
//! ```text
//! 08 01 00 tag              -> version:u16le = 1, size:u64le      the size of a file in bytes
//! 08 01 01 tag chunk:u32be  -> up to 4,096 bytes                  a piece of it; what is missing at its end is zeros
//! tag                          0 the database, 1 its rollback journal, 2 a write-ahead log, 3 its shared memory
//! ```
//!
//! The layout is that of rivetkit's v1 file system (rivet,
//! `engine/packages/pegboard-envoy/src/sqlite_runtime.rs` as of pull request 4779). Keys with another prefix
//! are the actor's own and are ignored.

use crate::types::{PageBits, PageNumber};

/// The largest database that is imported, in bytes; its journal may have as many again.
pub const V1_BYTES_MAX: u64 = 128 << 20;
/// The size of a chunk.
pub const V1_CHUNK_BYTES: usize = 4096;

const PREFIX: u8 = 8;
const SCHEMA: u8 = 1;
const SIZE: u8 = 0;
const CHUNK: u8 = 1;
const META_VERSION: u16 = 1;

/// A file of v1 data that is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum V1File {
    /// The database.
    Main,
    /// Its rollback journal.
    Journal,
}

/// The place of an entry's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V1Place {
    /// The file.
    pub file: V1File,
    /// The offset in the file at which they begin.
    pub offset: u64,
}

/// Why entries are not a v1 database that can be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum V1Error {
    /// A key in the range of v1's files that does not name one.
    #[error("key {0:02x?} is not one of rivetkit's v1 SQLite files")]
    Key(Vec<u8>),
    /// A size row of the wrong form.
    #[error("the size of the {name} is not version 1 and 8 bytes, got {value:02x?}")]
    Size {
        /// The file.
        name: &'static str,
        /// The first bytes of the row.
        value: Vec<u8>,
    },
    /// A chunk that is too large.
    #[error("chunk {chunk} of the {name} has {bytes} bytes, more than {V1_CHUNK_BYTES}")]
    ChunkBytes {
        /// The file.
        name: &'static str,
        /// The chunk.
        chunk: u32,
        /// Its length in bytes.
        bytes: usize,
    },
    /// The same row again.
    #[error("{what} of the {name} comes twice")]
    Twice {
        /// The file.
        name: &'static str,
        /// Its size, or a chunk.
        what: String,
    },
    /// A file that v1 never created, so its meaning is unknown.
    #[error("there is a {0}, which rivetkit v1 never made")]
    Unexpected(&'static str),
    /// More bytes than are imported.
    #[error("the {name} has {bytes} bytes, and at most {V1_BYTES_MAX} are imported")]
    TooLarge {
        /// The file.
        name: &'static str,
        /// Its size, as far as it is known.
        bytes: u64,
    },
    /// Chunks of a file without its size.
    #[error("there are chunks of the {0} and not its size")]
    NoSize(&'static str),
    /// No database.
    #[error("there is no v1 database: the row of its size (key 08 01 00 00) is missing")]
    NoDatabase,
    /// A chunk inside the size is missing.
    #[error("the {name} has {bytes} bytes, and chunk {chunk} of it is missing")]
    Missing {
        /// The file.
        name: &'static str,
        /// Its size.
        bytes: u64,
        /// The first chunk that is missing.
        chunk: u32,
    },
    /// Bytes after the end.
    #[error("the {name} has {bytes} bytes, and there is more of it: chunks up to byte {end}")]
    Beyond {
        /// The file.
        name: &'static str,
        /// Its size.
        bytes: u64,
        /// The end of the last chunk.
        end: u64,
    },
}

/// The sizes of files that are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V1Sizes {
    /// The size of the database.
    pub main_bytes: u64,
    /// The size of its journal, if there is one that is not empty.
    pub journal_bytes: Option<u64>,
}

/// The received part of one file.
#[derive(Debug, Default)]
struct Seen {
    size_bytes: Option<u64>,
    /// Chunk n as page n + 1.
    chunks: PageBits,
    /// The end of the last received byte.
    end: u64,
}

/// The v1 data received so far, in any order.
#[derive(Debug, Default)]
pub struct V1Layout {
    files: [Seen; 4],
}

const NAMES: [&str; 4] = ["database", "rollback journal", "write-ahead log", "shared memory of a log"];

impl V1Layout {
    /// Records an entry. Returns where its value has to be written; `None` if it is not part of a file.
    pub fn take(&mut self, key: &[u8], value: &[u8]) -> Result<Option<V1Place>, V1Error> {
        let Some((&PREFIX, rest)) = key.split_first() else { return Ok(None) };
        match *rest {
            [SCHEMA, SIZE, tag @ 0..=3] => self.take_size(usize::from(tag), value).map(|()| None),
            [SCHEMA, CHUNK, tag @ 0..=3, a, b, c, d] => {
                self.take_chunk(usize::from(tag), u32::from_be_bytes([a, b, c, d]), value)
            }
            _ => Err(V1Error::Key(key.iter().copied().take(16).collect())),
        }
    }

    fn take_size(&mut self, tag: usize, value: &[u8]) -> Result<(), V1Error> {
        let (seen, name) = (&mut self.files[tag], NAMES[tag]);
        let wrong = || V1Error::Size { name, value: value.iter().copied().take(16).collect() };
        let [v0, v1, size @ ..] = value else { return Err(wrong()) };
        let size = <[u8; 8]>::try_from(size).map_err(|_| wrong())?;
        // Little-endian, unlike our own rows: v1 stored it this way.
        let version = u16::from(*v0) | u16::from(*v1) << 8;
        let bytes = size.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte));
        if version != META_VERSION {
            return Err(wrong());
        }
        if seen.size_bytes.replace(bytes).is_some() {
            return Err(V1Error::Twice { name, what: "the size".to_owned() });
        }
        if tag > 1 && bytes > 0 {
            return Err(V1Error::Unexpected(name));
        }
        if bytes > V1_BYTES_MAX { Err(V1Error::TooLarge { name, bytes }) } else { Ok(()) }
    }

    fn take_chunk(&mut self, tag: usize, chunk: u32, value: &[u8]) -> Result<Option<V1Place>, V1Error> {
        let (seen, name) = (&mut self.files[tag], NAMES[tag]);
        let file = match tag {
            0 => V1File::Main,
            1 => V1File::Journal,
            _ => return Err(V1Error::Unexpected(name)),
        };
        if value.len() > V1_CHUNK_BYTES {
            return Err(V1Error::ChunkBytes { name, chunk, bytes: value.len() });
        }
        let offset = u64::from(chunk) * V1_CHUNK_BYTES as u64;
        let end = offset + value.len() as u64;
        if end > V1_BYTES_MAX {
            return Err(V1Error::TooLarge { name, bytes: end });
        }
        let number = PageNumber::new(chunk + 1).ok_or(V1Error::TooLarge { name, bytes: end })?;
        if !seen.chunks.insert(number) {
            return Err(V1Error::Twice { name, what: format!("chunk {chunk}") });
        }
        seen.end = seen.end.max(end);
        Ok(Some(V1Place { file, offset }))
    }

    /// The sizes of the files, if everything has been received and nothing else.
    pub fn complete(&self) -> Result<V1Sizes, V1Error> {
        let main_bytes = self.complete_file(0)?.ok_or(V1Error::NoDatabase)?;
        let journal_bytes = self.complete_file(1)?.filter(|bytes| *bytes > 0);
        Ok(V1Sizes { main_bytes, journal_bytes })
    }

    fn complete_file(&self, tag: usize) -> Result<Option<u64>, V1Error> {
        let (seen, name) = (&self.files[tag], NAMES[tag]);
        let Some(bytes) = seen.size_bytes else {
            return if seen.chunks.count() == 0 { Ok(None) } else { Err(V1Error::NoSize(name)) };
        };
        let chunks = bytes.div_ceil(V1_CHUNK_BYTES as u64);
        let missing = (0..chunks).find_map(|chunk| {
            let chunk = u32::try_from(chunk).ok()?;
            let number = PageNumber::new(chunk + 1)?;
            (!seen.chunks.contains(number)).then_some(chunk)
        });
        match missing {
            Some(chunk) => Err(V1Error::Missing { name, bytes, chunk }),
            None if seen.chunks.count() > chunks || seen.end > bytes => {
                Err(V1Error::Beyond { name, bytes, end: seen.end })
            }
            None => Ok(Some(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_key(tag: u8) -> Vec<u8> {
        vec![8, 1, 0, tag]
    }

    fn chunk_key(tag: u8, chunk: u32) -> Vec<u8> {
        [&[8, 1, 1, tag][..], &chunk.to_be_bytes()].concat()
    }

    fn size(bytes: u32) -> Vec<u8> {
        let [a, b, c, d] = bytes.to_be_bytes();
        vec![1, 0, d, c, b, a, 0, 0, 0, 0]
    }

    fn layout(entries: &[(Vec<u8>, Vec<u8>)]) -> Result<V1Sizes, V1Error> {
        let mut layout = V1Layout::default();
        for (key, value) in entries {
            layout.take(key, value)?;
        }
        layout.complete()
    }

    #[test]
    fn entries_come_in_any_order_and_each_has_its_place() {
        let mut layout = V1Layout::default();
        let place = |file, offset| Ok(Some(V1Place { file, offset }));
        assert_eq!(layout.take(&chunk_key(0, 1), &[2; 904]), place(V1File::Main, 4096));
        assert_eq!(layout.take(&size_key(0), &size(5_000)), Ok(None));
        assert_eq!(layout.take(&chunk_key(1, 0), &[3; 12]), place(V1File::Journal, 0));
        assert_eq!(layout.take(&chunk_key(0, 0), &[1; 4096]), place(V1File::Main, 0));
        assert_eq!(layout.complete(), Err(V1Error::NoSize("rollback journal")));
        assert_eq!(layout.take(&size_key(1), &size(12)), Ok(None));
        assert_eq!(layout.complete(), Ok(V1Sizes { main_bytes: 5_000, journal_bytes: Some(12) }));
    }

    #[test]
    fn the_actors_other_keys_are_left_alone_and_unknown_files_are_not() {
        for key in [&b""[..], &[1], &[7, 1, 0, 0], &[9]] {
            assert_eq!(V1Layout::default().take(key, b"x"), Ok(None));
        }
        for key in [&[8][..], &[8, 2, 0, 0], &[8, 1, 2, 0], &[8, 1, 0, 4], &[8, 1, 0, 0, 0], &[8, 1, 1, 0, 0]]
        {
            assert_eq!(V1Layout::default().take(key, &size(1)), Err(V1Error::Key(key.to_vec())));
        }
    }

    #[test]
    fn logs_are_refused_unless_they_are_empty() {
        let main = [(size_key(0), size(0))];
        for (tag, name) in [(2, "write-ahead log"), (3, "shared memory of a log")] {
            let with = |entry: (Vec<u8>, Vec<u8>)| layout(&[main[0].clone(), entry]);
            assert_eq!(with((chunk_key(tag, 0), vec![1])), Err(V1Error::Unexpected(name)));
            assert_eq!(with((size_key(tag), size(32))), Err(V1Error::Unexpected(name)));
            assert!(with((size_key(tag), size(0))).is_ok());
        }
    }

    #[test]
    fn every_byte_must_be_there_once_and_none_behind_the_end() {
        let whole = vec![(size_key(0), size(8_192)), (chunk_key(0, 0), vec![1; 4096])];
        let and = |key, value| layout(&[whole.clone(), vec![(key, value)]].concat());
        assert!(and(chunk_key(0, 1), vec![1; 4096]).is_ok());
        assert!(and(chunk_key(0, 1), vec![]).is_ok(), "a short chunk ends in zeros");
        let name = "database";
        assert_eq!(layout(&whole), Err(V1Error::Missing { name, bytes: 8_192, chunk: 1 }));
        assert!(matches!(and(chunk_key(0, 2), vec![1]), Err(V1Error::Missing { .. })));
        assert!(matches!(and(chunk_key(0, 0), vec![1]), Err(V1Error::Twice { .. })));
        assert!(matches!(and(size_key(0), size(3)), Err(V1Error::Twice { .. })));
        let bytes = V1_CHUNK_BYTES + 1;
        let too_long = and(chunk_key(0, 1), vec![1; bytes]);
        assert_eq!(too_long, Err(V1Error::ChunkBytes { name, chunk: 1, bytes }));
        let beyond = layout(&[(size_key(0), size(10)), (chunk_key(0, 0), vec![1; 11])]);
        assert_eq!(beyond, Err(V1Error::Beyond { name, bytes: 10, end: 11 }));
        let beyond = layout(&[(size_key(0), size(0)), (chunk_key(0, 0), vec![])]);
        assert_eq!(beyond, Err(V1Error::Beyond { name, bytes: 0, end: 0 }));
        assert_eq!(layout(&[]), Err(V1Error::NoDatabase));
        assert_eq!(layout(&[(size_key(1), size(0))]), Err(V1Error::NoDatabase));
        assert_eq!(layout(&[(chunk_key(0, 0), vec![1])]), Err(V1Error::NoSize(name)));
    }

    #[test]
    fn sizes_are_checked_before_anything_is_written() {
        for value in [vec![], vec![1, 0], size(5)[..9].to_vec(), [size(5), vec![0]].concat()] {
            let refused = V1Layout::default().take(&size_key(0), &value);
            assert_eq!(refused, Err(V1Error::Size { name: "database", value }));
        }
        let mut version = size(5);
        version[0] = 2;
        assert!(matches!(V1Layout::default().take(&size_key(0), &version), Err(V1Error::Size { .. })));
        let large = vec![1, 0, 1, 0, 0, 8, 0, 0, 0, 0];
        let bytes = V1_BYTES_MAX + 1;
        let refused = V1Layout::default().take(&size_key(0), &large);
        assert_eq!(refused, Err(V1Error::TooLarge { name: "database", bytes }));
        assert!(V1Layout::default().take(&chunk_key(0, 32_767), &[1; 4096]).is_ok());
        for chunk in [32_768, u32::MAX] {
            let refused = V1Layout::default().take(&chunk_key(0, chunk), &[1]);
            assert!(matches!(refused, Err(V1Error::TooLarge { .. })), "{refused:?}");
        }
    }
}
