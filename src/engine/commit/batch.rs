//! Prepares pages for the store: checks and compresses them, and cuts them into batches that fit one
//! transaction.

use crate::codec::{ActorKeys, Head, PreparedPage, StagePart};
use crate::engine::api::{Commit, PageWrite};
use crate::engine::error::StoreError;
use crate::kv::{Limits, Mutations};
use crate::types::{PageCount, PageNumber, PageSize, Txid, runs};

/// The maximum number of pages that one transaction may write, however well they compress, so that rolling a
/// part back is a bounded step too.
const PART_PAGES_MAX: usize = 1_000;
/// The other keys of a transaction, besides those of its pages and pending cleanups: fence, head and
/// manifest, written or read, both ends of the range that a shrink clears, the rows of history, and what a
/// backend adds to these for conflict detection.
const OTHER_KEYS: usize = 40;
/// The values of the head, of the manifest or the point without the runs that it names, of a line and of empty
/// pages, plus some reserve.
const OTHER_BYTES: usize = 4_096;
/// The most that a page adds to a manifest: a run of its own.
const MANIFEST_RUN_BYTES: usize = 8;

/// How much page data one transaction on an actor may write, so that with everything else in it, it stays
/// within the backend's limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    bytes: usize,
    key_bytes: usize,
}

impl Room {
    pub(crate) fn new(limits: &Limits, keys: &ActorKeys) -> Self {
        // Page and manifest keys are the longest ones.
        let key_bytes = keys.page(PageNumber::FIRST, Txid::ZERO).len();
        let others = OTHER_KEYS * key_bytes + OTHER_BYTES;
        Self { bytes: limits.transaction_bytes.saturating_sub(others), key_bytes }
    }

    /// The row, the range of older versions that it clears, and its entry in the manifest.
    fn page_bytes(self, page: &PreparedPage) -> usize {
        page.value_bytes() + 3 * self.key_bytes + MANIFEST_RUN_BYTES
    }

    /// The bytes needed to delete the rows that a manifest names, or to clear what they have superseded, and
    /// the manifest. This is less than it took to write them, so one manifest always fits, however long the
    /// actor id is.
    fn manifest_bytes(self, part: &StagePart) -> usize {
        let pages = usize::try_from(runs::count(&part.runs)).unwrap_or(usize::MAX);
        pages.saturating_add(1).saturating_mul(2 * self.key_bytes + 1)
    }

    /// How many of these manifests one transaction handles: always at least the first, so that it makes
    /// progress.
    pub(crate) fn manifests<'p>(self, parts: impl IntoIterator<Item = &'p StagePart>) -> usize {
        let mut bytes = 0_usize;
        let mut fits = |part: &StagePart| {
            bytes = bytes.saturating_add(self.manifest_bytes(part));
            bytes <= self.bytes
        };
        parts.into_iter().take_while(|part| fits(part)).count().max(1)
    }
}

/// Prepared pages that fit one transaction.
#[derive(Debug)]
pub(crate) struct Batch {
    pages: Vec<PreparedPage>,
    bytes: usize,
    room: Room,
}

impl Batch {
    pub(crate) fn new(room: Room) -> Self {
        Self { pages: Vec::new(), bytes: 0, room }
    }

    /// Takes the page, or returns it if there is no room. The first page is always taken: a transaction of
    /// less than one page would make no progress.
    fn push(&mut self, page: PreparedPage) -> Result<(), PreparedPage> {
        let bytes = self.bytes + self.room.page_bytes(&page);
        let full = self.pages.len() >= PART_PAGES_MAX || bytes > self.room.bytes;
        if full && !self.pages.is_empty() {
            return Err(page);
        }
        self.bytes = bytes;
        self.pages.push(page);
        Ok(())
    }

    /// Takes prepared pages until there is no room for the next one, which then starts the batch that is
    /// returned.
    pub(crate) fn fill(&mut self, pages: &mut impl Iterator<Item = PreparedPage>) -> Option<Self> {
        for page in pages {
            if let Err(page) = self.push(page) {
                let mut next = Self::new(self.room);
                next.push(page).expect("one page fits an empty batch");
                return Some(next);
            }
        }
        None
    }

    /// The pages, to be written.
    pub(crate) fn into_pages(self) -> Vec<PreparedPage> {
        self.pages
    }
}

/// The older versions that a commit clears.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Older {
    /// Pages up to this one may have some.
    to: PageCount,
    /// Versions at or below this txid belong to others.
    floor: Txid,
}

impl Older {
    /// None: they are still shown.
    pub(crate) const KEPT: Self = Self { to: PageCount(0), floor: Txid::ZERO };

    /// Those that `next` supersedes.
    pub(crate) fn of(head: &Head, next: &Head) -> Self {
        match &next.history {
            Some(history) if history.keeps => Self::KEPT,
            Some(history) => Self { to: history.rows_to, floor: history.lineage.floor },
            None => Self { to: head.size_pages, floor: Txid::ZERO },
        }
    }
}

/// Writes the pages at `txid`, and clears their older versions.
pub(crate) fn write_pages(
    mutations: &mut Mutations,
    keys: &ActorKeys,
    pages: &[PreparedPage],
    txid: Txid,
    older: Older,
) {
    for page in pages {
        let key = keys.page(page.page(), txid);
        let value = page.seal(&key);
        mutations.put_guarded(key, value);
        if older.to.contains(page.page()) {
            mutations.clear_range_guarded(keys.page_before(page.page(), txid, older.floor));
        }
    }
}

/// Checks a caller's commit, sorts its pages, and returns the page size.
pub(crate) fn check(commit: &mut Commit<'_>) -> Result<Option<PageSize>, StoreError> {
    commit.pages.sort_unstable_by_key(|write| write.page);
    for pair in commit.pages.windows(2) {
        if let [one, other] = pair
            && one.page == other.page
        {
            return Err(StoreError::InvalidArg(format!("page {} is given twice", one.page)));
        }
    }
    let Some(last) = commit.pages.last() else { return Ok(None) };
    if !commit.size_pages.contains(last.page) {
        return Err(StoreError::InvalidArg(format!(
            "page {} lies beyond sizePages {}",
            last.page, commit.size_pages.0
        )));
    }
    let size = page_size(&commit.pages[0])?;
    for write in &commit.pages {
        if write.data.len() != size.bytes() {
            return Err(StoreError::InvalidArg(format!(
                "page {} has {} bytes and page {} has {size} bytes: all pages have one size",
                write.page,
                write.data.len(),
                commit.pages[0].page,
            )));
        }
    }
    Ok(Some(size))
}

fn page_size(write: &PageWrite<'_>) -> Result<PageSize, StoreError> {
    PageSize::new(write.data.len())
        .map_err(|error| StoreError::InvalidArg(format!("page {}: {error}", write.page)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ActorId, PageRange};

    fn room(id: &str, transaction_bytes: usize) -> Room {
        let limits = Limits { transaction_bytes, ..Limits::default() };
        Room::new(&limits, &ActorKeys::new(&ActorId::new(id).unwrap()))
    }

    fn pages(count: u32) -> impl Iterator<Item = PreparedPage> {
        let size = PageSize::new(512).unwrap();
        // Every second page, so that each is a run of its own in the manifest.
        (1..=count)
            .map(move |number| PreparedPage::new(PageNumber::new(2 * number).unwrap(), size, &[0; 512]))
    }

    #[test]
    fn a_transaction_with_everything_in_it_stays_below_what_the_backend_takes() {
        for id in ["a", &"\0".repeat(256)] {
            for transaction_bytes in [60_000, 100_000, 1_000_000] {
                let keys = ActorKeys::new(&ActorId::new(id).unwrap());
                let mut batch = Batch::new(room(id, transaction_bytes));
                let more = batch.fill(&mut pages(2_000));
                assert!(more.is_some());
                let pages = batch.into_pages();
                let numbers: Vec<PageNumber> = pages.iter().map(PreparedPage::page).collect();
                let part = StagePart::of(numbers.iter().copied());
                let all = Older { to: PageCount(u32::MAX), floor: Txid::ZERO };
                let mut written = Mutations::new();
                written.put(keys.head(), vec![0; 300]);
                written.put(keys.stage_part(Txid(2), 1), crate::codec::encode(b"key", &part));
                written.clear_range_guarded(keys.pages_from(PageNumber::FIRST));
                write_pages(&mut written, &keys, &pages, Txid(2), all);
                assert!(written.bytes() < transaction_bytes, "{} of {transaction_bytes}", written.bytes());
                assert!(pages.len() == PART_PAGES_MAX || 2 * written.bytes() > transaction_bytes);
                assert!(
                    room(id, transaction_bytes).manifest_bytes(&part) <= room(id, transaction_bytes).bytes
                );
            }
        }
    }

    #[test]
    fn there_is_always_room_for_one() {
        let tiny = room("a", 10);
        let mut batch = Batch::new(tiny);
        let mut next = batch.fill(&mut pages(3)).unwrap();
        assert_eq!((batch.into_pages().len(), next.pages.len()), (1, 1));
        assert!(next.fill(&mut std::iter::empty()).is_none());
        let first = PageNumber::FIRST;
        let part = StagePart { runs: vec![PageRange { first, last: PageNumber::new(900).unwrap() }] };
        assert_eq!(tiny.manifests([&part, &part]), 1);
        assert_eq!(room("a", 60_000).manifests([&part; 4]), 1);
        assert_eq!(room("a", 1_000_000).manifests([&part; 4]), 4);
        assert_eq!(room(&"\0".repeat(256), 1_000_000).manifests([&part; 4]), 1);
    }
}
