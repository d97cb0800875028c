//! Why stored bytes are not a valid row.

/// Why stored bytes are not a row of the kind that their key indicates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the minimum of the kind.
    #[error("{row} row is too short: {bytes} bytes")]
    TooShort {
        /// The row kind.
        row: &'static str,
        /// The number of bytes.
        bytes: usize,
    },
    /// Written by a newer release, or not by this project.
    #[error("{row} row has format version {version}, this release reads up to {version_max}")]
    Version {
        /// The row kind.
        row: &'static str,
        /// The stored version.
        version: u8,
        /// The newest version that this release reads.
        version_max: u8,
    },
    /// The bytes changed since they were written, or belong to another key.
    #[error("{row} row fails its checksum: stored {stored:016x}, computed {computed:016x}")]
    Checksum {
        /// The row kind.
        row: &'static str,
        /// The checksum in the row.
        stored: u64,
        /// The checksum of its bytes.
        computed: u64,
    },
    /// A field with a value that no release writes.
    #[error("{row} row: {detail}")]
    Field {
        /// The row kind.
        row: &'static str,
        /// Which field, and its value.
        detail: String,
    },
    /// A key that no release writes.
    #[error("not a key of this store: {key:02x?}")]
    Key {
        /// The key.
        key: Vec<u8>,
    },
}
