//! What must hold for pages in memory while an actor changes hands.
//!
//! Two owners of one actor share a page cache, as two databases of a store do. Each commit stamps every page
//! with one number, so pages of two heads, or of a commit that did not take place, show.

use std::sync::Arc;

use batondb::kv::memory::MemoryKv;
use shuttle::rand::Rng;
use shuttle::thread;

use super::pages::cache::PageCache;
use super::pages::source::{ReadPolicy, Source};
use super::stats::Counters;
use crate::engine::{Engine, Outcome, Preload, StoreError};
use crate::sync::point;
use crate::types::{ActorId, PageCount, PageNumber, PageSize};

const PAGES: u32 = 3;
/// Room for all pages of both owners, or for none, so that all are asked for again.
const CACHE_BYTES: [u64; 2] = [1 << 20, 0];

struct Place {
    engine: Arc<Engine>,
    cache: Arc<PageCache>,
    actor: ActorId,
}

/// The engine is the main crate's, whose backend in memory never waits.
fn wait<T>(future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    point();
    futures::executor::block_on(future)
}

impl Place {
    fn new() -> Self {
        let open =
            Engine::open(Arc::new(MemoryKv::new()), Arc::new(crate::database::schedule::shared::World));
        Self {
            engine: Arc::new(wait(open).expect("the memory backend opens")),
            cache: Arc::new(PageCache::new(CACHE_BYTES[shuttle::rand::thread_rng().gen_range(0..2)])),
            actor: ActorId::new("a").expect("an id"),
        }
    }

    fn take_over(&self) -> Source {
        let startup = wait(self.engine.load_startup(&self.actor, &Preload::default())).expect("it starts");
        assert_eq!(startup.outcome, Outcome::Won);
        let counters = Arc::new(Counters::default());
        let policy = ReadPolicy { read_ahead: true, learn_hints: false };
        let shared = (Arc::clone(&self.engine), Arc::clone(&self.cache), counters);
        Source::new(shared, self.actor.clone(), startup, policy)
    }
}

fn page_size() -> PageSize {
    PageSize::new(4_096).expect("a page size")
}

fn numbers() -> impl Iterator<Item = PageNumber> {
    (1..=PAGES).filter_map(PageNumber::new)
}

fn write(source: &mut Source, stamp: u8) -> Result<(), StoreError> {
    point();
    let pages = numbers().map(|page| (page, vec![stamp; page_size().bytes()].into_boxed_slice()));
    source.seal(PageCount(PAGES), page_size(), pages)?;
    let settled = source.settle();
    if settled.is_err() {
        // As a session does.
        source.has_undone();
        source.forget_lost();
    }
    settled
}

/// The pages say the stamp of the head, or that they come from the store and it is another owner's.
fn check(source: &mut Source, stamp: u8) {
    for page in numbers() {
        point();
        let mut bytes = vec![0; page_size().bytes()];
        match source.read(page, &mut bytes) {
            Ok(()) => assert!(bytes.iter().all(|byte| *byte == stamp), "page {page:?} has {}", bytes[0]),
            Err(error) => assert!(matches!(error, StoreError::FenceMismatch { .. }), "{error:?}"),
        }
    }
}

/// Commits on top of what it has, until somebody else has the actor. The last stamp that was acknowledged.
fn own(mut source: Source, stamps: std::ops::Range<u8>, mut last: u8) -> u8 {
    for stamp in stamps {
        match write(&mut source, stamp) {
            Ok(()) => last = stamp,
            Err(error) => assert!(matches!(error, StoreError::FenceMismatch { .. }), "{error:?}"),
        }
        // After a commit that failed as well: what it wrote was never there.
        check(&mut source, last);
    }
    last
}

/// An owner goes on, with no pages preloaded beside the first, while the next one takes over.
pub fn an_owner_sees_its_own_head_alone() {
    let place = Arc::new(Place::new());
    let mut first = place.take_over();
    write(&mut first, 1).expect("it commits");
    let owner = thread::spawn(move || own(first, 10..13, 1));
    let next = {
        let place = Arc::clone(&place);
        thread::spawn(move || {
            let mut second = place.take_over();
            let mut bytes = vec![0; page_size().bytes()];
            second.read(PageNumber::FIRST, &mut bytes).expect("nobody comes after it");
            let found = bytes[0];
            check(&mut second, found);
            (found, own(second, 20..22, found))
        })
    };
    let told = owner.join().expect("no panic");
    let (found, last) = next.join().expect("no panic");
    assert_eq!(found, told, "the next owner begins where the one before was told to be");
    assert_eq!(last, 21);
}
