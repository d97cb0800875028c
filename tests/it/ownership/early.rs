//! Pages that are read before their reader knows the head: of whatever else lies there, rows of a stage, old
//! versions, rows beyond the size, nothing ever shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batondb::codec::ActorKeys;
use batondb::engine::{Commit, Engine, LargeCommit, LargeCommitWriter, Outcome, PageSet, PageWrite, Preload};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::kv::metered::MeteredKv;
use batondb::types::{ActorId, Generation, PageCount, PageSize, Txid};

use crate::support::{Place, id, on_every_backend, page, put_row, start};

on_every_backend!(
    rows_of_an_open_stage_never_show_whatever_the_page_size,
    rows_of_a_stage_that_is_half_rolled_back_never_show,
    old_versions_never_show,
    rows_beyond_the_size_never_show,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_of_a_stage_never_show_where_next_to_nothing_goes_at_once() {
    rows_of_an_open_stage_never_show_whatever_the_page_size(Place::cut()).await;
    rows_of_a_stage_that_is_half_rolled_back_never_show(Place::cut()).await;
}

/// A page that does not compress.
fn noise(number: u32, tag: u64, size: PageSize) -> Vec<u8> {
    let mut state = (u64::from(number) << 32) ^ (tag << 8) ^ 0x9E37_79B9_7F4A_7C15;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    });
    words.take(size.bytes() / 8).flatten().collect()
}

/// A database of 40 pages, of which every page but 31 to 39 was written, with tag 1.
struct Forty {
    actor: ActorId,
    generation: Generation,
    head: Txid,
    size: PageSize,
}

const HOLE: std::ops::Range<u32> = 31..40;

impl Forty {
    async fn new(engine: &Engine, actor: ActorId, size: PageSize) -> Self {
        let generation = start(engine, &actor).await.meta.generation;
        let contents: Vec<(u32, Vec<u8>)> = (1..=40)
            .filter(|number| !HOLE.contains(number))
            .map(|number| (number, noise(number, 1, size)))
            .collect();
        let pages = contents.iter().map(|(number, data)| PageWrite { page: page(*number), data }).collect();
        let commit = Commit { generation, head_txid: Txid(0), size_pages: PageCount(40), pages };
        let head = engine.commit(&actor, commit).await.unwrap();
        engine.idle().await;
        Self { actor, generation, head, size }
    }

    /// Rewrites pages 1 to 60 with tag 2 in a stage that stays open.
    async fn stage(&self, engine: &Engine) -> LargeCommitWriter {
        let Self { generation, head, size, .. } = *self;
        let request = LargeCommit { generation, head_txid: head, page_size: size };
        let mut writer = engine.begin_large_commit(&self.actor, request).await.unwrap();
        let pages = (1..=60).map(|number| (page(number), noise(number, 2, size).into_boxed_slice()));
        writer.write(pages.collect()).await.unwrap();
        let staged = writer.read(&[page(7), page(60)]).await.unwrap();
        assert_eq!(staged.get(page(60)), Some(noise(60, 2, size).as_slice()));
        writer
    }

    #[track_caller]
    fn check(&self, set: &PageSet, numbers: impl IntoIterator<Item = u32>) {
        assert_eq!((set.head_txid, set.page_size), (self.head, self.size));
        let expected: Vec<u32> = numbers.into_iter().filter(|number| *number <= 40).collect();
        assert_eq!(set.pages, expected.iter().map(|&number| page(number)).collect::<Vec<_>>());
        for number in expected {
            let zeros = HOLE.contains(&number);
            let wanted = if zeros { vec![0; self.size.bytes()] } else { noise(number, 1, self.size) };
            assert!(set.get(page(number)) == Some(&wanted), "page {number} of {}", self.size);
        }
    }

    /// Reads runs and single pages, inside and beyond the size, at a head that is named and at whichever it is.
    async fn check_reads(&self, engine: &Engine) {
        let numbers = [1, 3, 4, 5, 9, 31, 33, 34, 39, 40, 41, 45, 60];
        for named in [None, Some(self.head)] {
            for numbers in [&numbers[..], &[1], &[31], &(1..=70).collect::<Vec<_>>()] {
                let pages: Vec<_> = numbers.iter().map(|&number| page(number)).collect();
                let set = engine.get_pages(&self.actor, self.generation, named, &pages).await.unwrap();
                self.check(&set, numbers.iter().copied());
            }
        }
    }

    async fn check_start(&self, engine: &Engine) {
        let (pages, ranges) = ([36, 45, 38].map(page).to_vec(), vec![(3, 20), (32, 34), (58, 90)]);
        let preload = Preload { pages, ranges, bytes_max: u64::MAX, ..Preload::default() };
        let started = engine.load_startup(&self.actor, &preload).await.unwrap();
        assert_eq!((started.outcome, started.meta.generation), (Outcome::Won, self.generation.next()));
        assert_eq!((started.meta.head_txid, started.meta.size_pages), (self.head, PageCount(40)));
        self.check(&started.pages, [1].into_iter().chain(3..20).chain([32, 33, 36, 38]));
    }
}

async fn rows_of_an_open_stage_never_show_whatever_the_page_size(place: Place) {
    let (engine, other) = (place.open().await, place.open().await);
    for log2 in 9..=16 {
        let size = PageSize::from_log2(log2).unwrap();
        let forty = Forty::new(&engine, id(&format!("pages of {size}")), size).await;
        forty.check_reads(&other).await;
        let staged = forty.stage(&engine).await;
        forty.check_reads(&other).await;
        forty.check_start(&other).await;
        assert_eq!(staged.finish(PageCount(60)).await.unwrap_err().code(), "ERR_FENCE_MISMATCH");
        engine.idle().await;
        other.idle().await;
    }
}

async fn rows_of_a_stage_that_is_half_rolled_back_never_show(place: Place) {
    let (engine, other) = (place.open().await, place.open().await);
    let size = PageSize::new(65_536).unwrap();
    let forty = Forty::new(&engine, id("a"), size).await;
    let staged = forty.stage(&engine).await;
    // Another holder finds the stage open, and dies after the first step of its rollback.
    let writes = AtomicU64::new(0);
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |operation| {
        let dead = operation.writes && writes.fetch_add(1, Ordering::SeqCst) >= 2;
        dead.then_some(Fault::Unavailable)
    });
    let dying = Engine::open(Arc::new(kv), Arc::new(SystemEnv)).await.unwrap();
    let Forty { generation, head, .. } = forty;
    let commit = Commit { generation, head_txid: head, size_pages: PageCount(40), pages: Vec::new() };
    assert_eq!(dying.commit(&forty.actor, commit).await.unwrap_err().code(), "ERR_UNAVAILABLE");
    forty.check_reads(&other).await;
    forty.check_start(&other).await;
    drop(staged);
    engine.idle().await;
    other.idle().await;
}

/// A sweep that has not got there yet leaves older versions, here so many that they are most of what is read.
async fn old_versions_never_show(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let forty = Forty::new(&engine, id("a"), PageSize::DEFAULT).await;
    let keys = ActorKeys::new(&forty.actor);
    for number in (1..=40).filter(|number| !HOLE.contains(number)) {
        put_row(&kv, &keys.page(page(number), Txid(0)), &vec![7; 30_000]).await;
    }
    forty.check_reads(&engine).await;
    forty.check_start(&engine).await;
}

async fn rows_beyond_the_size_never_show(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let forty = Forty::new(&engine, id("a"), PageSize::DEFAULT).await;
    let leftover = |actor: &ActorId, numbers: std::ops::RangeInclusive<u32>| {
        let (keys, kv) = (ActorKeys::new(actor), Arc::clone(&kv));
        async move {
            for number in numbers {
                put_row(&kv, &keys.page(page(number), Txid(1)), b"of a size that it had").await;
            }
        }
    };
    leftover(&forty.actor, 41..=70).await;
    forty.check_reads(&engine).await;
    forty.check_start(&engine).await;

    // A deleted actor, and one that never had a page.
    assert_eq!(engine.delete(&forty.actor).await, Ok(true));
    for actor in [forty.actor, id("new")] {
        leftover(&actor, 1..=9).await;
        let preload = Preload { ranges: vec![(1, 20)], bytes_max: u64::MAX, ..Preload::default() };
        let started = engine.load_startup(&actor, &preload).await.unwrap();
        assert_eq!((started.outcome, started.pages.pages.len()), (Outcome::Won, 0));
        let generation = started.meta.generation;
        let set = engine.get_pages(&actor, generation, None, &[page(1), page(2)]).await.unwrap();
        assert_eq!(set.pages, []);
    }
}

/// What was hidden is read again, and only that.
#[tokio::test]
async fn a_page_that_a_stage_hides_takes_a_second_round_and_others_do_not() {
    let place = Place::memory();
    let engine = place.open().await;
    let forty = Forty::new(&engine, id("a"), PageSize::DEFAULT).await;
    let Forty { generation, head, size, .. } = forty;
    let request = LargeCommit { generation, head_txid: head, page_size: size };
    let mut staged = engine.begin_large_commit(&forty.actor, request).await.unwrap();
    staged.write(vec![(page(7), noise(7, 2, size).into_boxed_slice())]).await.unwrap();
    staged.read(&[page(7)]).await.unwrap();
    let meter = Arc::new(MeteredKv::new(place.kv()));
    let reader = Engine::open(Arc::clone(&meter) as _, Arc::new(SystemEnv)).await.unwrap();
    // Of a run all versions come, and at a head that is named what lies above it is not asked for.
    for (numbers, named, rounds, scans) in [
        (&[9][..], None, 1, 1),
        (&[7], None, 2, 2),
        (&[1, 7, 9], None, 2, 4),
        (&[7], Some(head), 1, 1),
        (&[6, 7, 8], None, 1, 1),
    ] {
        meter.take();
        meter.take_rounds();
        let pages: Vec<_> = numbers.iter().map(|&number| page(number)).collect();
        let set = reader.get_pages(&forty.actor, generation, named, &pages).await.unwrap();
        forty.check(&set, numbers.iter().copied());
        assert_eq!((meter.take_rounds(), meter.take().scans), (rounds, scans), "{numbers:?} at {named:?}");
    }
}
