//! Seals transactions and learns how their commits have ended; commits those that are too large for memory.

use std::sync::Arc;

use crate::database::commits::{Landed, Layer, Lost};
use crate::engine::{Caller, Held, LargeCommit, LargeCommitWriter, PageSet, StoreError, Wanted};
use crate::planted::{self, Bug};
use crate::types::{PageCount, PageNumber, PageSize, Txid};

use super::Source;

impl Source {
    /// From here on, large commits stop as soon as `wanted` says so.
    pub(crate) fn commit_while(&mut self, wanted: Wanted) {
        self.wanted = Some(wanted);
    }

    /// Learns how commits have ended since the last call.
    pub(crate) fn catch_up(&mut self) {
        let ends = self.commits.ends();
        if ends == self.ends_seen {
            return;
        }
        self.ends_seen = ends;
        let (landed, lost) = self.commits.news();
        if let Some(Landed { layer, heads }) = landed {
            self.take_over(&layer, heads.last().copied().unwrap_or(self.head));
        }
        if let Some(lost) = lost.filter(|_| self.loss.is_none()) {
            if let StoreError::CommitUnknown { token, .. } = &lost.error {
                self.doubt = *token;
            }
            (self.loss, self.is_undone) = (Some(lost), false);
        }
    }

    /// Pages that have become durable go to the cache.
    fn take_over(&mut self, layer: &Layer, head: Txid) {
        if layer.has_gaps() {
            // They read as zeros. The cache may still have what they held before the database was truncated in
            // front of them.
            self.space = self.cache.space();
        }
        self.move_to(head, layer.size(), layer.page_size());
        for (page, data) in layer.pages() {
            self.cache.insert(self.space, *page, Arc::clone(data));
        }
    }

    /// What is lost and SQLite does not know of yet. It can do nothing but undo.
    pub(crate) fn loss(&self) -> Option<&Lost> {
        self.loss.as_ref().filter(|_| !self.is_undone)
    }

    /// SQLite has undone what was open above what is lost. Until it has forgotten the rest, it still sees it.
    pub(crate) fn has_undone(&mut self) {
        self.is_undone = true;
    }

    /// SQLite has forgotten all that it has read.
    pub(crate) fn forget_lost(&mut self) {
        if self.loss.take_if(|_| self.is_undone).is_some() {
            self.commits.forget_lost();
        }
    }

    /// Seals a transaction, whose pages become durable with the next commit. Waits for room if much is pending.
    pub(crate) fn seal(
        &mut self,
        size: PageCount,
        page_size: PageSize,
        pages: impl IntoIterator<Item = (PageNumber, Box<[u8]>)>,
    ) -> Result<(), StoreError> {
        let mut layer = Layer::new(self.size(), (size, page_size), pages);
        loop {
            self.refuse_loss()?;
            match self.commits.try_seal(layer) {
                Ok(()) => return Ok(()),
                Err(refused) => layer = refused,
            }
            if let Some(flight) = self.commits.begin_now() {
                flight.set_off_elsewhere();
            } else {
                self.wait_for_flight();
            }
        }
    }

    /// Waits until nothing is pending.
    pub(crate) fn settle(&mut self) -> Result<(), StoreError> {
        loop {
            self.refuse_loss()?;
            if let Some(flight) = self.commits.begin_now() {
                self.engine.wait(flight.fly());
            } else if !self.wait_for_flight() {
                return self.refuse_loss();
            }
        }
    }

    /// Waits for the end of the commit under way. Returns whether there was one.
    fn wait_for_flight(&self) -> bool {
        let Some(ended) = self.commits.end_of_flight() else { return false };
        // A commit always ends; see `Flight`.
        let _ended = self.engine.wait(ended);
        true
    }

    fn refuse_loss(&mut self) -> Result<(), StoreError> {
        self.catch_up();
        self.loss.as_ref().map_or(Ok(()), |lost| Err(self.commits.why(lost)))
    }

    /// Reads pages that no pending transaction has written. A commit under way may move the head at any moment,
    /// so its head is as good: these pages are the same there.
    pub(super) fn read_durable(&mut self, wanted: &[PageNumber]) -> Result<PageSet, StoreError> {
        if let Some(point) = self.past() {
            return self.engine.wait(self.engine.get_pages_at(&self.actor, point, wanted));
        }
        let known = (!self.commits.may_have_moved()).then_some(self.head);
        let held = Held { generation: self.generation, head_txid: known, owner: self.owner };
        let pages = self.engine.wait(self.engine.get_pages_as(&self.actor, held, wanted))?;
        if pages.head_txid == self.head {
            return Ok(pages);
        }
        while !self.commits.has_made(pages.head_txid) && self.wait_for_flight() {}
        if self.commits.has_made(pages.head_txid) {
            return Ok(pages);
        }
        self.refuse_loss()?;
        // Somebody else has made it, which the store says best.
        self.engine.wait(self.engine.get_pages_as(
            &self.actor,
            Held { head_txid: Some(self.head), ..held },
            wanted,
        ))
    }

    /// Begins a commit that is too large to be kept in memory, once everything before it is durable.
    pub(crate) fn begin_large_commit(
        &mut self,
        page_size: PageSize,
    ) -> Result<LargeCommitWriter, StoreError> {
        if !planted::has(Bug::StagedOverPending) {
            self.settle()?;
        }
        let (generation, head_txid) = (self.generation, self.head);
        let request = LargeCommit { generation, head_txid, page_size };
        let caller = Caller { wanted: self.wanted.clone(), owner: self.owner };
        self.engine.wait(self.engine.begin_large_commit_as(caller, &self.actor, request))
    }

    /// Makes a large commit visible, and continues from there.
    pub(crate) fn finish_large_commit(
        &mut self,
        writer: LargeCommitWriter,
        size: PageCount,
        page_size: PageSize,
        pages: usize,
    ) -> Result<(), StoreError> {
        let finished = self.engine.wait(writer.finish(size));
        if let Err(StoreError::CommitUnknown { token, .. }) = &finished {
            self.doubt = *token;
        }
        self.continue_at(finished?, size, page_size);
        self.counters.pages_committed.add(pages);
        self.counters.transactions.add(1);
        Ok(())
    }

    /// Whether the outcome of the last commit is unknown.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// Finds out what became of the last commit. Returns whether it took place, so that the pages are others
    /// than before.
    pub(crate) fn resolve_doubt(&mut self) -> Result<bool, StoreError> {
        let Some(token) = self.doubt else { return Ok(false) };
        if planted::has(Bug::DoubtForgotten) {
            self.doubt = None;
            return Ok(false);
        }
        let asked = self.engine.resolve_commit(&self.actor, self.generation, self.head, token);
        let landed = self.engine.wait(asked)?;
        self.doubt = None;
        let Some(meta) = landed else { return Ok(false) };
        self.continue_at(meta.head_txid, meta.size_pages, meta.page_size);
        Ok(true)
    }

    /// Continues behind a commit whose pages are no longer in memory.
    fn continue_at(&mut self, head: Txid, size: PageCount, page_size: PageSize) {
        // It is no longer known which pages have changed.
        self.space = self.cache.space();
        self.move_to(head, size, page_size);
        self.commits.moved(head);
        self.counters.commits.add(1);
    }

    fn move_to(&mut self, head: Txid, size: PageCount, page_size: PageSize) {
        self.head = head;
        self.size = size;
        self.page_size = page_size;
        self.fetched.clear();
    }
}
