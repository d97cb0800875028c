//! loadStartup: takes an actor of 1,024 pages over, again and again, with 1 or 256 pages preloaded; and 64
//! actors at once, whose takeovers share commits.
//!
//! On memory and on LMDB, without flushes (processor time) and with them (what a user waits for; at most two
//! flushes a takeover). `peers` sets the same operation against bare LMDB.

#[path = "support/short.rs"]
mod short;
#[path = "support/stores.rs"]
mod stores;
mod support;

use batondb::engine::{Outcome, Preload};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;

use stores::{Backend, Store};
use support::{Content, Holder, runtime};

const PAGES: u32 = 1_024;

fn preload(pages: u32) -> Preload {
    Preload { ranges: vec![(1, pages + 1)], bytes_max: 1 << 20, ..Preload::default() }
}

fn one_actor(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("startup");
    for backend in Backend::ALL {
        for content in [Content::Half, Content::Noise] {
            let store = Store::open(backend, &runtime);
            let holder = runtime.block_on(Holder::fill(&store.engine, "actor", content, PAGES));
            for pages in [1, 256] {
                let id = BenchmarkId::new(format!("{}/{content:?}", backend.name()), pages);
                let preload = preload(pages);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        let start = store.engine.load_startup(&holder.actor, &preload);
                        let startup = runtime.block_on(start).expect("an actor starts");
                        assert_eq!(startup.outcome, Outcome::Won);
                        startup
                    });
                });
            }
        }
    }
}

fn many_actors(criterion: &mut Criterion) {
    const ACTORS: u32 = 64;
    let runtime = runtime();
    let mut group = criterion.benchmark_group("startup-64-actors");
    group.throughput(Throughput::Elements(u64::from(ACTORS)));
    for backend in Backend::ALL {
        let store = Store::open(backend, &runtime);
        let actors: Vec<_> = (0..ACTORS)
            .map(|number| {
                let name = format!("actor-{number}");
                runtime.block_on(Holder::fill(&store.engine, &name, Content::Half, 8)).actor
            })
            .collect();
        group.bench_function(backend.name(), |bencher| {
            bencher.iter(|| {
                let starts = actors.iter().cloned().map(|actor| {
                    let engine = store.engine.clone();
                    runtime.spawn(async move { engine.load_startup(&actor, &preload(1)).await })
                });
                let starts: Vec<_> = starts.collect();
                for startup in runtime.block_on(join_all(starts)) {
                    startup.expect("no task panics").expect("an actor starts");
                }
            });
        });
    }
}

criterion_group! { name = benches; config = short::short(); targets = one_actor, many_actors }
criterion_main!(benches);
