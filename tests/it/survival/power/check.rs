//! What must hold on a disk that a loss of power has left: the store opens, each actor is at one commit, no earlier
//! than the last one that was acknowledged and no later than the last one that was begun, and everything goes on.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use batondb::engine::{Engine, Outcome};
use batondb::env::SystemEnv;
use batondb::kv::embedded::planted::{JournalBug, plant_in_journal};
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use rusqlite::Connection;

use crate::sql::support::Host;
use crate::support::{child_arguments, content, first_page, id, page, rows, tell_parent};
use crate::survival::power::model;
use crate::survival::power::model::{DEFERRED_ACTOR, RAW_ACTORS, SQL_ACTOR};

/// Seconds after which the check of a disk is taken to hang.
const CHECK_SECONDS_MAX: u32 = 120;

/// What an actor must be found at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    pub acknowledged: u64,
    pub begun: u64,
    pub generation: u64,
}

/// By actor, what the marks of a recording ask for.
pub fn expected<'m>(marks: impl Iterator<Item = &'m str>) -> BTreeMap<String, Expected> {
    let mut expected: BTreeMap<String, Expected> = BTreeMap::new();
    for mark in marks {
        let mut words = mark.split(' ');
        let mut word = || words.next().unwrap();
        let (what, actor, number) = (word(), word(), word().parse().unwrap());
        let actor = expected.entry(actor.to_owned()).or_default();
        match what {
            "begin" => actor.begun = number,
            "ack" => actor.acknowledged = number,
            "own" => actor.generation = number,
            other => panic!("{other}"),
        }
    }
    expected
}

/// As a child is told.
pub fn to_line(directory: &Path, expected: &BTreeMap<String, Expected>) -> String {
    let actors = expected.iter().map(|(actor, Expected { acknowledged, begun, generation })| {
        format!("\t{actor} {acknowledged} {begun} {generation}")
    });
    std::iter::once(directory.to_str().unwrap().to_owned()).chain(actors).collect()
}

fn from_line(line: &str) -> (&str, BTreeMap<&str, Expected>) {
    let mut fields = line.split('\t');
    let directory = fields.next().unwrap();
    let actors = fields.map(|field| {
        let words: Vec<&str> = field.split(' ').collect();
        let number = |index: usize| words[index].parse().unwrap();
        let expected = Expected { acknowledged: number(1), begun: number(2), generation: number(3) };
        (words[0], expected)
    });
    (directory, actors.collect())
}

/// In a child, since a damaged map may end the process: checks the disks that the parent names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_opens_what_a_loss_of_power_left() {
    let Some(arguments) = child_arguments() else { return };
    if let Some(bug) = JournalBug::named(&arguments[0]) {
        plant_in_journal(bug);
    }
    tell_parent("ready");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        // SAFETY: sets a timer of this process, whose signal ends it.
        unsafe { libc::alarm(CHECK_SECONDS_MAX) };
        let (directory, actors) = from_line(&line);
        match check(Path::new(directory), &actors).await {
            Ok(()) => tell_parent("sound"),
            Err(found) => tell_parent(&format!("found: {}", found.replace('\n', " "))),
        }
    }
}

async fn check(directory: &Path, actors: &BTreeMap<&str, Expected>) -> Result<(), String> {
    let options = EmbeddedOptions {
        path: directory.to_owned(),
        durability: Durability::Strict,
        size_bytes_max: None,
        read_only: false,
        mode: None,
    };
    let kv = EmbeddedKv::open(&options).map_err(|error| format!("it does not open: {error}"))?;
    let kv: Arc<dyn batondb::kv::Kv> = Arc::new(kv);
    let engine = Engine::open(Arc::clone(&kv), Arc::new(SystemEnv)).await;
    let engine = Arc::new(engine.map_err(|error| format!("the store does not open: {error}"))?);
    // Walks all of LMDB's tree.
    rows(&kv).await;
    drop(kv);
    for (number, name) in (0..).zip(RAW_ACTORS) {
        let expected = actors.get(name).copied().unwrap_or_default();
        check_raw(&engine, number, name, expected).await.map_err(|found| format!("{name}: {found}"))?;
    }
    let copy = directory.with_extension("sqlite");
    for name in [SQL_ACTOR, DEFERRED_ACTOR] {
        let expected = actors.get(name).copied().unwrap_or_default();
        let checked = check_sql(Arc::clone(&engine), name, &copy, expected).await;
        checked.map_err(|found| format!("{name}: {found}"))?;
        // The next export makes it anew.
        let _gone = std::fs::remove_file(&copy);
    }
    engine.idle().await;
    engine.close().await;
    Ok(())
}

fn check_tag(tag: u64, expected: Expected) -> Result<(), String> {
    if tag < expected.acknowledged || tag > expected.begun {
        return Err(format!("it is at commit {tag}, and this was said: {expected:?}"));
    }
    Ok(())
}

async fn check_raw(engine: &Engine, number: u64, name: &str, expected: Expected) -> Result<(), String> {
    let actor = id(name);
    let error = |error: batondb::engine::StoreError| error.to_string();
    let started = engine.load_startup(&actor, &first_page()).await.map_err(error)?;
    let (generation, head) = (started.meta.generation, started.meta.head_txid);
    if started.outcome != Outcome::Won || generation.0 <= expected.generation {
        return Err(format!("a start got {:?} with generation {generation}: {expected:?}", started.outcome));
    }
    let tag = model::tag_at(engine, (number, &actor), generation, started.meta.size_pages).await?;
    check_tag(tag, expected)?;
    // Everything goes on.
    model::commit(engine, (number, &actor), generation, head, tag + 1).await.map_err(error)?;
    let first = engine.get_pages(&actor, generation, None, &[page(1)]).await.map_err(error)?;
    match first.get(page(1)) {
        Some(bytes) if bytes == content(1, tag + 1) => Ok(()),
        _ => Err(format!("commit {} was acknowledged and does not show", tag + 1)),
    }
}

async fn check_sql(engine: Arc<Engine>, name: &str, copy: &Path, expected: Expected) -> Result<(), String> {
    let actor = id(name);
    let is_there = engine.stat(&actor).await.map_err(|error| error.to_string())?;
    let Some(meta) = is_there.filter(|meta| meta.size_pages.0 > 0) else {
        let lost = expected.acknowledged > 0 || (is_there.is_none() && expected.generation > 0);
        return if lost { Err(format!("it is not there: {expected:?}")) } else { Ok(()) };
    };
    if meta.generation.0 < expected.generation {
        return Err(format!("it is at generation {}: {expected:?}", meta.generation));
    }
    let read = async || -> Result<u64, String> {
        engine.export_to(&actor, copy).await.map_err(|error| error.to_string())?;
        let connection = Connection::open(copy).map_err(|error| error.to_string())?;
        model::sql_tag_of(&connection)
    };
    let tag = read().await?;
    check_tag(tag, expected)?;
    let db = Host::on(Arc::clone(&engine), 1 << 20).try_open(name).await;
    let db = db.map_err(|error| error.to_string())?;
    let statements = model::sql_change(i64::try_from(tag).unwrap() + 1);
    let statements: Vec<_> = statements.iter().map(|sql| (sql.as_str(), &[][..])).collect();
    db.batch(&statements).await.map_err(|error| error.to_string())?;
    db.close().await;
    match read().await? {
        now if now == tag + 1 => Ok(()),
        now => Err(format!("after transaction {} it is at {now}", tag + 1)),
    }
}
