//! What counting costs where it happens most: a counter, a histogram, all that a small commit or a read counts, beside
//! the commit and the read themselves, in memory where nothing hides it, and on LMDB.
//!
//! At the end it prints what part of the operation the counting is: criterion's means of both, one through the other.
//! Then the same operations in memory with a subscriber that wants `info` and so none of their spans and events,
//! through those without any subscriber.

#[path = "support/short.rs"]
mod short;
#[path = "support/stores.rs"]
mod stores;
mod support;

use std::hint::black_box;
use std::time::Duration;

use batondb::env::{Env, SystemEnv};
use batondb::metrics::{CommitKind, Counter, Histogram, Metrics, Now, SqlTotals, Written};
use criterion::{Criterion, criterion_group};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use stores::{Backend, Store};
use support::{Content, Holder, page, pages_of, runtime};

const CONTENTS: [Content; 2] = [Content::Half, Content::Noise];

/// What a commit of a page adds to the numbers: the clock at both ends, and what it has written.
fn count_commit(metrics: &Metrics) {
    let begun = SystemEnv.elapsed();
    let written = Written { pages: 1, page_bytes: 4_096, stored_bytes: 2_000 };
    metrics.committed(CommitKind::Small, black_box(written), SystemEnv.elapsed().saturating_sub(begun));
}

/// What a read of a page adds.
fn count_read(metrics: &Metrics) {
    let begun = SystemEnv.elapsed();
    metrics.pages_read(black_box(1), SystemEnv.elapsed().saturating_sub(begun));
}

fn counting(criterion: &mut Criterion) {
    let (counter, histogram, metrics) = (Counter::default(), Histogram::of_seconds(), Metrics::default());
    let mut group = criterion.benchmark_group("metrics");
    group.bench_function("clock", |bencher| bencher.iter(|| SystemEnv.elapsed()));
    group.bench_function("counter", |bencher| bencher.iter(|| counter.add(black_box(1))));
    let took = Duration::from_micros(300);
    group.bench_function("histogram", |bencher| bencher.iter(|| histogram.record_duration(black_box(took))));
    group.bench_function("of-a-commit", |bencher| bencher.iter(|| count_commit(&metrics)));
    group.bench_function("of-a-read", |bencher| bencher.iter(|| count_read(&metrics)));
    group.bench_function("all-of-them-read", |bencher| {
        bencher.iter(|| metrics.families(&SqlTotals::default(), &Now::default()));
    });
}

/// The names of the operations that are measured, with what each of them counts.
fn wholes() -> Vec<(&'static str, String)> {
    let mut wholes = Vec::new();
    for backend in Backend::ALL {
        for content in CONTENTS {
            wholes.push(("of-a-commit", format!("commit-{}-{content:?}", backend.name())));
        }
        wholes.push(("of-a-read", format!("read-{}", backend.name())));
    }
    wholes
}

fn operations(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("metrics");
    let mut wholes = wholes().into_iter().map(|(_, name)| name);
    for backend in Backend::ALL {
        let store = Store::open(backend, &runtime);
        let mut holder = runtime.block_on(Holder::fill(&store.engine, "actor", Content::Half, 16));
        for content in CONTENTS {
            let pages = pages_of(content, 1, 2);
            group.bench_function(wholes.next().expect("one for each"), |bencher| {
                bencher.iter(|| runtime.block_on(holder.commit(&store.engine, &pages)));
            });
        }
        let (engine, wanted) = (&store.engine, [page(1)]);
        group.bench_function(wholes.next().expect("one for each"), |bencher| {
            bencher.iter(|| {
                let read = engine.get_pages(&holder.actor, holder.generation, None, &wanted);
                runtime.block_on(read).expect("a holder reads")
            });
        });
    }
}

/// The operations that are measured once more with a subscriber, and their names without.
const LOGGED: [(&str, &str); 2] = [("logged-commit", "commit-memory-Half"), ("logged-read", "read-memory")];

/// From here on the process has a subscriber.
fn logged(criterion: &mut Criterion) {
    let at_info = tracing_subscriber::registry().with(LevelFilter::INFO);
    tracing::subscriber::set_global_default(at_info).expect("nobody else has set one");
    let runtime = runtime();
    let store = Store::open(Backend::ALL[0], &runtime);
    let mut holder = runtime.block_on(Holder::fill(&store.engine, "actor", Content::Half, 16));
    let (pages, wanted) = (pages_of(Content::Half, 1, 2), [page(1)]);
    let mut group = criterion.benchmark_group("metrics");
    group.bench_function(LOGGED[0].0, |bencher| {
        bencher.iter(|| runtime.block_on(holder.commit(&store.engine, &pages)));
    });
    group.bench_function(LOGGED[1].0, |bencher| {
        bencher.iter(|| {
            let read = store.engine.get_pages(&holder.actor, holder.generation, None, &wanted);
            runtime.block_on(read).expect("a holder reads")
        });
    });
}

/// The mean that criterion has just noted, in nanoseconds.
fn mean_ns(name: &str) -> Option<f64> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let file = format!("{target}/criterion/metrics/{name}/new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    estimates["mean"]["point_estimate"].as_f64()
}

#[expect(clippy::print_stdout, reason = "a bench says what it has measured")]
fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    for (part, whole) in wholes() {
        if let (Some(part_ns), Some(whole_ns)) = (mean_ns(part), mean_ns(&whole)) {
            println!(
                "{whole}: {whole_ns:.0} ns, counting {part_ns:.0} ns, {:.2} %",
                100.0 * part_ns / whole_ns
            );
        }
    }
    for (logged, quiet) in LOGGED {
        if let (Some(logged_ns), Some(quiet_ns)) = (mean_ns(logged), mean_ns(quiet)) {
            println!(
                "{quiet}: {quiet_ns:.0} ns without a subscriber, {logged_ns:.0} ns with one, {:.2}",
                logged_ns / quiet_ns
            );
        }
    }
}

criterion_group! { name = benches; config = short::short(); targets = counting, operations, logged }
