//! Baton on FoundationDB against the bare client, the `foundationdb` crate, as ratios measured in one run.
//!
//! The peer makes, on the same cluster and through the same library, transactions that read and write the same rows
//! under keys of the same length: no checks, no checksums, no retries, no decisions.
//!
//! - **startup**: loadStartup with 1 or 256 pages preloaded, of databases of several sizes. The peer: fence and head
//!   read with conflict ranges beside the pages without, the fence written, committed. Goal: at most 1.3 times its
//!   median, and the same for all sizes.
//! - **commit**: 1 to 256 actors, each of which commits 4 pages, waits for the answer and goes on. The peer: fence and
//!   head read, head and 4 rows written, the 4 that they replace cleared.
//!
//! Both sides run in turn, round by round, the first one changing. The cluster is that of `FDB_CLUSTER_FILE`; everything
//! is below prefixes of this run and cleared at its end.
//!
//! ```sh
//! FDB_CLUSTER_FILE=fdb.cluster cargo bench --bench foundationdb -- --rounds 9 --only startup --sizes 1,1024
//! ```
//!
//! `--bare-commits N --seconds S` is what `bench/foundationdb.mjs` runs for the peer's rate: it prints one number.

mod bare;
mod commit;
#[path = "../peers/measure.rs"]
#[expect(dead_code, reason = "the bench beside bare LMDB uses the rest of it")]
mod measure;
mod startup;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::foundationdb::{FoundationDbKv, FoundationDbOptions};
use futures::future::BoxFuture;
use tokio::runtime::Runtime;

use bare::Bare;

#[expect(clippy::print_stderr, reason = "it is why there is no table")]
fn main() {
    if std::env::var_os("FDB_CLUSTER_FILE").is_none() {
        eprintln!("skipped: set FDB_CLUSTER_FILE to the cluster file of a cluster to measure");
        return;
    }
    let runtime = support::runtime();
    let place = Place::new(&runtime);
    let number = |name: &str, default| argument(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    if let Some(actors) = argument("--bare-commits").and_then(|text| text.parse().ok()) {
        commit::print_bare_rate(&runtime, &place, actors, number("--seconds", 5));
    } else {
        let rounds = usize::try_from(number("--rounds", 9)).unwrap_or(1);
        let only = argument("--only").unwrap_or_default();
        let mut lines = Vec::new();
        if "startup".contains(&only) {
            lines.extend(startup::compare(&runtime, &place, rounds, &numbers("--sizes", "1,64")));
        }
        if "commit".contains(&only) {
            lines.extend(commit::compare(&runtime, &place, rounds, &numbers("--actors", "1,16,64,256")));
        }
        measure::print_table("bare client", &lines);
    }
    place.clear(&runtime);
}

/// A store and a peer on the cluster.
struct Place {
    engine: Arc<Engine>,
    bare: Arc<Bare>,
    prefixes: [String; 2],
}

impl Place {
    fn new(runtime: &Runtime) -> Self {
        let run = std::process::id();
        let prefixes = ["store", "bare"].map(|side| format!("batondb-bench-{run}-{side}"));
        let kv = FoundationDbKv::open(&FoundationDbOptions::new(&prefixes[0])).expect("the cluster opens");
        let engine = runtime.block_on(Engine::open(Arc::new(kv), Arc::new(SystemEnv)));
        // The store's client has started the network.
        let bare = Arc::new(Bare::open(&prefixes[1]));
        Self { engine: Arc::new(engine.expect("a store opens")), bare, prefixes }
    }

    fn clear(self, runtime: &Runtime) {
        runtime.block_on(async {
            self.engine.close().await;
            for prefix in &self.prefixes {
                Bare::open(prefix).clear().await;
            }
        });
    }
}

/// Runs `work` for each number below `count` as a task of its own, and waits for all.
fn side_by_side(runtime: &Runtime, count: usize, work: impl Fn(usize) -> BoxFuture<'static, ()>) {
    let tasks: Vec<_> = (0..count).map(|number| runtime.spawn(work(number))).collect();
    for task in runtime.block_on(futures::future::join_all(tasks)) {
        task.expect("no client panics");
    }
}

/// What follows `name` on the command line. Cargo adds arguments of its own, which are passed over.
fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn numbers(name: &str, default: &str) -> Vec<u32> {
    let text = argument(name).unwrap_or_else(|| default.to_owned());
    text.split(',').filter_map(|number| number.parse().ok()).collect()
}
