//! What tests and benches need to know about a store's file.

use super::EmbeddedKv;
use super::errors::kv_error;
use super::lmdb::FreeList;
use crate::kv::KvError;

/// The list of free pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FreePageList {
    /// The number of its records.
    pub records: usize,
    /// The pages that its largest record occupies.
    pub record_pages_max: usize,
    /// The free pages.
    pub pages: usize,
    /// The pages that the newest commit has freed: those that it replaced, and those that it deleted.
    pub freed_last: usize,
}

impl EmbeddedKv {
    /// How many batches callers have committed on their own threads, and how many the store's thread has.
    pub fn batches_led(&self) -> Result<(u64, u64), KvError> {
        Ok(self.share()?.store.pace.batches_led())
    }

    /// Reads the list of free pages.
    pub fn free_list(&self) -> Result<FreePageList, KvError> {
        let share = self.share()?;
        let page_bytes = share.store.env.page_bytes();
        let read = share.store.read_txn()?;
        let mut free = FreePageList::default();
        for freed in FreeList::of(&read).map_err(kv_error)? {
            let freed = freed.map_err(kv_error)?;
            free.records += 1;
            free.record_pages_max = free.record_pages_max.max(freed.record_pages(page_bytes));
            free.pages += freed.len();
            free.freed_last = if freed.txn == read.id() { freed.len() } else { 0 };
        }
        Ok(free)
    }
}
