//! Group commit: many transactions, one commit, and each with its own fate.

use std::sync::Arc;

use batondb::kv::embedded::{Durability, EmbeddedKv};
use batondb::kv::{Decision, Kv, KvError, Mutations, TransactionFn, View, transact};
use futures::future::{BoxFuture, FutureExt};

use crate::backends::embedded::support::{Increment, MIB, Write, get, in_one_batch, open, put, try_open};

type Answer = Result<(), KvError>;

fn store() -> (tempfile::TempDir, Arc<EmbeddedKv>) {
    let directory = tempfile::tempdir().unwrap();
    let kv = Arc::new(open(directory.path(), Durability::Strict));
    (directory, kv)
}

fn putting(kv: &Arc<EmbeddedKv>, key: &[u8], value: Vec<u8>) -> BoxFuture<'static, Answer> {
    let (kv, key) = (Arc::clone(kv), key.to_vec());
    async move { put(&kv, &key, value).await }.boxed()
}

#[tokio::test]
async fn transactions_that_wait_together_are_committed_together() {
    let (_directory, kv) = store();
    let before = kv.commits().unwrap();
    let jobs = (0..64).map(|_| {
        let kv = Arc::clone(&kv);
        async move { transact(&*kv, &Arc::new(Increment(b"counter"))).await }.boxed()
    });
    let counts: Vec<_> = in_one_batch(&kv, jobs).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(counts, (1..=64).collect::<Vec<_>>(), "each saw the one before it");
    assert_eq!(kv.commits().unwrap() - before, 1);
}

#[tokio::test]
async fn what_waits_can_be_counted() {
    let (directory, kv) = store();
    let other = Arc::new(open(directory.path(), Durability::Strict));
    let mut seen = Vec::new();
    let jobs = (0..5).map(|number| {
        // Each was queued before the next one is made.
        seen.push((kv.waiting(), other.waiting()));
        putting(if number % 2 == 0 { &kv } else { &other }, &[number], vec![1])
    });
    in_one_batch(&kv, jobs).await.into_iter().for_each(Result::unwrap);
    assert_eq!(seen, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)], "handles on one directory share the queue");
    assert_eq!(kv.waiting(), 0);
    kv.close().await;
    assert_eq!((kv.waiting(), other.waiting()), (0, 0));
}

#[tokio::test]
async fn a_batch_has_a_limit() {
    let (_directory, kv) = store();
    let before = kv.commits().unwrap();
    let jobs = (0..600_u16).map(|number| putting(&kv, &number.to_be_bytes(), vec![1]));
    in_one_batch(&kv, jobs).await.into_iter().for_each(Result::unwrap);
    assert_eq!(kv.commits().unwrap() - before, 3, "601 transactions, 256 a batch");
    let before = kv.commits().unwrap();
    let jobs = (0..100_u8).map(|number| putting(&kv, &[number], vec![1; 100_000]));
    in_one_batch(&kv, jobs).await.into_iter().for_each(Result::unwrap);
    assert_eq!(kv.commits().unwrap() - before, 2, "10 MB, 8 MiB a batch");
}

#[tokio::test]
async fn refusals_cost_no_commit() {
    let (_directory, kv) = store();
    put(&kv, b"key", b"value".to_vec()).await.unwrap();
    let before = kv.commits().unwrap();
    for _ in 0..10 {
        let refusal = Arc::new(Write { mutations: Mutations::new(), reads: b"key".to_vec() });
        assert_eq!(transact(&*kv, &refusal).await.unwrap().as_deref(), Some(&b"value"[..]));
    }
    assert_eq!(kv.commits().unwrap(), before);
}

/// Panics.
struct Panicking;

impl TransactionFn for Panicking {
    type Output = ();
    type Error = KvError;

    fn run<'a>(&'a self, _: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, KvError>> {
        async { panic!("a bug in a body") }.boxed()
    }
}

#[tokio::test]
async fn a_panic_fails_its_own_transaction_alone() {
    let (_directory, kv) = store();
    let jobs = (0..5_u8).map(|number| {
        if number != 2 {
            return putting(&kv, &[b'k', number], vec![number]);
        }
        let kv = Arc::clone(&kv);
        async move { transact(&*kv, &Arc::new(Panicking)).await }.boxed()
    });
    let answers = in_one_batch(&kv, jobs).await;
    for (number, answer) in (0..).zip(answers) {
        if number == 2 {
            let Err(KvError::Unavailable { detail }) = answer else { panic!("{answer:?}") };
            assert!(detail.contains("a bug in a body"), "{detail}");
        } else {
            answer.unwrap();
            assert_eq!(get(&kv, &[b'k', number]).await.unwrap(), Some(vec![number]));
        }
    }
    put(&kv, b"after", vec![]).await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_does_not_fit_fails_alone() {
    let directory = tempfile::tempdir().unwrap();
    let kv = Arc::new(try_open(directory.path(), Durability::Relaxed, Some(4 * MIB)).unwrap());
    let jobs = (0..5_u8).map(|number| {
        if number != 2 {
            return putting(&kv, &[b'k', number], vec![number; 9_000]);
        }
        let kv = Arc::clone(&kv);
        async move {
            let mut mutations = Mutations::new();
            (0..100_u8).for_each(|row| mutations.put(vec![b'x', row], vec![row; 90_000]));
            crate::backends::embedded::support::write(&kv, mutations).await.map(drop)
        }
        .boxed()
    });
    let answers = in_one_batch(&kv, jobs).await;
    for (number, answer) in (0..).zip(answers) {
        if number == 2 {
            let Err(KvError::Full { detail }) = answer else { panic!("{answer:?}") };
            assert!(detail.contains("maxSizeBytes"), "{detail}");
        } else {
            answer.unwrap();
            assert_eq!(get(&kv, &[b'k', number]).await.unwrap(), Some(vec![number; 9_000]));
        }
    }
    assert_eq!(get(&kv, b"x\0").await.unwrap(), None);
    assert_eq!(get(&kv, b"blocker").await.unwrap(), Some(vec![]));
}

#[tokio::test]
async fn a_transaction_whose_caller_has_gone_takes_effect() {
    let (_directory, kv) = store();
    let mut jobs = vec![putting(&kv, b"kept", vec![1])];
    let gone = {
        let kv = Arc::clone(&kv);
        async move {
            let mut queued = putting(&kv, b"gone", vec![2]);
            assert!(futures::poll!(&mut queued).is_pending());
            drop(queued);
            put(&kv, b"next", vec![3]).await
        }
        .boxed()
    };
    jobs.push(gone);
    in_one_batch(&kv, jobs.into_iter()).await.into_iter().for_each(Result::unwrap);
    assert_eq!(get(&kv, b"gone").await.unwrap(), Some(vec![2]));
    kv.close().await;
}
