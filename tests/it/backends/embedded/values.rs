//! Split values leave nothing behind, and damage to them is noticed.

use std::path::Path;
use std::sync::Arc;

use batondb::kv::embedded::Durability;
use batondb::kv::{Kv, KvError, conformance};
use futures::future::FutureExt;
use heed::types::Bytes;
use heed::{Database, RwTxn};

use crate::backends::embedded::support::{delete, get, in_one_batch, open, put};

#[tokio::test]
async fn a_value_takes_as_few_entries_as_it_can() {
    let directory = tempfile::tempdir().unwrap();
    let kv = open(directory.path(), Durability::Relaxed);
    let cases =
        [(0, 0), (3_999, 0), (4_000, 1), (4_105, 1), (7_999, 1), (8_000, 2), (65_600, 16), (100_000, 25)];
    for (size, parts) in cases {
        put(&kv, b"key", vec![7; size]).await.unwrap();
        assert_eq!(kv.entries().unwrap(), (1, parts), "{size} bytes");
    }
    put(&kv, b"key", vec![]).await.unwrap();
    assert_eq!(kv.entries().unwrap(), (1, 0));
}

/// The random operations end with an empty store, so any entry left is one that nothing points at.
#[tokio::test(flavor = "multi_thread")]
async fn no_part_outlives_its_row() {
    let directory = tempfile::tempdir().unwrap();
    let kv = Arc::new(open(directory.path(), Durability::Relaxed));
    let store = Arc::clone(&kv) as Arc<dyn Kv>;
    conformance::random_operations_match_a_sorted_map(&store).await;
    assert_eq!(kv.entries().unwrap(), (0, 0));
    conformance::values_of_every_size_come_back(&store).await;
    assert_eq!(kv.entries().unwrap(), (0, 0));
    conformance::clearing_a_range_clears_exactly_it(&store).await;
    assert_eq!(kv.entries().unwrap(), (0, 0));
}

/// A change to LMDB's own entries: it gets the parts and the rows.
type Damage = fn(&mut RwTxn<'_>, Database<'_, Bytes, Bytes>, Database<'_, Bytes, Bytes>);

fn damage(path: &Path, damage: Damage) {
    let mut options = heed::EnvOpenOptions::new();
    options.max_dbs(2).map_size(1 << 30);
    // SAFETY: the store was closed before, so nothing else has the file open.
    let env = unsafe { options.open(path) }.unwrap();
    let txn = env.write_txn().unwrap();
    env.create_databases_and_commit(txn, |opener, txn| {
        let parts = opener.create_database::<Bytes, Bytes>(txn, Some("parts"))?;
        let rows = opener.create_database::<Bytes, Bytes>(txn, Some("rows"))?;
        damage(txn, parts, rows);
        Ok::<_, heed::Error>(heed::CommitOrAbort::<_, ()>::Commit((parts, rows)))
    })
    .unwrap();
    env.prepare_for_closing().wait();
}

#[tokio::test]
async fn a_row_with_missing_or_short_parts_is_corrupt() {
    let damages: [Damage; 5] = [
        |txn, parts, _| assert!(parts.delete(txn, b"key\x01").unwrap()),
        |txn, parts, _| assert!(parts.delete(txn, b"key\x02").unwrap()),
        |txn, parts, _| parts.put(txn, b"key\x01", &[7; 3_999]).unwrap(),
        |txn, _, rows| rows.put(txn, b"key", &[2; 100]).unwrap(),
        |txn, _, rows| rows.put(txn, b"key", b"").unwrap(),
    ];
    for (number, change) in damages.into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        let kv = open(directory.path(), Durability::Relaxed);
        put(&kv, b"key", vec![7; 9_000]).await.unwrap();
        put(&kv, b"other", vec![8; 9_000]).await.unwrap();
        kv.close().await;
        damage(directory.path(), change);
        let kv = open(directory.path(), Durability::Relaxed);
        let found = get(&kv, b"key").await;
        let Err(KvError::Corrupt { detail }) = found else { panic!("damage {number}: {found:?}") };
        assert!(detail.contains("key"), "{detail}");
        assert_eq!(get(&kv, b"other").await.unwrap(), Some(vec![8; 9_000]));
    }
}

/// The writes that come last are made when their record is on its way to the disk already.
#[tokio::test]
async fn a_write_that_damage_forbids_fails_alone_and_leaves_no_record() {
    let directory = tempfile::tempdir().unwrap();
    let kv = open(directory.path(), Durability::Strict);
    put(&kv, b"key", vec![7; 9_000]).await.unwrap();
    kv.close().await;
    damage(directory.path(), |txn, _, rows| rows.put(txn, b"key", b"").unwrap());
    let kv = Arc::new(open(directory.path(), Durability::Strict));
    for (keys, damaged) in [(vec!["key"], 0), (vec!["a", "b", "key"], 2), (vec!["key", "a", "b"], 0)] {
        put(&kv, b"a", vec![0]).await.unwrap();
        let jobs = keys.clone().into_iter().map(|key| {
            let kv = Arc::clone(&kv);
            async move { put(&kv, key.as_bytes(), vec![1]).await }.boxed()
        });
        for (number, answer) in in_one_batch(&kv, jobs).await.into_iter().enumerate() {
            match answer {
                Ok(()) => assert_ne!(number, damaged),
                Err(KvError::Corrupt { detail }) => assert_eq!(number, damaged, "{detail}"),
                Err(other) => panic!("{other:?}"),
            }
        }
        // A copy is opened by applying the journal to the last checkpoint, as after a loss of power.
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(directory.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let recovered = open(copy.path(), Durability::Strict);
        let a = u8::from(keys.len() > 1);
        assert_eq!(get(&recovered, b"a").await.unwrap(), Some(vec![a]));
        assert!(matches!(get(&recovered, b"key").await, Err(KvError::Corrupt { .. })));
        recovered.close().await;
    }
}

#[tokio::test]
async fn keys_have_limits_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let kv = open(directory.path(), Durability::Relaxed);
    put(&kv, &[b'k'; 1_024], vec![1; 9_000]).await.unwrap();
    assert_eq!(get(&kv, &[b'k'; 1_024]).await.unwrap(), Some(vec![1; 9_000]));
    let long = put(&kv, &[b'k'; 1_025], vec![1]).await;
    assert!(matches!(long, Err(KvError::TooLarge { .. })), "{long:?}");
    let empty = put(&kv, b"", vec![1]).await;
    assert!(matches!(empty, Err(KvError::Invalid { .. })), "{empty:?}");
    // A key that no row can have is not there, rather than an error.
    for key in [&b""[..], &[b'k'; 5_000]] {
        assert_eq!(get(&kv, key).await.unwrap(), None);
        delete(&kv, key).await.unwrap();
    }
    assert_eq!(kv.entries().unwrap(), (1, 2));
}
