//! The status of a backend.

use std::path::PathBuf;
use std::time::Duration;

/// The status that a backend reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Which backend it is.
    pub backend: &'static str,
    /// Whether it accepts transactions now.
    pub available: bool,
    /// Whether nothing needs attention.
    pub healthy: bool,
    /// What needs attention, in the backend's words.
    pub messages: Vec<String>,
    /// More about a cluster.
    pub cluster: Option<ClusterStatus>,
    /// More about a journal.
    pub journal: Option<JournalStatus>,
}

impl Status {
    /// A backend in this process, which is healthy as long as the process is.
    pub fn local(backend: &'static str) -> Self {
        Self { backend, available: true, healthy: true, messages: Vec::new(), cluster: None, journal: None }
    }
}

/// What a file-based backend uses and waits for, at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes in it that later writes can use.
    pub free_bytes: u64,
    /// Reads that keep a state, over all processes.
    pub reads: u64,
    /// How long the oldest state other than the newest has been kept.
    pub oldest_read: Duration,
    /// How many commits the newest state is ahead of it.
    pub oldest_read_commits: u64,
    /// How long the process that has the write turn now has had it.
    pub write_turn: Duration,
    /// Whether this process waits for the write turn.
    pub waits_for_turn: bool,
    /// Slots of dead readers that this process has freed since it opened the store.
    pub dead_readers: u64,
    /// What its journal has cost.
    pub journal: JournalUsage,
}

/// What a journal has cost this process since it opened the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalUsage {
    /// Commits through the journal, each of which may carry many transactions.
    pub records: u64,
    /// Bytes of these, as they are in the files.
    pub bytes: u64,
    /// Flushes of the journal, of the data and of checkpoints.
    pub flushes: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// How long these took, in milliseconds.
    pub checkpoint_ms: u64,
}

/// What the files of a journal hold, whichever process has written it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalStatus {
    /// The segments that the files hold, by their numbers.
    pub segments: Vec<JournalSegment>,
    /// The commit whose state is whole on the disk. `None`: there is no checkpoint yet.
    pub checkpoint: Option<u64>,
    /// How long ago that was written down.
    pub checkpoint_age: Option<Duration>,
    /// The newest commit.
    pub newest: u64,
    /// Commits since the checkpoint that the journal holds.
    pub records: u64,
    /// Bytes of these, as they are in the files.
    pub bytes: u64,
}

/// A segment of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalSegment {
    /// Its number; they begin at 1.
    pub number: u64,
    /// The bytes of its file.
    pub file_bytes: u64,
}

/// What is wrong with what a backend keeps beside the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub part: Part,
    /// Whether data is lost, or would be.
    pub is_error: bool,
    /// Whether somebody who writes may be the reason. Then it is a finding only if it is found again later, as
    /// it is.
    pub may_pass: bool,
    /// A description for people.
    pub detail: String,
}

/// What a backend keeps beside the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is written down about a state that is whole on the disk.
    Checkpoint,
    /// What was committed since.
    Journal,
}

/// The status that a cluster reports.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterStatus {
    /// The client library in use.
    pub client_library: PathBuf,
    /// Its release.
    pub client_version: String,
    /// The release of the servers.
    pub cluster_version: Option<String>,
    /// The cluster file in use.
    pub cluster_file: Option<String>,
    /// The coordinators that the cluster file names.
    pub coordinators: Vec<Coordinator>,
    /// Whether an operator or a restore has locked the database.
    pub locked: bool,
    /// The state of recovery; `fully_recovered` when all is well.
    pub recovery_state: Option<String>,
    /// The state of the data; `healthy` when every copy is there.
    pub data_state: Option<String>,
    /// How many server processes there are.
    pub processes: usize,
    /// What the cluster's own probe measured.
    pub latency: ProbeLatency,
    /// What limits the rate of transactions; `workload` when nothing does.
    pub limited_by: Option<String>,
    /// The whole document, as JSON. Its schema is FoundationDB's.
    pub json: String,
}

/// A coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinator {
    /// Its address.
    pub address: String,
    /// Whether this client reaches it.
    pub reachable: bool,
}

/// Latencies in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProbeLatency {
    /// To get a read version.
    pub read_version: Option<f64>,
    /// To read a key.
    pub read: Option<f64>,
    /// To commit.
    pub commit: Option<f64>,
}
