//! A page that is written again never loses against its earlier version, whatever happens to the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv, Operation};
use batondb::kv::{Kv, KvError, Mutations, ReadRunner, TransactionRunner, View};
use batondb::types::{PageCount, Txid};
use futures::future::{BoxFuture, FutureExt};
use tokio::sync::{Semaphore, mpsc};

use crate::commits::large::{begin, piece};
use crate::support::{Place, id, is_what_inner_is, on_every_backend, page, start, tags, tags_of};

on_every_backend!(one_fault_at_any_operation_changes_no_page, a_rewrite_waits_for_a_part_that_is_held_back,);

async fn faulty(
    place: &Place,
    script: impl Fn(Operation) -> Option<Fault> + Send + Sync + 'static,
) -> (Engine, Arc<FaultyKv>) {
    drop(place.open().await);
    let kv = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), script));
    (Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap(), kv)
}

/// A commit that rewrites and reads back, grows and ends smaller; then one over the ground that it left.
async fn work(engine: &Engine, name: &str) {
    let actor = id(name);
    let generation = start(engine, &actor).await.meta.generation;
    let mut writer = begin(engine, &actor, generation, Txid(0)).await;
    writer.write(piece(1..=600, 1)).await.unwrap();
    writer.write(piece(1..=5, 2)).await.unwrap();
    assert_eq!(tags_of(&writer.read(&[3, 6].map(page)).await.unwrap()), [2, 1], "{name}");
    writer.write(piece(2..=3, 3)).await.unwrap();
    writer.write(piece(3..=3, 4)).await.unwrap();
    let head = writer.finish(PageCount(7)).await.unwrap();
    assert_eq!(head, Txid(1), "{name}");
    assert_eq!(tags(engine, &actor, generation, 600).await, [2, 3, 4, 2, 2, 1, 1], "{name}");
    let mut writer = begin(engine, &actor, generation, head).await;
    writer.write(piece([9], 5)).await.unwrap();
    writer.finish(PageCount(9)).await.unwrap();
    engine.idle().await;
    let set = engine.get_pages(&actor, generation, None, &[3, 8, 9].map(page)).await.unwrap();
    assert!(set.get(page(8)).unwrap().iter().all(|byte| *byte == 0), "{name}");
}

async fn one_fault_at_any_operation_changes_no_page(place: Place) {
    let (engine, kv) = faulty(&place, |_| None).await;
    work(&engine, "without faults").await;
    let operations = kv.operations();
    assert!(operations > 12, "{operations}");
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Conflict, Fault::TooOld] {
        // The first is the store's own opening.
        for number in 2..=operations {
            let (engine, _) =
                faulty(&place, move |operation| (operation.number == number).then_some(fault)).await;
            work(&engine, &format!("{fault:?} at {number}")).await;
        }
    }
}

async fn a_rewrite_waits_for_a_part_that_is_held_back(place: Place) {
    let writes = AtomicU64::new(0);
    // The start, the stage's opening, and then the first part.
    let (engine, kv) = faulty(&place, move |operation| {
        (operation.writes && writes.fetch_add(1, Ordering::SeqCst) == 2).then_some(Fault::HoldBefore)
    })
    .await;
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let mut writer = begin(&engine, &actor, generation, Txid(0)).await;
    writer.write(piece([1, 2], 1)).await.unwrap();
    kv.held(1).await;
    // Another page does not wait.
    writer.write(piece([3], 1)).await.unwrap();
    let operations = kv.operations();
    let rewriting = tokio::spawn(async move {
        writer.write(piece([1], 2)).await.unwrap();
        writer.finish(PageCount(3)).await.unwrap()
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(kv.operations(), operations, "the rewrite has overtaken the part that it replaces");
    kv.release();
    rewriting.await.unwrap();
    assert_eq!(tags(&engine, &actor, generation, 9).await, [2, 1, 1]);
}

/// Wraps an optimistic backend: the answer of one transaction is lost, and its writes are attempted later.
struct Late {
    inner: Arc<dyn Kv>,
    transactions: AtomicU64,
    lost: u64,
    release: Arc<Semaphore>,
    landed: mpsc::UnboundedSender<Result<(), KvError>>,
}

/// Reads at once, and writes once it may.
struct Withheld {
    body: Arc<dyn TransactionRunner>,
    has_read: Semaphore,
    release: Arc<Semaphore>,
}

impl TransactionRunner for Withheld {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        async move {
            let mutations = self.body.run(view).await;
            self.has_read.add_permits(1);
            self.release.acquire().await.unwrap().forget();
            mutations
        }
        .boxed()
    }
}

impl Kv for Late {
    is_what_inner_is!();

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            if self.transactions.fetch_add(1, Ordering::SeqCst) != self.lost {
                return self.inner.run(body).await;
            }
            let release = Arc::clone(&self.release);
            let withheld = Arc::new(Withheld { body, has_read: Semaphore::new(0), release });
            let (inner, landed) = (Arc::clone(&self.inner), self.landed.clone());
            let attempt = Arc::clone(&withheld);
            tokio::spawn(async move { landed.send(inner.run(attempt).await) });
            withheld.has_read.acquire().await.unwrap().forget();
            Err(KvError::UnknownOutcome { detail: "it may still come".to_owned() })
        }
        .boxed()
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        self.inner.read(body)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

/// The first attempt at a part is lost, the second one is in, the page is written again, and only then does
/// the first attempt arrive at the store.
#[tokio::test]
async fn an_attempt_that_arrives_after_the_rewrite_does_not_undo_it() {
    let place = Place::memory();
    drop(place.open().await);
    let (landed, mut outcome) = mpsc::unbounded_channel();
    let release = Arc::new(Semaphore::new(0));
    let (inner, transactions) = (place.kv(), AtomicU64::new(0));
    // The start, the stage's opening, and then the first part.
    let kv = Late { inner, transactions, lost: 2, release: Arc::clone(&release), landed };
    let engine = Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap();
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let mut writer = begin(&engine, &actor, generation, Txid(0)).await;
    writer.write(piece([1, 2], 1)).await.unwrap();
    writer.write(piece([1], 2)).await.unwrap();
    assert_eq!(tags_of(&writer.read(&[1, 2].map(page)).await.unwrap()), [2, 1]);
    release.add_permits(1);
    assert_eq!(outcome.recv().await, Some(Err(KvError::Conflict)));
    assert_eq!(tags_of(&writer.read(&[1, 2].map(page)).await.unwrap()), [2, 1]);
    writer.finish(PageCount(2)).await.unwrap();
    assert_eq!(tags(&engine, &actor, generation, 9).await, [2, 1]);
}
