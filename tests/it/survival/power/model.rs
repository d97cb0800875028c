//! What the recorded process commits: what each commit does to each actor follows from its number, so that the pages
//! found later tell which commit they are of.

use std::collections::BTreeMap;

use batondb::engine::{Commit, Engine, PageWrite, StoreError};
use batondb::types::{ActorId, Generation, PageCount, Txid};

use crate::support::{content, page};

/// Actors of raw pages; beside them is one with a SQL database.
pub const RAW_ACTORS: [&str; 3] = ["one", "two", "three"];
/// The actor with the SQL database.
pub const SQL_ACTOR: &str = "sql";
/// One with a SQL database that answers before it is durable.
pub const DEFERRED_ACTOR: &str = "deferred";
/// So many pages take a stage of two parts.
const LARGE_PAGES: u32 = 520;
const COMMITS_PER_LARGE: u64 = 13;

/// The pages that commit `tag` of the actor with this number writes, and the size after it.
fn change(number: u64, tag: u64) -> (Vec<u32>, u32) {
    let draw = |bound: u64, salt: u64| u32::try_from((tag * 31 + number * 7 + salt * 13) % bound).unwrap();
    match (tag + number * 4) % COMMITS_PER_LARGE {
        0 => ((1..=LARGE_PAGES).collect(), LARGE_PAGES),
        // A shrink, which leaves rows of a large commit to be cleared.
        5 => (vec![1], 2 + draw(9, 0)),
        _ => {
            let mut pages: Vec<u32> = [1, 2 + draw(5, 1), 7 + draw(20, 2), 27 + draw(60, 3)].into();
            pages.truncate(2 + usize::try_from(draw(3, 4)).unwrap());
            (pages, 0)
        }
    }
}

/// The pages of an actor of raw pages after a number of commits: for each that was written, the last commit that did.
pub fn pages_after(number: u64, tag: u64) -> (BTreeMap<u32, u64>, u32) {
    let (mut pages, mut size) = (BTreeMap::new(), 0);
    for tag in 1..=tag {
        let (written, next) = change(number, tag);
        size = if next == 0 { written.iter().copied().max().unwrap().max(size) } else { next };
        pages.extend(written.into_iter().map(|page| (page, tag)));
        pages.retain(|page, _| *page <= size);
    }
    (pages, size)
}

/// Makes commit `tag`.
pub async fn commit(
    engine: &Engine,
    (number, actor): (u64, &ActorId),
    generation: Generation,
    head_txid: Txid,
    tag: u64,
) -> Result<Txid, StoreError> {
    let (written, _) = change(number, tag);
    let (_, size) = pages_after(number, tag);
    let contents: Vec<_> = written.into_iter().map(|number| (number, content(number, tag))).collect();
    let pages = contents.iter().map(|(number, data)| PageWrite { page: page(*number), data }).collect();
    engine.commit(actor, Commit { generation, head_txid, size_pages: PageCount(size), pages }).await
}

/// Which commit the actor is at; an error if its pages are not those of one commit.
pub async fn tag_at(
    engine: &Engine,
    (number, actor): (u64, &ActorId),
    generation: Generation,
    size: PageCount,
) -> Result<u64, String> {
    if size.0 == 0 {
        return Ok(0);
    }
    let numbers: Vec<_> = (1..=size.0).map(page).collect();
    let set = engine.get_pages(actor, generation, None, &numbers).await.map_err(|error| error.to_string())?;
    let first = set.get(page(1)).ok_or("page 1 is not there")?;
    let tag = u64::from_be_bytes(first[4..12].try_into().unwrap());
    if tag == 0 || tag > 100_000 {
        return Err(format!("page 1 is of commit {tag}"));
    }
    let (pages, expected_size) = pages_after(number, tag);
    if expected_size != size.0 {
        return Err(format!("commit {tag} has {expected_size} pages, not {}", size.0));
    }
    for number in numbers {
        let bytes = set.get(number).ok_or("a page inside the size is not there")?;
        match pages.get(&number.get()) {
            None if bytes.iter().all(|byte| *byte == 0) => {}
            Some(&written) if bytes == content(number.get(), written) => {}
            expected => {
                let found = u64::from_be_bytes(bytes[4..12].try_into().unwrap());
                return Err(format!("at commit {tag} page {number} is of {found}, not of {expected:?}"));
            }
        }
    }
    Ok(tag)
}

/// The tables of the SQL database.
pub const SQL_TABLES: &str = "CREATE TABLE slot(n INTEGER PRIMARY KEY, tag INT, body);
     CREATE TABLE done(tag INTEGER PRIMARY KEY);
     CREATE INDEX slot_tag ON slot(tag, n);
     WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39)
       INSERT INTO slot SELECT i, 0, 'body' FROM n";

/// The statements of transaction `tag`.
pub fn sql_change(tag: i64) -> [String; 3] {
    let bytes = if tag % 11 == 0 { 20_000 } else { 200 };
    [
        format!("UPDATE slot SET tag = {tag} WHERE n IN (0, {})", tag % 40),
        format!("UPDATE slot SET body = randomblob({bytes}) WHERE n % 7 = {}", tag % 7),
        format!("INSERT INTO done VALUES ({tag})"),
    ]
}

/// Which transaction a sound copy of the SQL database is at.
pub fn sql_tag_of(connection: &rusqlite::Connection) -> Result<u64, String> {
    let number = |sql: &str| {
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|error| format!("{sql}: {error}"))
    };
    let integrity = connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    if integrity.as_deref() != Ok("ok") {
        return Err(format!("the SQL database is damaged: {integrity:?}"));
    }
    let tag = number("SELECT tag FROM slot WHERE n = 0")?;
    let (done, last) =
        (number("SELECT count(*) FROM done")?, number("SELECT ifnull(max(tag), 0) FROM done")?);
    for slot in 1..40 {
        let expected = (1..=tag).rev().find(|tag| tag % 40 == slot).unwrap_or(0);
        let found = number(&format!("SELECT tag FROM slot WHERE n = {slot}"))?;
        if found != expected {
            return Err(format!("slot {slot} is of transaction {found}, at {tag} it is of {expected}"));
        }
    }
    if (done, last) != (tag, tag) {
        return Err(format!("{done} transactions up to {last} are noted, the database is at {tag}"));
    }
    Ok(tag.try_into().unwrap())
}

#[test]
fn the_pages_after_a_commit_follow_from_its_number() {
    let (pages, size) = pages_after(0, 13);
    assert_eq!((pages.len(), size), (520, 520), "the large commit writes all of its pages");
    assert!(pages.values().all(|tag| *tag == 13));
    let (pages, size) = pages_after(0, 18);
    assert!(size < 12 && pages.keys().all(|page| *page <= size), "the shrink cut them off");
    assert_eq!(pages[&1], 18, "every commit writes page 1");
}
