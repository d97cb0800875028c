//! kill -9 of a process that commits SQL transactions: what it acknowledged is there, and no transaction is
//! there by half.

use std::path::Path;
use std::time::Duration;

use super::support::{Draw, Host, plain};
use crate::support::{Child, Place, across_processes, child_arguments, tell_parent};
use crate::survival::crash::kills;

across_processes!(kills_lose_no_transaction_and_leave_none_by_half);

const KILLS: u32 = 40;
const KILLS_ON_A_CLUSTER: u32 = 15;
/// One of so many transactions is larger than memory, so that it takes a stage.
const TRANSACTIONS_PER_STAGE: u64 = 8;
/// Of the tables that each transaction changes together.
const SLOTS: u64 = 40;

/// In the child: transactions of each kind, one after the other, saying before each which one is coming and
/// after each that it is in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_runs_transactions_until_it_is_killed() {
    let Some(arguments) = child_arguments() else { return };
    let host = Host::at(&Place::at(&arguments[0])).await;
    let db = host.open("a").await;
    db.exec("PRAGMA cache_size = 50").await.unwrap();
    let mut number = db.integer("SELECT max(tag) FROM one").await;
    let mut draw = Draw::new(arguments[1].parse().unwrap());
    loop {
        number += 1;
        tell_parent(&format!("begin {number}"));
        let slot = draw.int(SLOTS).into();
        let tag = [number.into(), slot];
        let large = draw.below(TRANSACTIONS_PER_STAGE) == 0;
        if draw.below(3) == 0 && !large {
            db.batch(&[
                ("UPDATE one SET tag = ?1 WHERE n = ?2", &tag),
                ("UPDATE two SET tag = ?1, c = randomblob(2000) WHERE n = ?2", &tag),
                ("INSERT INTO words(rowid, body) VALUES (?1, 'number ' || ?2)", &tag),
            ])
            .await
            .unwrap();
        } else {
            let tx = db.begin().await.unwrap();
            tx.run("UPDATE one SET tag = ?1 WHERE n = ?2", &tag).await.unwrap();
            if large {
                tx.run("UPDATE two SET c = randomblob(150000)", &[]).await.unwrap();
                tx.run("UPDATE two SET c = randomblob(5000) WHERE n > 0", &[]).await.unwrap();
            }
            tx.run("UPDATE two SET tag = ?1 WHERE n = ?2", &tag).await.unwrap();
            tx.run("INSERT INTO words(rowid, body) VALUES (?1, 'number ' || ?2)", &tag).await.unwrap();
            tx.commit().await.unwrap();
        }
        tell_parent(&format!("done {number}"));
        if draw.below(9) == 0 {
            db.exec("VACUUM").await.unwrap();
        }
    }
}

async fn kills_lose_no_transaction_and_leave_none_by_half(place: Place) {
    let directory = tempfile::tempdir().unwrap();
    let address = place.address();
    set_up(&place).await;
    let kills = kills(place.rounds(KILLS, KILLS_ON_A_CLUSTER));
    let (mut begun, mut done) = (0, 0);
    let mut amid = 0;
    for kill in 0..kills {
        let mut child = Child::start(
            "sql::crash::a_child_that_runs_transactions_until_it_is_killed",
            &[&address, &kill.to_string()],
        );
        // Well into its work, then at any moment of it.
        note(&child.hear().expect("the child begins"), &mut begun, &mut done);
        let pause = Duration::from_micros(u64::from(kill.wrapping_mul(2_654_435_761) % 250_000));
        tokio::time::sleep(pause).await;
        child.kill();
        while let Some(line) = child.hear() {
            note(&line, &mut begun, &mut done);
        }
        amid += u32::from(begun > done);
        let number = check(&place, &directory.path().join("check.sqlite")).await;
        assert!(number >= done, "kill {kill}: {done} was acknowledged, the database is at {number}");
        assert!(number <= begun, "kill {kill}: {number} shows, only {begun} was ever begun");
        (begun, done) = (number, number);
    }
    println!("{kills} kills, {amid} in the middle of a transaction, {done} transactions");
    assert!(amid > kills / 4, "only {amid} of {kills} kills came in the middle of a transaction");
    assert!(done > i64::from(kills), "only {done} transactions");
}

fn note(line: &str, begun: &mut i64, done: &mut i64) {
    let (what, number) = line.split_once(' ').unwrap();
    let number = number.parse().unwrap();
    *(if what == "begin" { begun } else { done }) = number;
}

async fn set_up(place: &Place) {
    let host = Host::at(place).await;
    let db = host.open("a").await;
    db.exec(
        "CREATE TABLE one(n INTEGER PRIMARY KEY, tag INT); CREATE TABLE two(n INTEGER PRIMARY KEY, tag INT, c);
         CREATE INDEX two_tag ON two(tag, c); CREATE VIRTUAL TABLE words USING fts5(body)",
    )
    .await
    .unwrap();
    for slot in (0..SLOTS).map(i64::try_from).map(Result::unwrap) {
        db.run("INSERT INTO one VALUES (?, 0)", &[slot.into()]).await.unwrap();
        db.run("INSERT INTO two VALUES (?, 0, 'c')", &[slot.into()]).await.unwrap();
    }
    db.close().await;
    host.engine.close().await;
}

/// The last transaction that is there, once an independent SQLite finds the database sound and every
/// transaction whole.
async fn check(place: &Place, copy: &Path) -> i64 {
    let host = Host::at(place).await;
    let connection = host.exported("a", copy).await;
    host.engine.close().await;
    let tags =
        |table: &str| plain(&connection, &format!("SELECT n, tag FROM {table} ORDER BY n"), &[]).unwrap();
    assert_eq!(tags("one"), tags("two"));
    let number: i64 = connection.query_row("SELECT max(tag) FROM one", [], |row| row.get(0)).unwrap();
    // One row for each transaction from the first to the last, none missing.
    let words = "SELECT count(*), ifnull(max(rowid), 0) FROM words WHERE words MATCH 'number'";
    let words: (i64, i64) = connection.query_row(words, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(words, (number, number));
    number
}
