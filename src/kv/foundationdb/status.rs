//! The cluster's own status: the JSON document that `fdbcli` prints as `status json`, which a client reads
//! like a key (<https://apple.github.io/foundationdb/mr-status.html>).

use foundationdb::Database;
use serde_json::Value;

use super::cluster::Cluster;
use super::heard::heard;
use super::network::Client;
use crate::kv::{ClusterStatus, Coordinator, KvError, ProbeLatency, Status};

/// The key of the document.
const STATUS_KEY: &[u8] = b"\xff\xff/status/json";

/// Queries the cluster. It answers even while it accepts no transactions; if no coordinator is reachable, the
/// client itself answers after two seconds.
pub(super) async fn status(
    database: &Database,
    cluster: &Cluster,
    client: &Client,
) -> Result<Status, KvError> {
    let transaction = database.create_trx().map_err(|error| cluster.reading(error))?;
    let document = heard(transaction.get(STATUS_KEY, true)).await.map_err(|error| cluster.reading(error))?;
    let bytes = document.as_deref().unwrap_or_default();
    let parsed = serde_json::from_slice(bytes).map_err(|error| KvError::Unavailable {
        detail: format!("the cluster's status is not the JSON that was expected: {error}"),
    })?;
    Ok(summary(&parsed, client))
}

/// The useful parts of the document. Fields vary with FoundationDB's releases and with the state of the
/// cluster, so each may be missing.
fn summary(document: &Value, client: &Client) -> Status {
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let flag = |path: &str| document.pointer(path).and_then(Value::as_bool);
    let seconds =
        |name: &str| document.pointer(&format!("/cluster/latency_probe/{name}")).and_then(Value::as_f64);
    let processes = document.pointer("/cluster/processes").and_then(Value::as_object);
    let cluster = ClusterStatus {
        client_library: client.library.clone(),
        client_version: client.version.clone(),
        cluster_version: processes
            .and_then(|all| all.values().find_map(|process| process.get("version")?.as_str()))
            .map(str::to_owned),
        cluster_file: text("/client/cluster_file/path"),
        coordinators: coordinators(document),
        locked: flag("/cluster/database_lock_state/locked").unwrap_or(false),
        recovery_state: text("/cluster/recovery_state/name"),
        data_state: text("/cluster/data/state/name"),
        processes: processes.map_or(0, serde_json::Map::len),
        latency: ProbeLatency {
            read_version: seconds("transaction_start_seconds"),
            read: seconds("read_seconds"),
            commit: seconds("commit_seconds"),
        },
        limited_by: text("/cluster/qos/performance_limited_by/name"),
        json: document.to_string(),
    };
    Status {
        backend: "foundationdb",
        available: flag("/client/database_status/available").unwrap_or(false) && !cluster.locked,
        healthy: flag("/client/database_status/healthy").unwrap_or(false) && !cluster.locked,
        messages: messages(document, cluster.locked),
        cluster: Some(cluster),
        journal: None,
    }
}

fn coordinators(document: &Value) -> Vec<Coordinator> {
    let coordinators = document.pointer("/client/coordinators/coordinators").and_then(Value::as_array);
    let coordinator = |value: &Value| {
        let address = value.get("address")?.as_str()?.to_owned();
        Some(Coordinator { address, reachable: value.get("reachable")?.as_bool()? })
    };
    coordinators.into_iter().flatten().filter_map(coordinator).collect()
}

/// The problems that the client and the cluster report.
fn messages(document: &Value, locked: bool) -> Vec<String> {
    let of = |path: &str| document.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let text = |message: &Value| Some(message.get("description")?.as_str()?.to_owned());
    let told = of("/client/messages").chain(of("/cluster/messages")).filter_map(text);
    // The document has a field for this, but no message.
    let lock =
        locked.then(|| "The database is locked (by a restore, a switch-over or an operator).".to_owned());
    lock.into_iter().chain(told).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_healthy_cluster_is_summed_up() {
        let document = json!({
            "client": {
                "cluster_file": { "path": "/etc/foundationdb/fdb.cluster", "up_to_date": true },
                "coordinators": { "coordinators": [{ "address": "10.0.0.1:4500", "reachable": true }] },
                "database_status": { "available": true, "healthy": true },
                "messages": [],
            },
            "cluster": {
                "data": { "state": { "healthy": true, "name": "healthy" } },
                "database_lock_state": { "locked": false },
                "latency_probe": { "read_seconds": 0.001, "commit_seconds": 0.004 },
                "messages": [{ "name": "storage_server_lagging", "description": "A storage server lags." }],
                "processes": { "a": { "version": "7.3.79" }, "b": { "version": "7.3.79" } },
                "qos": { "performance_limited_by": { "name": "workload" } },
                "recovery_state": { "name": "fully_recovered" },
            },
        });
        let status = summary(&document, &Client::default());
        assert!(status.available && status.healthy);
        assert_eq!(status.messages, ["A storage server lags."]);
        let cluster = status.cluster.unwrap();
        assert_eq!(cluster.cluster_version.as_deref(), Some("7.3.79"));
        assert_eq!(cluster.processes, 2);
        assert_eq!(
            cluster.coordinators,
            [Coordinator { address: "10.0.0.1:4500".to_owned(), reachable: true }]
        );
        assert_eq!(
            cluster.latency,
            ProbeLatency { read_version: None, read: Some(0.001), commit: Some(0.004) }
        );
        assert_eq!(cluster.limited_by.as_deref(), Some("workload"));
    }

    #[test]
    fn a_locked_or_silent_cluster_is_not_available() {
        let locked = json!({
            "client": { "database_status": { "available": true, "healthy": true } },
            "cluster": { "database_lock_state": { "locked": true } },
        });
        for document in [locked, json!({})] {
            let status = summary(&document, &Client::default());
            assert!(!status.available && !status.healthy, "{document}");
            assert_eq!(status.messages.len(), usize::from(status.cluster.unwrap().locked), "{document}");
        }
    }
}
