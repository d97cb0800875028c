//! Concurrent transactions: they see everything that was acknowledged, and their reads hold.

use std::sync::Arc;

use futures::future::{FutureExt, join_all};

use super::harness::{get, put, read, retry, transact};
use crate::kv::{Decision, Isolation, Kv, Mutations};

const KEY: &[u8] = b"counter";

/// A read that begins after an answer sees what that answer acknowledged, whoever else writes meanwhile.
pub async fn a_read_sees_what_was_acknowledged_before(kv: &Arc<dyn Kv>) {
    let tasks = (0..4_u8).map(|task| {
        let kv = Arc::clone(kv);
        tokio::spawn(async move {
            for round in 0..50_u8 {
                put(&kv, &[b'k', task], &[round]).await;
                assert_eq!(get(&kv, &[b'k', task]).await, Some(vec![round]), "task {task}");
            }
        })
    });
    for ended in join_all(tasks).await {
        ended.expect("a task does not panic");
    }
}

/// A read keeps seeing the state at its start while others write, and no rows that appear later.
pub async fn a_read_stays_on_its_state(kv: &Arc<dyn Kv>) {
    put(kv, KEY, b"before").await;
    let reader = Arc::clone(kv);
    let seen = read(kv, move |view| {
        let kv = Arc::clone(&reader);
        async move {
            let mut seen = vec![view.get(KEY, Isolation::Snapshot).await?.map(Vec::from)];
            put(&kv, KEY, b"after").await;
            put(&kv, b"new", b"after").await;
            seen.push(view.get(KEY, Isolation::Snapshot).await?.map(Vec::from));
            seen.push(view.get(b"new", Isolation::Snapshot).await?.map(Vec::from));
            Ok(seen)
        }
        .boxed()
    });
    let before = Some(b"before".to_vec());
    assert_eq!(seen.await, Ok(vec![before.clone(), before, None]));
    assert_eq!(get(kv, KEY).await.as_deref(), Some(&b"after"[..]));
}

/// Many tasks that read a number and write it plus one end at their count: a task that read an outdated
/// number has to try again, or had to wait.
pub async fn increments_are_never_lost(kv: &Arc<dyn Kv>) {
    const TASKS: u32 = 8;
    const ROUNDS: u32 = 25;
    let tasks = (0..TASKS).map(|_| {
        let kv = Arc::clone(kv);
        tokio::spawn(async move {
            for _ in 0..ROUNDS {
                retry(|| increment(&kv)).await.expect("an increment succeeds in the end");
            }
        })
    });
    for ended in join_all(tasks).await {
        ended.expect("a task does not panic");
    }
    assert_eq!(get(kv, KEY).await, Some((TASKS * ROUNDS).to_be_bytes().to_vec()));
}

async fn increment(kv: &Arc<dyn Kv>) -> Result<(), crate::kv::KvError> {
    transact(kv, |view| {
        async move {
            let stored = view.get(KEY, Isolation::Serializable).await?;
            let count = stored.map_or(0, |bytes| {
                u32::from_be_bytes(bytes.as_ref().try_into().expect("only increments write here"))
            });
            let mut mutations = Mutations::new();
            mutations.put(KEY.to_vec(), (count + 1).to_be_bytes().to_vec());
            Ok(Decision::write(mutations, ()))
        }
        .boxed()
    })
    .await
}
