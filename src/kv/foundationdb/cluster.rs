//! The cluster file, and errors worded for somebody who has to find out what is wrong with a cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use foundationdb::FdbError;

use super::errors::{code, commit_error, read_error, text};
use crate::kv::KvError;

/// The environment variable in which the client looks for a cluster file if none is given.
const VARIABLE: &str = "FDB_CLUSTER_FILE";

/// The cluster to use.
#[derive(Debug)]
pub(super) struct Cluster {
    path: Option<PathBuf>,
    timeout: Duration,
}

impl Cluster {
    /// Checks a given cluster file as far as that is possible without a cluster.
    pub(super) fn new(path: Option<PathBuf>, timeout: Duration) -> Result<Self, KvError> {
        if let Some(path) = &path {
            check_file(path)?;
        }
        Ok(Self { path, timeout })
    }

    /// The path in the form that the client takes.
    pub(super) fn path_text(&self) -> Option<&str> {
        self.path.as_deref().and_then(Path::to_str)
    }

    /// The identity of the cluster according to its file: the name and the coordinators. A file that cannot
    /// be read is identified by its path.
    pub(super) fn identity(&self) -> String {
        let named = || env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let file = self.path.clone().or_else(named).or_else(|| {
            let usual = [Path::new("fdb.cluster"), Path::new("/etc/foundationdb/fdb.cluster")];
            usual.into_iter().find(|path| path.is_file()).map(Path::to_owned)
        });
        let Some(file) = file else { return "default".to_owned() };
        let content = fs::read(&file).ok();
        let string = content.as_ref().and_then(|content| normalized(&String::from_utf8_lossy(content)));
        string.unwrap_or_else(|| file.canonicalize().unwrap_or(file).display().to_string())
    }

    /// The cluster's name in messages.
    fn name(&self) -> String {
        match (&self.path, env::var_os(VARIABLE).filter(|path| !path.is_empty())) {
            (Some(path), _) => format!("the FoundationDB cluster of {}", path.display()),
            (None, Some(path)) => {
                format!("the FoundationDB cluster of {} ({VARIABLE})", Path::new(&path).display())
            }
            (None, None) => "the FoundationDB cluster of the default cluster file".to_owned(),
        }
    }

    /// An error of opening, of a read, or of anything else before the commit.
    pub(super) fn reading(&self, error: FdbError) -> KvError {
        self.explained(error).unwrap_or_else(|| read_error(error, &self.name()))
    }

    /// An error of the commit itself. Here a timeout says nothing about the outcome.
    pub(super) fn committing(&self, error: FdbError) -> KvError {
        match error.code() {
            code::TIMED_OUT => KvError::UnknownOutcome { detail: self.no_answer() },
            _ => commit_error(error, &self.name()),
        }
    }

    fn no_answer(&self) -> String {
        format!(
            "no answer from {} within {} ms: is it running, reachable from here, configured, and of the client \
             library's release line? `fdbcli --exec status` with the same cluster file says more",
            self.name(),
            self.timeout.as_millis()
        )
    }

    /// Errors that a person has to fix.
    fn explained(&self, error: FdbError) -> Option<KvError> {
        let name = self.name();
        let error = match error.code() {
            code::TIMED_OUT => KvError::Unavailable { detail: self.no_answer() },
            code::DATABASE_LOCKED => KvError::Unavailable {
                detail: format!(
                    "the database of {name} is locked (by a restore, a switch-over or an operator; fdbcli: unlock)"
                ),
            },
            code::NO_CLUSTER_FILE => KvError::Invalid {
                detail: format!(
                    "{name}: there is no such file. Set clusterFile or {VARIABLE}, or put fdb.cluster in the working \
                     directory or where FoundationDB's packages have it"
                ),
            },
            code::CONNECTION_STRING_INVALID | code::FILE_NOT_FOUND | code::FILE_NOT_READABLE => {
                KvError::Invalid { detail: format!("{name} cannot be used: {}", text(error)) }
            }
            _ => return None,
        };
        Some(error)
    }
}

fn check_file(path: &Path) -> Result<(), KvError> {
    let invalid = |what: String| {
        let detail = format!("the cluster file {} {what}", path.display());
        Err(KvError::Invalid { detail })
    };
    if path.to_str().is_none() {
        return invalid("has a path that is not UTF-8, which FoundationDB's client does not take".to_owned());
    }
    let content = match fs::read(path) {
        Ok(content) => content,
        Err(error) => return invalid(format!("cannot be read: {error}")),
    };
    if is_connection_string(&String::from_utf8_lossy(&content)) {
        return Ok(());
    }
    invalid("does not hold a connection string (description:id@host:port,...)".to_owned())
}

/// A connection string with its coordinators sorted.
fn normalized(content: &str) -> Option<String> {
    let (name, addresses) = connection_string(content)?.split_once('@')?;
    let mut addresses: Vec<&str> = addresses.split(',').map(str::trim).collect();
    addresses.sort_unstable();
    Some(format!("{name}@{}", addresses.join(",")))
}

/// The first line of a cluster file that is not a comment.
fn connection_string(content: &str) -> Option<&str> {
    content.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether the content of a cluster file has the form `description:id@address,...`; its first line that is
/// not a comment counts. Rejects only what is certainly wrong: the client parses it again.
fn is_connection_string(content: &str) -> bool {
    let parts = connection_string(content).and_then(|line| line.split_once('@'));
    let Some((name, addresses)) = parts else { return false };
    let Some((description, id)) = name.split_once(':') else { return false };
    !description.is_empty() && !id.is_empty() && addresses.split(',').all(|address| address.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_has_a_description_an_id_and_addresses() {
        for good in [
            "docker:docker@10.0.0.1:4500",
            "a:b@[::1]:4500:tls,example.org:4501\n",
            "# a comment\n\n  a:b@127.0.0.1:4500  \n",
        ] {
            assert!(is_connection_string(good), "{good:?}");
        }
        for bad in
            ["", "hello", "a:b", "@127.0.0.1:4500", "a@127.0.0.1:4500", ":b@h:1", "a:b@host", "#a:b@h:1"]
        {
            assert!(!is_connection_string(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_cluster_is_the_same_whatever_its_file_is_called() {
        let directory = tempfile::tempdir().unwrap();
        let identity = |name: &str, content: &str| {
            let path = directory.path().join(name);
            fs::write(&path, content).unwrap();
            Cluster::new(Some(path), Duration::from_secs(1)).unwrap().identity()
        };
        let one = identity("one", "a:b@10.0.0.1:4500,10.0.0.2:4500\n");
        assert_eq!(identity("same", "# moved\n a:b@10.0.0.2:4500,10.0.0.1:4500 "), one);
        for other in ["a:c@10.0.0.1:4500,10.0.0.2:4500", "a:b@10.0.0.1:4500"] {
            assert_ne!(identity("other", other), one, "{other}");
        }
    }

    #[test]
    fn a_wrong_file_is_named() {
        let missing = Cluster::new(Some("/nowhere/fdb.cluster".into()), Duration::from_secs(1)).unwrap_err();
        assert!(
            matches!(&missing, KvError::Invalid { detail } if detail.contains("/nowhere/fdb.cluster")),
            "{missing}"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "not a cluster").unwrap();
        let wrong = Cluster::new(Some(file.path().to_owned()), Duration::from_secs(1)).unwrap_err();
        assert!(
            matches!(&wrong, KvError::Invalid { detail } if detail.contains("connection string")),
            "{wrong}"
        );
    }
}
