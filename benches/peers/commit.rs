//! Commits of many actors against one thread that commits for all of them at once.

use std::sync::Arc;

use batondb::types::{PageNumber, Txid};
use futures::future::join_all;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::bare::{Bare, HEAD_BYTES, Rows};
use crate::measure::{Goal, Line, Unit, in_turn, time};
use crate::stores::{Backend, Store};
use crate::support::{Content, Holder, pages_of};

/// The pages of an actor, and how many of them a commit writes.
const PAGES: u32 = 64;
const PAGES_PER_COMMIT: u32 = 4;
/// How many commits a round asks of all actors together, at least.
const COMMITS_PER_ROUND: usize = 1_024;

pub fn compare(runtime: &Runtime, backend: Backend, rounds: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for actors in [1, 16, 64] {
        let turns = (COMMITS_PER_ROUND / actors).clamp(8, 64);
        let clients = Clients::new(runtime, backend, actors);
        for in_place in [false, true] {
            let mut peer = Peer::new(backend, actors, in_place);
            let rate = |seconds: f64| num(actors * turns) / seconds;
            let pairs = in_turn(
                rounds,
                || rate(time(|| clients.commit(runtime, turns)).as_secs_f64()),
                || rate(time(|| (0..turns).for_each(|_| peer.commit())).as_secs_f64()),
            );
            let against = if in_place { ", in place" } else { "" };
            lines.push(Line {
                name: format!("{} commit, {actors} actors{against}", backend.name()),
                unit: Unit::PerSecond,
                pairs,
                goal: (backend == Backend::Strict && actors == 64).then_some(Goal::AtLeast(0.75)),
            });
        }
    }
    lines
}

fn num(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// Actors of one store, each with a client that commits, waits, and commits again.
struct Clients {
    store: Store,
    holders: Vec<Arc<Mutex<Holder>>>,
    pages: Arc<Vec<(PageNumber, Vec<u8>)>>,
}

impl Clients {
    fn new(runtime: &Runtime, backend: Backend, actors: usize) -> Self {
        let store = Store::open(backend, runtime);
        let holders = (0..actors)
            .map(|number| {
                let name = name(number);
                let fill = Holder::fill(&store.engine, &name, Content::Half, PAGES);
                Arc::new(Mutex::new(runtime.block_on(fill)))
            })
            .collect();
        let pages = Arc::new(pages_of(Content::Half, PAGES_PER_COMMIT, 2));
        Self { store, holders, pages }
    }

    fn commit(&self, runtime: &Runtime, turns: usize) {
        let tasks: Vec<_> = self
            .holders
            .iter()
            .map(|holder| {
                let holder = Arc::clone(holder);
                let engine = Arc::clone(&self.store.engine);
                let pages = Arc::clone(&self.pages);
                runtime.spawn(async move {
                    let mut holder = holder.lock().await;
                    for _ in 0..turns {
                        holder.commit(&engine, &pages).await;
                    }
                })
            })
            .collect();
        for task in runtime.block_on(join_all(tasks)) {
            task.expect("no client panics");
        }
    }
}

/// LMDB with the same actors.
struct Peer {
    bare: Bare,
    actors: Vec<Rows>,
    in_place: bool,
    txid: Txid,
}

impl Peer {
    fn new(backend: Backend, actors: usize, in_place: bool) -> Self {
        let bare = Bare::open(backend);
        let actors: Vec<_> =
            (0..actors).map(|number| Rows::new(&name(number), Content::Half, PAGES, 1)).collect();
        bare.write(|txn| {
            for rows in &actors {
                for (page, value) in &rows.values {
                    bare.put(txn, &rows.keys.page(*page, Txid(1)), value);
                }
            }
        });
        Self { bare, actors, in_place, txid: Txid(1) }
    }

    /// One transaction with a commit of every actor.
    fn commit(&mut self) {
        let Self { bare, actors, in_place, txid } = self;
        let before = *txid;
        if !*in_place {
            *txid = before.next();
        }
        bare.write(|txn| {
            for rows in actors {
                bare.put(txn, &rows.keys.head(), &[7; HEAD_BYTES]);
                for (page, value) in rows.values.iter().take(PAGES_PER_COMMIT as usize) {
                    bare.put(txn, &rows.keys.page(*page, *txid), value);
                    if !*in_place {
                        let replaced = rows.keys.page(*page, before);
                        assert!(bare.rows.delete(txn, &replaced).expect("a row is deleted"));
                    }
                }
            }
        });
    }
}

fn name(number: usize) -> String {
    format!("actor-{number}")
}
