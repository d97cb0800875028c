//! The identity of a store, independent of the name, handle or process by which it was opened.

use std::fs;
use std::io;
use std::path::Path;

/// The identity of a store: the same for all handles on one store, and different for all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(String);

impl Identity {
    /// A store that a backend names itself.
    pub fn new(backend: &str, name: &str) -> Self {
        Self(format!("{backend}:{name}"))
    }

    /// A directory or a file, identified independently of the path by which it was found.
    pub fn of_place(path: &Path) -> io::Result<Self> {
        Ok(Self(format!("place:{}", place(path)?)))
    }
}

#[cfg(unix)]
fn place(path: &Path) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path)?;
    Ok(format!("{}:{}", metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn place(path: &Path) -> io::Result<String> {
    Ok(fs::canonicalize(path)?.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_the_same_by_every_name() {
        let root = tempfile::tempdir().unwrap();
        let (one, other) = (root.path().join("one"), root.path().join("other"));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&other).unwrap();
        let identity = Identity::of_place(&one).unwrap();
        assert_eq!(Identity::of_place(&other.join("..").join("one")).unwrap(), identity);
        assert_ne!(Identity::of_place(&other).unwrap(), identity);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&one, root.path().join("link")).unwrap();
            assert_eq!(Identity::of_place(&root.path().join("link")).unwrap(), identity);
        }
    }
}
