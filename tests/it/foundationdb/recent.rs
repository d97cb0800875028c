//! A transaction that begins on a state which its process knows: whatever was acknowledged before it began, it has seen,
//! also where two transactions were committed in one batch and so at one version.

use std::sync::Arc;

use batondb::kv::{Decision, Isolation, Kv, KvError, Mutations, TransactionFn, View, transact};
use futures::future::{BoxFuture, FutureExt, join, try_join};

use crate::support::Place;

const ROUNDS: u32 = 500;

/// As a commit does: reads fence and head, writes the head. The answer is the fence.
struct Commit;

/// As a takeover does that is raised past commits: reads and writes the fence alone.
struct Raise(u32);

fn number(value: Option<&bytes::Bytes>) -> u32 {
    value.map_or(0, |value| u32::from_be_bytes(value.as_ref().try_into().unwrap()))
}

impl TransactionFn for Commit {
    type Output = u32;
    type Error = KvError;

    fn may_begin_on_a_recent_state(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<u32>, KvError>> {
        async move {
            let (fence, head) = try_join(
                view.get(b"fence", Isolation::Serializable),
                view.get(b"head", Isolation::Serializable),
            )
            .await?;
            let mut mutations = Mutations::new();
            mutations.put(b"head".to_vec(), (number(head.as_ref()) + 1).to_be_bytes().to_vec());
            Ok(Decision::write(mutations, number(fence.as_ref())))
        }
        .boxed()
    }
}

impl TransactionFn for Raise {
    type Output = ();
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, KvError>> {
        async move {
            view.get(b"fence", Isolation::Serializable).await?;
            let mut mutations = Mutations::new();
            mutations.put(b"fence".to_vec(), self.0.to_be_bytes().to_vec());
            Ok(Decision::write(mutations, ()))
        }
        .boxed()
    }
}

async fn commit(kv: &Arc<dyn Kv>) -> u32 {
    loop {
        match transact(&**kv, &Arc::new(Commit)).await {
            Ok(fence) => return fence,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
}

async fn raise(kv: &Arc<dyn Kv>, to: u32) {
    while let Err(error) = transact(&**kv, &Arc::new(Raise(to))).await {
        assert!(error.is_transient(), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_that_was_acknowledged_is_missed_however_transactions_are_batched() {
    let test =
        "foundationdb::recent::nothing_that_was_acknowledged_is_missed_however_transactions_are_batched";
    let Some(place) = Place::foundationdb(test) else { return };
    let (owner, successor) = (place.kv(), place.kv());
    for round in 1..=ROUNDS {
        commit(&owner).await;
        let (seen, ()) = join(commit(&owner), raise(&successor, round)).await;
        assert!(seen == round || seen == round - 1);
        assert_eq!(commit(&owner).await, round, "a commit after the fence was raised has not seen it");
    }
}
