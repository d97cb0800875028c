//! The line of calls: transactions and the calls outside of them, deadlines, cancellation, closing.

use batondb::database::{Answer, Behavior, Call, DatabaseError, DatabaseOptions, Kind, WriteDurability};
use libsqlite3_sys as ffi;

use super::support::{Db, Host, NO_DEADLINE_MS, Value, code_of, run};
use crate::support::{Place, first_page, on_every_backend};

on_every_backend!(
    a_transaction_is_alone_until_it_ends_and_then_the_line_goes_on,
    a_transaction_inside_a_transaction_undoes_its_own_part_only,
    a_transaction_begun_by_sql_has_transactions_inside,
    a_deadline_rolls_back_and_frees_the_line,
    a_deadline_stops_the_statement_that_runs,
    a_deadline_of_an_outer_transaction_ends_those_inside,
    calls_of_a_transaction_that_sqlite_has_rolled_back_never_run_outside_of_it,
    a_transaction_that_sql_has_ended_is_over,
    a_full_line_refuses_calls_but_not_the_end_of_a_transaction,
    a_waiting_call_is_cancelled_without_a_trace_and_a_running_one_without_effect,
    a_refused_commit_rolls_back,
    closing_waits_for_the_calls_before_and_refuses_those_after,
    closing_lets_an_open_transaction_end,
    what_is_abandoned_ends_by_itself_and_frees_its_thread,
);

/// Runs until it is stopped.
const FOREVER: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

async fn open(place: &Place) -> (Host, Db) {
    let host = Host::at(place).await;
    let db = host.open("a").await;
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY)").await.unwrap();
    (host, db)
}

fn insert(n: i64) -> Call {
    run(Kind::Run, "INSERT INTO t VALUES (?)", &[n.into()])
}

async fn count(db: &Db) -> i64 {
    db.integer("SELECT count(*) FROM t").await
}

/// Waits until a call of this database runs and none waits.
async fn until_it_runs(db: &Db) {
    while db.stats().queued != 1 {
        tokio::task::yield_now().await;
    }
    // In the line or running; what follows must hold in both cases.
}

#[track_caller]
fn assert_over<T: std::fmt::Debug>(answer: Result<T, DatabaseError>) {
    let error = answer.unwrap_err();
    assert!(matches!(error, DatabaseError::Closed(_) | DatabaseError::Expired { .. }), "{error:?}");
}

async fn a_transaction_is_alone_until_it_ends_and_then_the_line_goes_on(place: Place) {
    let (host, db) = open(&place).await;
    let head = host.head("a").await;
    let tx = db.begin().await.unwrap();
    let mut outside = db.submit(0, run(Kind::Run, "DELETE FROM t", &[]));
    let other = db.submit(0, Call::Begin(Behavior::Immediate, Some(NO_DEADLINE_MS)));
    for n in 1..=20 {
        tx.call(insert(n)).await.unwrap();
    }
    assert_eq!(count(&tx).await, 20);
    assert_eq!(outside.try_recv(), Ok(None), "a call outside has run inside");
    assert_eq!(db.stats().queued, 2);
    tx.commit().await.unwrap();
    assert!(matches!(outside.await.unwrap(), Ok(Answer::Rows(_))));
    let Ok(Answer::Scope(scope)) = other.await.unwrap() else { panic!() };
    let other = Db { scope, ..db.clone() };
    assert_eq!(count(&other).await, 0);
    assert_over(tx.call(insert(1)).await);
    other.rollback().await.unwrap();
    assert_eq!(host.head("a").await, head + 2);
}

async fn a_transaction_inside_a_transaction_undoes_its_own_part_only(place: Place) {
    let (host, db) = open(&place).await;
    let head = host.head("a").await;
    let outer = db.begin().await.unwrap();
    outer.call(insert(1)).await.unwrap();
    let inner = outer.begin().await.unwrap();
    inner.call(insert(2)).await.unwrap();
    let waits = outer.submit(0, insert(3));
    inner.rollback().await.unwrap();
    waits.await.unwrap().unwrap();
    let inner = outer.begin().await.unwrap();
    inner.call(insert(4)).await.unwrap();
    inner.commit().await.unwrap();
    outer.batch(&[("INSERT INTO t VALUES (5)", &[])]).await.unwrap();
    assert_eq!(host.head("a").await, head);
    outer.commit().await.unwrap();
    assert_eq!(host.head("a").await, head + 1);
    let rows = db.all("SELECT n FROM t", &[]).await.unwrap().rows.concat();
    assert_eq!(rows, [1, 3, 4, 5].map(Value::Integer));
}

async fn a_transaction_begun_by_sql_has_transactions_inside(place: Place) {
    let (host, db) = open(&place).await;
    let head = host.head("a").await;
    for (n, begin) in [(1, "BEGIN"), (2, "SAVEPOINT s")] {
        db.exec(begin).await.unwrap();
        db.call(insert(10 * n)).await.unwrap();
        let tx = db.begin_with(Behavior::Immediate, NO_DEADLINE_MS).await.unwrap();
        tx.call(insert(10 * n + 1)).await.unwrap();
        tx.rollback().await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.call(insert(10 * n + 2)).await.unwrap();
        tx.commit().await.unwrap();
        db.batch(&[("INSERT INTO t VALUES (?)", &[Value::Integer(10 * n + 3)])]).await.unwrap();
        assert_eq!(count(&db).await, 3, "{begin}");
        assert_eq!(host.head("a").await, head, "{begin}");
        db.exec("ROLLBACK").await.unwrap();
        assert_eq!(count(&db).await, 0, "{begin}");
    }
    // The next one is a transaction again, and commits.
    let tx = db.begin().await.unwrap();
    tx.call(insert(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(host.head("a").await, head + 1);
}

async fn a_deadline_rolls_back_and_frees_the_line(place: Place) {
    let (host, db) = open(&place).await;
    let head = host.head("a").await;
    let tx = db.begin_with(Behavior::Deferred, 1).await.unwrap();
    // It may be over already; nothing of it may stay in either case.
    let _ = tx.call(insert(1)).await;
    assert_eq!(count(&db).await, 0);
    assert_over(tx.call(insert(2)).await);
    assert_over(tx.commit().await);
    assert_eq!((count(&db).await, host.head("a").await), (0, head));
}

async fn a_deadline_stops_the_statement_that_runs(place: Place) {
    let (host, db) = open(&place).await;
    let head = host.head("a").await;
    for sql in [
        FOREVER,
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    ] {
        let tx = db.begin_with(Behavior::Deferred, 200).await.unwrap();
        let _ = tx.call(insert(1)).await;
        let stopped = tx.all(sql, &[]).await.unwrap_err();
        assert!(matches!(stopped, DatabaseError::Expired { .. }), "{stopped:?}");
        assert_over(tx.commit().await);
        assert_eq!((count(&db).await, host.head("a").await), (0, head));
    }
}

async fn a_deadline_of_an_outer_transaction_ends_those_inside(place: Place) {
    let (_host, db) = open(&place).await;
    let outer = db.begin_with(Behavior::Deferred, 300).await.unwrap();
    outer.call(insert(1)).await.unwrap();
    let inner = outer.begin().await.unwrap();
    let stopped = inner.all(FOREVER, &[]).await.unwrap_err();
    assert!(matches!(stopped, DatabaseError::Expired { timeout_ms: 300, .. }), "{stopped:?}");
    assert_eq!(count(&db).await, 0);
    assert_over(inner.call(insert(2)).await);
    assert_over(outer.call(insert(3)).await);
    assert_eq!(count(&db).await, 0);
}

async fn calls_of_a_transaction_that_sqlite_has_rolled_back_never_run_outside_of_it(place: Place) {
    let (host, db) = open(&place).await;
    db.call(insert(1)).await.unwrap();
    let head = host.head("a").await;
    for depth in 0..3 {
        let mut tx = db.begin().await.unwrap();
        let outermost = tx.clone();
        for _ in 0..depth {
            tx = tx.begin().await.unwrap();
        }
        tx.call(insert(2)).await.unwrap();
        // All in the line before the first of them runs.
        let fails = tx.submit(0, run(Kind::Run, "INSERT OR ROLLBACK INTO t VALUES (1)", &[]));
        let after = [tx.submit(0, insert(3)), outermost.submit(0, insert(4)), tx.submit(0, Call::End(true))];
        let error = fails.await.unwrap().unwrap_err();
        assert_eq!(code_of(&error), ffi::SQLITE_CONSTRAINT_PRIMARYKEY);
        for call in after {
            assert_over(call.await.unwrap());
        }
        assert_over(outermost.call(insert(5)).await);
        assert_eq!((count(&db).await, host.head("a").await), (1, head));
    }
}

async fn a_transaction_that_sql_has_ended_is_over(place: Place) {
    let (host, db) = open(&place).await;
    let head = host.head("a").await;
    for (end, rows) in [("ROLLBACK", 0), ("COMMIT", 1)] {
        let tx = db.begin().await.unwrap();
        tx.call(insert(1)).await.unwrap();
        tx.exec(end).await.unwrap();
        assert_over(tx.call(insert(2)).await);
        assert_over(tx.commit().await);
        assert_eq!(count(&db).await, rows);
    }
    assert_eq!(host.head("a").await, head + 1);
}

async fn a_full_line_refuses_calls_but_not_the_end_of_a_transaction(place: Place) {
    let host = Host::at(&place).await;
    let options = DatabaseOptions {
        preload: first_page(),
        read_ahead: true,
        queue_max: 2,
        transaction_timeout_ms: NO_DEADLINE_MS,
        may_block: false,
        durability: WriteDurability::Full,
    };
    let db = host.open_with("a", &options).await.unwrap();
    db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY)").await.unwrap();
    let tx = db.begin().await.unwrap();
    let waiting = [db.submit(0, insert(1)), db.submit(0, insert(2))];
    assert_eq!(db.call(insert(3)).await, Err(DatabaseError::Overloaded { waiting: 2 }));
    assert_eq!(tx.call(insert(4)).await, Err(DatabaseError::Overloaded { waiting: 2 }));
    tx.commit().await.unwrap();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    assert_eq!(db.all("SELECT n FROM t", &[]).await.unwrap().rows.concat(), [1, 2].map(Value::Integer));
}

async fn a_waiting_call_is_cancelled_without_a_trace_and_a_running_one_without_effect(place: Place) {
    let (host, db) = open(&place).await;
    let head = host.head("a").await;
    for forever in [
        run(Kind::All, FOREVER, &[]),
        run(
            Kind::Run,
            "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
            &[],
        ),
        Call::Batch(vec![("INSERT INTO t VALUES (1)".to_owned(), None), (FOREVER.to_owned(), None)]),
    ] {
        let running = db.submit(7, forever);
        until_it_runs(&db).await;
        let (waiting, after) = (db.submit(8, insert(8)), db.submit(9, insert(9)));
        db.database.cancel(8);
        assert!(matches!(waiting.await.unwrap(), Err(DatabaseError::Aborted(_))));
        db.database.cancel(7);
        let stopped = running.await.unwrap().unwrap_err();
        let stopped = if let DatabaseError::Batch { error, .. } = stopped { *error } else { stopped };
        assert!(matches!(stopped, DatabaseError::Aborted(_)), "{stopped:?}");
        after.await.unwrap().unwrap();
        // Late, and of a job that is unknown by now.
        db.database.cancel(9);
        assert_eq!(
            db.all("DELETE FROM t RETURNING n", &[]).await.unwrap().rows.concat(),
            [Value::Integer(9)]
        );
    }
    assert_eq!(host.head("a").await, head + 6);
}

async fn a_refused_commit_rolls_back(place: Place) {
    let (host, db) = open(&place).await;
    db.exec(
        "PRAGMA foreign_keys = on;
         CREATE TABLE child(of INT REFERENCES t(n) DEFERRABLE INITIALLY DEFERRED)",
    )
    .await
    .unwrap();
    let head = host.head("a").await;
    let tx = db.begin().await.unwrap();
    tx.run("INSERT INTO child VALUES (7)", &[]).await.unwrap();
    let error = tx.commit().await.unwrap_err();
    assert_eq!(code_of(&error), ffi::SQLITE_CONSTRAINT_FOREIGNKEY);
    assert_eq!((db.integer("SELECT count(*) FROM child").await, host.head("a").await), (0, head));
    db.call(insert(1)).await.unwrap();
    assert_eq!(host.head("a").await, head + 1);
}

async fn closing_waits_for_the_calls_before_and_refuses_those_after(place: Place) {
    let (host, db) = open(&place).await;
    let before: Vec<_> = (1..=50).map(|n| db.submit(0, insert(n))).collect();
    let close = db.submit(0, Call::Close);
    let after = db.submit(0, insert(51));
    for call in before {
        call.await.unwrap().unwrap();
    }
    assert_eq!(close.await.unwrap(), Ok(Answer::Done));
    assert_over(after.await.unwrap());
    assert_over(db.call(insert(52)).await);
    assert_over(db.call(Call::Close).await);
    assert_eq!(count(&host.open("a").await).await, 50);
}

async fn closing_lets_an_open_transaction_end(place: Place) {
    let (host, db) = open(&place).await;
    let tx = db.begin().await.unwrap();
    let close = db.submit(0, Call::Close);
    tx.call(insert(1)).await.unwrap();
    assert_over(db.call(insert(2)).await);
    tx.commit().await.unwrap();
    assert_eq!(close.await.unwrap(), Ok(Answer::Done));
    assert_over(tx.call(insert(3)).await);
    let db = host.open("a").await;
    assert_eq!(count(&db).await, 1);
    // Dropped without an end: the database goes with its last user, and the transaction with it.
    let tx = db.begin_with(Behavior::Immediate, u64::from(u32::MAX)).await.unwrap();
    tx.call(insert(2)).await.unwrap();
    drop((tx, db));
    assert_eq!(count(&host.open("a").await).await, 1);
}

/// More databases than there are threads, each with an open transaction that has written and a statement that would
/// run for ever.
async fn what_is_abandoned_ends_by_itself_and_frees_its_thread(place: Place) {
    let host = Host::at(&place).await;
    let mut open = Vec::new();
    for actor in ["a", "b", "c", "d", "e", "f"] {
        let db = host.open(actor).await;
        db.exec("CREATE TABLE t(n INTEGER PRIMARY KEY)").await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.call(insert(1)).await.unwrap();
        open.push((db, tx));
    }
    let busy: Vec<_> = open
        .into_iter()
        .map(|(db, tx)| {
            let running = tx.submit(0, run(Kind::Get, FOREVER, &[]));
            let waiting = [tx.submit(0, Call::End(true)), db.submit(0, insert(2))];
            (db, running, waiting)
        })
        .collect();
    for (db, ..) in &busy {
        db.database.abandon();
        db.database.abandon();
    }
    for (db, running, waiting) in busy {
        let error = running.await.unwrap().unwrap_err();
        assert!(matches!(error, DatabaseError::Aborted(_) | DatabaseError::Closed(_)), "{error:?}");
        for waiting in waiting {
            assert_over(waiting.await.unwrap());
        }
        assert_over(db.call(insert(3)).await);
        assert_over(db.call(Call::Close).await);
    }
    let again = host.open("a").await;
    assert_eq!(count(&again).await, 0);
    again.close().await;
}
