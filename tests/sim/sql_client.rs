//! A caller with SQL: opens an actor's database, writes rows in transactions of one or several calls, reads
//! them, closes it, opens it again, and knows what each read has to show.

mod deferred;
mod past;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use batondb::database::{
    Answer, Behavior, Call, Database, DatabaseError, DatabaseOptions, Databases, Kind, Pool, WriteDurability,
};
use batondb::engine::{Engine, Preload, StoreError};
use batondb::env::Env;
use batondb::types::ActorId;
use futures::channel::oneshot;

use crate::burst::{Burst, Changes};
use crate::draw::Draw;
use crate::process::ProcessEnv;
use crate::scheduler::current_task;
use crate::world::{OpId, Table, What, World};

/// Rows of the table.
const KEYS: u64 = 8;
const READ: &str = "SELECT group_concat(k || ':' || v, ',') FROM (SELECT k, v FROM t ORDER BY k)";

/// A database as its caller has it.
struct Open {
    database: Arc<Database>,
    generation: u64,
    /// The head that it is at, and what the table there holds; none if there is no table.
    head: u64,
    table: Option<Table>,
    /// A commit that nobody knows the outcome of, and what it would have made of the table.
    doubt: Option<(OpId, Table)>,
    /// Transactions of which only the store knows which have taken place.
    burst: Option<OpId>,
    is_deferred: bool,
}

pub struct SqlClient {
    engine: Arc<Engine>,
    env: Arc<ProcessEnv>,
    world: World,
    draw: Draw,
    actor: usize,
    name: ActorId,
    databases: Databases,
    /// How many of a thousand openings are deferred.
    deferred: u64,
    open: Option<Open>,
    /// A state of the past, where there is history.
    past: Option<past::Past>,
    has_past: bool,
}

type Called<T> = Result<T, DatabaseError>;

impl SqlClient {
    /// A caller in the current task.
    pub fn new(
        (engine, env, world): (&Arc<Engine>, &Arc<ProcessEnv>, &World),
        mut draw: Draw,
        (actor, name): (usize, &ActorId),
        deferred: u64,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        let (client, thread_env, threads) = (current_task(), Arc::clone(env), world.clone());
        let starter = move |pool: Arc<Pool>| {
            let threads = threads.clone();
            let work = async move {
                // What the thread does, it does for this caller.
                threads.work_for(client);
                pool.work_off();
            };
            thread_env.scheduler().spawn_thread(thread_env.owner, Box::pin(work));
        };
        let pool = Pool::started_by(Box::new(starter), runtime);
        // Some have room for a few pages only.
        let cache_bytes = draw.of(&[1 << 20, 20_000]);
        let databases =
            Databases::new(Arc::clone(engine), Arc::clone(env) as Arc<dyn Env>, cache_bytes, pool);
        Self {
            engine: Arc::clone(engine),
            env: Arc::clone(env),
            world: world.clone(),
            draw,
            actor,
            name: name.clone(),
            databases,
            deferred,
            open: None,
            past: None,
            has_past: world.lock().has_past,
        }
    }

    pub async fn run(mut self, operations: u32) {
        for _ in 0..operations {
            // The draw is left out where there is no history.
            if self.has_past && self.draw.in_1000(250) {
                self.look_back().await;
                continue;
            }
            match (self.open.take(), self.draw.below(100)) {
                (None, _) => self.open().await,
                (Some(open), 0..80) if open.is_deferred => self.stream(open).await,
                (Some(open), 0..30) => self.write(open).await,
                (Some(open), 30..50) => self.burst(open).await,
                (Some(open), 50..80) => self.read(open).await,
                (Some(open), 80..97) => self.close(open).await,
                (Some(open), _) => self.delete(open).await,
            }
            let pause = self.draw.of(&[0, 0, 1, 10, 300]);
            self.env.sleep(Duration::from_millis(pause)).await;
        }
        if let Some(past) = self.past.take() {
            self.close_past(past).await;
        }
        if let Some(open) = self.open.take() {
            self.close(open).await;
        }
    }

    /// Opens, reads and checks everything.
    pub async fn take_stock(mut self) -> Result<(), String> {
        self.deferred = 0;
        self.open().await;
        let Some(open) = self.open.take() else { return Err("the database does not open".to_owned()) };
        let checked = text(&call(&open.database, 0, sql("PRAGMA integrity_check")).await);
        if checked != Ok(Some("ok".to_owned())) {
            return Err(format!("integrity_check: {checked:?}"));
        }
        self.read(open).await;
        let Some(open) = self.open.take() else { return Err("the database cannot be read".to_owned()) };
        self.close(open).await;
        Ok(())
    }

    async fn open(&mut self) {
        let is_deferred = self.deferred > 0 && self.draw.in_1000(self.deferred);
        self.open_as(if is_deferred { WriteDurability::Deferred } else { WriteDurability::Full }).await;
        if let Some(empty) = self.open.take_if(|open| open.is_deferred && open.table.is_none()) {
            // The table is made by one that waits.
            self.close(empty).await;
            self.open_as(WriteDurability::Full).await;
        }
    }

    async fn open_as(&mut self, durability: WriteDurability) {
        let id = self.world.begin(self.env.owner, self.actor, What::Start);
        let hints = self.draw.in_1000(300);
        let bytes_max = self.draw.of(&[4_096, 1 << 20]);
        let options = DatabaseOptions {
            preload: Preload { hints, bytes_max, ..Preload::default() },
            read_ahead: self.draw.in_1000(500),
            queue_max: 100,
            transaction_timeout_ms: 3_600_000,
            may_block: true,
            durability,
        };
        let answer = self.databases.open(&self.name, &options).await;
        let told = answer.as_ref().map(|database| (database.opened().outcome, database.opened().meta));
        self.world.end(id, &format!("{told:?}"));
        let verdict = match &answer {
            Ok(database) => {
                let opened = database.opened();
                let world = self.world.lock();
                let judged = world.judge_meta(id, opened.outcome.expect("a start"), &opened.meta);
                judged.map(|version| {
                    self.open = Some(Open {
                        database: Arc::clone(database),
                        generation: opened.meta.generation.0,
                        head: version.txid,
                        table: version.table,
                        doubt: None,
                        burst: None,
                        is_deferred: durability == WriteDurability::Deferred,
                    });
                })
            }
            Err(DatabaseError::Store(error)) => self.world.lock().judge_failure(id, error),
            Err(error) => Err(format!("cannot be opened: {error}")),
        };
        self.world.judge(&format!("operation {id}"), verdict);
    }

    /// Statements, and the table that they make of this one.
    fn statements(&mut self, table: Option<&Table>) -> (Vec<String>, Table) {
        let mut statements = Vec::new();
        let mut after = table.cloned().unwrap_or_default();
        if table.is_none() {
            statements.push("CREATE TABLE t(k INTEGER PRIMARY KEY, v INTEGER, pad BLOB)".to_owned());
        }
        for _ in 0..self.draw.between(1, 3) {
            let key = i64::try_from(self.draw.below(KEYS)).unwrap();
            if self.draw.in_1000(200) {
                statements.push(format!("DELETE FROM t WHERE k = {key}"));
                after.remove(&key);
                continue;
            }
            let value = i64::try_from(self.draw.below(1 << 40)).unwrap();
            let pad = self.draw.of(&[0, 500, 9_000]);
            statements.push(format!("INSERT OR REPLACE INTO t VALUES ({key}, {value}, zeroblob({pad}))"));
            after.insert(key, value);
        }
        (statements, after)
    }

    async fn write(&mut self, mut open: Open) {
        if open.doubt.is_some() || open.burst.is_some() {
            // The next call finds out; a read tells what.
            return self.read(open).await;
        }
        let (statements, after) = self.statements(open.table.as_ref());
        let what = What::Sql { generation: open.generation, base: open.head, after: after.clone() };
        let id = self.world.begin(self.env.owner, self.actor, what);
        let commits = self.draw.in_1000(850);
        let in_one_call = commits && self.draw.in_1000(500);
        let ended = if in_one_call {
            let batch = Call::Batch(statements.into_iter().map(|statement| (statement, None)).collect());
            call(&open.database, 0, batch).await.map(|_| ())
        } else {
            self.transact(&open, statements, (commits, &after)).await
        };
        self.world.end(id, &format!("commits {commits}: {ended:?}"));
        let committed = self.world.lock().ops[id].committed.map(|(txid, _)| txid);
        let verdict = match store_error(ended) {
            Ok(()) if commits => {
                // What changes nothing is no commit.
                let (changed, head) = (open.table.as_ref() != Some(&after), open.head);
                open.head = committed.unwrap_or(head);
                open.table = Some(after);
                self.open = Some(open);
                if committed.is_some() || !changed { Ok(()) } else { Err("told that it is in".to_owned()) }
            }
            Ok(()) => {
                self.open = Some(open);
                self.world.lock().ops[id].ruled_out = true;
                if committed.is_none() { Ok(()) } else { Err("rolled back, and took place".to_owned()) }
            }
            Err(Ok(error)) => {
                let fenced = matches!(error, StoreError::FenceMismatch { .. } | StoreError::NotFound { .. });
                if matches!(error, StoreError::CommitUnknown { .. }) {
                    open.doubt = Some((id, after));
                }
                if fenced {
                    self.close(open).await;
                } else {
                    self.open = Some(open);
                }
                self.world.lock().judge_commit(id, &Err(error))
            }
            Err(Err(error)) => Err(error),
        };
        self.world.judge(&format!("operation {id}"), verdict);
    }

    /// Several calls in one transaction, which reads what it has written.
    async fn transact(
        &mut self,
        open: &Open,
        statements: Vec<String>,
        (commits, after): (bool, &Table),
    ) -> Called<()> {
        let begun = call(&open.database, 0, Call::Begin(Behavior::Immediate, Some(3_600_000))).await?;
        let Answer::Scope(scope) = begun else { panic!("{begun:?}") };
        let mut ran = Ok(());
        for statement in statements {
            ran = call(&open.database, scope, sql(&statement)).await.map(|_| ());
            if ran.is_err() {
                break;
            }
        }
        if ran.is_ok() {
            let pause = self.draw.of(&[0, 0, 5, 100]);
            self.env.sleep(Duration::from_millis(pause)).await;
            match text(&call(&open.database, scope, sql(READ)).await) {
                Ok(read) => {
                    let right = read.unwrap_or_default() == shown(after);
                    let verdict = if right { Ok(()) } else { Err("does not see its own writes".to_owned()) };
                    self.world.judge("a transaction", verdict);
                }
                Err(error) => ran = Err(error),
            }
        }
        let ended = call(&open.database, scope, Call::End(commits && ran.is_ok())).await;
        ran.and(ended.map(|_| ()))
    }

    /// Several transactions at once, and reads among them.
    async fn burst(&mut self, mut open: Open) {
        let Some(before) = open.table.clone().filter(|_| open.doubt.is_none() && open.burst.is_none()) else {
            return self.write(open).await;
        };
        let (mut calls, mut transactions) = (Vec::new(), Vec::new());
        let count = usize::try_from(self.draw.between(2, 6)).unwrap();
        // Now and then the last one is too large for memory, behind others that are not durable yet.
        let ends_large = self.draw.in_1000(40);
        for index in 0..count {
            let value = i64::try_from(self.draw.below(1 << 40)).unwrap();
            let (mut statements, changes) = self.changes();
            let is_large = (ends_large && index + 1 == count) || self.draw.in_1000(5);
            let pad = if is_large { 4_500_000 } else { self.draw.of(&[0, 3_000]) };
            let key = Burst::mark(index);
            statements.push(format!("INSERT OR REPLACE INTO t VALUES ({key}, {value}, zeroblob({pad}))"));
            let batch = statements.into_iter().map(|statement| (statement, None)).collect();
            calls.push((Some(index), Call::Batch(batch)));
            transactions.push((value, changes));
            if self.draw.in_1000(400) {
                calls.push((None, sql(READ)));
            }
        }
        let (generation, base) = (open.generation, open.head);
        let burst = Burst { generation, base, before, is_deferred: false, transactions };
        let id = self.world.begin(self.env.owner, self.actor, What::Burst(burst.clone()));
        let told: Vec<_> =
            calls.into_iter().map(|(index, call)| (index, submit(&open.database, 0, call))).collect();
        let (mut fenced, mut failed) = (false, false);
        for (index, told) in told {
            let answer =
                told.await.unwrap_or_else(|_| Err(DatabaseError::Closed("nobody answered".to_owned())));
            self.world.tell(format!("      {id}: transaction {index:?}: {answer:?}"));
            let answer = match answer {
                Err(DatabaseError::Batch { error, .. }) => Err(*error),
                other => other,
            };
            if let Err(DatabaseError::Store(error)) = &answer {
                failed = true;
                fenced |= matches!(error, StoreError::FenceMismatch { .. } | StoreError::NotFound { .. });
            }
            let verdict = self.world.lock().judge_of_burst(id, &burst, index, &answer);
            self.world.judge(&format!("operation {id}, transaction {index:?}"), verdict);
        }
        self.world.end(id, "the burst is over");
        if fenced {
            return self.close(open).await;
        }
        if failed {
            open.burst = Some(id);
        } else {
            let (head, table) = self.world.lock().state_after(id);
            (open.head, open.table) = (head.unwrap_or(open.head), Some(table));
        }
        self.open = Some(open);
    }

    /// Statements that change a few rows, and what they make of them.
    fn changes(&mut self) -> (Vec<String>, Changes) {
        let (mut statements, mut changes) = (Vec::new(), Changes::new());
        for _ in 0..self.draw.between(0, 2) {
            let key = i64::try_from(self.draw.below(KEYS)).unwrap();
            if self.draw.in_1000(300) {
                statements.push(format!("DELETE FROM t WHERE k = {key}"));
                changes.push((key, None));
                continue;
            }
            let value = i64::try_from(self.draw.below(1 << 40)).unwrap();
            let pad = self.draw.of(&[0, 500, 9_000]);
            statements.push(format!("INSERT OR REPLACE INTO t VALUES ({key}, {value}, zeroblob({pad}))"));
            changes.push((key, Some(value)));
        }
        (statements, changes)
    }

    async fn read(&mut self, mut open: Open) {
        let id = self.world.begin(self.env.owner, self.actor, What::Other("select"));
        // Without the table, any statement that reads will do.
        let asks = open.table.is_some() || open.doubt.is_some() || open.burst.is_some();
        let statement = if asks { READ } else { "SELECT count(*) FROM sqlite_schema" };
        let answer = text(&call(&open.database, 0, sql(statement)).await);
        self.world.end(id, &format!("{answer:?}"));
        if let Some((op, table)) = open.doubt.take_if(|_| !is_store_error(&answer)) {
            // Whatever became of it has become of it.
            let mut world = self.world.lock();
            match world.ops[op].committed {
                Some((txid, _)) => (open.head, open.table) = (txid, Some(table)),
                None => world.ops[op].ruled_out = true,
            }
        }
        if let Some(op) = open.burst.take_if(|_| !is_store_error(&answer)) {
            let mut world = self.world.lock();
            world.ops[op].ruled_out = true;
            let (head, table) = world.state_after(op);
            (open.head, open.table) = (head.unwrap_or(open.head), Some(table));
        }
        let verdict = match answer {
            Ok(read) => {
                let expected = open.table.as_ref().map_or_else(|| "0".to_owned(), shown);
                let (read, head) = (read.unwrap_or_default(), open.head);
                self.open = Some(open);
                if read == expected {
                    Ok(())
                } else {
                    Err(format!("read {read} at {head} instead of {expected}"))
                }
            }
            Err(DatabaseError::Store(error)) => {
                if matches!(error, StoreError::FenceMismatch { .. } | StoreError::NotFound { .. }) {
                    self.close(open).await;
                } else {
                    self.open = Some(open);
                }
                self.world.lock().judge_failure(id, &error)
            }
            Err(DatabaseError::Sql(error))
                if open.table.is_none() && error.message.contains("no such table") =>
            {
                // The commit in doubt that would have made it did not take place.
                self.open = Some(open);
                Ok(())
            }
            Err(error) => Err(format!("cannot be read: {error}")),
        };
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn close(&mut self, open: Open) {
        let id = self.world.begin(self.env.owner, self.actor, What::Other("close"));
        let closed = call(&open.database, 0, Call::Close).await;
        self.world.end(id, &format!("{closed:?}"));
        let verdict = if closed == Ok(Answer::Done) { Ok(()) } else { Err(format!("{closed:?}")) };
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn delete(&mut self, open: Open) {
        self.close(open).await;
        let id = self.world.begin(self.env.owner, self.actor, What::Delete);
        let answer = self.engine.delete(&self.name).await;
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_deletion(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }
}

fn sql(statement: &str) -> Call {
    Call::Run(Kind::Whole, (statement.to_owned(), None))
}

fn submit(database: &Database, scope: u32, call: Call) -> oneshot::Receiver<Called<Answer>> {
    let (sender, answer) = oneshot::channel();
    database.submit(scope, 0, call, move |answer| {
        // Its caller may have died.
        let _ = sender.send(answer);
    });
    answer
}

async fn call(database: &Database, scope: u32, call: Call) -> Called<Answer> {
    submit(database, scope, call)
        .await
        .unwrap_or_else(|_| Err(DatabaseError::Closed("nobody answered".to_owned())))
}

/// What a table shows to [`READ`].
fn shown(table: &Table) -> String {
    let mut shown = String::new();
    for (key, value) in table {
        let comma = if shown.is_empty() { "" } else { "," };
        write!(shown, "{comma}{key}:{value}").unwrap();
    }
    shown
}

/// The one value of an answer as text, or as the digits of a small number.
pub fn text(answer: &Called<Answer>) -> Called<Option<String>> {
    let chunk = match answer {
        Ok(Answer::Rows(chunks)) => &chunks[0],
        Ok(other) => panic!("{other:?}"),
        Err(error) => return Err(error.clone()),
    };
    let length = |at: usize| u32::from_be_bytes(chunk[at..at + 4].try_into().unwrap()) as usize;
    let (columns, text, list) = (length(24), length(32), length(40));
    let start = 44 + columns;
    let (short, rest) = chunk[start..].split_at(text);
    let (list, cell) = rest.split_at(list);
    let text = |bytes: &[u8]| Some(String::from_utf8(bytes.to_vec()).unwrap());
    Ok(match cell[0] {
        0 => None,
        1 => Some(cell[1].to_string()),
        5 => text(short),
        // `["…"]`, with nothing in it that JSON escapes.
        7 => text(&list[2..list.len() - 2]),
        8 => text(&cell[6..]),
        other => panic!("a cell of kind {other}"),
    })
}

fn is_store_error<T>(answer: &Called<T>) -> bool {
    matches!(answer, Err(DatabaseError::Store(_)))
}

/// An error of the store, or why it is none that this caller expects.
fn store_error(ended: Called<()>) -> Result<(), Result<StoreError, String>> {
    match ended {
        Ok(()) => Ok(()),
        Err(DatabaseError::Store(error)) => Err(Ok(error)),
        Err(DatabaseError::Batch { error, .. }) => match *error {
            DatabaseError::Store(error) => Err(Ok(error)),
            other => Err(Err(other.to_string())),
        },
        Err(other) => Err(Err(other.to_string())),
    }
}
