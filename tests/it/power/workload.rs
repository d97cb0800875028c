//! The recorded process: actors that commit side by side, so that commits share flushes, and say in the recording
//! which commit is coming and which is in. What fails is begun again on a store that was opened again.

use std::path::Path;
use std::sync::Arc;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};

use super::model::{self, RAW_ACTORS, SQL_ACTOR, SQL_TABLES};
use crate::disk::record::Marks;
use crate::sql::support::{Host, Value};
use crate::support::{child_arguments, first_page, id, tell_parent};

/// The store's directory below the disk's. It is made by the store, one in another.
pub const DIRECTORY: &str = "made/by/baton";
/// So often the store may be opened again.
const OPENINGS_MAX: u32 = 200;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// In the child: arguments are the disk, the log, the durability, and how many commits each actor makes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_commits_on_a_recorded_disk() {
    let Some(arguments) = child_arguments() else { return };
    let [root, log, durability, last] = arguments.as_slice() else { panic!("{arguments:?}") };
    let (marks, last) = (Arc::new(Marks::to(Path::new(log))), last.parse().unwrap());
    let durability = if durability == "strict" { Durability::Strict } else { Durability::Relaxed };
    let options = EmbeddedOptions { path: Path::new(root).join(DIRECTORY), durability, size_bytes_max: None };
    let mut openings = 0;
    // In the middle everything is closed and opened again, as a new release of a service does.
    for until in [last / 2, last] {
        while !pass(&options, until, &marks).await {
            openings += 1;
            assert!(openings < OPENINGS_MAX, "the store does not come back");
        }
    }
    tell_parent(&format!("reopened {openings}"));
}

/// All actors commit up to `until`. Whether they got there.
async fn pass(options: &EmbeddedOptions, until: u64, marks: &Arc<Marks>) -> bool {
    let opened = EmbeddedKv::open(options);
    let Ok(kv) = opened else { return false };
    let Ok(engine) = Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await else { return false };
    let host = Arc::new(Host::on(Arc::new(engine), 8 << 20));
    let mut tasks = tokio::task::JoinSet::new();
    for (number, name) in (0..).zip(RAW_ACTORS) {
        let (engine, marks) = (Arc::clone(&host.engine), Arc::clone(marks));
        tasks.spawn(async move { run_raw(&engine, (number, name), until, &marks).await });
    }
    let (sql_host, sql_marks) = (Arc::clone(&host), Arc::clone(marks));
    tasks.spawn(async move { run_sql(&sql_host, until, &sql_marks).await });
    let mut all_well = true;
    while let Some(ended) = tasks.join_next().await {
        if let Err(failed) = ended.unwrap() {
            println!("begun again: {failed}");
            all_well = false;
        }
    }
    host.engine.close().await;
    all_well
}

async fn run_raw(
    engine: &Engine,
    (number, name): (u64, &'static str),
    until: u64,
    marks: &Marks,
) -> Result<(), Failed> {
    let actor = id(name);
    let started = engine.load_startup(&actor, &first_page()).await?;
    let (generation, mut head) = (started.meta.generation, started.meta.head_txid);
    marks.say(&format!("own {name} {generation}"));
    let mut tag = model::tag_at(engine, (number, &actor), generation, started.meta.size_pages).await?;
    while tag < until {
        tag += 1;
        marks.say(&format!("begin {name} {tag}"));
        head = model::commit(engine, (number, &actor), generation, head, tag).await?;
        marks.say(&format!("ack {name} {tag}"));
    }
    Ok(())
}

async fn run_sql(host: &Host, until: u64, marks: &Marks) -> Result<(), Failed> {
    let db = host.try_open(SQL_ACTOR).await?;
    marks.say(&format!("own {SQL_ACTOR} {}", db.database.opened().meta.generation));
    if db.value("SELECT count(*) FROM sqlite_schema").await? == 0.into() {
        let tx = db.begin().await?;
        tx.exec(SQL_TABLES).await?;
        tx.commit().await?;
    }
    let mut tag = match db.value("SELECT tag FROM slot WHERE n = 0").await? {
        Value::Integer(tag) => tag,
        other => return Err(format!("{other:?}").into()),
    };
    while u64::try_from(tag).unwrap() < until {
        tag += 1;
        marks.say(&format!("begin {SQL_ACTOR} {tag}"));
        let statements = model::sql_change(tag);
        let statements: Vec<_> = statements.iter().map(|sql| (sql.as_str(), &[][..])).collect();
        db.batch(&statements).await?;
        marks.say(&format!("ack {SQL_ACTOR} {tag}"));
    }
    db.close().await;
    Ok(())
}
