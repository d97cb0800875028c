//! What the benches share: a runtime like the addon's, pages of known content, actors that hold them.
//!
//! All content comes from fixed seeds, so two runs store the same bytes.

use batondb::engine::{Commit, Engine, PageWrite, Preload};
use batondb::types::{ActorId, Generation, PageCount, PageNumber, Txid};
use tokio::runtime::{Builder, Runtime};

/// The page size of all benches.
pub const PAGE_BYTES: usize = 4096;

/// A runtime with as many workers as the addon gives itself.
pub fn runtime() -> Runtime {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let workers = cores.max(4);
    Builder::new_multi_thread().worker_threads(workers).enable_time().build().expect("a runtime starts")
}

/// How well pages compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// To about 60 %, like pages of a SQLite table with text in it.
    Half,
    /// Not at all, like pages of encrypted or compressed values.
    Noise,
}

const WORDS: [&str; 16] = [
    "Antonio",
    "Rua",
    "Manaus",
    "Lisbon",
    "Accept",
    "Balls",
    "Garage",
    "Records",
    "Steven",
    "Tyler",
    "Protected",
    "MPEG",
    "audio",
    "Jagged",
    "Little",
    "Pill",
];

/// A page, different for each seed.
pub fn page_bytes(content: Content, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };
    let mut bytes = Vec::with_capacity(PAGE_BYTES + 64);
    while bytes.len() < PAGE_BYTES {
        let noise = step();
        bytes.extend(noise);
        // Records: a header that repeats, a number, words. Short matches, as in real tables, since a few
        // long ones would decompress as fast as a copy.
        if content == Content::Half {
            bytes.extend([0x81, 0x2A, 5, 0, 0x39, 1]);
            for index in noise.into_iter().take(3) {
                bytes.extend(WORDS[usize::from(index) % WORDS.len()].as_bytes());
                bytes.push(b' ');
            }
        }
    }
    bytes.truncate(PAGE_BYTES);
    bytes
}

/// Pages 1 to `count`.
pub fn pages_of(content: Content, count: u32, seed: u64) -> Vec<(PageNumber, Vec<u8>)> {
    (1..=count).map(|number| (page(number), page_bytes(content, seed << 32 | u64::from(number)))).collect()
}

pub fn page(number: u32) -> PageNumber {
    PageNumber::new(number).expect("benches have no page 0")
}

pub fn actor(name: &str) -> ActorId {
    ActorId::new(name).expect("benches name actors well")
}

/// The holder of an actor: what its next commit builds on.
pub struct Holder {
    pub actor: ActorId,
    pub generation: Generation,
    pub head_txid: Txid,
    pub size_pages: PageCount,
}

impl Holder {
    /// Starts an actor and fills it with pages 1 to `count`.
    pub async fn fill(engine: &Engine, name: &str, content: Content, count: u32) -> Self {
        let actor = actor(name);
        let startup = engine.load_startup(&actor, &Preload::default()).await.expect("an actor starts");
        let size_pages = PageCount(count);
        let mut holder = Self {
            actor,
            generation: startup.meta.generation,
            head_txid: startup.meta.head_txid,
            size_pages,
        };
        holder.commit(engine, &pages_of(content, count, 1)).await;
        engine.idle().await;
        holder
    }

    /// Commits pages.
    pub async fn commit(&mut self, engine: &Engine, pages: &[(PageNumber, Vec<u8>)]) {
        let commit = Commit {
            generation: self.generation,
            head_txid: self.head_txid,
            size_pages: self.size_pages,
            pages: pages.iter().map(|(page, data)| PageWrite { page: *page, data }).collect(),
        };
        self.head_txid = engine.commit(&self.actor, commit).await.expect("a holder commits");
    }
}
