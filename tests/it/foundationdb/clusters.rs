//! The clusters that the tests start: they keep their data, and they never outlive the tests.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use batondb::types::Txid;

use crate::support::cluster::Cluster;
use crate::support::{Child, Place, child_arguments, commit, id, start, tags, tell_parent};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_was_killed_goes_on_with_its_data() {
    let test = "foundationdb::clusters::a_cluster_that_was_killed_goes_on_with_its_data";
    let Some(cluster) = Cluster::private(test) else { return };
    let engine = Place::on(&cluster.file()).open().await;
    let generation = start(&engine, &id("a")).await.meta.generation;
    commit(&engine, &id("a"), generation, Txid(0), 1..=3, 7).await.unwrap();
    cluster.kill();
    cluster.restart();
    assert_eq!(tags(&engine, &id("a"), generation, 3).await, [7, 7, 7]);
    cluster.pause();
    cluster.resume();
    assert_eq!(tags(&engine, &id("a"), generation, 3).await, [7, 7, 7]);
}

/// In a child: a cluster, until the child is killed.
#[test]
fn a_child_with_a_cluster() {
    let Some(arguments) = child_arguments() else { return };
    let cluster = Cluster::private(&arguments[0]).unwrap();
    tell_parent(cluster.file().to_str().unwrap());
    // Until it is killed.
    std::io::stdin().lines().for_each(drop);
}

#[tokio::test]
async fn a_cluster_ends_with_a_process_that_was_killed() {
    let test = "foundationdb::clusters::a_cluster_ends_with_a_process_that_was_killed";
    let Some(cluster) = Cluster::private(test) else { return };
    drop(cluster);
    let mut child = Child::start("foundationdb::clusters::a_child_with_a_cluster", &[test]);
    let file = child.hear().expect("the child has a cluster");
    let content = fs::read_to_string(&file).unwrap();
    let (_, address) = content.trim().split_once('@').unwrap();
    TcpStream::connect(address).expect("a server listens");
    child.kill();
    for _ in 0..100 {
        if TcpStream::connect(address).is_err() && !Path::new(&file).parent().unwrap().exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server or {file} is still there");
}
