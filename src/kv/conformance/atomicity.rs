//! Decisions: all of their writes or none, in order.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use super::harness::{everything, get, put, read, retry, rows, transact, value, write};
use crate::kv::{
    Decision, Isolation, KeyRange, Kv, KvError, Mutations, Scan, TransactionFn, View, transact as kv_transact,
};

/// A decision without writes delivers its answer, which may depend on what was read.
pub async fn a_refusal_writes_nothing(kv: &Arc<dyn Kv>) {
    put(kv, b"key", b"value").await;
    let answer = transact(kv, |view| {
        async move {
            let found = view.get(b"key", Isolation::Serializable).await?;
            Ok(Decision::answer(found.map(Vec::from)))
        }
        .boxed()
    });
    assert_eq!(answer.await, Ok(Some(b"value".to_vec())));
    assert_eq!(rows(kv, Scan::snapshot(everything())).await, [(b"key".to_vec(), b"value".to_vec())]);
}

/// Fails after its reads.
struct Failing;

#[derive(Debug, PartialEq)]
enum Failure {
    Own(Vec<u8>),
    Kv(KvError),
}

impl From<KvError> for Failure {
    fn from(error: KvError) -> Self {
        Self::Kv(error)
    }
}

impl TransactionFn for Failing {
    type Output = ();
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, Failure>> {
        async move {
            let found = view.get(b"key", Isolation::Serializable).await?;
            Err(Failure::Own(found.map(Vec::from).unwrap_or_default()))
        }
        .boxed()
    }
}

/// A transaction function's own error reaches its caller unchanged, and the store keeps working.
pub async fn a_failed_body_writes_nothing_and_delivers_its_error(kv: &Arc<dyn Kv>) {
    put(kv, b"key", b"value").await;
    let failed = kv_transact(&**kv, &Arc::new(Failing)).await;
    assert_eq!(failed, Err(Failure::Own(b"value".to_vec())));
    put(kv, b"key", b"next").await;
    assert_eq!(get(kv, b"key").await.as_deref(), Some(&b"next"[..]));
}

/// Later writes of a decision act on the result of earlier ones, with values that are split and values that
/// are not.
pub async fn writes_of_one_decision_apply_in_order(kv: &Arc<dyn Kv>) {
    for size in [10, 9_000] {
        let [one, two] = [value(size, 5), value(size * 2, 6)];
        put(kv, b"cleared", &one).await;
        let mut mutations = Mutations::new();
        mutations.put(b"put-deleted".to_vec(), one.clone());
        mutations.delete(b"put-deleted".to_vec());
        mutations.delete(b"deleted-put".to_vec());
        mutations.put(b"deleted-put".to_vec(), one.clone());
        mutations.put(b"put-put".to_vec(), two.clone());
        mutations.put(b"put-put".to_vec(), one.clone());
        mutations.clear_range(KeyRange::prefix(b"cleared"));
        mutations.put(b"cleared-put".to_vec(), two.clone());
        mutations.put_guarded(b"put-cleared".to_vec(), two.clone());
        mutations.clear_range_guarded(KeyRange::single(b"put-cleared"));
        write(kv, mutations).await.expect("a small write succeeds");
        let expected = [
            (b"cleared-put".to_vec(), two),
            (b"deleted-put".to_vec(), one.clone()),
            (b"put-put".to_vec(), one),
        ];
        assert!(rows(kv, Scan::snapshot(everything())).await == expected, "values of {size} bytes");
    }
}

/// A reader of two rows that are always written together sees them equal, and never an older pair than
/// before.
pub async fn writes_of_one_decision_appear_together(kv: &Arc<dyn Kv>) {
    const ROUNDS: u32 = 200;
    put(kv, b"left", &0_u32.to_be_bytes()).await;
    put(kv, b"right", &0_u32.to_be_bytes()).await;
    let writer = tokio::spawn({
        let kv = Arc::clone(kv);
        async move {
            for round in 1..=ROUNDS {
                let mut mutations = Mutations::new();
                mutations.put(b"left".to_vec(), round.to_be_bytes().to_vec());
                mutations.put(b"right".to_vec(), round.to_be_bytes().to_vec());
                write(&kv, mutations).await.expect("a small write succeeds");
            }
        }
    });
    let mut before = Vec::new();
    loop {
        let finished = writer.is_finished();
        let pair = retry(|| {
            read(kv, |view| {
                async move {
                    let left = view.get(b"left", Isolation::Snapshot).await?;
                    let right = view.get(b"right", Isolation::Snapshot).await?;
                    Ok((left.map(Vec::from), right.map(Vec::from)))
                }
                .boxed()
            })
        });
        let (left, right) = pair.await.expect("a small read succeeds");
        assert_eq!(left, right);
        let left = left.expect("it was written before");
        assert!(left >= before, "{left:?} was read after {before:?}");
        before = left;
        if finished {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer does not panic");
    assert_eq!(before, ROUNDS.to_be_bytes());
}

/// A value above the limit fails its whole decision, with the reason, and affects no other transaction.
pub async fn a_too_large_value_leaves_the_store_usable(kv: &Arc<dyn Kv>) {
    let mut mutations = Mutations::new();
    mutations.put(b"before".to_vec(), b"small".to_vec());
    mutations.put(b"large".to_vec(), value(100_001, 7));
    mutations.put(b"after".to_vec(), b"small".to_vec());
    let failed = write(kv, mutations).await;
    assert!(matches!(failed, Err(KvError::TooLarge { .. })), "{failed:?}");
    assert_eq!(rows(kv, Scan::snapshot(everything())).await, []);
    put(kv, b"large", &value(100_000, 7)).await;
    assert!(get(kv, b"large").await == Some(value(100_000, 7)));
}
