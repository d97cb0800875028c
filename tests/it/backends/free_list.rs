//! LMDB's list of free pages: whatever was deleted, and however much at once, its records stay small, and a commit writes
//! about as few pages as in a new store. Counted, not timed: a commit frees as many pages as it writes anew.

use std::sync::Arc;

use batondb::codec::ActorKeys;
use batondb::engine::{Commit, Engine, PageWrite};
use batondb::env::SystemEnv;
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use batondb::kv::{Decision, KeyRange, Kv, KvError, Mutations, TransactionFn, View, transact};
use batondb::types::{ActorId, Generation, PageCount, Txid};
use futures::future::{BoxFuture, FutureExt, join_all};
use tempfile::TempDir;

use crate::support::{Child, child_arguments, commit, content, id, page, start, tell_parent};

/// The pages of LMDB's that a record takes at most: "a page or two".
const RECORD_PAGES_MAX: usize = 2;

struct Store {
    kv: Arc<EmbeddedKv>,
    engine: Engine,
    _directory: TempDir,
}

impl Store {
    async fn new(durability: Durability) -> Self {
        let directory = TempDir::new().unwrap();
        let options = EmbeddedOptions { durability, ..EmbeddedOptions::at(directory.path()) };
        let kv = Arc::new(EmbeddedKv::open(&options).unwrap());
        let engine = Engine::open(Arc::clone(&kv) as Arc<dyn Kv>, Arc::new(SystemEnv)).await.unwrap();
        Self { kv, engine, _directory: directory }
    }

    #[track_caller]
    fn assert_small_records(&self, when: &str) {
        let free = self.kv.free_list().unwrap();
        assert!(free.record_pages_max <= RECORD_PAGES_MAX, "{when}: {free:?}");
    }
}

/// The commits of which a figure is the average.
const COMMITS: u32 = 100;
/// The pages of an owner's database.
const PAGES: u32 = 50;

/// An owner of an actor whose commits rewrite one of its pages.
struct Owner {
    actor: ActorId,
    generation: Generation,
    head: Txid,
}

impl Owner {
    async fn of(store: &Store, actor: &str) -> Self {
        let actor = id(actor);
        let generation = start(&store.engine, &actor).await.meta.generation;
        let mut head = Txid(0);
        // Page by page, as a small database grows.
        for size in 1..=PAGES {
            head = commit(&store.engine, &actor, generation, head, [size], 1).await.unwrap();
        }
        Self { actor, generation, head }
    }

    async fn commit(&mut self, store: &Store, tag: u64) {
        let data = content(7, tag);
        let pages = vec![PageWrite { page: page(7), data: &data }];
        let size_pages = PageCount(PAGES);
        let commit = Commit { generation: self.generation, head_txid: self.head, size_pages, pages };
        self.head = store.engine.commit(&self.actor, commit).await.unwrap();
    }

    /// The pages that a commit writes on average.
    async fn pages_a_commit(&mut self, store: &Store) -> f64 {
        let mut pages = 0;
        for number in 0..COMMITS {
            self.commit(store, number.into()).await;
            pages += u32::try_from(store.kv.free_list().unwrap().freed_last).unwrap();
        }
        f64::from(pages) / f64::from(COMMITS)
    }

    /// The bytes that Linux says a commit makes this process write on average.
    #[cfg(target_os = "linux")]
    async fn bytes_a_commit(&mut self, store: &Store) -> f64 {
        let before = bytes_written();
        for number in 0..COMMITS {
            self.commit(store, number.into()).await;
        }
        f64::from(u32::try_from(bytes_written() - before).unwrap()) / f64::from(COMMITS)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_writes_as_little_after_large_deletions_as_before() {
    let store = Store::new(Durability::Relaxed).await;
    let mut owner = Owner::of(&store, "small").await;
    let fresh = owner.pages_a_commit(&store).await;
    let large = id("large");
    let generation = start(&store.engine, &large).await.meta.generation;
    let head = commit(&store.engine, &large, generation, Txid(0), 1..=8_000, 1).await.unwrap();
    store.engine.idle().await;
    // In a large store the paths to a row are longer.
    let filled = owner.pages_a_commit(&store).await;
    commit(&store.engine, &large, generation, head, 1..=8_000, 2).await.unwrap();
    store.engine.idle().await;
    store.assert_small_records("rewritten");
    let rewritten = owner.pages_a_commit(&store).await;
    assert_eq!(store.engine.delete(&large).await, Ok(true));
    store.assert_small_records("deleted");
    let deleted = owner.pages_a_commit(&store).await;
    println!("pages a commit: {fresh} fresh, {filled} filled, {rewritten} rewritten, {deleted} deleted");
    assert!(store.kv.free_list().unwrap().pages > 16_000, "both versions are free");
    assert!(rewritten <= 2.0 * filled, "{filled} pages a commit before it was rewritten, {rewritten} after");
    assert!(deleted <= 2.0 * fresh, "{fresh} pages a commit in a new store, {deleted} after a deletion");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_at_once_and_pages_of_64_kib_leave_small_records_too() {
    let store = Store::new(Durability::Relaxed).await;
    let mut aborted = Vec::new();
    for number in 0..20 {
        let actor = id(&format!("actor {number}"));
        let generation = start(&store.engine, &actor).await.meta.generation;
        commit(&store.engine, &actor, generation, Txid(0), 1..=400, 1).await.unwrap();
        aborted.push(actor);
    }
    let large = id("large pages");
    let generation = start(&store.engine, &large).await.meta.generation;
    let data: Vec<u8> = (0..32).flat_map(|part| content(part, 1)[..2_048].to_vec()).collect();
    let pages = (1..=200).map(|number| PageWrite { page: page(number), data: &data }).collect();
    let commit = Commit { generation, head_txid: Txid(0), size_pages: PageCount(200), pages };
    store.engine.commit(&large, commit).await.unwrap();
    let shrink = Commit { generation, head_txid: Txid(2), size_pages: PageCount(100), pages: Vec::new() };
    store.engine.idle().await;
    let head_txid = store.engine.stat(&large).await.unwrap().unwrap().head_txid;
    store.engine.commit(&large, Commit { head_txid, ..shrink }).await.unwrap();
    store.engine.idle().await;
    store.assert_small_records("shrunk");
    aborted.push(large);
    let deletions = aborted.iter().map(|actor| store.engine.delete(actor));
    assert!(join_all(deletions).await.into_iter().all(|deleted| deleted == Ok(true)));
    assert!(store.kv.free_list().unwrap().pages > 20 * 400 + 200 * 16);
    store.assert_small_records("deleted");
}

/// Clears a range in one transaction, whatever is in it.
struct Clear(KeyRange);

impl TransactionFn for Clear {
    type Output = ();
    type Error = KvError;

    fn run<'a>(&'a self, _: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, KvError>> {
        let mut mutations = Mutations::new();
        mutations.clear_range(self.0.clone());
        async move { Ok(Decision::write(mutations, ())) }.boxed()
    }
}

/// LMDB cuts a large record to single pages when it comes to it: the first commit that takes a page of it writes it all,
/// and no later one does.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_has_a_large_record_is_healed_by_its_commits() {
    let store = Store::new(Durability::Relaxed).await;
    let mut owner = Owner::of(&store, "small").await;
    let fresh = owner.pages_a_commit(&store).await;
    let large = id("large");
    let generation = start(&store.engine, &large).await.meta.generation;
    commit(&store.engine, &large, generation, Txid(0), 1..=20_000, 1).await.unwrap();
    let pages = ActorKeys::new(&large).pages_from(page(1));
    transact(&*store.kv, &Arc::new(Clear(pages))).await.unwrap();
    let free = store.kv.free_list().unwrap();
    assert!(free.record_pages_max > 30, "20,000 numbers of eight bytes: {free:?}");
    // Until a later state is in a checkpoint nothing of it can be used.
    owner.pages_a_commit(&store).await;
    store.kv.checkpoint().unwrap();
    owner.pages_a_commit(&store).await;
    store.assert_small_records("after 200 commits");
    let healed = owner.pages_a_commit(&store).await;
    assert!(healed <= 2.0 * fresh, "{fresh} pages before, {healed} after");
}

#[cfg(target_os = "linux")]
fn bytes_written() -> u64 {
    let counters = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = counters.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    line.parse().unwrap()
}

/// In the child: commits in a new store and after deletions, and what the kernel counts of them.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_whose_writes_are_counted() {
    if child_arguments().is_none() {
        return;
    }
    let store = Store::new(Durability::Strict).await;
    let mut owner = Owner::of(&store, "small").await;
    let fresh = owner.bytes_a_commit(&store).await;
    let large = id("large");
    let generation = start(&store.engine, &large).await.meta.generation;
    let head = commit(&store.engine, &large, generation, Txid(0), 1..=8_000, 1).await.unwrap();
    commit(&store.engine, &large, generation, head, 1..=8_000, 2).await.unwrap();
    store.engine.idle().await;
    assert_eq!(store.engine.delete(&large).await, Ok(true));
    // What was freed can be used, and is forgotten, from the next checkpoints on.
    for _ in 0..3 {
        for _ in 0..4 {
            owner.bytes_a_commit(&store).await;
        }
        store.kv.checkpoint().unwrap();
    }
    let deleted = owner.bytes_a_commit(&store).await;
    // Large records fill both files of the journal, which then begins anew in one of them.
    for number in 0..20 {
        transact(&*store.kv, &Arc::new(Megabyte(number))).await.unwrap();
    }
    for round in 0..3 {
        let at_once = (0..8).map(|number| Megabyte(100 + round * 8 + number));
        let done = join_all(at_once.map(|body| {
            let kv = Arc::clone(&store.kv);
            async move { transact(&*kv, &Arc::new(body)).await }
        }));
        assert!(done.await.into_iter().all(|done| done.is_ok()));
    }
    store.kv.checkpoint().unwrap();
    let anew = owner.bytes_a_commit(&store).await;
    tell_parent(&format!("{fresh} {deleted} {anew}"));
}

/// Writes nearly a megabyte in rows of its own.
#[cfg(target_os = "linux")]
struct Megabyte(u32);

#[cfg(target_os = "linux")]
impl TransactionFn for Megabyte {
    type Output = ();
    type Error = KvError;

    fn run<'a>(&'a self, _: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, KvError>> {
        let mut mutations = Mutations::new();
        for part in 0..9_u8 {
            mutations.put([&self.0.to_be_bytes()[..], &[part]].concat(), vec![part; 99_000]);
        }
        async move { Ok(Decision::write(mutations, ())) }.boxed()
    }
}

/// What was written by the megabyte is in the page cache in folios of many pages, and a commit that uses one of those pages
/// again counts as one of all of them, unless they were forgotten.
#[cfg(target_os = "linux")]
#[test]
fn the_kernel_counts_pages_and_not_what_lies_beside_them() {
    let mut child = Child::start("backends::free_list::a_child_whose_writes_are_counted", &[""]);
    let line = child.hear().expect("the child commits");
    child.finish();
    let bytes: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
    let [fresh, deleted, anew] = bytes[..] else { panic!("{line}") };
    println!("bytes a commit: {fresh} fresh, {deleted} after a deletion, {anew} after large records");
    if fresh == 0.0 {
        println!("skipped: the temporary directory is in memory, which is not written to");
        return;
    }
    assert!(deleted <= 2.0 * fresh, "{fresh} bytes a commit before, {deleted} after");
    assert!(anew <= 2.0 * fresh, "{fresh} bytes a commit before, {anew} where the journal begins anew");
}
