//! What the tests share: stores on each backend, pages with recognisable content.

use std::sync::Arc;

use batondb::engine::{Commit, Engine, PageSet, PageWrite, Preload, Startup, StoreError};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::memory::MemoryKv;
use batondb::types::{ActorId, Generation, PageCount, PageNumber, Txid};

/// A store in memory.
pub async fn memory() -> Engine {
    open(Arc::new(MemoryKv::new())).await
}

/// A store on a backend.
pub async fn open(kv: Arc<dyn Kv>) -> Engine {
    Engine::open(kv, Arc::new(SystemEnv)).await.unwrap()
}

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
