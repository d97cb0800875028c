//! The page cache: pages in memory, shared by all databases of a store within one byte budget.
//!
//! Each database has its own *space* in the cache, a number that is never reused. Pages from an earlier
//! opening of the same actor, or from before a commit too large to follow page by page, are in another space
//! and simply age out.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::types::{ActorId, PageCount, PageNumber, PageSize};

/// The cost of an entry besides its page: key, links, allocation.
const ENTRY_BYTES: u64 = 96;
/// A database that is read from end to end may use one part in this many of the cache.
const SCANNED_PART_MAX: u64 = 4;
/// Used to size the cache's tables: pages of SQLite's default size.
const TYPICAL_PAGE_BYTES: u64 = 4_096;

/// The pages of one database, at its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Space(u64);

impl Space {
    /// The same space for every opening of an actor: only for a planted bug.
    pub(crate) fn of(actor: &ActorId) -> Self {
        Self(u64::MAX - actor.as_str().len() as u64)
    }
}

#[derive(Clone)]
struct PageBytes;

impl Weighter<(Space, PageNumber), Arc<[u8]>> for PageBytes {
    fn weight(&self, _: &(Space, PageNumber), page: &Arc<[u8]>) -> u64 {
        page.len() as u64 + ENTRY_BYTES
    }
}

/// The cache of a store.
pub struct PageCache {
    pages: Cache<(Space, PageNumber), Arc<[u8]>, PageBytes>,
    next: AtomicU64,
}

impl PageCache {
    /// A cache of at most `bytes_max` bytes.
    pub fn new(bytes_max: u64) -> Self {
        let pages = usize::try_from(bytes_max / TYPICAL_PAGE_BYTES).unwrap_or(usize::MAX);
        Self { pages: Cache::with_weighter(pages, bytes_max, PageBytes), next: AtomicU64::new(0) }
    }

    /// The bytes that it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.pages.weight()
    }

    /// Whether a database of this size may fill the cache with pages of a scan.
    pub(crate) fn has_room_for(&self, size: PageCount, page_size: PageSize) -> bool {
        let bytes = u64::from(size.0) * (page_size.bytes() as u64 + ENTRY_BYTES);
        bytes <= self.pages.capacity() / SCANNED_PART_MAX
    }

    /// A space that was never used.
    pub(crate) fn space(&self) -> Space {
        Space(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The page, if it is cached.
    pub(crate) fn get(&self, space: Space, page: PageNumber) -> Option<Arc<[u8]>> {
        self.pages.get(&(space, page))
    }

    /// Whether the page is cached.
    pub(crate) fn contains(&self, space: Space, page: PageNumber) -> bool {
        self.pages.contains_key(&(space, page))
    }

    /// Caches a page, replacing an earlier version.
    pub(crate) fn insert(&self, space: Space, page: PageNumber, bytes: impl Into<Arc<[u8]>>) {
        self.pages.insert((space, page), bytes.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u32) -> PageNumber {
        PageNumber::new(number).unwrap()
    }

    #[test]
    fn a_space_sees_its_own_pages_and_the_newest_of_each() {
        let cache = PageCache::new(1 << 20);
        let (one, other) = (cache.space(), cache.space());
        cache.insert(one, page(7), vec![1; 4096]);
        cache.insert(one, page(7), vec![2; 4096]);
        assert_eq!(cache.get(one, page(7)).as_deref(), Some(&[2; 4096][..]));
        assert!(cache.get(other, page(7)).is_none());
        assert!(!cache.contains(one, page(8)));
    }

    #[test]
    fn the_budget_holds() {
        let cache = PageCache::new(100 * 4096);
        let space = cache.space();
        for number in 1..=1_000 {
            cache.insert(space, page(number), vec![0; 4096]);
        }
        let kept = (1..=1_000).filter(|&number| cache.contains(space, page(number))).count();
        assert!((1..=100).contains(&kept), "{kept} pages of 100");
    }
}
