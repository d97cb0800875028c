//! What the embedded backend's tests share: bodies, and this binary run again as another process.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};
use batondb::kv::{
    Decision, Isolation, KvError, Mutations, ReadFn, TransactionFn, View, read as kv_read,
    transact as kv_transact,
};
use futures::future::{BoxFuture, FutureExt};

use crate::support::{Child, child_arguments};

pub const MIB: u64 = 1024 * 1024;

/// Opens with the default size.
#[track_caller]
pub fn open(path: &Path, durability: Durability) -> EmbeddedKv {
    try_open(path, durability, None).unwrap()
}

pub fn try_open(
    path: &Path,
    durability: Durability,
    size_bytes_max: Option<u64>,
) -> Result<EmbeddedKv, KvError> {
    EmbeddedKv::open(&EmbeddedOptions {
        path: path.to_owned(),
        durability,
        size_bytes_max,
        read_only: false,
        mode: None,
    })
}

/// Makes fixed writes and answers with what one key held before.
pub struct Write {
    pub mutations: Mutations,
    pub reads: Vec<u8>,
}

impl TransactionFn for Write {
    type Output = Option<Vec<u8>>;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, KvError>> {
        async move {
            let found = view.get(&self.reads, Isolation::Serializable).await?;
            Ok(Decision::write(self.mutations.clone(), found.map(Vec::from)))
        }
        .boxed()
    }
}

pub async fn write(kv: &EmbeddedKv, mutations: Mutations) -> Result<Option<Vec<u8>>, KvError> {
    kv_transact(kv, &Arc::new(Write { mutations, reads: Vec::new() })).await
}

pub async fn put(kv: &EmbeddedKv, key: &[u8], value: Vec<u8>) -> Result<(), KvError> {
    let mut mutations = Mutations::new();
    mutations.put(key.to_vec(), value);
    write(kv, mutations).await.map(drop)
}

pub async fn delete(kv: &EmbeddedKv, key: &[u8]) -> Result<(), KvError> {
    let mut mutations = Mutations::new();
    mutations.delete(key.to_vec());
    write(kv, mutations).await.map(drop)
}

struct Get(Vec<u8>);

impl ReadFn for Get {
    type Output = Option<Vec<u8>>;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, KvError>> {
        async move { Ok(view.get(&self.0, Isolation::Snapshot).await?.map(Vec::from)) }.boxed()
    }
}

pub async fn get(kv: &EmbeddedKv, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
    kv_read(kv, &Arc::new(Get(key.to_vec()))).await
}

/// Adds one to a counter and answers with the count.
pub struct Increment(pub &'static [u8]);

impl TransactionFn for Increment {
    type Output = u64;
    type Error = KvError;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<u64>, KvError>> {
        async move {
            let count = count(view.get(self.0, Isolation::Serializable).await?.as_deref()) + 1;
            let mut mutations = Mutations::new();
            mutations.put(self.0.to_vec(), count.to_be_bytes().to_vec());
            Ok(Decision::write(mutations, count))
        }
        .boxed()
    }
}

/// What a counter's value means.
pub fn count(stored: Option<&[u8]>) -> u64 {
    stored.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

/// Occupies the committer from when it says so until it is told to go on, and writes a row.
pub struct Block {
    began: Mutex<Sender<()>>,
    go_on: Mutex<Receiver<()>>,
}

impl Block {
    /// The body, what tells that it began, and what ends it.
    pub fn new() -> (Arc<Self>, Receiver<()>, Sender<()>) {
        let (began, has_begun) = channel();
        let (end, go_on) = channel();
        (Arc::new(Self { began: Mutex::new(began), go_on: Mutex::new(go_on) }), has_begun, end)
    }
}

impl TransactionFn for Block {
    type Output = ();
    type Error = KvError;

    fn run<'a>(&'a self, _: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, KvError>> {
        async move {
            // When the batch is run again the other ends may be gone, and there is nothing left to wait for.
            let _told = self.began.lock().unwrap().send(());
            let _ended = self.go_on.lock().unwrap().recv();
            let mut mutations = Mutations::new();
            mutations.put(b"blocker".to_vec(), Vec::new());
            Ok(Decision::write(mutations, ()))
        }
        .boxed()
    }
}

/// Runs `job` while the committer is busy, so that everything `job` queues at once is one batch.
pub async fn in_one_batch<T>(
    kv: &Arc<EmbeddedKv>,
    jobs: impl Iterator<Item = BoxFuture<'static, T>>,
) -> Vec<T>
where
    T: Send + 'static,
{
    let (block, has_begun, end) = Block::new();
    let blocker = tokio::spawn({
        let kv = Arc::clone(kv);
        async move { kv_transact(&*kv, &block).await }
    });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    // The first poll of each queues it, as long as tokio does not ask this task to let others run.
    let mut waiting = Vec::new();
    for job in jobs {
        let mut job = tokio::task::unconstrained(job);
        assert!(futures::poll!(&mut job).is_pending(), "the committer is busy");
        waiting.push(job);
    }
    end.send(()).unwrap();
    drop(end);
    blocker.await.unwrap().unwrap();
    futures::future::join_all(waiting).await
}

/// Runs one test of this binary in another process, with the store's directory to use.
pub fn start(test: &str, directory: &Path) -> Child {
    Child::start(test, &[directory.to_str().unwrap()])
}

/// The directory that a child process was given; none in the parent, where such a test has nothing to do.
pub fn directory_of_parent() -> Option<PathBuf> {
    Some(child_arguments()?.first()?.into())
}
