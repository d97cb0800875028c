//! Files in and out: what comes in goes out byte for byte, and what is no database does not come in.

use std::fs;
use std::path::{Path, PathBuf};

use batondb::engine::{Outcome, Sent};
use batondb::types::Txid;
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use crate::support::{Mirror, Place, chinook, commit, first_page, id, on_every_backend, rows, start};

on_every_backend!(
    an_untouched_import_is_exported_byte_for_byte_at_every_page_size,
    a_real_database_comes_and_goes_unchanged,
    what_is_no_database_is_refused_and_changes_nothing,
    a_database_with_something_left_to_replay_is_refused,
    an_import_takes_the_actor_over_and_replaces_only_when_told,
    an_export_replaces_a_file_whole_or_not_at_all,
    pages_written_by_commits_are_exported_as_a_database,
    a_database_in_pieces_is_the_same_as_its_file_at_every_page_size,
    an_import_in_pieces_that_is_given_up_leaves_nothing,
);

/// A database with a table of `rows` rows.
fn database(path: &Path, page_size: usize, rows: u32) {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "page_size", u32::try_from(page_size).unwrap()).unwrap();
    connection.execute_batch("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)").unwrap();
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                  INSERT INTO note SELECT i, hex(randomblob(40)) FROM n";
    connection.execute(insert, [rows]).unwrap();
}

fn integrity(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }
}

async fn an_untouched_import_is_exported_byte_for_byte_at_every_page_size(place: Place) {
    let (engine, files) = (place.open().await, Files::new());
    for log2 in 9..=16 {
        let page_size = 1 << log2;
        let (original, copy) = (files.path(&format!("{page_size}.sqlite")), files.path("copy.sqlite"));
        database(&original, page_size, 3_000);
        let actor = id(&format!("pages of {page_size}"));
        let meta = engine.import_from(&actor, &original, false).await.unwrap();
        let bytes = fs::read(&original).unwrap();
        assert_eq!(meta.page_size.bytes(), page_size);
        assert_eq!(meta.size_pages.0 as usize * page_size, bytes.len());
        let exported = engine.export_to(&actor, &copy).await.unwrap();
        assert_eq!((exported, engine.stat(&actor).await), (meta, Ok(Some(meta))));
        assert!(fs::read(&copy).unwrap() == bytes, "a database of pages of {page_size} bytes has changed");
    }
}

async fn a_real_database_comes_and_goes_unchanged(place: Place) {
    let Some(original) = chinook("a_real_database_comes_and_goes_unchanged") else { return };
    let (engine, files) = (place.open().await, Files::new());
    let meta = engine.import_from(&id("chinook"), &original, false).await.unwrap();
    engine.export_to(&id("chinook"), &files.path("copy.sqlite")).await.unwrap();
    assert!(fs::read(&original).unwrap() == fs::read(files.path("copy.sqlite")).unwrap());
    let started = start(&engine, &id("chinook")).await;
    assert_eq!((started.meta.head_txid, started.meta.size_pages), (meta.head_txid, meta.size_pages));
    assert!(started.pages.data.starts_with(b"SQLite format 3\0"));
}

async fn what_is_no_database_is_refused_and_changes_nothing(place: Place) {
    let (engine, files) = (place.open().await, Files::new());
    database(&files.path("good.sqlite"), 4096, 1_000);
    let good = fs::read(files.path("good.sqlite")).unwrap();
    let mut odd_page_size = good.clone();
    odd_page_size[16..18].copy_from_slice(&3_000u16.to_be_bytes());
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("text", b"not a database at all, only some text. ".repeat(9), "does not begin with"),
        ("short", b"SQLite format 3\0".to_vec(), "does not begin with"),
        ("part of a page", good[..good.len() - 1].to_vec(), "cut short"),
        ("pages missing", good[..good.len() - 4096].to_vec(), "cut short"),
        ("odd page size", odd_page_size, "3000 bytes"),
    ];
    for (name, bytes, message) in cases {
        fs::write(files.path(name), bytes).unwrap();
        let refused = engine.import_from(&id("a"), &files.path(name), false).await.unwrap_err();
        assert_eq!(refused.code(), "ERR_INVALID_ARG", "{name}: {refused}");
        let text = refused.to_string();
        assert!(text.contains(message) && text.contains(name), "{name}: {text}");
    }
    for missing in [files.path("missing.sqlite"), files.0.path().to_owned()] {
        let refused = engine.import_from(&id("a"), &missing, false).await.unwrap_err();
        assert_eq!(refused.code(), "ERR_INVALID_ARG", "{refused}");
    }
    assert_eq!(engine.stat(&id("a")).await, Ok(None));
}

async fn a_database_with_something_left_to_replay_is_refused(place: Place) {
    let (engine, files) = (place.open().await, Files::new());
    let path = files.path("live.sqlite");
    database(&path, 4096, 100);
    let connection = Connection::open(&path).unwrap();
    // A transaction that has spilled leaves a hot journal behind for whoever comes next.
    connection
        .execute_batch("PRAGMA cache_size = 1; BEGIN; UPDATE note SET body = hex(randomblob(500))")
        .unwrap();
    assert!(files.names().contains(&"live.sqlite-journal".to_owned()));
    let refused = engine.import_from(&id("a"), &path, false).await.unwrap_err();
    assert!(refused.to_string().contains("hot rollback journal"), "{refused}");
    connection.execute_batch("ROLLBACK").unwrap();

    connection.execute_batch("PRAGMA journal_mode = WAL; UPDATE note SET body = 'new'").unwrap();
    let refused = engine.import_from(&id("a"), &path, false).await.unwrap_err();
    assert!(refused.to_string().contains("write-ahead log"), "{refused}");
    assert_eq!(engine.stat(&id("a")).await, Ok(None));

    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(connection);
    engine.import_from(&id("a"), &path, false).await.unwrap();
    // An export next to such a journal would be changed by it at once.
    fs::write(files.path("target.sqlite-wal"), b"frames").unwrap();
    let refused = engine.export_to(&id("a"), &files.path("target.sqlite")).await.unwrap_err();
    assert!(refused.to_string().contains("write-ahead log"), "{refused}");
}

async fn an_import_takes_the_actor_over_and_replaces_only_when_told(place: Place) {
    let (engine, files) = (place.open().await, Files::new());
    let actor = id("a");
    database(&files.path("one.sqlite"), 4096, 5_000);
    database(&files.path("two.sqlite"), 1024, 50);
    let old = start(&engine, &actor).await.meta.generation;
    let first = engine.import_from(&actor, &files.path("one.sqlite"), false).await.unwrap();
    assert!(first.generation > old, "an owner from before the import is fenced");
    let refused = commit(&engine, &actor, old, Txid(0), [1], 1).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_FENCE_MISMATCH");

    let refused = engine.import_from(&actor, &files.path("two.sqlite"), false).await.unwrap_err();
    assert!(refused.to_string().contains("replace: true"), "{refused}");
    assert_eq!(engine.stat(&actor).await, Ok(Some(first)), "a refused import fences nobody");

    // Smaller, and of another page size.
    let second = engine.import_from(&actor, &files.path("two.sqlite"), true).await.unwrap();
    assert!(second.head_txid > first.head_txid && second.generation > first.generation);
    engine.export_to(&actor, &files.path("copy.sqlite")).await.unwrap();
    assert!(fs::read(files.path("copy.sqlite")).unwrap() == fs::read(files.path("two.sqlite")).unwrap());
    engine.idle().await;
    assert_eq!(rows(&place.kv()).await.len(), second.size_pages.0 as usize + 3);
    let started = engine.load_startup(&actor, &first_page()).await.unwrap();
    assert_eq!((started.outcome, started.pages.page_size.bytes()), (Outcome::Won, 1024));
}

async fn an_export_replaces_a_file_whole_or_not_at_all(place: Place) {
    let (engine, files) = (place.open().await, Files::new());
    database(&files.path("one.sqlite"), 4096, 100);
    engine.import_from(&id("a"), &files.path("one.sqlite"), false).await.unwrap();
    fs::write(files.path("target"), b"former content").unwrap();
    let refused = engine.export_to(&id("nobody"), &files.path("target")).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_NOT_FOUND");
    assert_eq!(fs::read(files.path("target")).unwrap(), b"former content");
    let refused = engine.export_to(&id("a"), &files.path("no/such/folder")).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_INVALID_ARG");
    engine.export_to(&id("a"), &files.path("target")).await.unwrap();
    assert!(fs::read(files.path("target")).unwrap() == fs::read(files.path("one.sqlite")).unwrap());
    assert_eq!(files.names(), ["one.sqlite", "target"], "nothing is left beside it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_does_not_replace_the_files_of_its_store() {
    let (place, files) = (Place::embedded(), Files::new());
    let engine = place.open().await;
    database(&files.path("one.sqlite"), 4096, 100);
    let meta = engine.import_from(&id("a"), &files.path("one.sqlite"), false).await.unwrap();
    let directory = PathBuf::from(place.address());
    let own: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(own.len() > 1, "{own:?}");
    for file in own {
        let refused = engine.export_to(&id("a"), &file).await.unwrap_err();
        assert_eq!(refused.code(), "ERR_INVALID_ARG");
        assert!(refused.to_string().contains(file.to_str().unwrap()), "{refused}");
    }
    for _ in 0..2 {
        engine.export_to(&id("a"), &directory.join("beside.sqlite")).await.unwrap();
    }
    engine.close().await;
    assert_eq!(place.open().await.stat(&id("a")).await, Ok(Some(meta)));
}

/// Changes made with SQLite elsewhere and committed page by page give a database that SQLite takes.
async fn pages_written_by_commits_are_exported_as_a_database(place: Place) {
    let (engine, files) = (place.open().await, Files::new());
    let (scratch, copy) = (files.path("scratch.sqlite"), files.path("copy.sqlite"));
    database(&scratch, 4096, 10);
    let actor = id("a");
    let started = start(&engine, &actor).await;
    let mut pages = Mirror::new(started.meta.generation);
    let connection = Connection::open(&scratch).unwrap();
    for round in 0..20 {
        let change = match round % 4 {
            0 => "INSERT INTO note(body) SELECT hex(randomblob(600)) FROM note",
            1 => "UPDATE note SET body = hex(randomblob(100)) WHERE id % 3 = 0",
            2 => "DELETE FROM note WHERE id % 2 = 0",
            _ => "VACUUM",
        };
        connection.execute_batch(change).unwrap();
        pages.commit(&engine, &actor, &scratch).await.unwrap();
    }
    engine.export_to(&actor, &copy).await.unwrap();
    assert!(fs::read(&copy).unwrap() == fs::read(&scratch).unwrap());
    assert_eq!(integrity(&copy), "ok");
}

async fn a_database_in_pieces_is_the_same_as_its_file_at_every_page_size(place: Place) {
    let (engine, files) = (place.open().await, Files::new());
    for (log2, piece_bytes) in (9..=16).zip([1_000_000, 99, 512, 4_095, 70_000, 1 << 20, 131_072, 65_537]) {
        let (page_size, file) = (1 << log2, files.path(&format!("{log2}.sqlite")));
        database(&file, page_size, 3_000);
        let (bytes, actor) = (fs::read(&file).unwrap(), id(&format!("pages of {page_size}")));
        let mut receiving = engine.receive(&actor, false);
        for piece in bytes.chunks(piece_bytes) {
            receiving.take(piece).await.unwrap();
        }
        let meta = receiving.finish().await.unwrap();
        assert_eq!((meta.page_size.bytes(), engine.stat(&actor).await), (page_size, Ok(Some(meta))));
        let mut sending = engine.send(&actor, false).await.unwrap();
        assert_eq!(sending.meta(), meta);
        let mut sent = Vec::new();
        while let Sent::Bytes(piece) = sending.next().await.unwrap() {
            sent.extend(piece);
        }
        assert!(sent == bytes, "a database of pages of {page_size} bytes has changed");
    }
}

async fn an_import_in_pieces_that_is_given_up_leaves_nothing(place: Place) {
    let (engine, files) = (place.open().await, Files::new());
    database(&files.path("one.sqlite"), 4096, 9_000);
    let (bytes, actor) = (fs::read(files.path("one.sqlite")).unwrap(), id("a"));
    let mut receiving = engine.receive(&actor, false);
    receiving.take(&bytes[..99]).await.unwrap();
    drop(receiving);
    assert_eq!(engine.inspect(&actor).await.unwrap(), None, "nothing is written before the header is there");
    let mut receiving = engine.receive(&actor, false);
    receiving.take(&bytes[..500_000]).await.unwrap();
    drop(receiving);
    engine.idle().await;
    assert_eq!(engine.stat(&actor).await, Ok(None));
    let mut receiving = engine.receive(&actor, false);
    receiving.take(&bytes).await.unwrap();
    // Whoever comes meanwhile comes after it.
    let started = start(&engine, &actor).await;
    let refused = receiving.finish().await.unwrap_err();
    assert!(["ERR_FENCE_MISMATCH", "ERR_CONCURRENT_TAKEOVER"].contains(&refused.code()), "{refused}");
    assert_eq!(engine.stat(&actor).await.unwrap().unwrap().generation, started.meta.generation);
}
