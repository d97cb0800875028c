//! One process of the storm: an owner that starts, commits, loses its place and starts again, and a reader.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use batondb::engine::{Commit, Engine, PageWrite, StoreError};
use batondb::env::{Env, SystemEnv};
use batondb::kv::Kv;
use batondb::types::{ActorId, Generation, PageCount, Txid};
use tokio::time::Instant;

use crate::support::{id, page, start};

/// The pages that every commit rewrites. All of them say the same.
const PAGES: u32 = 6;
/// The pages of a commit that takes a stage.
const MANY_PAGES: u32 = 600;
const PAGE_BYTES: usize = 4096;

pub fn contended() -> ActorId {
    id("in the storm")
}

/// What the pages of a head say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// How many commits there were.
    pub count: u64,
    /// Chained over their tags.
    pub chain: u64,
}

impl State {
    /// The state after a commit with this tag.
    pub fn then(self, tag: u64) -> Self {
        let mixed = (self.chain.rotate_left(17) ^ tag).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { count: self.count + 1, chain: mixed }
    }

    /// A page that says so, most of it noise, so that a stage is needed for many of them.
    pub fn page(self, number: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PAGE_BYTES);
        bytes.extend(self.count.to_be_bytes());
        bytes.extend(self.chain.to_be_bytes());
        let draw = (self.chain ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let at = usize::try_from(draw >> 48).unwrap();
        bytes.extend(&noise()[at..at + PAGE_BYTES - bytes.len()]);
        bytes
    }

    /// What a page says; a page that is not whole fails.
    pub fn of(number: u32, bytes: &[u8]) -> Self {
        let field = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        let state = Self { count: field(0), chain: field(8) };
        assert!(state.page(number) == bytes, "page {number} is of no one commit");
        state
    }
}

/// Bytes that do not compress, made once: a storm is to spend its time in the store.
fn noise() -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    NOISE.get_or_init(|| {
        let mut state = 1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()
        };
        (0..(1 << 16) / 8 + PAGE_BYTES / 8).flat_map(|_| next()).collect()
    })
}

/// Something that happened, for the auditor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A start won this generation at this head.
    Won { generation: u64, head: u64 },
    /// A commit was acknowledged.
    Committed { txid: u64, generation: u64, base: u64, tag: u64 },
    /// Nobody can say what became of a commit.
    Unknown,
    /// Reads that were checked on the spot.
    Read { count: u64 },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Won { generation, head } => write!(f, "won {generation} {head}"),
            Self::Committed { txid, generation, base, tag } => {
                write!(f, "committed {txid} {generation} {base} {tag}")
            }
            Self::Unknown => write!(f, "unknown"),
            Self::Read { count } => write!(f, "read {count}"),
        }
    }
}

impl FromStr for Event {
    type Err = std::num::ParseIntError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (what, numbers) = line.split_once(' ').unwrap_or((line, ""));
        let numbers: Vec<u64> = numbers.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        Ok(match (what, numbers.as_slice()) {
            ("won", &[generation, head]) => Self::Won { generation, head },
            ("committed", &[txid, generation, base, tag]) => Self::Committed { txid, generation, base, tag },
            ("unknown", []) => Self::Unknown,
            ("read", &[count]) => Self::Read { count },
            _ => panic!("not an event: {line}"),
        })
    }
}

pub struct Worker<F> {
    seed: u64,
    engine: Arc<Engine>,
    tell: F,
    /// The highest txid that this process was told is in.
    acknowledged: Arc<AtomicU64>,
}

impl<F: Fn(Event) + Send + Sync + 'static> Worker<F> {
    pub async fn new(seed: u64, kv: Arc<dyn Kv>, tell: F) -> Self {
        let engine = Arc::new(Engine::open(kv, Arc::new(SystemEnv)).await.unwrap());
        Self { seed, engine, tell, acknowledged: Arc::default() }
    }

    pub async fn run(self, duration: Duration) {
        let until = Instant::now() + duration;
        let reader = tokio::spawn(read_all_along(
            Arc::clone(&self.engine),
            contended(),
            Arc::clone(&self.acknowledged),
            until,
        ));
        let mut tag = self.seed << 48;
        while Instant::now() < until {
            let started = start(&self.engine, &contended()).await;
            let (generation, head) = (started.meta.generation, started.meta.head_txid);
            let won = started.outcome == batondb::engine::Outcome::Won;
            if won {
                (self.tell)(Event::Won { generation: generation.0, head: head.0 });
            }
            let state = match started.pages.pages.first() {
                Some(_) => State::of(1, started.pages.get(page(1)).unwrap()),
                // Lost, or nothing is there yet: the head's page 1, as a loser reads it.
                None => match self.read_state(generation, head).await {
                    Some(state) => state,
                    None => continue,
                },
            };
            self.own(generation, head, state, &mut tag, until).await;
        }
        let count = reader.await.unwrap();
        (self.tell)(Event::Read { count });
    }

    async fn read_state(&self, generation: Generation, head: Txid) -> Option<State> {
        match self.engine.get_pages(&contended(), generation, Some(head), &[page(1)]).await {
            Ok(set) => Some(set.get(page(1)).map_or_else(State::default, |bytes| State::of(1, bytes))),
            Err(StoreError::FenceMismatch { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Commits at random pace until somebody else has taken over, or for a random while.
    async fn own(
        &self,
        generation: Generation,
        mut head: Txid,
        mut state: State,
        tag: &mut u64,
        until: Instant,
    ) {
        for _ in 0..SystemEnv.random_below(40) {
            if Instant::now() >= until {
                return;
            }
            *tag += 1;
            let next = state.then(*tag);
            // Always at least as large: the audit reads the first pages only.
            let many = SystemEnv.random_below(25) == 0;
            let pages: Vec<(u32, Vec<u8>)> = (1..=if many { MANY_PAGES } else { PAGES })
                .map(|number| (number, next.page(number)))
                .collect();
            let writes = pages.iter().map(|(number, data)| PageWrite { page: page(*number), data }).collect();
            let size_pages = PageCount(MANY_PAGES);
            let commit = Commit { generation, head_txid: head, size_pages, pages: writes };
            match self.engine.commit(&contended(), commit).await {
                Ok(txid) => {
                    self.acknowledged.fetch_max(txid.0, Ordering::SeqCst);
                    let (generation, base) = (generation.0, head.0);
                    (self.tell)(Event::Committed { txid: txid.0, generation, base, tag: *tag });
                    (head, state) = (txid, next);
                }
                // Fenced, or another holder of this generation has rolled our stage back.
                Err(StoreError::FenceMismatch { .. } | StoreError::ConcurrentTakeover { .. }) => return,
                Err(StoreError::CommitUnknown { .. }) => return (self.tell)(Event::Unknown),
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_micros(SystemEnv.random_below(3_000))).await;
        }
    }
}

/// Reads without pause. No answer mixes two commits, none goes back in time, and each shows at least what
/// this process was told before the read began.
pub async fn read_all_along(
    engine: Arc<Engine>,
    actor: ActorId,
    acknowledged: Arc<AtomicU64>,
    until: Instant,
) -> u64 {
    let pages: Vec<_> = (1..=PAGES).map(page).collect();
    let (mut last_head, mut last_count, mut reads) = (Txid(0), 0, 0);
    while Instant::now() < until {
        let told = Txid(acknowledged.load(Ordering::SeqCst));
        let Some(meta) = engine.stat(&actor).await.unwrap() else { continue };
        assert!(meta.head_txid >= told, "told of commit {told}, the head is {}", meta.head_txid);
        match engine.get_pages(&actor, meta.generation, None, &pages).await {
            Ok(set) if set.pages.is_empty() => {}
            Ok(set) => {
                let states: Vec<State> =
                    (1..=PAGES).map(|number| State::of(number, set.get(page(number)).unwrap())).collect();
                assert!(
                    states.iter().all(|state| *state == states[0]),
                    "an answer mixes commits: {states:?}"
                );
                assert!(set.head_txid >= meta.head_txid.max(last_head), "a read went back in time");
                assert!(states[0].count >= last_count, "a read went back in time");
                (last_head, last_count) = (set.head_txid, states[0].count);
                reads += 1;
            }
            Err(StoreError::FenceMismatch { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    reads
}
