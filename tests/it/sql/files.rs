//! Files that come from elsewhere, files that are reached for, and files that SQLite makes on its way.

use std::fs;

use batondb::codec::ActorKeys;
use batondb::database::DatabaseError;
use batondb::engine::{Commit, PageWrite, StoreError};
use batondb::types::{PageCount, Txid};
use libsqlite3_sys as ffi;
use rusqlite::Connection;

use super::support::{Db, Draw, Host, Value, code_of, store_error};
use crate::support::{Place, first_page, id, on_every_backend, page, put_row, rows, start};

on_every_backend!(
    an_imported_database_that_wants_a_write_ahead_log_works_without_one,
    databases_of_every_page_size_are_taken_over_as_they_are,
    pages_of_garbage_are_an_error_of_sqlite_and_no_crash,
    a_damaged_stored_page_is_told_with_its_place,
    other_files_are_out_of_reach,
    what_is_attached_lives_in_memory_and_is_gone_with_the_database,
    temporary_tables_and_large_sorts_leave_no_trace_in_the_store,
    pragmas_that_would_break_the_store_answer_what_holds,
    pragmas_that_reach_into_the_process_are_refused_in_every_schema,
    the_page_size_stays_once_there_are_pages,
    what_sqlite_is_compiled_with_works,
);

async fn an_imported_database_that_wants_a_write_ahead_log_works_without_one(place: Place) {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("wal.sqlite");
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE t(n INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)",
        )
        .unwrap();
    drop(connection);
    assert_eq!(fs::read(&file).unwrap()[18..20], [2, 2]);
    let host = Host::at(&place).await;
    host.engine.import_from(&id("a"), &file, false).await.unwrap();
    for round in 1..=3 {
        let db = host.open("a").await;
        assert_eq!(db.integer("SELECT count(*) FROM t").await, round);
        assert_eq!(db.value("PRAGMA journal_mode").await, Ok("memory".into()));
        db.run("INSERT INTO t VALUES (?)", &[(round + 1).into()]).await.unwrap();
    }
    let copy = host.exported("a", &files.path().join("copy.sqlite")).await;
    assert_eq!(copy.query_row("SELECT count(*) FROM t", [], |row| row.get(0)), Ok(4));
}

async fn databases_of_every_page_size_are_taken_over_as_they_are(place: Place) {
    let files = tempfile::tempdir().unwrap();
    let host = Host::at(&place).await;
    for log2 in 9..=16 {
        let (size, name) = (1 << log2, format!("{log2}"));
        let file = files.path().join(&name);
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "page_size", size).unwrap();
        connection.execute_batch("CREATE TABLE t(c); INSERT INTO t VALUES (hex(randomblob(50000)))").unwrap();
        drop(connection);
        host.engine.import_from(&id(&name), &file, false).await.unwrap();
        let db = host.open(&name).await;
        assert_eq!(db.integer("PRAGMA page_size").await, size);
        db.exec("INSERT INTO t SELECT c || c FROM t; DELETE FROM t WHERE rowid = 1; VACUUM").await.unwrap();
        let copy = host.exported(&name, &files.path().join("copy")).await;
        assert_eq!(copy.query_row("SELECT length(c) FROM t", [], |row| row.get(0)), Ok(200_000));
    }
}

/// Commits these pages of 4,096 bytes as an actor's database.
async fn commit_raw(host: &Host, actor: &str, pages: &[Vec<u8>]) {
    let started = start(&host.engine, &id(actor)).await;
    let writes = (1..).zip(pages).map(|(number, data)| PageWrite { page: page(number), data }).collect();
    let commit = Commit {
        generation: started.meta.generation,
        head_txid: started.meta.head_txid,
        size_pages: PageCount(u32::try_from(pages.len()).unwrap()),
        pages: writes,
    };
    host.engine.commit(&id(actor), commit).await.unwrap();
}

async fn pages_of_garbage_are_an_error_of_sqlite_and_no_crash(place: Place) {
    let host = Host::at(&place).await;
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("sound.sqlite");
    Connection::open(&file)
        .unwrap()
        .execute_batch(
            "CREATE TABLE t(n INTEGER PRIMARY KEY, c); CREATE INDEX t_c ON t(c);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
            INSERT INTO t SELECT i, hex(randomblob(200)) FROM n",
        )
        .unwrap();
    let sound: Vec<Vec<u8>> = fs::read(&file).unwrap().chunks(4096).map(<[u8]>::to_vec).collect();
    let mut draw = Draw::new(7);
    let mut refused = 0;
    for case in 0..40 {
        let actor = format!("case {case}");
        let mut pages = sound.clone();
        match case {
            0 => pages.iter_mut().for_each(|page| page.fill(0xA5)),
            1 => pages.truncate(2),
            _ => {
                for _ in 0..=draw.below(20) {
                    let of = usize::try_from(draw.below(pages.len() as u64)).unwrap();
                    let at = usize::try_from(draw.below(4096)).unwrap();
                    pages[of][at] ^= u8::try_from(draw.below(255)).unwrap() + 1;
                }
            }
        }
        commit_raw(&host, &actor, &pages).await;
        let db = host.open(&actor).await;
        for sql in [
            "SELECT sum(length(c)) FROM t",
            "SELECT count(*) FROM t INDEXED BY t_c WHERE c > ''",
            "UPDATE t SET c = hex(randomblob(300)) WHERE n % 3 = 0",
            "DELETE FROM t WHERE n % 5 = 0",
            "VACUUM",
            "SELECT count(*) FROM t",
        ] {
            let Err(error) = db.all(sql, &[]).await else { continue };
            refused += 1;
            let code = code_of(&error) & 0xFF;
            let known = [ffi::SQLITE_NOTADB, ffi::SQLITE_CORRUPT, ffi::SQLITE_ERROR, ffi::SQLITE_CONSTRAINT];
            assert!(known.contains(&code), "{case} {sql}: {error:?}");
            if case == 0 {
                assert_eq!(code, ffi::SQLITE_NOTADB);
            }
        }
    }
    assert!(refused > 10, "{refused}");
}

async fn a_damaged_stored_page_is_told_with_its_place(place: Place) {
    let host = Host::new(place.kv(), 0).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(c); INSERT INTO t VALUES (hex(randomblob(30000))); CREATE TABLE u(n); INSERT INTO u VALUES (1)")
        .await
        .unwrap();
    let kv = place.kv();
    let keys = ActorKeys::new(&id("a"));
    for number in [5, 1] {
        // The newest version is the only one.
        let stored = rows(&kv).await;
        let is_at = |txid: &u64| stored.iter().any(|(key, _)| *key == keys.page(page(number), Txid(*txid)));
        let txid = Txid((1..=host.head("a").await).find(is_at).unwrap());
        let key = keys.page(page(number), txid);
        let good = stored.into_iter().find(|(stored, _)| *stored == key).unwrap().1;
        let mut damaged = good.clone();
        damaged[40] ^= 4;
        // A start that brings no page but the first, so that the damage is met by a read.
        let opened = host.open("a").await;
        put_row(&kv, &key, &damaged).await;
        let error = if number == 1 {
            host.try_open("a").await.err().unwrap()
        } else {
            opened.all("SELECT length(c) FROM t WHERE c LIKE '%x%'", &[]).await.unwrap_err()
        };
        let StoreError::Corrupt { actor, page: at, txid: of, .. } = store_error(error) else { panic!() };
        assert_eq!((actor, at, of), (Some(id("a")), Some(page(number)), Some(txid)));
        put_row(&kv, &key, &good).await;
        // Nothing else is lost by it.
        assert_eq!(opened.integer("SELECT count(*) FROM u").await, 1);
        assert_eq!(opened.integer("SELECT count(*) FROM t WHERE c LIKE '%A%'").await, 1);
    }
}

async fn other_files_are_out_of_reach(place: Place) {
    let files = tempfile::tempdir().unwrap();
    let outside = files.path().join("outside.sqlite");
    Connection::open(&outside).unwrap().execute_batch("CREATE TABLE secret(n)").unwrap();
    let before = fs::read(&outside).unwrap();
    let host = Host::at(&place).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n)").await.unwrap();
    let name = outside.to_str().unwrap();
    for sql in [
        format!("ATTACH '{name}' AS other"),
        format!("ATTACH 'file:{name}?vfs=unix' AS other"),
        format!("ATTACH '{name}' || '' AS other"),
        "ATTACH 'actor-1' AS other".to_owned(),
        format!("VACUUM INTO '{name}.copy'"),
        format!("VACUUM INTO '{name}' || '.copy'"),
    ] {
        let error = db.exec(&sql).await.unwrap_err();
        assert_eq!(code_of(&error), ffi::SQLITE_AUTH, "{sql}: {error}");
        assert!(error.to_string().contains("is refused"), "{sql}: {error}");
    }
    for sql in ["ATTACH ? AS other", "VACUUM INTO ?"] {
        let error = db.run(sql, &[name.into()]).await.unwrap_err();
        assert_eq!(code_of(&error), ffi::SQLITE_AUTH, "{sql}: {error}");
    }
    for sql in ["SELECT load_extension('x')", "SELECT writefile('x', 'y')", "SELECT readfile('x')"] {
        assert_eq!(code_of(&db.all(sql, &[]).await.unwrap_err()), ffi::SQLITE_ERROR, "{sql}");
    }
    let names: Vec<_> = fs::read_dir(files.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!((names, fs::read(&outside).unwrap() == before), (vec!["outside.sqlite".into()], true));
    db.exec("INSERT INTO t VALUES (1)").await.unwrap();
}

async fn what_is_attached_lives_in_memory_and_is_gone_with_the_database(place: Place) {
    let host = Host::at(&place).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n); ATTACH ':memory:' AS m; CREATE TABLE m.t(n)").await.unwrap();
    let head = host.head("a").await;
    db.exec("BEGIN; INSERT INTO main.t VALUES (1); INSERT INTO m.t VALUES (1); COMMIT").await.unwrap();
    db.exec("BEGIN; INSERT INTO main.t VALUES (2); INSERT INTO m.t VALUES (2); ROLLBACK").await.unwrap();
    db.exec("INSERT INTO m.t VALUES (3)").await.unwrap();
    assert_eq!(
        db.integer("SELECT (SELECT count(*) FROM main.t) * 10 + (SELECT count(*) FROM m.t)").await,
        12
    );
    assert_eq!(host.head("a").await, head + 1);
    // A temporary file could not commit together with the actor.
    let error = db.exec("ATTACH '' AS f").await.unwrap_err();
    assert_eq!(code_of(&error), ffi::SQLITE_AUTH, "{error}");
    db.exec("VACUUM").await.unwrap();
    let again = host.open("a").await;
    assert!(again.exec("SELECT * FROM m.t").await.is_err());
    assert_eq!(again.integer("SELECT count(*) FROM t").await, 1);
}

async fn temporary_tables_and_large_sorts_leave_no_trace_in_the_store(place: Place) {
    let host = Host::at(&place).await;
    let db = host.open("a").await;
    db.exec(
        "CREATE TABLE t(n, c); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
         INSERT INTO t SELECT i, hex(randomblob(150)) FROM n",
    )
    .await
    .unwrap();
    host.engine.idle().await;
    let (head, before) = (host.head("a").await, rows(&place.kv()).await);
    db.exec(
        "PRAGMA cache_size = 20; PRAGMA temp_store = FILE; CREATE TEMP TABLE copy AS SELECT * FROM t;
         CREATE INDEX temp.copy_c ON copy(c); UPDATE copy SET n = n + 1; DELETE FROM copy WHERE n % 2",
    )
    .await
    .unwrap();
    assert_eq!(db.integer("SELECT count(*) FROM (SELECT DISTINCT c FROM copy ORDER BY c DESC)").await, 4500);
    assert_eq!(db.integer("SELECT count(*) FROM (SELECT c, n FROM t GROUP BY c, n ORDER BY c)").await, 9000);
    let tx = db.begin().await.unwrap();
    tx.exec("DELETE FROM copy").await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(db.integer("SELECT count(*) FROM copy").await, 4500);
    host.engine.idle().await;
    assert_eq!(host.head("a").await, head);
    assert!(rows(&place.kv()).await == before, "the store has changed");
}

async fn pragmas_that_would_break_the_store_answer_what_holds(place: Place) {
    let host = Host::at(&place).await;
    let db = host.open("a").await;
    for (pragma, value) in [
        ("journal_mode", Value::from("memory")),
        ("main.journal_mode", "memory".into()),
        ("locking_mode", "exclusive".into()),
        ("synchronous", 2.into()),
        ("mmap_size", 0.into()),
    ] {
        for argument in [" = WAL", " = OFF", "(1000000)", " = NORMAL", " = 0"] {
            let sql = format!("PRAGMA {pragma}{argument}");
            db.exec(&sql).await.unwrap();
            assert_eq!(db.value(&format!("PRAGMA {pragma}")).await, Ok(value.clone()), "{sql}");
        }
    }
    // They have changed nothing: a rollback still has a journal, a commit still reaches the store.
    let head = host.head("a").await;
    db.exec("CREATE TABLE t(n); PRAGMA cache_size = 2; BEGIN").await.unwrap();
    db.exec("INSERT INTO t VALUES (zeroblob(100000)); ROLLBACK").await.unwrap();
    assert_eq!((db.integer("SELECT count(*) FROM t").await, host.head("a").await), (0, head + 1));
}

async fn pragmas_that_reach_into_the_process_are_refused_in_every_schema(place: Place) {
    let host = Host::at(&place).await;
    let db = host.open("a").await;
    db.exec("ATTACH ':memory:' AS m; CREATE TABLE m.t(n); CREATE TEMP TABLE t(n)").await.unwrap();
    for schema in ["", "main.", "temp.", "m."] {
        for pragma in
            ["temp_store_directory = '.'", "soft_heap_limit = 1000000000", "hard_heap_limit(1000000000)"]
        {
            let sql = format!("PRAGMA {schema}{pragma}");
            let error = db.exec(&sql).await.unwrap_err();
            assert!(error.to_string().contains("is refused"), "{sql}: {error}");
        }
    }
    let error = db.exec("SELECT * FROM pragma_hard_heap_limit(1000000000, 'temp')").await.unwrap_err();
    assert!(matches!(error, DatabaseError::Sql(_)), "{error:?}");
    // What belongs to the database alone goes through.
    db.exec("PRAGMA user_version = 7; PRAGMA temp.cache_size = 10; PRAGMA foreign_keys = on").await.unwrap();
    assert_eq!(db.integer("PRAGMA user_version").await, 7);
}

async fn the_page_size_stays_once_there_are_pages(place: Place) {
    let host = Host::at(&place).await;
    let db: Db = host.open("a").await;
    db.exec("PRAGMA page_size = 8192; BEGIN; CREATE TABLE t(n)").await.unwrap();
    let error = db.exec("PRAGMA page_size = 512").await.unwrap_err();
    assert!(error.to_string().contains("is refused"), "{error}");
    db.exec("ROLLBACK; PRAGMA page_size = 8192; CREATE TABLE t(n)").await.unwrap();
    db.exec("PRAGMA page_size = 1024; INSERT INTO t VALUES (1); VACUUM").await.unwrap();
    assert_eq!(db.integer("PRAGMA page_size").await, 8192);
    assert_eq!(db.integer("SELECT count(*) FROM t").await, 1);
    assert_eq!(start(&host.engine, &id("a")).await.meta.page_size.bytes(), 8192);
    let preload = first_page();
    assert_eq!(host.engine.load_startup(&id("a"), &preload).await.unwrap().pages.data.len(), 8192);
}

async fn what_sqlite_is_compiled_with_works(place: Place) {
    let db = Host::at(&place).await.open("a").await;
    db.exec(
        "CREATE TABLE s(n INTEGER, g INT AS (n * n) VIRTUAL) STRICT; INSERT INTO s VALUES (1), (2), (3);
         CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('to be or not');
         CREATE VIRTUAL TABLE r USING rtree(id, a, b); INSERT INTO r VALUES (1, 0, 5)",
    )
    .await
    .unwrap();
    for (sql, expected) in [
        ("SELECT group_concat(g, ' ') FROM s", "1 4 9"),
        ("SELECT highlight(f, 0, '<', '>') FROM f WHERE f MATCH 'not'", "to be or <not>"),
        ("SELECT id FROM r WHERE a < 2 AND b > 2", "1"),
        ("SELECT json_extract('{\"a\":[1,2]}', '$.a[1]')", "2"),
        ("SELECT round(sqrt(2) + pow(2, 3) + ln(1), 2)", "9.41"),
        ("SELECT sum(n) OVER (ORDER BY n DESC) FROM s LIMIT 1", "3"),
    ] {
        let shown = db.value(&format!("SELECT CAST(({sql}) AS TEXT)")).await.unwrap();
        assert_eq!(shown, Value::from(expected), "{sql}");
    }
}
