//! getPages of an actor of 4,096 pages: one page, 64 in one run (one range read), 64 scattered (64 seeks).
//!
//! Reads never flush, so LMDB is measured once, with its pages in memory.

#[path = "support/short.rs"]
mod short;
#[path = "support/stores.rs"]
mod stores;
mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use batondb::types::PageNumber;
use stores::{Backend, Store};
use support::{Content, Holder, PAGE_BYTES, page, runtime};

const PAGES: u32 = 4_096;

fn get_pages(criterion: &mut Criterion) {
    let shapes: [(&str, Vec<PageNumber>); 3] = [
        ("one", vec![page(2_000)]),
        ("run-64", (2_000..2_064).map(page).collect()),
        ("scattered-64", (0..64).map(|index| page(1 + 63 * index)).collect()),
    ];
    let runtime = runtime();
    let mut group = criterion.benchmark_group("read");
    for backend in Backend::ALL.into_iter().filter(|backend| *backend != Backend::Strict) {
        for content in [Content::Half, Content::Noise] {
            let store = Store::open(backend, &runtime);
            let holder = runtime.block_on(Holder::fill(&store.engine, "actor", content, PAGES));
            for (shape, pages) in &shapes {
                let id = BenchmarkId::new(format!("{}/{content:?}", backend.name()), shape);
                group.throughput(Throughput::Bytes((pages.len() * PAGE_BYTES) as u64));
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        let read = store.engine.get_pages(&holder.actor, holder.generation, None, pages);
                        runtime.block_on(read).expect("the holder reads")
                    });
                });
            }
        }
    }
}

criterion_group! { name = benches; config = short::short(); targets = get_pages }
criterion_main!(benches);
