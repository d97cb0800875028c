//! commit in one transaction: 1, 4 and 64 pages of one actor, each replacing what the commit before wrote.
//!
//! On memory and on LMDB, without flushes (processor time) and with them (what a user waits for: two flushes
//! a commit). `peers` sets commits of many actors at once against bare LMDB.

#[path = "support/short.rs"]
mod short;
#[path = "support/stores.rs"]
mod stores;
mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use stores::{Backend, Store};
use support::{Content, Holder, PAGE_BYTES, pages_of, runtime};

const PAGES: u32 = 256;

fn one_actor(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("commit");
    for backend in Backend::ALL {
        for content in [Content::Half, Content::Noise] {
            let store = Store::open(backend, &runtime);
            let mut holder = runtime.block_on(Holder::fill(&store.engine, "actor", content, PAGES));
            for count in [1, 4, 64] {
                let id = BenchmarkId::new(format!("{}/{content:?}", backend.name()), count);
                let pages = pages_of(content, count, 2);
                group.throughput(Throughput::Bytes(u64::from(count) * PAGE_BYTES as u64));
                group.bench_function(id, |bencher| {
                    bencher.iter(|| runtime.block_on(holder.commit(&store.engine, &pages)));
                });
            }
        }
    }
}

criterion_group! { name = benches; config = short::short(); targets = one_actor }
criterion_main!(benches);
