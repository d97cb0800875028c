//! A caller: takes actors over, commits on top of what it holds, reads, and is told when it is too late. Now
//! and then it is wrong about what it holds, or gives a call up half way.

mod commits;
mod migrations;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use batondb::engine::{Engine, ListRequest, Preload, StoreError};
use batondb::env::Env;
use batondb::types::{ActorId, Generation, PageNumber, PageRange, Token, Txid};
use futures::future::BoxFuture;

use crate::content::{self, PAGE_BYTES, page_size};
use crate::draw::Draw;
use crate::history::PastHabits;
use crate::process::ProcessEnv;
use crate::world::{Change, OpId, What, World};

/// What a caller believes to hold of an actor.
#[derive(Debug, Clone, Copy)]
struct Held {
    generation: u64,
    head: u64,
    size: u32,
    page_bytes: usize,
}

/// A commit that nobody knows the outcome of.
struct Doubt {
    op: OpId,
    held: Held,
    size: u32,
    token: Token,
}

/// What callers do, in shares.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    pub operations: u32,
    /// The first so many actors are theirs.
    pub actors: usize,
    /// Pages of the largest databases.
    pub pages_max: u32,
    /// In a thousand operations.
    pub starts: u64,
    pub deletions: u64,
    pub imports: u64,
    /// Imports of v1 data, where nothing is held.
    pub migrations: u64,
    /// Calls that are given up half way.
    pub given_up: u64,
    pub past: PastHabits,
}

pub struct Client {
    pub engine: Arc<Engine>,
    pub env: Arc<ProcessEnv>,
    pub world: World,
    pub draw: Draw,
    pub actors: Arc<Vec<ActorId>>,
    pub habits: Habits,
    pub directory: Arc<std::path::PathBuf>,
    held: BTreeMap<usize, Held>,
    doubts: BTreeMap<usize, Doubt>,
}

type Pages = Vec<(u32, Vec<u8>)>;

fn number(page: u32) -> PageNumber {
    PageNumber::new(page).unwrap()
}

impl Client {
    pub fn new(
        (engine, env, world): (&Arc<Engine>, &Arc<ProcessEnv>, &World),
        draw: Draw,
        actors: &Arc<Vec<ActorId>>,
        habits: Habits,
        directory: &Arc<std::path::PathBuf>,
    ) -> Self {
        Self {
            engine: Arc::clone(engine),
            env: Arc::clone(env),
            world: world.clone(),
            draw,
            actors: Arc::clone(actors),
            habits,
            directory: Arc::clone(directory),
            held: BTreeMap::new(),
            doubts: BTreeMap::new(),
        }
    }

    pub async fn run(mut self) {
        for _ in 0..self.habits.operations {
            let actor = self.draw.index(self.habits.actors);
            self.step(actor).await;
            let pause = self.draw.of(&[0, 0, 0, 1, 10, 300]);
            self.env.sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn step(&mut self, actor: usize) {
        // Here and below: the draw is left out where there is none of it.
        if self.habits.past.share > 0 && self.draw.in_1000(self.habits.past.share) {
            return self.history().await;
        }
        // What forks are made as is left to them.
        if actor >= self.habits.past.forks_from && !self.world.lock().live().contains(&actor) {
            return self.fork_as(actor, 0).await;
        }
        if let Some(doubt) = self.doubts.remove(&actor) {
            return self.resolve(actor, doubt).await;
        }
        let Habits { starts, deletions, imports, migrations, .. } = self.habits;
        let Some(held) = self.held.get(&actor).copied() else {
            let migrates = migrations > 0 && self.draw.in_1000(migrations);
            return if migrates { self.migrations(actor).await } else { self.start(actor).await };
        };
        match self.draw.below(1_000) {
            drawn if drawn < starts => self.start(actor).await,
            drawn if drawn < starts + deletions => self.delete(actor).await,
            drawn if drawn < starts + deletions + imports => self.import(actor).await,
            drawn if drawn < 800 => self.write(actor, held).await,
            drawn if drawn < 920 => self.read(actor, held).await,
            drawn if drawn < 940 => self.stat(actor).await,
            drawn if drawn < 960 => self.list(actor).await,
            _ => self.store_hints(actor, held).await,
        }
    }

    /// Waits for a call, or gives it up half way.
    pub async fn attend<T>(&mut self, call: BoxFuture<'_, T>) -> Option<T> {
        let polls = if self.draw.in_1000(self.habits.given_up) { self.draw.below(12) } else { u64::MAX };
        wait(call, polls).await
    }

    async fn start(&mut self, actor: usize) {
        let pages_max = self.habits.pages_max;
        let pages: Vec<u32> = (0..self.draw.below(3)).map(|_| self.draw.between(1, pages_max)).collect();
        let first = self.draw.between(1, pages_max);
        let length = self.draw.of(&[0, 3, 30]);
        let budget = self.draw.of(&[1, 4, 200]);
        let preload = Preload {
            pages: pages.iter().map(|page| number(*page)).collect(),
            ranges: vec![(first, first + length)],
            hints: self.draw.in_1000(300),
            bytes_max: budget * PAGE_BYTES as u64,
        };
        let chosen: BTreeSet<u32> = pages.into_iter().chain(first..first + length).chain([1]).collect();
        let id = self.world.begin(self.env.owner, actor, What::Start);
        let (engine, name) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let Some(answer) =
            self.attend(Box::pin(async move { engine.load_startup(&name, &preload).await })).await
        else {
            return self.world.end(id, "given up");
        };
        let told = match &answer {
            Ok(started) => format!("{:?} {:?}", started.outcome, started.meta),
            Err(error) => error.to_string(),
        };
        self.world.end(id, &told);
        self.held.remove(&actor);
        if let Ok(started) = &answer {
            let meta = started.meta;
            let page_bytes = if meta.size_pages.0 == 0 { PAGE_BYTES } else { meta.page_size.bytes() };
            let (generation, head, size) = (meta.generation.0, meta.head_txid.0, meta.size_pages.0);
            self.held.insert(actor, Held { generation, head, size, page_bytes });
            let _ = started.pages.pages.len();
        }
        // Budgets are bytes; pages of an imported file are larger.
        let page_bytes = answer.as_ref().map_or(PAGE_BYTES, |started| started.meta.page_size.bytes());
        let fit = usize::try_from(budget).unwrap() * PAGE_BYTES / page_bytes;
        let verdict = self.world.lock().judge_start(id, &answer, (&chosen, fit.max(1)));
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn resolve(&mut self, actor: usize, doubt: Doubt) {
        let id = self.world.begin(self.env.owner, actor, What::Other("resolve"));
        let Doubt { op, held, size, token } = doubt;
        let (generation, head) = (Generation(held.generation), Txid(held.head));
        let answer = self.engine.resolve_commit(&self.actors[actor], generation, head, token).await;
        self.world.end(id, &format!("{answer:?}"));
        match &answer {
            Ok(Some(meta)) => {
                self.held.insert(actor, Held { head: meta.head_txid.0, size, ..held });
            }
            Ok(None) => {
                self.held.insert(actor, held);
            }
            Err(StoreError::Unavailable(_)) => {
                self.doubts.insert(actor, Doubt { op, held, size, token });
            }
            Err(_) => {
                self.held.remove(&actor);
            }
        }
        let verdict = self.world.lock().judge_resolution(id, op, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn read(&mut self, actor: usize, held: Held) {
        let wanted: BTreeSet<u32> =
            (0..self.draw.of(&[1, 5, 60])).map(|_| self.draw.between(1, self.habits.pages_max + 2)).collect();
        let head = self.draw.in_1000(600).then_some(held.head);
        let numbers: Vec<PageNumber> = wanted.iter().map(|page| number(*page)).collect();
        let id = self.world.begin(self.env.owner, actor, What::Other("read"));
        let (engine, name) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let call = async move {
            engine.get_pages(&name, Generation(held.generation), head.map(Txid), &numbers).await
        };
        let Some(answer) = self.attend(Box::pin(call)).await else { return self.world.end(id, "given up") };
        let told = answer.as_ref().map(|pages| (pages.head_txid, pages.pages.len()));
        self.world.end(id, &format!("{told:?}"));
        if matches!(answer, Err(StoreError::FenceMismatch { .. } | StoreError::NotFound { .. })) {
            self.held.remove(&actor);
        }
        let verdict = self.world.lock().judge_pages(id, &answer, (held.generation, head), &wanted);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn stat(&mut self, actor: usize) {
        let id = self.world.begin(self.env.owner, actor, What::Other("stat"));
        let answer = self.engine.stat(&self.actors[actor]).await;
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_stat(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    /// One answer names the actors of one moment, if there are few.
    async fn list(&mut self, actor: usize) {
        let id = self.world.begin(self.env.owner, actor, What::Other("list"));
        let before = self.world.lock().live();
        let states =
            |world: &World| world.lock().actors.iter().map(|log| log.states.len()).collect::<Vec<_>>();
        let begun = states(&self.world);
        let answer = self.engine.list(&ListRequest::default()).await;
        self.world.end(id, &format!("{answer:?}"));
        let quiet = begun == states(&self.world);
        let verdict = match &answer {
            Ok(listed) => {
                let names = before.iter().map(|actor| self.actors[*actor].clone()).collect::<BTreeSet<_>>();
                let same = listed.iter().cloned().collect::<BTreeSet<_>>() == names;
                if same || !quiet { Ok(()) } else { Err(format!("{listed:?} instead of {names:?}")) }
            }
            // Of whichever actor.
            Err(StoreError::Corrupt { .. }) if self.world.count_of("damages") > 0 => Ok(()),
            Err(error) => self.world.lock().judge_failure(id, error),
        };
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn store_hints(&mut self, actor: usize, held: Held) {
        let first = self.draw.between(1, self.habits.pages_max);
        let hints = [PageRange { first: number(first), last: number(first + self.draw.between(0, 5)) }];
        let id = self.world.begin(self.env.owner, actor, What::Other("hints"));
        let answer = self.engine.store_hints(&self.actors[actor], Generation(held.generation), &hints).await;
        self.world.end(id, &format!("{answer:?}"));
        if let Err(error) = &answer {
            self.held.remove(&actor);
            let verdict = self.world.lock().judge_failure(id, error);
            self.world.judge(&format!("operation {id}"), verdict);
        }
    }

    pub async fn delete(&mut self, actor: usize) {
        let id = self.world.begin(self.env.owner, actor, What::Delete);
        let (engine, name) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let answer = self.attend(Box::pin(async move { engine.delete(&name).await })).await;
        self.held.remove(&actor);
        let Some(answer) = answer else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        let verdict = self.world.lock().judge_deletion(id, &answer);
        self.world.judge(&format!("operation {id}"), verdict);
    }

    async fn import(&mut self, actor: usize) {
        let bytes = self.draw.of(&[512, 1_024]);
        let pages = self.draw.between(1, self.habits.pages_max);
        let (file, contents) = content::file(&mut self.draw, bytes, pages);
        let change = Change {
            generation: None,
            base: None,
            size: pages,
            page_size: page_size(bytes),
            pages: contents,
        };
        let id = self.world.begin(self.env.owner, actor, What::Import(change));
        let path = self.directory.join(format!("{id}.sqlite"));
        std::fs::write(&path, file).unwrap();
        let replace = self.draw.in_1000(800);
        let (engine, name) = (Arc::clone(&self.engine), self.actors[actor].clone());
        let call = {
            let path = path.clone();
            async move { engine.import_from(&name, &path, replace).await }
        };
        let answer = self.attend(Box::pin(call)).await;
        std::fs::remove_file(&path).unwrap();
        self.held.remove(&actor);
        let Some(answer) = answer else { return self.world.end(id, "given up") };
        self.world.end(id, &format!("{answer:?}"));
        if let Ok(meta) = &answer {
            let (generation, head) = (meta.generation.0, meta.head_txid.0);
            self.held.insert(actor, Held { generation, head, size: pages, page_bytes: bytes });
        }
        let verdict = self.world.lock().judge_commit(id, &answer.map(|meta| meta.head_txid.0));
        self.world.judge(&format!("operation {id}"), verdict);
    }
}

/// Waits for a future for so many polls.
async fn wait<T>(mut call: BoxFuture<'_, T>, mut polls: u64) -> Option<T> {
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        call.as_mut().poll(context).map(Some)
    })
    .await
}
