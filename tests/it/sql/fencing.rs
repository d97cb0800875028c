//! Losing an actor: whoever was fenced learns it with the next write, changes nothing, and never reads two
//! lineages in one answer.

use std::sync::Arc;

use batondb::database::{Answer, Call, DatabaseError, DatabaseOptions, WriteDurability};
use batondb::engine::{Outcome, Preload, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::types::PageRange;

use super::support::{Db, Host, NO_DEADLINE_MS, Value, store_error};
use crate::support::{Place, first_page, id, on_every_backend, page, put_row, remove_row, rows};

on_every_backend!(
    an_older_owner_is_told_with_its_next_write_and_is_dead_from_then_on,
    an_older_owner_inside_a_transaction_is_told_at_its_end_and_nothing_of_it_shows,
    reads_of_an_older_owner_never_mix_two_lineages,
    an_iteration_over_a_cold_table_never_mixes_two_lineages,
    a_deleted_actor_is_gone_for_its_owner,
    an_owner_can_ask_whether_it_still_is_one,
    an_owner_from_before_the_store_was_set_back_is_fenced,
);

/// Two tables that every owner changes together, `rows` rows each of about a page.
async fn two_tables(db: &Db, rows: i64) {
    db.exec(
        "CREATE TABLE one(n INTEGER PRIMARY KEY, tag, c); CREATE TABLE two(n INTEGER PRIMARY KEY, tag, c)",
    )
    .await
    .unwrap();
    for table in ["one", "two"] {
        let fill = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
             INSERT INTO {table} SELECT i, 0, hex(randomblob(1500)) FROM n"
        );
        db.run(&fill, &[rows.into()]).await.unwrap();
    }
}

async fn retag(db: &Db, tag: i64) -> Result<(), DatabaseError> {
    let tag = [Value::Integer(tag)];
    let statements = [("UPDATE one SET tag = ?", &tag[..]), ("UPDATE two SET tag = ?", &tag)];
    db.batch(&statements).await.map(drop).map_err(|error| match error {
        DatabaseError::Batch { error, .. } => *error,
        other => other,
    })
}

#[track_caller]
fn assert_fenced<T: std::fmt::Debug>(answer: Result<T, DatabaseError>, held: u64, current: u64) {
    match store_error(answer.unwrap_err()) {
        StoreError::FenceMismatch { held: told, current: now, .. } => {
            assert_eq!((told.0, now.0), (held, current));
        }
        other => panic!("{other:?}"),
    }
}

async fn an_older_owner_is_told_with_its_next_write_and_is_dead_from_then_on(place: Place) {
    let (first, second) = (Host::at(&place).await, Host::at(&place).await);
    let old = first.open("a").await;
    old.exec("CREATE TABLE t(n INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)").await.unwrap();
    let cursor = old
        .iterate(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n",
        )
        .await
        .unwrap()
        .cursor;
    let new = second.open("a").await;
    // What it has in memory it may still show: its own state, from before.
    assert_eq!(old.integer("SELECT count(*) FROM t").await, 1);
    assert_fenced(old.run("INSERT INTO t VALUES (2)", &[]).await, 1, 2);
    let later = second.open("a").await;
    for _ in 0..2 {
        // The same error, whatever is asked, and however often the actor moves on.
        assert_fenced(old.all("SELECT * FROM t", &[]).await, 1, 2);
        assert_fenced(old.all("SELECT 1", &[]).await, 1, 2);
        assert_fenced(old.exec("SELECT 1; SELECT 2").await, 1, 2);
        assert_fenced(old.begin().await.map(|_| ()), 1, 2);
        assert_fenced(old.batch(&[("SELECT 1", &[])]).await, 1, 2);
        assert_fenced(old.call(Call::Describe("SELECT 1".to_owned())).await, 1, 2);
        assert_fenced(old.fetch(cursor).await, 1, 2);
    }
    old.close().await;
    assert_fenced(new.exec("INSERT INTO t VALUES (3)").await, 2, 3);
    later.run("INSERT INTO t VALUES (4)", &[]).await.unwrap();
    assert_eq!(later.all("SELECT n FROM t", &[]).await.unwrap().rows.concat(), [1, 4].map(Value::Integer));
}

async fn an_older_owner_inside_a_transaction_is_told_at_its_end_and_nothing_of_it_shows(place: Place) {
    let (first, second) = (Host::at(&place).await, Host::at(&place).await);
    let old = first.open("a").await;
    two_tables(&old, 5).await;
    let tx = old.begin().await.unwrap();
    tx.run("UPDATE one SET tag = 1", &[]).await.unwrap();
    let waiting =
        old.submit(0, super::support::run(batondb::database::Kind::Run, "UPDATE two SET tag = 2", &[]));
    let new = second.open("a").await;
    tx.run("UPDATE two SET tag = 1", &[]).await.unwrap();
    assert_fenced(tx.commit().await, 1, 2);
    assert_fenced(waiting.await.unwrap(), 1, 2);
    assert!(tx.run("UPDATE two SET tag = 1", &[]).await.is_err());
    assert_eq!(
        new.integer("SELECT sum(tag) FROM (SELECT tag FROM one UNION ALL SELECT tag FROM two)").await,
        0
    );
}

/// Every read fails or shows the tags of one and the same commit.
async fn reads_of_an_older_owner_never_mix_two_lineages(place: Place) {
    // What is read is in memory, or some of it is, or nothing.
    let hosts =
        [Host::new(place.kv(), 64 << 10).await, Host::new(place.kv(), 0).await, Host::at(&place).await];
    let second = Host::at(&place).await;
    let setup = second.open("a").await;
    two_tables(&setup, 40).await;
    let (mut failed, mut own) = (0, 0);
    for (round, first) in (0..12).zip(hosts.iter().cycle()) {
        let old = first.open("a").await;
        old.exec("PRAGMA cache_size = 5").await.unwrap();
        retag(&old, 2 * round + 1).await.unwrap();
        old.all("SELECT tag FROM one WHERE n < ?", &[(4 * round).into()]).await.unwrap();
        let new = second.open("a").await;
        retag(&new, 2 * round + 2).await.unwrap();
        for sql in [
            "SELECT DISTINCT tag FROM two WHERE n < 3",
            "SELECT DISTINCT tag FROM one",
            "SELECT DISTINCT tag FROM (SELECT tag FROM one UNION ALL SELECT tag FROM two)",
        ] {
            match old.all(sql, &[]).await {
                Ok(rows) => {
                    own += 1;
                    assert_eq!(rows.rows.concat(), [Value::Integer(2 * round + 1)], "{sql}");
                }
                Err(error) => {
                    failed += 1;
                    assert_fenced::<()>(
                        Err(error),
                        old.database.opened().meta.generation.0,
                        new.database.opened().meta.generation.0,
                    );
                }
            }
        }
    }
    assert!(failed > 0 && own > 0, "{failed} reads failed, {own} did not");
}

async fn an_iteration_over_a_cold_table_never_mixes_two_lineages(place: Place) {
    let (first, second) = (Host::new(place.kv(), 0).await, Host::at(&place).await);
    two_tables(&second.open("a").await, 1_500).await;
    let old = first.open("a").await;
    old.exec("PRAGMA cache_size = 5").await.unwrap();
    let mut chunk =
        old.iterate("SELECT one.tag, two.tag FROM one JOIN two USING (n) ORDER BY n").await.unwrap();
    let mut rows = chunk.rows.len();
    let new = second.open("a").await;
    retag(&new, 1).await.unwrap();
    let error = loop {
        assert!(chunk.rows.iter().flatten().all(|tag| *tag == Value::Integer(0)));
        assert_ne!(chunk.cursor, 0, "a table that is not in memory was read to its end");
        match old.fetch(chunk.cursor).await {
            Ok(next) => chunk = next,
            Err(error) => break error,
        }
        rows += chunk.rows.len();
    };
    assert_fenced::<()>(Err(error), 2, 3);
    assert!(rows < 1_500);
    assert_eq!(new.integer("SELECT count(*) FROM one JOIN two USING (n, tag) WHERE tag = 1").await, 1_500);
}

/// Two databases of one generation: one has won it, the other has lost the race for it.
async fn one_generation_twice(place: &Place, preload: Preload) -> (Db, Db, Host, Host) {
    // Without a page cache, so that its reads ask the store.
    let winner = Host::new(place.kv(), 0).await;
    let setup = winner.open("a").await;
    two_tables(&setup, 3).await;
    setup.close().await;
    let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = Arc::clone(&armed);
    let kv = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        let hold = operation.writes && switch.swap(false, std::sync::atomic::Ordering::SeqCst);
        hold.then_some(Fault::HoldBefore)
    }));
    let loser = Host::new(Arc::clone(&kv) as _, 8 << 20).await;
    armed.store(true, std::sync::atomic::Ordering::SeqCst);
    let options = DatabaseOptions {
        preload,
        read_ahead: true,
        queue_max: 100,
        transaction_timeout_ms: NO_DEADLINE_MS,
        may_block: false,
        durability: WriteDurability::Full,
    };
    let opening = tokio::spawn(async move { (loser.open_with("a", &options).await.unwrap(), loser) });
    kv.held(1).await;
    let won = winner.open("a").await;
    kv.release();
    let (lost, loser) = opening.await.unwrap();
    (won, lost, winner, loser)
}

/// On the backend that runs one transaction after the other: an optimistic one tells the loser by a conflict,
/// which a held transaction does not make.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_holders_of_one_generation_the_second_to_commit_learns_it() {
    let place = Place::embedded();
    let (won, lost, _winner, _loser) = one_generation_twice(&place, first_page()).await;
    assert_eq!(
        (won.database.opened().outcome, lost.database.opened().outcome),
        (Some(Outcome::Won), Some(Outcome::Lost))
    );
    assert_eq!(won.database.opened().meta.generation, lost.database.opened().meta.generation);
    assert_eq!(lost.integer("SELECT count(*) FROM one").await, 3);
    retag(&lost, 5).await.unwrap();
    assert_fenced(retag(&won, 6).await, 2, 2);
    assert_fenced(won.all("SELECT * FROM one", &[]).await, 2, 2);
    retag(&lost, 7).await.unwrap();
    assert_eq!(lost.integer("SELECT sum(tag) FROM one").await, 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_that_lost_reads_what_the_winner_has_brought() {
    let place = Place::embedded();
    let (won, lost, ..) = one_generation_twice(&place, first_page()).await;
    for db in [&won, &lost] {
        assert_eq!(db.integer("SELECT count(*) FROM two").await, 3);
    }
    retag(&won, 5).await.unwrap();
    assert_fenced(retag(&lost, 6).await, 2, 2);
    assert_eq!(won.integer("SELECT sum(tag) FROM two").await, 15);
}

async fn a_deleted_actor_is_gone_for_its_owner(place: Place) {
    let host = Host::at(&place).await;
    let db = host.open("a").await;
    two_tables(&db, 3).await;
    assert_eq!(host.engine.delete(&id("a")).await, Ok(true));
    for _ in 0..2 {
        assert_eq!(store_error(retag(&db, 1).await.unwrap_err()).code(), "ERR_NOT_FOUND");
    }
    assert_eq!(db.call(Call::Close).await, Ok(Answer::Done));
}

async fn an_owner_can_ask_whether_it_still_is_one(place: Place) {
    let host = Host::at(&place).await;
    let old = host.open("a").await;
    assert_eq!(old.database.check().await, Ok(()));
    let new = host.open("a").await;
    assert_fenced(old.database.check().await.map_err(DatabaseError::from), 1, 2);
    assert_eq!(new.database.check().await, Ok(()));
    assert_eq!(host.engine.delete(&id("a")).await, Ok(true));
    assert_eq!(new.database.check().await.unwrap_err().code(), "ERR_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_holders_of_one_generation_neither_reads_what_the_other_commits() {
    let place = Place::embedded();
    let (won, lost, ..) = one_generation_twice(&place, first_page()).await;
    assert_eq!(won.integer("SELECT sum(tag) FROM one").await, 0);
    retag(&lost, 5).await.unwrap();
    // The generation is the same, and only the head tells that the page is not of the state read before.
    assert_fenced(won.all("SELECT tag FROM two", &[]).await, 2, 2);
    assert_eq!(lost.integer("SELECT sum(tag) FROM two").await, 15);
}

/// A start that lost was not told the hints, so what it reads must not take their place.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_that_lost_leaves_the_hints_alone() {
    let place = Place::embedded();
    let preload = Preload { hints: true, ..first_page() };
    let (won, lost, winner, _loser) = one_generation_twice(&place, preload.clone()).await;
    let noted = vec![PageRange { first: page(70), last: page(71) }];
    let generation = won.database.opened().meta.generation;
    winner.engine.store_hints(&id("a"), generation, &noted).await.unwrap();
    assert_eq!(lost.integer("SELECT count(*) FROM one").await, 3);
    lost.close().await;
    assert_eq!(winner.engine.load_startup(&id("a"), &preload).await.unwrap().hints, noted);
}

/// The store is set back to an older copy, and a new owner gets to the very generation and head of the old one. Whatever
/// the old one does next: it reads a page that it does not have, commits a little, or more than fits memory.
async fn an_owner_from_before_the_store_was_set_back_is_fenced(place: Place) {
    let statements = [
        "SELECT sum(length(c)) FROM t",
        "INSERT INTO t VALUES (1001, 'lost')",
        "INSERT INTO t VALUES (1002, zeroblob(6000000))",
    ];
    let host = Host::at(&place).await;
    for (index, statement) in statements.into_iter().enumerate() {
        let actor = format!("a{index}");
        let first = host.open(&actor).await;
        let fill = "CREATE TABLE t(n INTEGER PRIMARY KEY, c);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
            INSERT INTO t SELECT i, hex(randomblob(1500)) FROM n";
        first.exec(fill).await.unwrap();
        first.close().await;
        host.engine.idle().await;
        let kv = place.kv();
        let copy = rows(&kv).await;
        let old = host.open(&actor).await;
        old.run("INSERT INTO t VALUES (1000, 'lost')", &[]).await.unwrap();
        let lost = host.engine.stat(&id(&actor)).await.unwrap().unwrap();
        for (key, _) in rows(&kv).await {
            remove_row(&kv, &key).await;
        }
        for (key, value) in &copy {
            put_row(&kv, key, value).await;
        }
        let new = Host::at(&place).await.open(&actor).await;
        new.run("INSERT INTO t VALUES (1000, 'kept')", &[]).await.unwrap();
        let now = host.engine.stat(&id(&actor)).await.unwrap().unwrap();
        assert_eq!((now.generation, now.head_txid), (lost.generation, lost.head_txid), "about nothing");

        let told = old.run(statement, &[]).await;
        let text = format!("{:?}", told.as_ref().map_err(ToString::to_string));
        assert!(text.contains("the store was set back"), "{statement}: {text}");
        assert_fenced(told, 2, 2);
        assert_eq!(new.value("SELECT count(*) FROM t WHERE c = 'lost'").await.unwrap(), Value::Integer(0));
        new.run("INSERT INTO t VALUES (1001, 'kept')", &[]).await.unwrap();
        new.close().await;
    }
}
