//! Tests read-ahead against a store that counts round trips.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use crate::database::pages::interior::testing::interior;

use super::*;

const FANOUT: usize = 400;

fn page(number: u32) -> PageNumber {
    PageNumber::new(number).expect("pages count from 1")
}

/// Draws numbers below `bound`, the same in each run of the test.
fn draw(state: &mut u64, bound: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state % bound as u64).expect("a remainder of a usize")
}

/// A table with two levels below its root, which is page 2.
struct Tree {
    /// The interior pages with their leaves, in key order.
    interiors: Vec<(u32, Vec<u32>)>,
    size_pages: u32,
}

impl Tree {
    /// Its pages are in scan order, or shuffled.
    fn new(interiors: usize, shuffled: bool) -> Self {
        let mut numbers: Vec<u32> = (3..).take(interiors * (FANOUT + 1)).collect();
        let size_pages = numbers[numbers.len() - 1];
        let mut state = 0x5EED;
        for index in (1..numbers.len()).rev().filter(|_| shuffled) {
            numbers.swap(index, draw(&mut state, index + 1));
        }
        let interiors = numbers.chunks(FANOUT + 1).map(|pages| (pages[0], pages[1..].to_vec())).collect();
        Self { interiors, size_pages }
    }

    fn contents(&self) -> HashMap<u32, Vec<u8>> {
        let children: Vec<u32> = self.interiors.iter().map(|(number, _)| *number).collect();
        let root = (2, interior(page(2), &children, 4096));
        let inner =
            self.interiors.iter().map(|(number, leaves)| (*number, interior(page(*number), leaves, 4096)));
        inner.chain([root]).collect()
    }

    fn leaves(&self) -> usize {
        self.interiors.len() * FANOUT
    }
}

/// Reads through a small cache, and fetches what is missing.
struct Reader {
    read_ahead: ReadAhead,
    contents: HashMap<u32, Vec<u8>>,
    size_pages: u32,
    cache: VecDeque<u32>,
    cache_max: usize,
    rounds: usize,
    /// Pages fetched without being requested.
    ahead: usize,
}

impl Reader {
    fn new(tree: &Tree, cache_max: usize) -> Self {
        Self {
            read_ahead: ReadAhead::new(PageSize::DEFAULT, READ_AHEAD_BYTES_DEFAULT),
            contents: tree.contents(),
            size_pages: tree.size_pages,
            cache: VecDeque::new(),
            cache_max,
            rounds: 0,
            ahead: 0,
        }
    }

    fn read(&mut self, number: u32) {
        self.read_ahead.on_read(page(number));
        if let Some(index) = self.cache.iter().position(|cached| *cached == number) {
            self.cache.remove(index);
            self.cache.push_back(number);
            return;
        }
        self.rounds += 1;
        let extra = self.read_ahead.on_miss(page(number), PageCount(self.size_pages));
        check(&extra, number, self.size_pages);
        let extra = extra.into_iter().map(PageNumber::get).filter(|extra| !self.cache.contains(extra));
        for fetched in extra.chain([number]).collect::<Vec<_>>() {
            self.ahead += usize::from(fetched != number);
            self.cache.push_back(fetched);
            let bytes = self.contents.get(&fetched).map_or(&[0x0D; 8][..], Vec::as_slice);
            self.read_ahead.on_page(page(fetched), bytes);
        }
        while self.cache.len() > self.cache_max {
            self.cache.pop_front();
        }
    }

    fn lookup(&mut self, tree: &Tree, leaf: usize) {
        let (interior, leaves) = &tree.interiors[leaf / FANOUT];
        for number in [2, *interior, leaves[leaf % FANOUT]] {
            self.read(number);
        }
    }
}

#[track_caller]
fn check(extra: &[PageNumber], missed: u32, size_pages: u32) {
    assert!(extra.is_sorted_by(|one, other| one < other), "{extra:?}");
    assert!(extra.iter().all(|page| page.get() != missed && page.get() <= size_pages), "{extra:?}");
    assert!(extra.len() <= READ_AHEAD_BYTES_DEFAULT / 4096, "{} pages", extra.len());
}

/// The maximum round trips of a scan: with full windows, plus a tenth and a few more to get going.
fn rounds_max(tree: &Tree) -> usize {
    let full = tree.leaves() / 64;
    full + full / 10 + 60
}

#[test]
fn a_scan_takes_few_round_trips_wherever_the_pages_lie_and_in_both_directions() {
    for shuffled in [false, true] {
        for backwards in [false, true] {
            let tree = Tree::new(32, shuffled);
            let mut reader = Reader::new(&tree, 500);
            reader.read(2);
            let mut interiors = tree.interiors.clone();
            if backwards {
                interiors.reverse();
                for (_, leaves) in &mut interiors {
                    leaves.reverse();
                }
            }
            for (interior, leaves) in interiors {
                reader.read(interior);
                for leaf in leaves {
                    reader.read(leaf);
                }
            }
            let (rounds, most) = (reader.rounds, rounds_max(&tree));
            assert!(
                rounds <= most,
                "shuffled {shuffled}, backwards {backwards}: {rounds} rounds, at most {most}"
            );
            let waste = (reader.ahead + rounds).saturating_sub(tree.leaves() + 33);
            assert!(waste <= tree.leaves() / 100, "{waste} pages in vain");
        }
    }
}

#[test]
fn pages_one_after_the_other_need_no_tree() {
    let tree = Tree { interiors: Vec::new(), size_pages: 12_800 };
    let mut reader = Reader { contents: HashMap::new(), ..Reader::new(&Tree::new(1, false), 100) };
    reader.size_pages = tree.size_pages;
    (1..=12_800).for_each(|number| reader.read(number));
    // 2, 4, 8, 16 and 32 pages, then 64 at a time.
    assert!((195..=205).contains(&reader.rounds), "{} rounds", reader.rounds);
    assert_eq!(reader.ahead + reader.rounds, 12_800);
}

#[test]
fn two_scans_at_once_are_followed_both() {
    let (tree, mut reader) = (Tree::new(16, true), Reader::new(&Tree::new(16, true), 500));
    reader.read(2);
    // A merge of two ranges of one table: their leaves alternate.
    let (one, other) = tree.interiors.split_at(8);
    for ((one, ones), (other, others)) in one.iter().zip(other) {
        reader.read(*one);
        reader.read(*other);
        for (one, other) in ones.iter().zip(others) {
            reader.read(*one);
            reader.read(*other);
        }
    }
    assert!(reader.rounds <= tree.leaves() / 30, "{} rounds", reader.rounds);
}

#[test]
fn lookups_fetch_next_to_nothing_ahead() {
    for shuffled in [false, true] {
        let tree = Tree::new(32, shuffled);
        let mut reader = Reader::new(&tree, 200);
        let mut state = 7;
        for _ in 0..4_000 {
            reader.lookup(&tree, draw(&mut state, tree.leaves()));
        }
        assert!(reader.rounds > 3_500, "{} rounds", reader.rounds);
        // At most one wasted page per 100 round trips.
        assert!(reader.ahead <= reader.rounds / 100, "shuffled {shuffled}: {} pages ahead", reader.ahead);
    }
}

#[test]
fn lookups_in_pages_that_happen_to_lie_side_by_side_are_no_scan() {
    let tree = Tree::new(32, true);
    let mut reader = Reader::new(&tree, 200);
    reader.read(2);
    let (interior, leaves) = &tree.interiors[0];
    reader.read(*interior);
    let mut by_number = leaves.clone();
    by_number.sort_unstable();
    let neighbours: Vec<u32> =
        by_number.windows(2).filter(|pair| pair[0] + 1 == pair[1]).flatten().copied().collect();
    assert!(neighbours.len() >= 10, "{} pages", neighbours.len());
    reader.ahead = 0;
    for number in neighbours {
        reader.read(number);
    }
    assert_eq!(reader.ahead, 0);
}

#[test]
fn lookups_after_a_scan_soon_fetch_nothing_ahead() {
    let tree = Tree::new(32, true);
    let mut reader = Reader::new(&tree, 200);
    let (interior, leaves) = &tree.interiors[0];
    [2, *interior].iter().chain(leaves).for_each(|number| reader.read(*number));
    reader.ahead = 0;
    let mut state = 7;
    for _ in 0..1_000 {
        reader.lookup(&tree, draw(&mut state, tree.leaves()));
    }
    assert!(reader.ahead <= 16, "{} pages ahead", reader.ahead);
}

/// The worst case: each run stops where the next window has just been fetched.
#[test]
fn short_runs_that_stop_at_once_are_soon_given_up() {
    let tree = Tree::new(32, true);
    let mut reader = Reader::new(&tree, 200);
    let mut state = 7;
    for _ in 0..1_000 {
        let first = draw(&mut state, tree.leaves() - 1);
        reader.lookup(&tree, first);
        reader.lookup(&tree, first + 1);
    }
    assert!(reader.ahead <= 100, "{} pages ahead for 2,000 lookups", reader.ahead);
}

#[test]
fn without_a_budget_nothing_is_fetched_ahead() {
    for budget_bytes in [0, 4095] {
        let mut off = ReadAhead::new(PageSize::DEFAULT, budget_bytes);
        for number in 1..100 {
            off.on_read(page(number));
            assert_eq!(off.on_miss(page(number), PageCount(100)), []);
            off.on_page(page(number), &interior(page(number), &[4, 5, 6], 4096));
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_read_and_arrives_the_answer_is_within_the_size_and_the_budget(
        // Pages that point anywhere, also beyond the size, to themselves and to each other.
        interiors in prop::collection::hash_map(1..30u32, prop::collection::vec(1..60u32, 1..20), 0..6),
        reads in prop::collection::vec((1..40u32, any::<bool>()), 0..300),
        size_pages in 0..50u32,
    ) {
        let mut read_ahead = ReadAhead::new(PageSize::DEFAULT, READ_AHEAD_BYTES_DEFAULT);
        for (number, is_missed) in reads {
            read_ahead.on_read(page(number));
            if is_missed {
                check(&read_ahead.on_miss(page(number), PageCount(size_pages)), number, size_pages);
                if let Some(children) = interiors.get(&number) {
                    read_ahead.on_page(page(number), &interior(page(number), children, 512));
                }
            }
        }
    }
}
