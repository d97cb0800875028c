//! Closing a store.

use std::sync::Arc;

use futures::future::{FutureExt, join_all};

use super::harness::{put, read, value, write};
use crate::kv::{Isolation, Kv, KvError, Mutations};

/// A closed store returns `Closed` for reads and writes, and closing it again does nothing.
pub async fn a_closed_store_says_so(kv: &Arc<dyn Kv>) {
    put(kv, b"key", b"value").await;
    kv.close().await;
    kv.close().await;
    let mut mutations = Mutations::new();
    mutations.put(b"key".to_vec(), b"late".to_vec());
    assert_eq!(write(kv, mutations).await, Err(KvError::Closed));
    let late =
        read(kv, |view| async move { Ok(view.get(b"key", Isolation::Snapshot).await?.is_some()) }.boxed());
    assert_eq!(late.await, Err(KvError::Closed));
    kv.close().await;
}

/// Transactions that run while the store closes either take place or are refused; each gets an answer.
pub async fn closing_finishes_what_was_queued(kv: &Arc<dyn Kv>) {
    let tasks = (0..32_u8).map(|task| {
        let kv = Arc::clone(kv);
        tokio::spawn(async move {
            let mut mutations = Mutations::new();
            mutations.put(vec![b'k', task], value(5_000, u64::from(task)));
            write(&kv, mutations).await
        })
    });
    let tasks: Vec<_> = tasks.collect();
    tokio::task::yield_now().await;
    kv.close().await;
    for answered in join_all(tasks).await {
        let answer = answered.expect("a task does not panic");
        assert!(matches!(answer, Ok(()) | Err(KvError::Closed)), "{answer:?}");
    }
}
