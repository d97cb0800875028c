//! The status of a backend, as JavaScript values.

use std::time::Duration;

use napi_derive::napi;

use super::inspection::number;
use crate::kv::{ClusterStatus, Coordinator, JournalStatus, Status};

/// The status that a backend reports.
#[napi(object, object_from_js = false)]
pub struct NativeStatus {
    /// Which backend it is.
    #[napi(ts_type = "'embedded' | 'memory' | 'foundationdb'")]
    pub backend: &'static str,
    /// Whether it accepts transactions now.
    pub available: bool,
    /// Whether nothing needs attention.
    pub healthy: bool,
    /// What needs attention.
    pub messages: Vec<String>,
    /// More about a cluster.
    pub foundationdb: Option<NativeClusterStatus>,
    /// More about a journal.
    pub journal: Option<NativeJournalStatus>,
}

/// What the files of a journal hold.
#[napi(object, object_from_js = false)]
pub struct NativeJournalStatus {
    /// Its segments.
    pub segments: Vec<NativeJournalSegment>,
    /// The commit of the last checkpoint.
    pub checkpoint: Option<f64>,
    /// How long ago that was written down.
    pub checkpoint_age_ms: Option<f64>,
    /// The newest commit.
    pub newest: f64,
    /// Records since the checkpoint.
    pub records: f64,
    /// Their bytes.
    pub bytes: f64,
}

/// A segment of a journal.
#[napi(object, object_from_js = false)]
pub struct NativeJournalSegment {
    /// Its number.
    pub number: f64,
    /// The bytes of its file.
    pub file_bytes: f64,
}

/// The status that a cluster reports.
#[napi(object, object_from_js = false)]
pub struct NativeClusterStatus {
    /// The client library in use.
    pub client_library: String,
    /// Its release.
    pub client_version: String,
    /// The release of the servers.
    pub cluster_version: Option<String>,
    /// The cluster file in use.
    pub cluster_file: Option<String>,
    /// The coordinators that the cluster file names.
    pub coordinators: Vec<NativeCoordinator>,
    /// Whether the database is locked.
    pub locked: bool,
    /// The state of recovery.
    pub recovery_state: Option<String>,
    /// The state of the data.
    pub data_state: Option<String>,
    /// How many server processes there are.
    pub processes: u32,
    /// What the cluster's own probe measured.
    pub latency_ms: NativeProbeLatency,
    /// What limits the rate of transactions.
    pub limited_by: Option<String>,
    /// The whole document.
    pub json: String,
}

/// A coordinator.
#[napi(object, object_from_js = false)]
pub struct NativeCoordinator {
    /// Its address.
    pub address: String,
    /// Whether this client reaches it.
    pub reachable: bool,
}

/// Latencies in milliseconds.
#[napi(object, object_from_js = false)]
pub struct NativeProbeLatency {
    /// To get a read version.
    pub read_version: Option<f64>,
    /// To read a key.
    pub read: Option<f64>,
    /// To commit.
    pub commit: Option<f64>,
}

impl From<Status> for NativeStatus {
    fn from(status: Status) -> Self {
        Self {
            backend: status.backend,
            available: status.available,
            healthy: status.healthy,
            messages: status.messages,
            foundationdb: status.cluster.map(Into::into),
            journal: status.journal.map(Into::into),
        }
    }
}

impl From<JournalStatus> for NativeJournalStatus {
    fn from(journal: JournalStatus) -> Self {
        let segments = journal.segments.iter().map(|segment| NativeJournalSegment {
            number: number(segment.number),
            file_bytes: number(segment.file_bytes),
        });
        Self {
            segments: segments.collect(),
            checkpoint: journal.checkpoint.map(number),
            checkpoint_age_ms: journal.checkpoint_age.map(milliseconds),
            newest: number(journal.newest),
            records: number(journal.records),
            bytes: number(journal.bytes),
        }
    }
}

impl From<ClusterStatus> for NativeClusterStatus {
    fn from(cluster: ClusterStatus) -> Self {
        let ms = |seconds: Option<f64>| seconds.map(|seconds| seconds * 1_000.0);
        Self {
            client_library: cluster.client_library.to_string_lossy().into_owned(),
            client_version: cluster.client_version,
            cluster_version: cluster.cluster_version,
            cluster_file: cluster.cluster_file,
            coordinators: cluster.coordinators.into_iter().map(Into::into).collect(),
            locked: cluster.locked,
            recovery_state: cluster.recovery_state,
            data_state: cluster.data_state,
            processes: u32::try_from(cluster.processes).unwrap_or(u32::MAX),
            latency_ms: NativeProbeLatency {
                read_version: ms(cluster.latency.read_version),
                read: ms(cluster.latency.read),
                commit: ms(cluster.latency.commit),
            },
            limited_by: cluster.limited_by,
            json: cluster.json,
        }
    }
}

impl From<Coordinator> for NativeCoordinator {
    fn from(Coordinator { address, reachable }: Coordinator) -> Self {
        Self { address, reachable }
    }
}

/// A duration in JavaScript's unit: milliseconds with a fraction.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::ProbeLatency;

    #[test]
    fn latencies_are_in_milliseconds() {
        let latency = ProbeLatency { read_version: Some(0.002), read: None, commit: Some(0.5) };
        let cluster = NativeClusterStatus::from(ClusterStatus { latency, ..ClusterStatus::default() });
        let NativeProbeLatency { read_version, read, commit } = cluster.latency_ms;
        assert_eq!((read_version, read, commit), (Some(2.0), None, Some(500.0)));
        assert!((milliseconds(Duration::from_micros(1_500)) - 1.5).abs() < 1e-9);
    }
}
