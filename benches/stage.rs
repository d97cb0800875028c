//! A commit of 16 MiB: far above what one transaction takes, so it is written as a stage, part by part,
//! finalized in one small transaction and swept of the versions that it replaced. All of that is measured.
//!
//! On memory and on LMDB, without flushes (processor time) and with them (a flush a few parts).

#[path = "support/short.rs"]
mod short;
#[path = "support/stores.rs"]
mod stores;
mod support;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

use stores::{Backend, Store};
use support::{Content, Holder, PAGE_BYTES, pages_of, runtime};

const PAGES: u32 = 4_096;

fn stage(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("stage");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Bytes(u64::from(PAGES) * PAGE_BYTES as u64));
    for backend in Backend::ALL {
        for content in [Content::Half, Content::Noise] {
            let store = Store::open(backend, &runtime);
            let mut holder = runtime.block_on(Holder::fill(&store.engine, "actor", content, PAGES));
            let pages = pages_of(content, PAGES, 2);
            group.bench_function(format!("{}/{content:?}", backend.name()), |bencher| {
                bencher.iter(|| {
                    runtime.block_on(async {
                        holder.commit(&store.engine, &pages).await;
                        store.engine.idle().await;
                    });
                });
            });
        }
    }
}

criterion_group! { name = benches; config = short::short(); targets = stage }
criterion_main!(benches);
