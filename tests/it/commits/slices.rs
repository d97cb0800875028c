//! Reads that outlast a state of the store: they go on as long as nothing has changed, begin again where the
//! head has moved, and tell who has taken over. On the memory backend, which forgets states as FoundationDB does.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batondb::codec::ActorKeys;
use batondb::engine::{Engine, LargeCommit, Outcome, PointRef, Preload};
use batondb::env::SystemEnv;
use batondb::kv::memory::MemoryKv;
use batondb::kv::{
    Isolation, Kv, KvError, Limits, Mutations, ReadRunner, Scan, TransactionRunner, View, Visitor,
};
use batondb::types::{Generation, PageNumber, PageSize, Txid};
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};

use crate::support::{commit, content, id, is_what_inner_is, page, put_row, start, tags_of};

const PAGES: u32 = 1_000;

fn limits(read_pages: Option<usize>) -> Limits {
    Limits {
        round_trip_bytes: Some(8 * 4096),
        read_bytes: read_pages.map(|pages| pages * 4096),
        attempts: 12,
        ..Limits::default()
    }
}

fn all() -> Vec<PageNumber> {
    (1..=PAGES).map(page).collect()
}

fn everything() -> Preload {
    Preload { ranges: vec![(1, PAGES + 1)], bytes_max: u64::MAX, ..Preload::default() }
}

/// A store that others write to all the time: for each batch of rows that is read here, another actor
/// commits somewhere else.
struct Crowded {
    inner: Arc<dyn Kv>,
}

/// Rows that one answer of the store brings.
const BATCH_ROWS: usize = 16;

struct CrowdedView<'v> {
    inner: &'v dyn View,
    kv: &'v Arc<dyn Kv>,
}

impl CrowdedView<'_> {
    async fn somebody_else_commits(&self) {
        put_row(self.kv, &ActorKeys::new(&id("somebody else")).head(), b"a head").await;
    }

    async fn scan_in_batches(&self, mut scan: Scan, visitor: &mut Visitor<'_>) -> Result<(), KvError> {
        loop {
            self.somebody_else_commits().await;
            let rows_max = if scan.rows_max == 0 { BATCH_ROWS } else { scan.rows_max.min(BATCH_ROWS) };
            let (mut rows, mut flow, mut last) = (0, ControlFlow::Continue(()), Vec::new());
            let mut visit = |key: &[u8], value: &[u8]| {
                rows += 1;
                last = key.to_vec();
                flow = visitor(key, value);
                flow
            };
            self.inner.scan(scan.clone().rows(rows_max), &mut visit).await?;
            let wanted = scan.rows_max != 0 && scan.rows_max <= rows;
            if flow.is_break() || rows < rows_max || wanted {
                return Ok(());
            }
            scan.rows_max = scan.rows_max.saturating_sub(rows);
            last.push(0);
            scan.range = batondb::kv::KeyRange::new(last, scan.range.end());
        }
    }
}

impl View for CrowdedView<'_> {
    fn get<'a>(
        &'a self,
        key: &'a [u8],
        isolation: Isolation,
    ) -> BoxFuture<'a, Result<Option<Bytes>, KvError>> {
        async move {
            self.somebody_else_commits().await;
            self.inner.get(key, isolation).await
        }
        .boxed()
    }

    fn scan<'a>(&'a self, scan: Scan, visitor: &'a mut Visitor<'_>) -> BoxFuture<'a, Result<(), KvError>> {
        self.scan_in_batches(scan, visitor).boxed()
    }
}

struct CrowdedBody<R>(R, Arc<dyn Kv>);

impl TransactionRunner for CrowdedBody<Arc<dyn TransactionRunner>> {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Mutations> {
        async move { self.0.run(&CrowdedView { inner: view, kv: &self.1 }).await }.boxed()
    }
}

impl ReadRunner for CrowdedBody<Arc<dyn ReadRunner>> {
    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, ()> {
        async move { self.0.run(&CrowdedView { inner: view, kv: &self.1 }).await }.boxed()
    }
}

impl Kv for Crowded {
    is_what_inner_is!();

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        self.inner.run(Arc::new(CrowdedBody(body, Arc::clone(&self.inner))))
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        self.inner.read(Arc::new(CrowdedBody(body, Arc::clone(&self.inner))))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

/// An actor with all pages of tag 1 on a store that keeps its states for 40 commits, and an engine there.
async fn crowded(limits: Limits) -> (Engine, Generation, Txid) {
    let memory = MemoryKv::with_versions_kept(40).with_limits(limits);
    let quiet = Engine::open(Arc::new(memory.share()), Arc::new(SystemEnv)).await.unwrap();
    let generation = start(&quiet, &id("a")).await.meta.generation;
    let head = commit(&quiet, &id("a"), generation, Txid(0), 1..=PAGES, 1).await.unwrap();
    quiet.idle().await;
    let kv = Arc::new(Crowded { inner: Arc::new(memory) });
    (Engine::open(kv, Arc::new(SystemEnv)).await.unwrap(), generation, head)
}

/// Whether a slice is read before its state is too old, or becomes small enough.
#[tokio::test]
async fn a_long_read_outlasts_the_states_of_a_store_that_others_write_to() {
    for read_pages in [32, 2_000] {
        let (engine, generation, head) = crowded(limits(Some(read_pages))).await;
        for named in [None, Some(head)] {
            let set = engine.get_pages(&id("a"), generation, named, &all()).await.unwrap();
            assert_eq!((set.head_txid, tags_of(&set)), (head, vec![1; PAGES as usize]), "{read_pages}");
        }

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("exported");
        assert_eq!(engine.export_to(&id("a"), &file).await.unwrap().head_txid, head);
        let expected: Vec<u8> = (1..=PAGES).flat_map(|number| content(number, 1)).collect();
        assert!(std::fs::read(&file).unwrap() == expected, "{read_pages}");

        let started = engine.load_startup(&id("a"), &everything()).await.unwrap();
        assert_eq!((started.outcome, started.meta.generation), (Outcome::Won, generation.next()));
        assert_eq!((started.meta.head_txid, started.pages.head_txid), (head, head));
        assert_eq!(tags_of(&started.pages), vec![1; PAGES as usize]);

        let request =
            LargeCommit { generation: generation.next(), head_txid: head, page_size: PageSize::DEFAULT };
        let mut writer = engine.begin_large_commit(&id("a"), request).await.unwrap();
        let pages = all().into_iter().map(|page| (page, content(page.get(), 2).into_boxed_slice()));
        writer.write(pages.collect()).await.unwrap();
        assert_eq!(tags_of(&writer.read(&all()).await.unwrap()), vec![2; PAGES as usize]);
    }
}

/// The other half of the test above: what it reads is more than one state lasts for.
#[tokio::test]
async fn a_long_read_in_one_piece_would_be_too_old_there() {
    let (engine, generation, _) = crowded(limits(None)).await;
    let refused = engine.get_pages(&id("a"), generation, None, &all()).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_UNAVAILABLE", "{refused}");
}

/// Done before the read with this number, from 1.
type Hook = Box<dyn Fn(u64) -> BoxFuture<'static, ()> + Send + Sync>;

/// A store where others act between two reads.
struct BetweenReads {
    inner: Arc<dyn Kv>,
    reads: AtomicU64,
    hook: Hook,
}

impl Kv for BetweenReads {
    is_what_inner_is!();

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        self.inner.run(body)
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            (self.hook)(self.reads.fetch_add(1, Ordering::SeqCst) + 1).await;
            self.inner.read(body).await
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

/// What others do to the actor between two reads.
#[derive(Debug, Clone, Copy)]
enum Others {
    /// A holder of the current generation rewrites every page.
    Commit,
    TakeOver,
    Delete,
    Flatten,
}

impl Others {
    async fn act(self, engine: &Engine) {
        let meta = engine.stat(&id("a")).await.unwrap().unwrap();
        match self {
            Self::Commit => {
                let (generation, head) = (meta.generation, meta.head_txid);
                commit(engine, &id("a"), generation, head, 1..=PAGES, head.0 + 1).await.unwrap();
            }
            Self::TakeOver => assert_eq!(start(engine, &id("a")).await.outcome, Outcome::Won),
            Self::Delete => assert_eq!(engine.delete(&id("a")).await, Ok(true)),
            Self::Flatten => {
                engine.flatten(&id("a")).await.unwrap();
                engine.delete(&id("source")).await.unwrap();
                engine.idle().await;
            }
        }
    }
}

/// An engine on an actor with all pages of tag 1 at head 1; before the reads with these numbers others act.
async fn disturbed(others: Others, at: fn(u64) -> bool) -> (Engine, Generation) {
    let memory = MemoryKv::new().with_limits(limits(Some(300)));
    let other = Engine::open(Arc::new(memory.share()), Arc::new(SystemEnv)).await.unwrap();
    let made = if matches!(others, Others::Flatten) { "source" } else { "a" };
    let generation = start(&other, &id(made)).await.meta.generation;
    commit(&other, &id(made), generation, Txid(0), 1..=PAGES, 1).await.unwrap();
    if made == "source" {
        other.fork(&id("source"), &id("a"), PointRef::Head).await.unwrap();
    }
    other.idle().await;
    let other = Arc::new(other);
    let hook: Hook = Box::new(move |number| {
        let other = Arc::clone(&other);
        async move {
            // The first read is that of the opening.
            if number > 1 && at(number - 1) {
                others.act(&other).await;
            }
        }
        .boxed()
    });
    let kv = BetweenReads { inner: Arc::new(memory), reads: AtomicU64::new(0), hook };
    (Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap(), generation)
}

#[tokio::test]
async fn a_head_that_moves_between_two_slices_begins_the_read_again() {
    // Four slices: the head moves before the second, and again before the last of the second beginning.
    let (engine, generation) = disturbed(Others::Commit, |read| read == 2 || read == 6).await;
    let set = engine.get_pages(&id("a"), generation, None, &all()).await.unwrap();
    assert_eq!((set.pages.clone(), tags_of(&set)), (all(), vec![set.head_txid.0; PAGES as usize]));
    assert_eq!(set.head_txid, Txid(3));

    let (engine, _) = disturbed(Others::Commit, |read| read == 2).await;
    let started = engine.load_startup(&id("a"), &everything()).await.unwrap();
    assert_eq!((started.outcome, started.meta.head_txid), (Outcome::Won, Txid(2)));
    assert_eq!((started.pages.head_txid, tags_of(&started.pages)), (Txid(2), vec![2; PAGES as usize]));

    let (engine, _) = disturbed(Others::Commit, |read| read == 3).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("exported");
    assert_eq!(engine.export_to(&id("a"), &file).await.unwrap().head_txid, Txid(2));
    let expected: Vec<u8> = (1..=PAGES).flat_map(|number| content(number, 2)).collect();
    assert!(std::fs::read(&file).unwrap() == expected);
}

/// The copies lie where a read that began before finds them, so it does not need the rows of the source, which may be gone.
#[tokio::test]
async fn a_fork_that_is_flattened_between_two_slices_shows_all_of_its_pages() {
    let (engine, generation) = disturbed(Others::Flatten, |read| read == 2).await;
    let set = engine.get_pages(&id("a"), generation, None, &all()).await.unwrap();
    assert_eq!((set.pages.clone(), tags_of(&set)), (all(), vec![1; PAGES as usize]));
    let (engine, _) = disturbed(Others::Flatten, |read| read == 2).await;
    let started = engine.load_startup(&id("a"), &everything()).await.unwrap();
    assert_eq!((started.outcome, tags_of(&started.pages)), (Outcome::Won, vec![1; PAGES as usize]));
}

#[tokio::test]
async fn a_head_that_is_named_is_not_traded_for_a_later_one() {
    let (engine, generation) = disturbed(Others::Commit, |read| read == 3).await;
    let refused = engine.get_pages(&id("a"), generation, Some(Txid(1)), &all()).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_FENCE_MISMATCH");
}

#[tokio::test]
async fn a_read_that_never_gets_to_its_end_says_so() {
    // Every slice meets another head than the one before.
    let (engine, generation) = disturbed(Others::Commit, |read| read > 1).await;
    let refused = engine.get_pages(&id("a"), generation, None, &all()).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_UNAVAILABLE");
    assert!(refused.is_retryable() && refused.to_string().contains("the head moved"), "{refused}");
    let refused = engine.load_startup(&id("a"), &everything()).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_UNAVAILABLE");
    let directory = tempfile::tempdir().unwrap();
    let refused = engine.export_to(&id("a"), &directory.path().join("exported")).await.unwrap_err();
    assert_eq!(refused.code(), "ERR_UNAVAILABLE");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left of the file");
}

#[tokio::test]
async fn a_takeover_between_two_slices_is_told() {
    for others in [Others::TakeOver, Others::Delete] {
        let moments: [fn(u64) -> bool; 2] = [|read| read == 1, |read| read == 3];
        for at in moments {
            let (engine, held) = disturbed(others, at).await;
            let started = engine.load_startup(&id("a"), &everything()).await.unwrap();
            let outcome = (started.outcome, started.meta.generation, started.pages.pages.len());
            let theirs = held.next().next();
            let expected = match others {
                // A deletion is no owner to lose against: the start comes after it.
                Others::Delete => (Outcome::Won, theirs.next(), 0),
                _ => (Outcome::Lost, theirs, 0),
            };
            assert_eq!(outcome, expected, "{others:?}");
        }
        let (engine, generation) = disturbed(others, |read| read == 3).await;
        let refused = engine.get_pages(&id("a"), generation, None, &all()).await.unwrap_err();
        let expected = if matches!(others, Others::Delete) { "ERR_NOT_FOUND" } else { "ERR_FENCE_MISMATCH" };
        assert_eq!(refused.code(), expected);
    }
}
