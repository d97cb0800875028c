//! Conflict ranges, for optimistic backends.
//!
//! The second transaction runs inside the transaction function of the first, so that it commits after the
//! reads of the first and before its writes. A serial backend would wait for itself there, and promises
//! nothing about conflicts, so on a serial backend these properties are skipped.

use std::sync::Arc;

use futures::future::FutureExt;

use super::harness::{collect, everything, get, put, transact, write};
use crate::kv::{
    Concurrency, Decision, Isolation, KeyRange, Kv, KvError, Mutation, Mutations, Scan, WriteConflict,
};

/// How the first transaction reads the key `"m"` or its surroundings.
#[derive(Debug, Clone, Copy)]
enum Reads {
    Key,
    Range,
}

/// What the second transaction does meanwhile.
#[derive(Debug, Clone, Copy)]
enum Writes {
    Put,
    Delete,
    Clear,
}

impl Writes {
    /// A write at `key`.
    fn at(self, key: &[u8], conflict: WriteConflict) -> Mutations {
        let mut mutations = Mutations::new();
        let key = key.to_vec();
        match (self, conflict) {
            (Self::Put, WriteConflict::Declared) => mutations.put(key, b"new".to_vec()),
            (Self::Put, WriteConflict::Omitted) => mutations.put_guarded(key, b"new".to_vec()),
            (Self::Delete, WriteConflict::Declared) => mutations.delete(key),
            (Self::Delete, WriteConflict::Omitted) => mutations.delete_guarded(key),
            (Self::Clear, WriteConflict::Declared) => mutations.clear_range(KeyRange::prefix(key)),
            (Self::Clear, WriteConflict::Omitted) => mutations.clear_range_guarded(KeyRange::prefix(key)),
        }
        mutations
    }
}

/// Reads, lets `meanwhile` commit, then writes a row of its own.
async fn race(
    kv: &Arc<dyn Kv>,
    reads: Reads,
    isolation: Isolation,
    meanwhile: &Mutations,
) -> Result<(), KvError> {
    let (other, meanwhile) = (Arc::clone(kv), meanwhile.clone());
    transact(kv, move |view| {
        let (other, meanwhile) = (Arc::clone(&other), meanwhile.clone());
        async move {
            match reads {
                Reads::Key => drop(view.get(b"m", isolation).await?),
                Reads::Range => {
                    let range = KeyRange::new(b"l", b"n");
                    drop(collect(view, Scan { range, rows_max: 0, isolation }).await?);
                }
            }
            write(&other, meanwhile).await?;
            let mut mutations = Mutations::new();
            mutations.put(b"written".to_vec(), b"by the first".to_vec());
            Ok(Decision::write(mutations, ()))
        }
        .boxed()
    })
    .await
}

/// Empties the store except for the row that the transactions race for.
async fn reset(kv: &Arc<dyn Kv>) {
    let mut mutations = Mutations::new();
    mutations.clear_range(everything());
    write(kv, mutations).await.expect("a small clear succeeds");
    put(kv, b"m", b"old").await;
}

/// Every combination of a read and a write, as `(reads, writes)`.
fn pairs() -> impl Iterator<Item = (Reads, Writes)> {
    let all_writes = [Writes::Put, Writes::Delete, Writes::Clear];
    [Reads::Key, Reads::Range].into_iter().flat_map(move |reads| all_writes.map(|writes| (reads, writes)))
}

/// A transaction fails, and writes nothing, if something that it read serializably was written with a
/// declared conflict. A write that omits its conflict makes no transaction fail.
pub async fn a_serializable_read_conflicts_with_declared_writes_only(kv: &Arc<dyn Kv>) {
    if kv.concurrency() == Concurrency::Serial {
        return;
    }
    for (reads, writes) in pairs() {
        reset(kv).await;
        let declared = writes.at(b"m", WriteConflict::Declared);
        let raced = race(kv, reads, Isolation::Serializable, &declared).await;
        assert_eq!(raced, Err(KvError::Conflict), "{reads:?} {writes:?}");
        assert_eq!(get(kv, b"written").await, None, "{reads:?} {writes:?}");

        reset(kv).await;
        let omitted = writes.at(b"m", WriteConflict::Omitted);
        assert!(omitted.iter().all(is_omitted));
        let raced = race(kv, reads, Isolation::Serializable, &omitted).await;
        assert_eq!(raced, Ok(()), "{reads:?} {writes:?} with its conflict omitted");
        assert!(get(kv, b"written").await.is_some());
    }
}

/// Anybody may write what was read as a snapshot.
pub async fn a_snapshot_read_never_conflicts(kv: &Arc<dyn Kv>) {
    if kv.concurrency() == Concurrency::Serial {
        return;
    }
    for (reads, writes) in pairs() {
        reset(kv).await;
        let declared = writes.at(b"m", WriteConflict::Declared);
        let raced = race(kv, reads, Isolation::Snapshot, &declared).await;
        assert_eq!(raced, Ok(()), "{reads:?} {writes:?}");
    }
}

/// Rows next to what was read may be written; a new row inside a range that was read may not.
pub async fn writes_outside_what_was_read_do_not_conflict(kv: &Arc<dyn Kv>) {
    if kv.concurrency() == Concurrency::Serial {
        return;
    }
    let cases: [(Reads, &[u8], Result<(), KvError>); 6] = [
        (Reads::Key, b"l", Ok(())),
        (Reads::Key, b"m\0", Ok(())),
        (Reads::Range, b"k\xFF", Ok(())),
        (Reads::Range, b"n", Ok(())),
        (Reads::Range, b"l", Err(KvError::Conflict)),
        (Reads::Range, b"m\xFF", Err(KvError::Conflict)),
    ];
    for (reads, key, expected) in cases {
        reset(kv).await;
        let declared = Writes::Put.at(key, WriteConflict::Declared);
        let raced = race(kv, reads, Isolation::Serializable, &declared).await;
        assert_eq!(raced, expected, "{reads:?}, {key:?} written");
    }
}

fn is_omitted(mutation: &Mutation) -> bool {
    match mutation {
        Mutation::Put { conflict, .. }
        | Mutation::Delete { conflict, .. }
        | Mutation::ClearRange { conflict, .. } => *conflict == WriteConflict::Omitted,
    }
}
