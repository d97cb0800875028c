//! kill -9 at random moments: what was acknowledged is there, and nothing is there by half (G4, G10).

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::support::{Child, Mirror, Place, across_processes, child_arguments, id, start, tell_parent};

across_processes!(two_hundred_kills_lose_nothing_and_leave_nothing_by_half);

const KILLS: u32 = 200;
const KILLS_ON_A_CLUSTER: u32 = 30;
/// Every so many rounds the child rewrites the whole database, which takes a stage.
const ROUNDS_PER_REWRITE: u64 = 4;
const ROWS: u32 = 4_000;

/// In the child: takes the actor over, exports it, and commits one change after the other, saying before each
/// which one is coming and after each that it is in.
#[tokio::test]
async fn a_child_that_writes_until_it_is_killed() {
    let Some(arguments) = child_arguments() else { return };
    let [address, scratch] = arguments.as_slice() else { panic!("{arguments:?}") };
    let (engine, scratch, actor) = (Place::at(address).open().await, Path::new(scratch), id("a"));
    let started = start(&engine, &actor).await;
    engine.export_to(&actor, scratch).await.unwrap();
    let mut mirror = Mirror::at(&started.meta, scratch);
    let connection = Connection::open(scratch).unwrap();
    connection.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF").unwrap();
    let mut round = round_of(&connection);
    loop {
        round += 1;
        let change = if round.is_multiple_of(ROUNDS_PER_REWRITE) {
            "UPDATE note SET body = hex(randomblob(300))"
        } else {
            "UPDATE note SET body = hex(randomblob(300)) WHERE id % 97 = 5"
        };
        connection
            .execute_batch(&format!("BEGIN; {change}; UPDATE progress SET round = {round}; COMMIT"))
            .unwrap();
        tell_parent(&format!("begin {round}"));
        mirror.commit(&engine, &actor, scratch).await.unwrap();
        tell_parent(&format!("done {round}"));
    }
}

async fn two_hundred_kills_lose_nothing_and_leave_nothing_by_half(place: Place) {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let seed = file("seed.sqlite");
    let connection = Connection::open(&seed).unwrap();
    connection
        .execute_batch("CREATE TABLE progress(round INTEGER); INSERT INTO progress VALUES (0); CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)")
        .unwrap();
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                  INSERT INTO note SELECT i, hex(randomblob(300)) FROM n";
    connection.execute(insert, [ROWS]).unwrap();
    drop(connection);
    let engine = place.open().await;
    engine.import_from(&id("a"), &seed, false).await.unwrap();
    engine.close().await;

    let kills = kills(place.rounds(KILLS, KILLS_ON_A_CLUSTER));
    let address = place.address();
    let (mut begun, mut done) = (0, 0);
    let mut amid = 0;
    for kill in 0..kills {
        let scratch = file(&format!("scratch {kill}.sqlite"));
        let arguments = [&address, scratch.to_str().unwrap()];
        let mut child = Child::start("survival::crash::a_child_that_writes_until_it_is_killed", &arguments);
        // Well into its work, then at any moment of it.
        let first = child.hear().expect("the child begins to write");
        note(&first, &mut begun, &mut done);
        let pause = Duration::from_micros(u64::from(kill.wrapping_mul(2_654_435_761) % 40_000));
        tokio::time::sleep(pause).await;
        child.kill();
        while let Some(line) = child.hear() {
            note(&line, &mut begun, &mut done);
        }
        amid += u32::from(begun > done);
        let round = check(&place, &file("check.sqlite")).await;
        assert!(round >= done, "kill {kill}: round {done} was acknowledged, the database is at {round}");
        assert!(round <= begun, "kill {kill}: round {round} shows, only {begun} was ever begun");
        (begun, done) = (round, round);
        std::fs::remove_file(&scratch).unwrap();
    }
    assert!(amid > kills / 4, "only {amid} of {kills} kills came in the middle of a commit");
    println!("{kills} kills, {amid} in the middle of a commit, {done} rounds");
}

/// As many as `npm run crash` asks for.
pub fn kills(by_default: u32) -> u32 {
    std::env::var("BATON_CRASH_ROUNDS").map_or(by_default, |rounds| rounds.parse().unwrap())
}

fn note(line: &str, begun: &mut u64, done: &mut u64) {
    let (what, round) = line.split_once(' ').unwrap();
    let round = round.parse().unwrap();
    *(if what == "begin" { begun } else { done }) = round;
}

/// The round that the database is at, once an independent SQLite finds it sound.
async fn check(place: &Place, copy: &Path) -> u64 {
    let engine = place.open().await;
    engine.export_to(&id("a"), copy).await.unwrap();
    engine.close().await;
    let connection = Connection::open(copy).unwrap();
    let integrity: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    let rows: u32 = connection.query_row("SELECT count(*) FROM note", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, ROWS);
    round_of(&connection)
}

fn round_of(connection: &Connection) -> u64 {
    let round: i64 = connection.query_row("SELECT round FROM progress", [], |row| row.get(0)).unwrap();
    round.try_into().unwrap()
}
