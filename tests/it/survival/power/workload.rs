//! The recorded process, or one of two: actors that commit side by side, so that commits share flushes, and say in the
//! recording which commit is coming and which is in. What fails is begun again on a store that was opened again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batondb::database::{Call, DatabaseOptions, WriteDurability};
use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::embedded::planted::{JournalBug, plant_in_journal};
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use batondb::planted::{Bug, plant_everywhere};

use crate::sql::support::{Db, Host, Value, options};
use crate::support::{child_arguments, first_page, id, tell_parent};
use crate::survival::disk::record::Marks;
use crate::survival::disk::states::Chance;
use crate::survival::disk::{Control, Controls};
use crate::survival::power::model;
use crate::survival::power::model::{DEFERRED_ACTOR, RAW_ACTORS, SQL_ACTOR, SQL_TABLES};

/// The store's directory below the disk's. It is made by the store, one in another.
pub const DIRECTORY: &str = "made/by/baton";
/// The name of a bug: the gate of a deferred database opens early.
pub const EARLY_GATE: &str = "GateMissesLast";
/// So often the store may be opened again.
const OPENINGS_MAX: u32 = 200;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What goes wrong with the disk, if the seed is not 0: now and then a write, a flush of data or a flush of the meta
/// page fails, or a write is taken only in part.
struct Faults {
    seed: u64,
    drawn: AtomicU64,
    controls: Controls,
}

impl Faults {
    fn draw(&self) {
        let mut chance = Chance::new(self.seed, self.drawn.fetch_add(1, Ordering::Relaxed));
        let faults = [Control::SyncErrors, Control::MetaErrors, Control::WriteErrors, Control::ShortWrites];
        if self.seed != 0 && chance.percent(20) {
            let count = u32::try_from(1 + chance.below(2)).unwrap();
            self.controls.set(faults[chance.below(faults.len())], count);
        }
    }
}

/// What is said in the recording.
struct Said {
    marks: Marks,
    /// Whether a loss of power must leave what was acknowledged.
    is_kept: bool,
}

impl Said {
    /// This process owns the actor.
    fn own(&self, actor: &str, generation: impl std::fmt::Display) {
        if self.is_kept {
            self.marks.say(&format!("own {actor} {generation}"));
        }
    }

    fn begin(&self, actor: &str, tag: impl std::fmt::Display) {
        self.marks.say(&format!("begin {actor} {tag}"));
    }

    fn acknowledged(&self, actor: &str, tag: impl std::fmt::Display) {
        if self.is_kept {
            self.marks.say(&format!("ack {actor} {tag}"));
        }
    }
}

type Notes = (Said, Faults);

/// Which of the actors a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    All,
    /// Of two processes, the first one: two actors of raw pages.
    First,
    /// The second one: the third of these, and the SQL database.
    Second,
}

impl Part {
    const ALL: [Self; 3] = [Self::All, Self::First, Self::Second];

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|part| format!("{part:?}") == name).unwrap()
    }

    fn raw_actors(self) -> impl Iterator<Item = (u64, &'static str)> {
        let is_first = |number: &u64| *number < 2;
        (0..).zip(RAW_ACTORS).filter(move |(number, _)| match self {
            Self::All => true,
            Self::First => is_first(number),
            Self::Second => !is_first(number),
        })
    }
}

/// In the child: arguments are the disk, the log, the durability, how many commits each actor makes, the seed of
/// the faults, the bug that is planted, and which actors it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_commits_on_a_recorded_disk() {
    let Some(arguments) = child_arguments() else { return };
    let [root, log, durability, last, faults, bug, part] = arguments.as_slice() else {
        panic!("{arguments:?}")
    };
    if let Some(bug) = JournalBug::named(bug) {
        plant_in_journal(bug);
    } else if bug == EARLY_GATE {
        plant_everywhere(Bug::GateMissesLast);
    }
    let controls = Controls::open(&Path::new(log).with_file_name("control"));
    controls.set(Control::ErrorNumber, u32::try_from(libc::EIO).unwrap());
    let faults = Faults { seed: faults.parse().unwrap(), drawn: AtomicU64::new(0), controls };
    let durability = if durability == "strict" { Durability::Strict } else { Durability::Relaxed };
    let part = Part::named(part);
    // Beside a process whose commits a loss of power leaves, nothing is said of those that it may cost.
    let is_kept = durability == Durability::Strict || part == Part::All;
    let said = Said { marks: Marks::to(Path::new(log)), is_kept };
    let (notes, last) = (Arc::new((said, faults)), last.parse().unwrap());
    let options = EmbeddedOptions {
        path: Path::new(root).join(DIRECTORY),
        durability,
        size_bytes_max: None,
        read_only: false,
        mode: None,
    };
    let mut openings = 0;
    // In the middle everything is closed and opened again, as a new release of a service does.
    for until in [last / 2, last] {
        while !pass(&options, part, until, &notes).await {
            openings += 1;
            assert!(openings < OPENINGS_MAX, "the store does not come back");
        }
    }
    tell_parent(&format!("reopened {openings}"));
}

/// The actors of this process commit up to `until`. Whether they got there.
async fn pass(options: &EmbeddedOptions, part: Part, until: u64, notes: &Arc<Notes>) -> bool {
    let kv = match EmbeddedKv::open(options) {
        Ok(kv) => kv,
        Err(error) => {
            println!("not opened: {error}");
            return false;
        }
    };
    let Ok(engine) = Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await else { return false };
    let host = Arc::new(Host::on(Arc::new(engine), 8 << 20));
    let mut tasks = tokio::task::JoinSet::new();
    for (number, name) in part.raw_actors() {
        let (engine, notes) = (Arc::clone(&host.engine), Arc::clone(notes));
        tasks.spawn(async move { run_raw(&engine, (number, name), until, &notes).await });
    }
    if part != Part::First {
        let (sql_host, sql_notes) = (Arc::clone(&host), Arc::clone(notes));
        tasks.spawn(async move { run_sql(&sql_host, until, &sql_notes).await });
        let (sql_host, sql_notes) = (Arc::clone(&host), Arc::clone(notes));
        tasks.spawn(async move { run_deferred(&sql_host, until, &sql_notes).await });
    }
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
    (said, faults): &Notes,
) -> Result<(), Failed> {
    let actor = id(name);
    let started = engine.load_startup(&actor, &first_page()).await?;
    let (generation, mut head) = (started.meta.generation, started.meta.head_txid);
    said.own(name, generation);
    let mut tag = model::tag_at(engine, (number, &actor), generation, started.meta.size_pages).await?;
    while tag < until {
        tag += 1;
        faults.draw();
        said.begin(name, tag);
        head = model::commit(engine, (number, &actor), generation, head, tag).await?;
        said.acknowledged(name, tag);
    }
    Ok(())
}

/// Makes the tables if there are none. Returns the transaction that the database is at.
async fn prepare(db: &Db) -> Result<i64, Failed> {
    if db.value("SELECT count(*) FROM sqlite_schema").await? == 0.into() {
        let tx = db.begin().await?;
        tx.exec(SQL_TABLES).await?;
        tx.commit().await?;
    }
    match db.value("SELECT tag FROM slot WHERE n = 0").await? {
        Value::Integer(tag) => Ok(tag),
        other => Err(format!("{other:?}").into()),
    }
}

async fn run_sql(host: &Host, until: u64, (said, _): &Notes) -> Result<(), Failed> {
    let db = host.try_open(SQL_ACTOR).await?;
    said.own(SQL_ACTOR, db.database.opened().meta.generation);
    let mut tag = prepare(&db).await?;
    while u64::try_from(tag).unwrap() < until {
        tag += 1;
        said.begin(SQL_ACTOR, tag);
        let statements = model::sql_change(tag);
        let statements: Vec<_> = statements.iter().map(|sql| (sql.as_str(), &[][..])).collect();
        db.batch(&statements).await?;
        said.acknowledged(SQL_ACTOR, tag);
    }
    db.close().await;
    Ok(())
}

/// Transactions that are answered at once, on this thread and through the queue; some wait for no answer of the one
/// before. What the gate covers is acknowledged.
async fn run_deferred(host: &Host, until: u64, (said, _): &Notes) -> Result<(), Failed> {
    let options = DatabaseOptions { durability: WriteDurability::Deferred, ..options() };
    let db = host.open_with(DEFERRED_ACTOR, &options).await?;
    said.own(DEFERRED_ACTOR, db.database.opened().meta.generation);
    let mut tag = prepare(&db).await?;
    db.call(Call::Flush).await?;
    let mut told = Vec::new();
    while u64::try_from(tag).unwrap() < until {
        for _ in 0..=tag % 5 {
            tag += 1;
            said.begin(DEFERRED_ACTOR, tag);
            let statements = model::sql_change(tag).map(|statement| (statement, None));
            let batch = Call::Batch(statements.into());
            if tag % 3 == 0 {
                told.push(db.submit(0, batch));
                continue;
            }
            for told in told.drain(..) {
                told.await??;
            }
            let database = Arc::clone(&db.database);
            tokio::task::spawn_blocking(move || database.call_here(0, batch)).await??;
        }
        db.call(Call::Flush).await?;
        for told in told.drain(..) {
            told.await??;
        }
        said.acknowledged(DEFERRED_ACTOR, tag);
    }
    db.close().await;
    Ok(())
}
