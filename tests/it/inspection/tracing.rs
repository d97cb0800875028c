//! What an operator is told: each event once, at its level, with its fields, and never what a page holds.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, Once};

use ::tracing::field::{Field, Visit};
use ::tracing::instrument::WithSubscriber;
use ::tracing::{Event, Level, Subscriber, span};
use batondb::engine::{Engine, Outcome, PinRequest, PointRef, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv, Operation};
use batondb::kv::memory::MemoryKv;
use batondb::types::{Generation, HistoryPolicy, Txid};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry, Scope};

use crate::support::{Place, commit, content, first_page, id, on_every_backend, page, start};

on_every_backend!(each_lost_race_is_one_warning_with_both_generations, a_fenced_commit_is_told_and_no_error);

/// An event: its level, its name, its fields, and the spans around it.
#[derive(Debug, Clone)]
struct Told {
    level: Level,
    name: &'static str,
    fields: String,
    spans: Vec<&'static str>,
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Vec<Told>>>);

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let mut text = Text::default();
        attributes.record(&mut text);
        let (level, name) = (*attributes.metadata().level(), attributes.metadata().name());
        self.0.lock().unwrap().push(Told { level, name, fields: text.0, spans: Vec::new() });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let spans = context.event_scope(event).into_iter().flat_map(Scope::from_root);
        self.0.lock().unwrap().push(Told {
            level: *event.metadata().level(),
            name: event.metadata().name(),
            fields: text.0,
            spans: spans.map(|span| span.name()).collect(),
        });
    }
}

impl Collector {
    /// Everything that `work` tells where it is polled.
    async fn watch<T>(&self, work: impl Future<Output = T>) -> T {
        want_everything();
        work.with_subscriber(Registry::default().with(self.clone())).await
    }

    fn named(&self, name: &str) -> Vec<Told> {
        self.0.lock().unwrap().iter().filter(|told| told.name == name).cloned().collect()
    }

    /// The only one of this name.
    fn one(&self, name: &str) -> Told {
        let named = self.named(name);
        assert_eq!(named.len(), 1, "{name}: {:?}", self.0.lock().unwrap());
        named[0].clone()
    }

    /// Whether nothing was told that asks for attention.
    fn is_calm(&self) -> bool {
        self.0.lock().unwrap().iter().all(|told| told.level >= Level::INFO)
    }
}

/// Has the process want every span and event for good. What is met for the first time, by another test and in the very
/// moment in which a collector comes, may otherwise be noted as wanted by nobody.
fn want_everything() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| ::tracing::subscriber::set_global_default(Registry::default()).unwrap());
}

#[track_caller]
fn assert_has(told: &Told, fields: &[&str]) {
    for field in fields {
        assert!(told.fields.contains(&format!("{field} ")), "{field} in {told:?}");
    }
}

async fn faulty(script: impl Fn(Operation) -> Option<Fault> + Send + Sync + 'static) -> Engine {
    let kv = FaultyKv::new(Arc::new(MemoryKv::new()), Arc::new(SystemEnv), script);
    Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap()
}

async fn each_lost_race_is_one_warning_with_both_generations(place: Place) {
    let engines = [place.open().await, place.open().await, place.open().await];
    let (actor, mut lost) = (id("contended"), 0);
    for _ in 0..200 {
        let collector = Collector::default();
        let preload = first_page();
        let starts = engines.iter().map(|engine| engine.load_startup(&actor, &preload));
        let starts = collector.watch(futures::future::join_all(starts)).await;
        let starts: Vec<_> = starts.into_iter().map(Result::unwrap).collect();
        let losers: Vec<_> = starts.iter().filter(|start| start.outcome == Outcome::Lost).collect();
        let told = collector.named("startup.lost");
        assert_eq!(told.len(), losers.len());
        assert_eq!(collector.named("startup.won").len(), starts.len() - losers.len());
        for (told, loser) in told.iter().zip(&losers) {
            assert_eq!(told.level, Level::WARN);
            let previous = told.fields.split("previous=").nth(1).unwrap().split(' ').next().unwrap();
            assert!(previous.parse::<u64>().unwrap() < loser.meta.generation.0, "{told:?}");
            assert_has(told, &["actor=contended", "outcome=\"lost\""]);
        }
        let all = collector.0.lock().unwrap().clone();
        assert_eq!(all.iter().filter(|told| told.level <= Level::WARN).count(), losers.len(), "{all:?}");
        lost += losers.len();
    }
    assert!(lost > 0, "nobody lost in 200 rounds");
}

async fn a_fenced_commit_is_told_and_no_error(place: Place) {
    let (engine, actor, collector) = (place.open().await, id("a"), Collector::default());
    start(&engine, &actor).await;
    start(&engine, &actor).await;
    let refused = collector.watch(commit(&engine, &actor, Generation(1), Txid(0), [1], 1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::FenceMismatch { .. }));
    let told = collector.one("commit.fenced");
    assert_eq!(told.level, Level::INFO);
    assert_has(
        &told,
        &["actor=a", "held=1", "current=2", "code=\"ERR_FENCE_MISMATCH\"", "outcome=\"fenced\""],
    );
    assert!(collector.is_calm());
}

#[tokio::test]
async fn a_conflict_that_was_resolved_is_told_at_debug_alone() {
    // Opening takes the first operations, and the start has those up to the commit.
    let engine = faulty(|operation| {
        (operation.writes && operation.number > 3 && operation.number % 2 == 0).then_some(Fault::Conflict)
    })
    .await;
    let (actor, collector) = (id("a"), Collector::default());
    collector
        .watch(async {
            let started = start(&engine, &actor).await;
            commit(&engine, &actor, started.meta.generation, Txid(0), [1], 1).await.unwrap();
            commit(&engine, &actor, started.meta.generation, Txid(1), [1], 2).await.unwrap();
        })
        .await;
    let retried = collector.named("attempt.retried");
    assert!(!retried.is_empty(), "there was no conflict");
    for told in &retried {
        assert_eq!(told.level, Level::DEBUG);
        assert_has(told, &["attempt=1", "outcome=\"retry\""]);
        assert!(told.spans.contains(&"commit") || told.spans.contains(&"takeover"), "{told:?}");
    }
    assert!(collector.is_calm());
    assert_eq!(collector.named("commit.done").len(), 2);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_told_to_be_in() {
    let lose = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let script = Arc::clone(&lose);
    let engine = faulty(move |operation| {
        let now = operation.writes && script.swap(false, std::sync::atomic::Ordering::SeqCst);
        now.then_some(Fault::LostAfter)
    })
    .await;
    let (actor, collector) = (id("a"), Collector::default());
    let generation = start(&engine, &actor).await.meta.generation;
    lose.store(true, std::sync::atomic::Ordering::SeqCst);
    collector.watch(commit(&engine, &actor, generation, Txid(0), [1], 1)).await.unwrap();
    assert_has(&collector.one("commit.resolved"), &["actor=a", "txid=1"]);
    assert_has(&collector.one("commit.done"), &["txid=1", "pages=1", "bytes=4096"]);
    assert!(collector.is_calm());
}

#[tokio::test]
async fn a_large_commit_has_a_stage_with_its_size_and_nothing_of_its_pages() {
    let (engine, actor, collector) = (faulty(|_| None).await, id("a"), Collector::default());
    let generation = start(&engine, &actor).await.meta.generation;
    collector
        .watch(Box::pin(async {
            commit(&engine, &actor, generation, Txid(0), 1..=3_000, 7).await.unwrap();
            engine.get_pages(&actor, generation, None, &[page(1), page(2)]).await.unwrap();
        }))
        .await;
    let span = collector.one("stage");
    assert_has(&span, &["actor=a", "generation=1", "txid=1"]);
    let told = collector.one("stage.done");
    assert_has(&told, &["pages=3000", "txid=1", "outcome=\"committed\""]);
    assert_eq!(told.spans, ["commit", "stage"]);
    assert!(!told.fields.contains("parts=0 ") && !told.fields.contains("parts=1 "), "{told:?}");
    let read = collector.one("read.done");
    assert_eq!(read.level, Level::TRACE);
    assert_has(&read, &["pages=2", "bytes=8192", "txid=1"]);
    let bytes = content(2, 7);
    let shown = format!("{:?}", &bytes[12..20]);
    let all = format!("{:?}", collector.0.lock().unwrap());
    assert!(!all.contains(shown.trim_matches(['[', ']'])), "a record shows bytes of a page");
}

#[tokio::test]
async fn what_an_operator_has_to_mend_is_an_error_and_what_passes_a_warning() {
    let engine = faulty(|operation| (operation.number > 8).then_some(Fault::Unavailable)).await;
    let (actor, collector) = (id("a"), Collector::default());
    collector
        .watch(async {
            for _ in 0..9 {
                let _started_or_failed = engine.load_startup(&actor, &first_page()).await;
            }
        })
        .await;
    let failed = collector.named("startup.failed");
    assert!(!failed.is_empty());
    for told in failed {
        assert_eq!(told.level, Level::WARN);
        assert_has(&told, &["actor=a", "code=\"ERR_UNAVAILABLE\"", "outcome=\"failed\""]);
    }
}

#[tokio::test]
async fn what_is_done_with_the_past_is_told_with_its_points() {
    let (engine, actor, collector) = (faulty(|_| None).await, id("a"), Collector::default());
    engine.keep_history(Some(HistoryPolicy { keep_all_ms: 0, then: vec![] }));
    let generation = start(&engine, &actor).await.meta.generation;
    let first = commit(&engine, &actor, generation, Txid(0), 1..=9, 1).await.unwrap();
    let pin = PinRequest { name: "first".to_owned(), expires_at_ms: 0 };
    collector
        .watch(Box::pin(async {
            engine.pin(&actor, PointRef::Head, pin).await.unwrap();
            commit(&engine, &actor, generation, first, [1], 2).await.unwrap();
            engine.restore(&actor, PointRef::Name("first".to_owned())).await.unwrap();
            engine.fork(&actor, &id("fork"), PointRef::Head).await.unwrap();
            engine.flatten(&id("fork")).await.unwrap();
            assert_eq!(engine.unpin_name(&actor, "first".to_owned()).await, Ok(1));
            engine.thin(&actor).await.unwrap();
            engine.restore(&actor, PointRef::Txid(Txid(77))).await.unwrap_err();
        }))
        .await;
    let fields: [(_, &[&str]); 6] = [
        ("pin", &["actor=a", "at=1", "outcome=\"pinned\""]),
        ("restore", &["actor=a", "generation=2", "txid=3", "to=1", "undo=2", "outcome=\"restored\""]),
        ("fork", &["actor=fork", "from=a", "generation=1", "at=3", "outcome=\"forked\""]),
        ("flatten", &["actor=fork", "pages=9", "outcome=\"flattened\""]),
        ("unpin", &["actor=a", "pins=1", "outcome=\"unpinned\""]),
        ("thin", &["actor=a", "outcome=\"thinned\""]),
    ];
    for (operation, fields) in fields {
        let told = collector.named(&format!("{operation}.done")).remove(0);
        assert_eq!(told.level, Level::DEBUG);
        assert_has(&told, fields);
        if operation != "thin" {
            assert_eq!(told.spans, [operation]);
        }
    }
    let failed = collector.one("restore.failed");
    assert_eq!((failed.level, failed.spans), (Level::DEBUG, vec!["restore"]));
    assert!(failed.fields.contains("ERR_NOT_RETAINED"), "{}", failed.fields);
    assert!(collector.is_calm());
}
