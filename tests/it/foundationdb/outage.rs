//! A hundred actors that commit while their cluster falls silent, goes on, is killed and starts again: what was
//! acknowledged is there, every call ends in time, and everybody goes on in the same process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use batondb::engine::{Engine, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::foundationdb::{FoundationDbKv, FoundationDbOptions};
use batondb::types::ActorId;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::cluster::Cluster;
use crate::support::{commit, first_page, id, page, tag_of};

const ACTORS: u64 = 100;
const TIMEOUT: Duration = Duration::from_secs(9);
/// The timeout is what is promised; the rest is for a busy machine.
const CALL_MAX: Duration = Duration::from_secs(13);
const SILENCE: Duration = Duration::from_secs(10);
/// How long every actor has to commit again once the cluster is back.
const RECOVERY_MAX: Duration = Duration::from_secs(60);

/// What all actors have to do with each other.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// The number of the outage, so that each actor can show that it has committed since.
    phase: AtomicU64,
    failures: AtomicU64,
    slowest_ms: AtomicU64,
}

impl Shared {
    /// Calls, and keeps in mind how long it took.
    async fn timed<T>(&self, call: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let answer = call.await;
        let spent = u64::try_from(begun.elapsed().as_millis()).unwrap();
        self.slowest_ms.fetch_max(spent, Ordering::SeqCst);
        answer
    }

    /// Counts a failure that an outage may cause; any other one fails the test.
    fn failed(&self, error: &StoreError) {
        assert!(matches!(error.code(), "ERR_UNAVAILABLE" | "ERR_COMMIT_UNKNOWN"), "{error:?}");
        self.failures.fetch_add(1, Ordering::SeqCst);
    }
}

/// One actor's content is the number of its last commit.
struct Actor {
    id: ActorId,
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    /// The last phase in which it has committed.
    committed_in: Arc<AtomicU64>,
    acknowledged: u64,
    attempted: u64,
}

impl Actor {
    async fn run(mut self) -> Self {
        while !self.shared.stop.load(Ordering::SeqCst) {
            self.own().await;
        }
        self
    }

    /// Starts, checks what is there, and commits until a call fails.
    async fn own(&mut self) {
        let shared = Arc::clone(&self.shared);
        let started = match shared.timed(self.engine.load_startup(&self.id, &first_page())).await {
            Ok(started) => started,
            Err(error) => return shared.failed(&error),
        };
        let bytes = started.pages.get(page(1));
        self.check(bytes.map_or(0, |bytes| tag_of(1, bytes)));
        let (generation, mut head) = (started.meta.generation, started.meta.head_txid);
        while !shared.stop.load(Ordering::SeqCst) {
            let phase = shared.phase.load(Ordering::SeqCst);
            self.attempted += 1;
            match shared.timed(commit(&self.engine, &self.id, generation, head, [1], self.attempted)).await {
                Ok(txid) => {
                    (head, self.acknowledged) = (txid, self.attempted);
                    self.committed_in.store(phase, Ordering::SeqCst);
                }
                Err(error) => return shared.failed(&error),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the store has is the last commit that was acknowledged, or the one whose outcome was open.
    fn check(&mut self, found: u64) {
        let Self { id, acknowledged, attempted, .. } = self;
        assert!(
            found == *acknowledged || found == *attempted,
            "{id:?}: found {found}, acknowledged was {acknowledged}, attempted {attempted}"
        );
        (self.acknowledged, self.attempted) = (found, found);
    }
}

fn open(cluster: &Cluster) -> Arc<FoundationDbKv> {
    let options = FoundationDbOptions {
        cluster_file: Some(cluster.file()),
        timeout: TIMEOUT,
        ..FoundationDbOptions::new("outage")
    };
    Arc::new(FoundationDbKv::open(&options).unwrap_or_else(|error| panic!("{error}")))
}

/// Waits until every actor has committed in this phase.
async fn all_commit(shared: &Shared, committed_in: &[Arc<AtomicU64>]) {
    let phase = shared.phase.fetch_add(1, Ordering::SeqCst) + 1;
    let begun = Instant::now();
    while committed_in.iter().any(|last| last.load(Ordering::SeqCst) < phase) {
        assert!(begun.elapsed() < RECOVERY_MAX, "not every actor goes on");
        sleep(Duration::from_millis(50)).await;
    }
    println!("phase {phase}: everybody has committed after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_actors_survive_a_silent_and_a_killed_cluster() {
    let test = "foundationdb::outage::a_hundred_actors_survive_a_silent_and_a_killed_cluster";
    let Some(cluster) = Cluster::private(test) else { return };
    let engine = Arc::new(Engine::open(open(&cluster), Arc::new(SystemEnv)).await.unwrap());
    let shared = Arc::new(Shared::default());
    let mut actors = JoinSet::new();
    let mut committed_in = Vec::new();
    for number in 0..ACTORS {
        let (engine, shared) = (Arc::clone(&engine), Arc::clone(&shared));
        let last = Arc::new(AtomicU64::new(0));
        committed_in.push(Arc::clone(&last));
        let id = id(&format!("actor {number}"));
        let actor = Actor { id, engine, shared, committed_in: last, acknowledged: 0, attempted: 0 };
        actors.spawn(actor.run());
    }
    all_commit(&shared, &committed_in).await;
    cluster.pause();
    sleep(SILENCE).await;
    cluster.resume();
    all_commit(&shared, &committed_in).await;
    let failures = shared.failures.load(Ordering::SeqCst);
    assert!(failures >= ACTORS, "the silence was noticed {failures} times only");
    cluster.kill();
    sleep(TIMEOUT / 2).await;
    cluster.restart();
    all_commit(&shared, &committed_in).await;

    shared.stop.store(true, Ordering::SeqCst);
    let fresh = Engine::open(open(&cluster), Arc::new(SystemEnv)).await.unwrap();
    for mut actor in actors.join_all().await {
        let started = fresh.load_startup(&actor.id, &first_page()).await.unwrap();
        let found = tag_of(1, started.pages.get(page(1)).unwrap());
        actor.check(found);
    }
    let slowest = Duration::from_millis(shared.slowest_ms.load(Ordering::SeqCst));
    println!("{} calls failed, the slowest call took {slowest:?}", shared.failures.load(Ordering::SeqCst));
    assert!(slowest < CALL_MAX, "a call took {slowest:?}, with a timeout of {TIMEOUT:?}");
}
