//! Pages on their way into the store: checked, compressed, and cut into what one transaction takes.

use crate::codec::{ActorKeys, PreparedPage};
use crate::kv::Mutations;
use crate::types::{PageCount, PageNumber, PageSize, Txid};

use super::error::StoreError;
use super::{Commit, PageWrite};

/// The bytes that one transaction may write. FoundationDB takes 10 MB and works best below 1 MB.
pub(crate) const PART_BYTES_MAX: usize = 1_000_000;
/// The pages that one transaction may write, however well they compress, so that rolling a part back is a
/// bounded step too.
pub(crate) const PART_PAGES_MAX: usize = 1_000;

/// Prepared pages that fit one transaction.
#[derive(Debug)]
pub(crate) struct Batch {
    pages: Vec<PreparedPage>,
    bytes: usize,
    key_bytes: usize,
}

impl Batch {
    pub(crate) fn new(keys: &ActorKeys) -> Self {
        let key_bytes = keys.page(PageNumber::FIRST, Txid::ZERO).len();
        Self { pages: Vec::new(), bytes: 0, key_bytes }
    }

    /// Takes the page, or hands it back if there is no room.
    fn push(&mut self, page: PreparedPage) -> Result<(), PreparedPage> {
        // The row, and the range of older versions that it clears.
        let bytes = page.value_bytes() + 3 * self.key_bytes;
        if self.pages.len() >= PART_PAGES_MAX || self.bytes + bytes > PART_BYTES_MAX {
            return Err(page);
        }
        self.bytes += bytes;
        self.pages.push(page);
        Ok(())
    }

    /// Takes prepared pages until there is no room for one; that one begins the batch in the answer.
    pub(crate) fn fill(&mut self, pages: &mut impl Iterator<Item = PreparedPage>) -> Option<Self> {
        for page in pages {
            if let Err(page) = self.push(page) {
                let mut next = self.next();
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

    fn next(&self) -> Self {
        Self { pages: Vec::new(), bytes: 0, key_bytes: self.key_bytes }
    }
}

/// Writes the pages at `txid`. Where a page may have older versions (up to `clear_to`), they are cleared.
pub(crate) fn write_pages(
    mutations: &mut Mutations,
    keys: &ActorKeys,
    pages: &[PreparedPage],
    txid: Txid,
    clear_to: PageCount,
) {
    for page in pages {
        let key = keys.page(page.page(), txid);
        let value = page.seal(&key);
        mutations.put_guarded(key, value);
        if clear_to.contains(page.page()) {
            mutations.clear_range_guarded(keys.page_before(page.page(), txid));
        }
    }
}

/// Checks what a caller wants to commit, sorts the pages and finds their size.
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
