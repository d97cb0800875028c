//! A set of page numbers that stays small however many they are and however far they lie apart.

use std::collections::BTreeMap;

use super::PageNumber;

/// The pages of a chunk, which takes an eighth as many bytes.
const CHUNK_PAGES: u32 = 4_096;
const CHUNK_WORDS: usize = CHUNK_PAGES as usize / 64;

/// A set of page numbers: one bit a page, in chunks that are made when their first page comes. The 262,144
/// pages of 1 GiB take 33 KiB.
#[derive(Debug, Clone, Default)]
pub struct PageBits {
    chunks: BTreeMap<u32, [u64; CHUNK_WORDS]>,
    count: u64,
}

/// The chunk of a page, the word in it, and the bit in that.
fn place(page: PageNumber) -> (u32, usize, u64) {
    let within = page.get() % CHUNK_PAGES;
    (page.get() / CHUNK_PAGES, (within / 64) as usize, 1 << (within % 64))
}

impl PageBits {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a page; whether it was not there before.
    pub fn insert(&mut self, page: PageNumber) -> bool {
        let (chunk, word, bit) = place(page);
        let word = &mut self.chunks.entry(chunk).or_insert([0; CHUNK_WORDS])[word];
        let fresh = *word & bit == 0;
        *word |= bit;
        self.count += u64::from(fresh);
        fresh
    }

    /// Whether the page is in the set.
    pub fn contains(&self, page: PageNumber) -> bool {
        let (chunk, word, bit) = place(page);
        self.chunks.get(&chunk).is_some_and(|words| words[word] & bit != 0)
    }

    /// How many pages there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The pages, ascending.
    pub fn pages(&self) -> impl Iterator<Item = PageNumber> + '_ {
        self.chunks.iter().flat_map(|(&chunk, words)| {
            (0..).zip(words).flat_map(move |(index, &word)| {
                let first = chunk * CHUNK_PAGES + index * 64;
                let held = (0..64).filter(move |bit| word >> bit & 1 == 1);
                held.filter_map(move |bit| PageNumber::new(first + bit))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn page_number() -> impl Strategy<Value = PageNumber> {
        let edges = prop_oneof![Just(63), Just(64), Just(4095), Just(4096), Just(4097), Just(u32::MAX)];
        prop_oneof![1..300u32, edges, 1..=u32::MAX].prop_map(|number| PageNumber::new(number).unwrap())
    }

    proptest! {
        #[test]
        fn it_holds_what_a_set_holds(
            pages in prop::collection::vec(page_number(), 0..80), others in prop::collection::vec(page_number(), 0..20),
        ) {
            let (mut bits, mut set) = (PageBits::new(), BTreeSet::new());
            for &page in &pages {
                prop_assert_eq!(bits.insert(page), set.insert(page));
            }
            for page in pages.iter().chain(&others) {
                prop_assert_eq!(bits.contains(*page), set.contains(page));
            }
            prop_assert_eq!(bits.count(), set.len() as u64);
            prop_assert_eq!(bits.pages().collect::<Vec<_>>(), set.into_iter().collect::<Vec<_>>());
        }
    }
}
