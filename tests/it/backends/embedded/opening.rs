//! Opening and closing: what is shared, what is refused, and what is left alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use batondb::kv::embedded::Durability::{Relaxed, Strict};
use batondb::kv::{Kv, KvError, transact};
use futures::executor::block_on;

use crate::backends::embedded::support::{
    Increment, MIB, count, directory_of_parent, get, open, put, try_open,
};
use crate::support::Child;

#[track_caller]
fn refused(path: &Path) -> String {
    match try_open(path, Strict, None) {
        Err(KvError::Invalid { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

/// Every file of a directory with its bytes.
fn contents(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[tokio::test]
async fn a_directory_is_made_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some/new/place");
    let kv = open(&path, Strict);
    put(&kv, b"key", b"value".to_vec()).await.unwrap();
    kv.close().await;
    let kv = open(&path, Strict);
    assert_eq!(get(&kv, b"key").await.unwrap(), Some(b"value".to_vec()));
}

#[tokio::test]
async fn handles_on_one_directory_share_it_until_the_last_one_closes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let one = open(path, Strict);
    let two = open(&path.join("."), Strict);
    put(&one, b"key", b"value".to_vec()).await.unwrap();
    assert_eq!(get(&two, b"key").await.unwrap(), Some(b"value".to_vec()));
    assert_eq!(one.commits().unwrap(), two.commits().unwrap());
    one.close().await;
    assert_eq!(get(&one, b"key").await, Err(KvError::Closed));
    put(&two, b"key", b"after".to_vec()).await.unwrap();
    drop(two);
    let three = open(path, Strict);
    assert_eq!(get(&three, b"key").await.unwrap(), Some(b"after".to_vec()));
}

#[tokio::test]
async fn a_directory_has_one_set_of_options_while_it_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let kv = try_open(path, Strict, Some(64 * MIB)).unwrap();
    for (durability, size_bytes_max) in [(Relaxed, Some(64 * MIB)), (Strict, Some(65 * MIB))] {
        let Err(KvError::Invalid { detail }) = try_open(path, durability, size_bytes_max) else {
            panic!("{durability:?} {size_bytes_max:?} was taken");
        };
        assert!(detail.contains("durability = strict and maxSizeBytes = 67108864"), "{detail}");
        assert!(detail.contains(&format!("maxSizeBytes = {}", size_bytes_max.unwrap())), "{detail}");
    }
    // Who asks for no size takes the one that is in use.
    drop(try_open(path, Strict, None).unwrap());
    // A size that rounds to the same one is the same one.
    drop(try_open(path, Strict, Some(64 * MIB - 1)).unwrap());
    kv.close().await;
    try_open(path, Relaxed, None).unwrap().close().await;
}

#[test]
fn opening_and_closing_at_once_never_collide() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for round in 0..40 {
                    let kv = open(path, Relaxed);
                    block_on(transact(&kv, &Arc::new(Increment(b"counter")))).unwrap();
                    // Some close, some only let go.
                    if (thread + round) % 2 == 0 {
                        block_on(kv.close());
                    }
                }
            });
        }
    });
    let kv = open(path, Relaxed);
    assert_eq!(count(block_on(get(&kv, b"counter")).unwrap().as_deref()), 8 * 40);
}

#[test]
fn a_size_that_makes_no_sense_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for size in [0, 4_096, MIB - 1, u64::MAX, 1 << 63, 1 << 60] {
        let Err(KvError::Invalid { detail }) = try_open(directory.path(), Strict, Some(size)) else {
            panic!("{size} was taken");
        };
        assert!(detail.contains(&format!("maxSizeBytes = {size}")), "{detail}");
    }
    assert_eq!(contents(directory.path()), BTreeMap::new());
    // What failed leaves nothing behind that would keep the directory from being opened.
    try_open(directory.path(), Strict, Some(MIB)).unwrap();
}

#[test]
fn a_path_that_is_no_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, b"text").unwrap();
    assert!(refused(&file).contains("file"));
    let Err(KvError::Unusable { detail }) = try_open(&file.join("below"), Strict, None) else {
        panic!("a directory below a file was made");
    };
    assert!(detail.contains("below"), "{detail}");
    assert_eq!(fs::read(&file).unwrap(), b"text");
}

#[test]
fn files_of_others_are_left_as_they_are() {
    let noise: Vec<u8> =
        (0..20_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [&noise[..], b"x", b"a text of some lines that goes on"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("data.mdb"), bytes).unwrap();
        let before = contents(directory.path());
        assert!(refused(directory.path()).contains("not a Baton store"));
        assert_eq!(contents(directory.path()), before);
    }
    let directory = tempfile::tempdir().unwrap();
    let sqlite = rusqlite::Connection::open(directory.path().join("data.mdb")).unwrap();
    sqlite.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
    drop(sqlite);
    let before = contents(directory.path());
    assert!(refused(directory.path()).contains("not a Baton store"));
    assert_eq!(contents(directory.path()), before);
}

/// Makes an LMDB environment of somebody else's, with one entry in the named database.
fn foreign_lmdb(path: &Path, names: &[Option<&str>]) {
    use heed::types::Bytes;
    let mut options = heed::EnvOpenOptions::new();
    options.max_dbs(4).map_size(1 << 24);
    // SAFETY: the directory is new, so nothing else has a file in it open.
    let env = unsafe { options.open(path) }.unwrap();
    for name in names {
        let txn = env.write_txn().unwrap();
        env.create_databases_and_commit(txn, |opener, txn| {
            let database = opener.create_database::<Bytes, Bytes>(txn, *name)?;
            database.put(txn, b"key", b"value")?;
            Ok::<_, heed::Error>(heed::CommitOrAbort::<_, ()>::Commit(database))
        })
        .unwrap();
    }
    env.prepare_for_closing().wait();
}

#[test]
fn environments_of_others_are_left_as_they_are() {
    let cases: [&[Option<&str>]; 4] =
        [&[None], &[Some("theirs")], &[Some("rows")], &[Some("rows"), Some("parts")]];
    for names in cases {
        let directory = tempfile::tempdir().unwrap();
        foreign_lmdb(directory.path(), names);
        let data = directory.path().join("data.mdb");
        let before = fs::read(&data).unwrap();
        assert!(refused(directory.path()).contains("not a Baton store"), "{names:?}");
        assert_eq!(fs::read(&data).unwrap(), before, "{names:?}");
        assert!(!directory.path().join("turnstile").exists());
    }
}

#[test]
fn an_environment_without_entries_may_be_used() {
    let directory = tempfile::tempdir().unwrap();
    foreign_lmdb(directory.path(), &[]);
    block_on(put(&open(directory.path(), Strict), b"key", vec![])).unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("data.mdb"), b"").unwrap();
    block_on(put(&open(directory.path(), Strict), b"key", vec![])).unwrap();
}

#[tokio::test]
async fn a_full_store_says_so_and_recovers_by_deleting() {
    let directory = tempfile::tempdir().unwrap();
    let kv = try_open(directory.path(), Relaxed, Some(2 * MIB)).unwrap();
    let mut rows = 0_u32;
    let full = loop {
        match put(&kv, &rows.to_be_bytes(), vec![1; 4_105]).await {
            Ok(()) => rows += 1,
            Err(error) => break error,
        }
    };
    let KvError::Full { detail } = full else { panic!("{full:?}") };
    assert!(detail.contains("maxSizeBytes"), "{detail}");
    assert!(rows > 200, "2 MiB hold more than {rows} rows");
    assert_eq!(get(&kv, &(rows - 1).to_be_bytes()).await.unwrap(), Some(vec![1; 4_105]));
    for row in 0..rows / 2 {
        crate::backends::embedded::support::delete(&kv, &row.to_be_bytes()).await.unwrap();
    }
    for row in 0..rows / 4 {
        put(&kv, &row.to_be_bytes(), vec![2; 4_105]).await.unwrap();
    }
    assert_eq!(get(&kv, &0_u32.to_be_bytes()).await.unwrap(), Some(vec![2; 4_105]));
}

#[test]
fn opens_with_little_address_space() {
    // Beside what the store maps there is room for others: that of a heap, say.
    let Some(directory) = directory_of_parent() else { return };
    let kv = try_open(&directory, Strict, None).unwrap();
    let room: Vec<u8> = Vec::with_capacity(4 << 30);
    block_on(put(&kv, b"key", room[..0].to_vec())).unwrap();
}

/// Runs a test as a child, in a shell that has first run `limit`.
#[cfg(unix)]
#[track_caller]
fn succeeds_with(limit: &str, test: &str) {
    let directory = tempfile::tempdir().unwrap();
    let by = ["sh", "-c", &format!("{limit} && exec \"$0\" \"$@\"")];
    Child::start_by(&by, test, &[directory.path().to_str().unwrap()]).finish();
}

#[cfg(unix)]
#[test]
fn a_store_takes_a_small_part_of_a_small_address_space() {
    succeeds_with("ulimit -v 8000000", "backends::embedded::opening::opens_with_little_address_space");
}

/// A limit on the size of files stands in for a full disk: both fail the write of a page.
#[test]
fn fills_the_disk() {
    let Some(directory) = directory_of_parent() else { return };
    let kv = open(&directory, Strict);
    let mut rows = 0_u32;
    let full = loop {
        match block_on(put(&kv, &rows.to_be_bytes(), vec![1; 9_000])) {
            Ok(()) => rows += 1,
            Err(error) => break error,
        }
    };
    let KvError::Full { detail } = full else { panic!("{full:?}") };
    assert!(detail.contains("disk"), "{detail}");
    assert!(rows > 50, "2 MiB hold more than {rows} rows");
    for row in 0..rows {
        let found = block_on(get(&kv, &row.to_be_bytes())).unwrap();
        assert_eq!(found, Some(vec![1; 9_000]), "row {row}");
    }
    assert_eq!(block_on(get(&kv, &rows.to_be_bytes())).unwrap(), None);
    block_on(crate::backends::embedded::support::delete(&kv, &0_u32.to_be_bytes())).unwrap();
}

#[cfg(unix)]
#[test]
fn a_full_disk_says_so_and_loses_nothing() {
    // The signal that comes with the limit would end the process before the write could fail.
    succeeds_with("trap '' XFSZ && ulimit -f 4096", "backends::embedded::opening::fills_the_disk");
}
