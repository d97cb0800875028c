//! What the tests share: stores on each backend, pages with recognisable content.

mod child;
pub mod cluster;
mod mirror;
mod place;
mod prefix;

pub use child::{Child, Silent, child_arguments, tell_parent};
pub use mirror::Mirror;
pub use place::Place;
pub(crate) use place::{across_processes, on_every_backend};

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use batondb::engine::{Commit, Engine, PageSet, PageWrite, Preload, Startup, StoreError};
use batondb::kv::{Decision, Kv, KvError, Mutations, ReadFn, Scan, TransactionFn, View, read, transact};
use futures::future::{BoxFuture, FutureExt};

use batondb::types::{ActorId, Generation, PageCount, PageNumber, Txid};

#[track_caller]
pub fn id(id: &str) -> ActorId {
    ActorId::new(id).unwrap()
}

#[track_caller]
pub fn page(number: u32) -> PageNumber {
    PageNumber::new(number).unwrap()
}

/// The default preload: page 1.
pub fn first_page() -> Preload {
    Preload { bytes_max: 1 << 20, ..Preload::default() }
}

/// 4,096 bytes that say which page of which commit they are, and do not compress to nothing.
pub fn content(number: u32, tag: u64) -> Vec<u8> {
    let mut state = (u64::from(number) << 32) ^ tag.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(4096);
    bytes.extend(number.to_be_bytes());
    bytes.extend(tag.to_be_bytes());
    while bytes.len() < 2048 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_be_bytes());
    }
    bytes.resize(4096, 0);
    bytes
}

/// Which commit a page's content is of.
#[track_caller]
pub fn tag_of(number: u32, bytes: &[u8]) -> u64 {
    let tag = u64::from_be_bytes(bytes[4..12].try_into().unwrap());
    assert_eq!(bytes, content(number, tag), "page {number} is not the content of any one commit");
    tag
}

/// Commits pages `pages`, each with content of `tag`; the size grows to the last one.
pub async fn commit(
    engine: &Engine,
    actor: &ActorId,
    generation: Generation,
    head_txid: Txid,
    pages: impl IntoIterator<Item = u32>,
    tag: u64,
) -> Result<Txid, StoreError> {
    let contents: Vec<(u32, Vec<u8>)> =
        pages.into_iter().map(|number| (number, content(number, tag))).collect();
    let size = contents.iter().map(|(number, _)| *number).max().unwrap_or(0);
    let pages = contents.iter().map(|(number, data)| PageWrite { page: page(*number), data }).collect();
    let commit = Commit { generation, head_txid, size_pages: PageCount(size), pages };
    engine.commit(actor, commit).await
}

/// Starts an actor.
pub async fn start(engine: &Engine, actor: &ActorId) -> Startup {
    engine.load_startup(actor, &first_page()).await.unwrap()
}

/// The tags of pages 1 to `count` at the current head.
pub async fn tags(engine: &Engine, actor: &ActorId, generation: Generation, count: u32) -> Vec<u64> {
    let pages: Vec<PageNumber> = (1..=count).map(page).collect();
    let set = engine.get_pages(actor, generation, None, &pages).await.unwrap();
    tags_of(&set)
}

#[track_caller]
pub fn tags_of(set: &PageSet) -> Vec<u64> {
    set.pages.iter().map(|&number| tag_of(number.get(), set.get(number).unwrap())).collect()
}

/// Every row of a store, as the backend has it.
pub async fn rows(kv: &Arc<dyn Kv>) -> Vec<(Vec<u8>, Vec<u8>)> {
    struct All;
    impl ReadFn for All {
        type Output = Vec<(Vec<u8>, Vec<u8>)>;
        type Error = KvError;
        fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, KvError>> {
            async move {
                let mut rows = Vec::new();
                let mut visit = |key: &[u8], value: &[u8]| {
                    rows.push((key.to_vec(), value.to_vec()));
                    ControlFlow::Continue(())
                };
                view.scan(Scan::snapshot(batondb::codec::key::everything()), &mut visit).await?;
                Ok(rows)
            }
            .boxed()
        }
    }
    read(&**kv, &Arc::new(All)).await.unwrap()
}

/// Sets one row behind the engine's back.
pub async fn put_row(kv: &Arc<dyn Kv>, key: &[u8], value: &[u8]) {
    change_row(kv, key, Some(value)).await;
}

/// Removes one row behind the engine's back.
pub async fn remove_row(kv: &Arc<dyn Kv>, key: &[u8]) {
    change_row(kv, key, None).await;
}

async fn change_row(kv: &Arc<dyn Kv>, key: &[u8], value: Option<&[u8]>) {
    struct Change(Vec<u8>, Option<Vec<u8>>);
    impl TransactionFn for Change {
        type Output = ();
        type Error = KvError;
        fn run<'a>(&'a self, _: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, KvError>> {
            let mut mutations = Mutations::new();
            match &self.1 {
                Some(value) => mutations.put(self.0.clone(), value.clone()),
                None => mutations.delete(self.0.clone()),
            }
            async move { Ok(Decision::write(mutations, ())) }.boxed()
        }
    }
    transact(&**kv, &Arc::new(Change(key.to_vec(), value.map(<[u8]>::to_vec)))).await.unwrap();
}

/// A real database of 1 MB that is not part of the repository. Where it is absent the test says so and is
/// skipped, except in CI, which has it.
pub fn chinook(test: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/chinook.sqlite");
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none() || std::env::var_os("GITHUB_ACTIONS").is_some(),
        "{} is missing",
        path.display()
    );
    println!("skipped: {test}: {} is not there", path.display());
    None
}

/// In an `impl Kv` that wraps the backend `self.inner`: it goes by the name, the identity, the order and the limits of that one. A wrapper
/// that forgot the limits would have the engine go other ways than below.
macro_rules! is_what_inner_is {
    () => {
        fn name(&self) -> &'static str {
            self.inner.name()
        }

        fn concurrency(&self) -> batondb::kv::Concurrency {
            self.inner.concurrency()
        }

        fn identity(&self) -> Option<batondb::kv::Identity> {
            self.inner.identity()
        }

        fn limits(&self) -> batondb::kv::Limits {
            self.inner.limits()
        }
    };
}
pub(crate) use is_what_inner_is;
