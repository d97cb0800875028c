//! Statements: parameters, rows, columns, iterations and batches as callers see them.

use batondb::database::{Answer, Call, DatabaseError, Kind};
use libsqlite3_sys as ffi;

use super::support::{Db, Host, Value, code_of, encode_named, rows_of};
use crate::support::{Place, on_every_backend};

on_every_backend!(
    values_of_every_kind_come_back_as_they_were_given,
    wrong_parameters_are_refused_and_change_nothing,
    a_statement_that_was_run_before_shows_the_columns_of_today,
    an_iteration_gives_all_rows_in_chunks_with_writes_in_between,
    an_iteration_of_a_statement_that_writes_has_committed_when_it_answers,
    an_iteration_ends_with_its_transaction_or_when_it_is_closed,
    a_batch_takes_effect_whole_or_not_at_all_and_names_the_statement_that_failed,
    a_batch_cannot_end_its_own_transaction,
    text_holds_one_statement_unless_it_is_executed,
    what_a_statement_has_changed_is_told,
);

async fn open(place: &Place) -> (Host, Db) {
    let host = Host::at(place).await;
    let db = host.open("a").await;
    (host, db)
}

async fn values_of_every_kind_come_back_as_they_were_given(place: Place) {
    let (_host, db) = open(&place).await;
    let values = [
        Value::Null,
        Value::Integer(0),
        Value::Integer(-129),
        Value::Integer(i64::MAX),
        Value::Integer(i64::MIN),
        Value::Real(1.5),
        Value::Real(f64::MAX),
        Value::Text(String::new()),
        Value::Text("a\u{20AC}\u{1F980}\0b".to_owned()),
        Value::Blob(Vec::new()),
        Value::Blob(vec![0, 255, 7]),
    ];
    let places = vec!["?"; values.len()].join(", ");
    let rows = db.all(&format!("SELECT {places}"), &values).await.unwrap().rows;
    assert_eq!(rows, [values.to_vec()]);
    db.exec("CREATE TABLE t(x)").await.unwrap();
    for value in &values {
        db.run("INSERT INTO t VALUES (?)", std::slice::from_ref(value)).await.unwrap();
    }
    let stored: Vec<Value> = db.all("SELECT x FROM t", &[]).await.unwrap().rows.concat();
    assert_eq!(stored, values);
    let named = encode_named(&[("a", Value::Integer(1)), ("b", Value::Integer(2))]);
    let call = Call::Run(Kind::All, ("SELECT :a, @b, $a".to_owned(), Some(named)));
    let rows = rows_of(&db.call(call).await.unwrap()).rows;
    assert_eq!(rows, [[1, 2, 1].map(Value::Integer).to_vec()]);
}

async fn wrong_parameters_are_refused_and_change_nothing(place: Place) {
    let (_host, db) = open(&place).await;
    db.exec("CREATE TABLE t(x, y)").await.unwrap();
    let one = Value::Integer(1);
    let insert = "INSERT INTO t VALUES (?, ?)";
    for params in [vec![], vec![one.clone()], vec![one.clone(); 3]] {
        let error = db.run(insert, &params).await.unwrap_err();
        assert!(
            matches!(&error, DatabaseError::Invalid(message) if message.contains("2 parameters")),
            "{error}"
        );
    }
    let by_name = |params: &[(&str, Value)]| {
        let params = encode_named(params);
        db.call(Call::Run(Kind::Run, ("INSERT INTO t VALUES (:x, :y)".to_owned(), Some(params))))
    };
    for params in [&[("x", one.clone())][..], &[("x", one.clone()), ("y", one.clone()), ("z", one.clone())]] {
        assert!(matches!(by_name(params).await, Err(DatabaseError::Invalid(_))));
    }
    assert_eq!(db.integer("SELECT count(*) FROM t").await, 0);
    // Parameters of one run are not those of the next.
    db.run(insert, &[one.clone(), one.clone()]).await.unwrap();
    assert!(db.run(insert, &[]).await.is_err());
}

async fn a_statement_that_was_run_before_shows_the_columns_of_today(place: Place) {
    let (_host, db) = open(&place).await;
    db.exec("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 2)").await.unwrap();
    let select = "SELECT * FROM t";
    for _ in 0..2 {
        assert_eq!(db.all(select, &[]).await.unwrap().names, r#"["a","b"]"#);
        assert_eq!(db.iterate(select).await.unwrap().names, r#"["a","b"]"#);
    }
    db.exec("ALTER TABLE t ADD COLUMN c DEFAULT 3").await.unwrap();
    let rows = db.all(select, &[]).await.unwrap();
    assert_eq!(
        (rows.names.as_str(), rows.rows.concat()),
        (r#"["a","b","c"]"#, [1, 2, 3].map(Value::Integer).to_vec())
    );
    db.exec("ALTER TABLE t DROP COLUMN b").await.unwrap();
    let rows = db.iterate(select).await.unwrap();
    assert_eq!(
        (rows.names.as_str(), rows.rows.concat()),
        (r#"["a","c"]"#, [1, 3].map(Value::Integer).to_vec())
    );
    db.exec("ALTER TABLE t RENAME COLUMN c TO d").await.unwrap();
    let Answer::Description(told) = db.call(Call::Describe(select.to_owned())).await.unwrap() else {
        panic!()
    };
    let names: Vec<&str> = told.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "d"]);
}

async fn an_iteration_gives_all_rows_in_chunks_with_writes_in_between(place: Place) {
    let (_host, db) = open(&place).await;
    db.exec(
        "CREATE TABLE t(n INTEGER PRIMARY KEY, c); CREATE TABLE seen(n);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO t SELECT i, hex(zeroblob(60)) FROM n",
    )
    .await
    .unwrap();
    let mut chunk = db.iterate("SELECT n FROM t ORDER BY n").await.unwrap();
    let (mut rows, mut chunks) = (chunk.rows, 1);
    while chunk.cursor != 0 {
        db.run("INSERT INTO seen VALUES (?)", &[Value::Integer(chunks)]).await.unwrap();
        chunk = db.fetch(chunk.cursor).await.unwrap();
        rows.append(&mut chunk.rows);
        chunks += 1;
    }
    assert!(chunks > 4, "{chunks}");
    assert_eq!(rows.concat(), (1..=3000).map(Value::Integer).collect::<Vec<_>>());
    // What was written meanwhile is committed, not waiting for the iteration.
    assert_eq!(Host::at(&place).await.open("a").await.integer("SELECT count(*) FROM seen").await, chunks - 1);
}

async fn an_iteration_of_a_statement_that_writes_has_committed_when_it_answers(place: Place) {
    let (host, db) = open(&place).await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY)").await.unwrap();
    let head = host.head("a").await;
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
                  INSERT INTO t SELECT i FROM n RETURNING n";
    let first = db.iterate(insert).await.unwrap();
    assert_eq!(host.head("a").await, head + 1);
    // A statement beside it must not be acknowledged before it is committed either.
    db.run("INSERT INTO t VALUES (-1)", &[]).await.unwrap();
    assert_eq!(host.head("a").await, head + 2);
    let mut rows = first.rows;
    let mut cursor = first.cursor;
    while cursor != 0 {
        let mut more = db.fetch(cursor).await.unwrap();
        rows.append(&mut more.rows);
        cursor = more.cursor;
    }
    assert_eq!(rows.len(), 3000);
    assert_eq!(Host::at(&place).await.open("a").await.integer("SELECT count(*) FROM t").await, 3001);
}

async fn an_iteration_ends_with_its_transaction_or_when_it_is_closed(place: Place) {
    let (_host, db) = open(&place).await;
    let select =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n";
    let closed = db.iterate(select).await.unwrap();
    assert_eq!(db.call(Call::CloseCursor(closed.cursor)).await, Ok(Answer::Done));
    assert!(matches!(db.fetch(closed.cursor).await, Err(DatabaseError::Closed(_))));
    assert_eq!(db.call(Call::CloseCursor(closed.cursor)).await, Ok(Answer::Done));
    let outside = db.iterate(select).await.unwrap();
    let tx = db.begin().await.unwrap();
    tx.exec("CREATE TABLE t(x)").await.unwrap();
    let inside = tx.iterate(select).await.unwrap();
    assert_ne!(tx.fetch(inside.cursor).await.unwrap().cursor, 0);
    tx.commit().await.unwrap();
    assert!(matches!(db.fetch(inside.cursor).await, Err(DatabaseError::Closed(_))));
    assert_eq!(db.fetch(outside.cursor).await.unwrap().rows[0], [Value::Integer(513)]);
}

async fn a_batch_takes_effect_whole_or_not_at_all_and_names_the_statement_that_failed(place: Place) {
    let (host, db) = open(&place).await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, m NOT NULL)").await.unwrap();
    let head = host.head("a").await;
    let answers = db
        .batch(&[
            ("INSERT INTO t VALUES (?, ?)", &[1.into(), 1.into()]),
            ("SELECT n FROM t", &[]),
            ("UPDATE t SET m = 7 RETURNING m", &[]),
        ])
        .await
        .unwrap();
    let rows: Vec<usize> = answers.iter().map(|answer| answer.rows.len()).collect();
    assert_eq!((rows, host.head("a").await), (vec![0, 1, 1], head + 1));
    for failing in ["INSERT INTO t VALUES (3, NULL)", "INSERT OR ROLLBACK INTO t VALUES (1, 1)", "SELEC"] {
        for outer in [false, true] {
            let owner = if outer { db.begin().await.unwrap() } else { db.clone() };
            let batch = [("INSERT INTO t VALUES (2, 2)", &[][..]), (failing, &[]), ("DELETE FROM t", &[])];
            let error = owner.batch(&batch).await.unwrap_err();
            assert!(matches!(error, DatabaseError::Batch { index: 1, .. }), "{error:?}");
            assert!(error.to_string().contains("statement 1 of the batch"), "{error}");
            if outer {
                // A transaction that is gone with the statement has nothing to commit.
                let gone = failing.contains("ROLLBACK");
                assert_eq!(owner.commit().await.is_err(), gone, "{failing}");
            }
            assert_eq!(db.integer("SELECT count(*) FROM t").await, 1);
        }
    }
}

async fn a_batch_cannot_end_its_own_transaction(place: Place) {
    let (_host, db) = open(&place).await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY)").await.unwrap();
    for end in ["COMMIT", "/* now */ end transaction", "ROLLBACK"] {
        // Also as a statement that was compiled before.
        let _ = db.run(end, &[]).await.unwrap_err();
        let batch = [
            ("INSERT INTO t VALUES (1)", &[][..]),
            (end, &[]),
            ("INSERT INTO t VALUES (2)", &[]),
            ("SELEC", &[]),
        ];
        let error = db.batch(&batch).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Batch { index: 1, .. }), "{error:?}");
        assert_eq!(db.integer("SELECT count(*) FROM t").await, 0, "{end}");
    }
    let batch = [
        ("SAVEPOINT s", &[][..]),
        ("INSERT INTO t VALUES (1)", &[]),
        ("ROLLBACK TO s", &[]),
        ("RELEASE s", &[]),
        ("INSERT INTO t VALUES (2)", &[]),
    ];
    db.batch(&batch).await.unwrap();
    assert_eq!(db.integer("SELECT sum(n) FROM t").await, 2);
}

async fn text_holds_one_statement_unless_it_is_executed(place: Place) {
    let (_host, db) = open(&place).await;
    db.exec("CREATE TABLE t(n); INSERT INTO t VALUES (1); -- one\n INSERT INTO t VALUES (2); ;")
        .await
        .unwrap();
    assert_eq!(db.integer("SELECT sum(n) FROM t; -- and a comment").await, 3);
    for sql in ["SELECT 1; SELECT 2", "", " -- nothing"] {
        assert!(matches!(db.all(sql, &[]).await, Err(DatabaseError::Invalid(_))), "{sql:?}");
    }
    let error = db.exec("INSERT INTO t VALUES (3); INSERT INTO t VALUES (?)").await.unwrap_err();
    assert!(matches!(error, DatabaseError::Invalid(_)), "{error:?}");
    // Each statement of a script is a transaction of its own.
    assert_eq!(db.integer("SELECT count(*) FROM t").await, 3);
    let error = db.all("SELECT '\u{1F980}', nowhere", &[]).await.unwrap_err();
    let DatabaseError::Sql(error) = error else { panic!("{error:?}") };
    assert_eq!((error.code, error.offset), (ffi::SQLITE_ERROR, Some(13)), "counted in UTF-16 units");
}

async fn what_a_statement_has_changed_is_told(place: Place) {
    let (_host, db) = open(&place).await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY, m UNIQUE)").await.unwrap();
    let inserted = db.run("INSERT INTO t VALUES (41, 1), (42, 2)", &[]).await.unwrap();
    assert_eq!((inserted.changes, inserted.last_insert_rowid), (2, 42));
    assert_eq!(db.run("UPDATE t SET m = 3 WHERE n = 7", &[]).await.unwrap().changes, 0);
    assert_eq!(db.run("SELECT * FROM t", &[]).await.unwrap().changes, 0);
    let returned = db.get("DELETE FROM t RETURNING n", &[]).await.unwrap();
    assert_eq!((returned.changes, returned.rows.len()), (2, 1));
    assert_eq!(db.integer("SELECT count(*) FROM t").await, 0);
    db.run("INSERT INTO t VALUES (1, 1)", &[]).await.unwrap();
    let error = db.run("INSERT INTO t VALUES (2, 1)", &[]).await.unwrap_err();
    assert_eq!(code_of(&error), ffi::SQLITE_CONSTRAINT_UNIQUE);
}
