//! What may happen between a transaction's reads and its commit, made to happen. On an optimistic backend
//! others commit there; this shows that they are noticed, and that nobody is starved (G6).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batondb::engine::{Engine, Outcome, Preload};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::kv::{Kv, KvError, Mutations, ReadRunner, TransactionRunner, View};
use batondb::types::{Generation, PageRange, Token, Txid};
use futures::future::{BoxFuture, FutureExt};

use crate::support::{Place, commit, first_page, id, is_what_inner_is, page, rows, start, tags, tags_of};

/// Done between the reads and the commit of the transaction with this number, from 1.
type Hook = Box<dyn Fn(u64) -> BoxFuture<'static, ()> + Send + Sync>;

/// Wraps a backend and lets others act in the middle of its transactions.
struct Interposed {
    inner: Arc<dyn Kv>,
    hook: Arc<Hook>,
    transactions: Arc<AtomicU64>,
}

impl Interposed {
    async fn engine(
        place: &Place,
        hook: impl Fn(u64) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> (Engine, Arc<AtomicU64>) {
        drop(place.open().await);
        // Opening a store that is there is no transaction.
        let transactions = Arc::new(AtomicU64::new(0));
        let hook: Hook = Box::new(hook);
        let kv = Self { inner: place.kv(), hook: Arc::new(hook), transactions: Arc::clone(&transactions) };
        (Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap(), transactions)
    }
}

struct Disturbed {
    body: Arc<dyn TransactionRunner>,
    hook: Arc<Hook>,
    number: u64,
}

impl TransactionRunner for Disturbed {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        async move {
            let mutations = self.body.run(view).await;
            (self.hook)(self.number).await;
            mutations
        }
        .boxed()
    }
}

impl Kv for Interposed {
    is_what_inner_is!();

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        let number = self.transactions.fetch_add(1, Ordering::SeqCst) + 1;
        self.inner.run(Arc::new(Disturbed { body, hook: Arc::clone(&self.hook), number }))
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        self.inner.read(body)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

/// The old owner commits in the middle of every single transaction of the start.
#[tokio::test]
async fn an_owner_that_commits_in_between_every_time_cannot_starve_a_takeover() {
    let place = Place::memory();
    let owner = Arc::new(place.open().await);
    let actor = id("a");
    let held = start(&owner, &actor).await.meta.generation;
    commit(&owner, &actor, held, Txid(0), 1..=3, 1).await.unwrap();
    let hints = [PageRange { first: page(3), last: page(3) }];
    owner.store_hints(&actor, held, &hints).await.unwrap();
    let committed = Arc::new(AtomicU64::new(1));
    let (starter, transactions) = Interposed::engine(&place, {
        let (owner, committed) = (Arc::clone(&owner), Arc::clone(&committed));
        move |_| {
            let (owner, committed) = (Arc::clone(&owner), Arc::clone(&committed));
            async move {
                let head = committed.load(Ordering::SeqCst);
                let txid = commit(&owner, &id("a"), held, Txid(head), 1..=3, head + 1).await.unwrap();
                committed.store(txid.0, Ordering::SeqCst);
            }
            .boxed()
        }
    })
    .await;
    let preload = Preload { hints: true, ..first_page() };
    let started = starter.load_startup(&actor, &preload).await.unwrap();
    assert_eq!((started.outcome, started.meta.generation), (Outcome::Won, held.next()));
    // Two conflicts, then the fence alone, which no commit can make fail.
    assert_eq!(transactions.load(Ordering::SeqCst), 3);
    // What the owner committed last came before the fence, and is part of the answer.
    let last = committed.load(Ordering::SeqCst);
    assert_eq!((started.meta.head_txid, started.pages.head_txid), (Txid(last), Txid(last)));
    assert_eq!(tags_of(&started.pages), [last; 2], "page 1 and the hinted one");
    assert_eq!(started.hints, hints);
    let refused = commit(&owner, &actor, held, Txid(last), [1], 99).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_FENCE_MISMATCH");
}

/// A takeover in the middle of another one: the later to commit has lost, whatever it had read.
#[tokio::test]
async fn a_start_that_comes_in_between_wins() {
    let place = Place::memory();
    let other = Arc::new(place.open().await);
    start(&other, &id("a")).await;
    let (starter, _) = Interposed::engine(&place, move |number| {
        let other = Arc::clone(&other);
        async move {
            if number == 1 {
                assert_eq!(start(&other, &id("a")).await.outcome, Outcome::Won);
            }
        }
        .boxed()
    })
    .await;
    let started = start(&starter, &id("a")).await;
    assert_eq!((started.outcome, started.meta.generation), (Outcome::Lost, Generation(2)));
}

/// A commit that has passed its checks when the takeover comes must not land.
#[tokio::test]
async fn a_takeover_in_the_middle_of_a_commit_fences_it() {
    for pages in [3, 2_000] {
        for disturbed in 1..=8 {
            let place = Place::memory();
            let other = Arc::new(place.open().await);
            let generation = start(&other, &id("a")).await.meta.generation;
            let taker = Arc::clone(&other);
            let (owner, transactions) = Interposed::engine(&place, move |number| {
                let taker = Arc::clone(&taker);
                async move {
                    if number == disturbed {
                        start(&taker, &id("a")).await;
                    }
                }
                .boxed()
            })
            .await;
            let answer = commit(&owner, &id("a"), generation, Txid(0), 1..=pages, 1).await;
            let met = transactions.load(Ordering::SeqCst) > disturbed;
            let head = other.stat(&id("a")).await.unwrap().unwrap().head_txid;
            if met {
                let refused = answer.expect_err("a takeover came in between");
                assert_eq!((refused.code(), head), ("ERR_FENCE_MISMATCH", Txid(0)), "at {disturbed}");
            } else {
                assert_eq!(answer, Ok(head));
            }
        }
    }
}

/// Hints that passed their check when the takeover came must not land; a commit is nothing to them.
#[tokio::test]
async fn a_takeover_in_the_middle_fences_hints_and_a_commit_does_not_disturb_them() {
    for taken_over in [true, false] {
        let place = Place::memory();
        let other = Arc::new(place.open().await);
        let generation = start(&other, &id("a")).await.meta.generation;
        commit(&other, &id("a"), generation, Txid(0), 1..=3, 1).await.unwrap();
        let actor = Arc::clone(&other);
        let (owner, transactions) = Interposed::engine(&place, move |number| {
            let actor = Arc::clone(&actor);
            async move {
                if number == 1 && taken_over {
                    start(&actor, &id("a")).await;
                } else if number == 1 {
                    commit(&actor, &id("a"), generation, Txid(1), 1..=3, 2).await.unwrap();
                }
            }
            .boxed()
        })
        .await;
        let hints = [PageRange { first: page(2), last: page(3) }];
        let answer = owner.store_hints(&id("a"), generation, &hints).await;
        let preload = Preload { hints: true, ..first_page() };
        let stored = other.load_startup(&id("a"), &preload).await.unwrap().hints;
        if taken_over {
            assert_eq!(answer.unwrap_err().code(), "ERR_FENCE_MISMATCH");
            assert_eq!(stored, []);
        } else {
            assert_eq!((answer, stored), (Ok(()), hints.to_vec()));
            // One attempt.
            assert_eq!(transactions.load(Ordering::SeqCst), 1);
        }
    }
}

/// A part of a stage lands between the last look of its rollback and that rollback's end. Unnoticed, its rows
/// would show as soon as the head has passed the stage's txid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_comes_in_between_is_rolled_back_too() {
    let place = Place::memory();
    let actor = id("a");
    let engine = place.open().await;
    let generation = start(&engine, &actor).await.meta.generation;
    let head = commit(&engine, &actor, generation, Txid(0), 1..=3, 1).await.unwrap();
    // Opening the store and the stage are its first transactions; every part after them waits.
    let slow = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), |operation| {
        (operation.number > 2).then_some(Fault::HoldBefore)
    }));
    let stager = Engine::open(Arc::clone(&slow) as _, Arc::new(SystemEnv)).await.unwrap();
    let staging =
        tokio::spawn(async move { commit(&stager, &id("a"), generation, head, 1..=2_000, 2).await });
    slow.held(4).await;
    let rows_before = rows(&place.kv()).await.len();
    // Another holder of the generation: its commit finds the stage, and rolls it back in one step.
    let (other, _) = Interposed::engine(&place, {
        let (slow, kv) = (Arc::clone(&slow), place.kv());
        move |number| {
            let (slow, kv) = (Arc::clone(&slow), Arc::clone(&kv));
            async move {
                if number == 2 {
                    slow.release();
                    while rows(&kv).await.len() == rows_before {
                        tokio::task::yield_now().await;
                    }
                }
            }
            .boxed()
        }
    })
    .await;
    let head = commit(&other, &actor, generation, head, [1, 2, 3], 3).await.unwrap();
    for _ in 0..20 {
        slow.release();
    }
    assert!(staging.await.unwrap().is_err());
    commit(&other, &actor, generation, head, [3, 4, 5], 4).await.unwrap();
    assert_eq!(tags(&other, &actor, generation, 5).await[2..], [4; 3]);
    other.idle().await;
    assert_eq!(rows(&place.kv()).await.len(), rows_before + 2, "only pages 4 and 5 have come");
}

/// A commit that was found not to be in, while an attempt at it was on its way: that attempt never lands.
#[tokio::test]
async fn an_attempt_that_is_still_on_its_way_is_kept_out_by_the_question_what_became_of_it() {
    let place = Place::memory();
    let other = Arc::new(place.open().await);
    let actor = id("a");
    let generation = start(&other, &actor).await.meta.generation;
    let head = commit(&other, &actor, generation, Txid(0), 1..=3, 1).await.unwrap();
    let attempts = Arc::new(AtomicU64::new(0));
    let (committer, transactions) = Interposed::engine(&place, {
        let (other, attempts) = (Arc::clone(&other), Arc::clone(&attempts));
        move |number| {
            let (other, attempts) = (Arc::clone(&other), Arc::clone(&attempts));
            async move {
                attempts.store(number, Ordering::SeqCst);
                if number == 1 {
                    // Not in, as anybody who asks at this moment learns.
                    let asked = other.resolve_commit(&id("a"), generation, head, Token([7; 16])).await;
                    assert_eq!(asked, Ok(None));
                }
            }
            .boxed()
        }
    })
    .await;
    commit(&committer, &actor, generation, head, [1, 2, 3], 2).await.unwrap();
    assert_eq!(transactions.load(Ordering::SeqCst), 2, "the first attempt must conflict");
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}
