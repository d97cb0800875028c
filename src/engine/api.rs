//! The types of requests and answers. They contain no operations.

use crate::engine::error::StoreError;
use crate::kv::Wanted;
use crate::plan::PreloadRequest;
use crate::types::{Generation, Meta, PageCount, PageNumber, PageRange, PageSize, Token, Txid};

/// Which pages a start returns.
#[derive(Debug, Clone, Default)]
pub struct Preload {
    /// Single pages.
    pub pages: Vec<PageNumber>,
    /// Runs of pages as `(start, end)`, `end` exclusive.
    pub ranges: Vec<(u32, u32)>,
    /// Whether to include the pages that earlier owners noted with [`Engine::store_hints`], as far as
    /// `bytes_max` has room after the pages and ranges.
    pub hints: bool,
    /// At most this many bytes of pages; page 1 is always included.
    pub bytes_max: u64,
}

/// Pages of one committed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSet {
    /// The head that all pages come from.
    pub head_txid: Txid,
    /// The size of each page.
    pub page_size: PageSize,
    /// The page numbers, ascending.
    pub pages: Vec<PageNumber>,
    /// The pages one after the other, in the order of `pages`.
    pub data: Vec<u8>,
}

impl PageSet {
    pub(crate) fn empty(head_txid: Txid, page_size: PageSize) -> Self {
        Self { head_txid, page_size, pages: Vec::new(), data: Vec::new() }
    }

    /// The bytes of a page, if it is in the set.
    pub fn get(&self, page: PageNumber) -> Option<&[u8]> {
        let index = self.pages.binary_search(&page).ok()?;
        self.data.chunks_exact(self.page_size.bytes()).nth(index)
    }
}

/// Whether a start raised the generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This call did.
    Won,
    /// Another call did, while this one was running.
    Lost,
}

/// The answer to a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// Whether this call raised the generation.
    pub outcome: Outcome,
    /// The state of the actor, the current generation included.
    pub meta: Meta,
    /// The preloaded pages; empty if lost.
    pub pages: PageSet,
    /// The stored hints, ascending; empty if lost or not requested.
    pub hints: Vec<PageRange>,
    /// The token that this start has drawn, if it won.
    pub owner: Option<Token>,
}

/// Whose operation it is.
#[derive(Default)]
pub struct Caller {
    /// Whether it is still wanted; `None`: it is.
    pub wanted: Option<Wanted>,
    /// The token that the owner's start has drawn, if that is known: a commit under the same generation of another start
    /// is refused.
    pub owner: Option<Token>,
}

/// A page to write.
#[derive(Debug, Clone)]
pub struct PageWrite<'a> {
    /// Its number.
    pub page: PageNumber,
    /// Its bytes: exactly one page.
    pub data: &'a [u8],
}

/// Changes to commit.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The generation held.
    pub generation: Generation,
    /// The head that the changes extend.
    pub head_txid: Txid,
    /// The size of the database afterwards.
    pub size_pages: PageCount,
    /// The changed pages, in any order, each once.
    pub pages: Vec<PageWrite<'a>>,
}

/// Which actors to list.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Only ids that begin with this prefix.
    pub prefix: String,
    /// Only ids above this one, in byte order.
    pub after: Option<String>,
    /// At most this many; `None` is all.
    pub limit: Option<usize>,
}

impl Preload {
    /// Checks the runs, and reduces them to pages that can exist.
    pub(crate) fn request(&self) -> Result<PreloadRequest, StoreError> {
        let mut ranges = Vec::with_capacity(self.ranges.len());
        for &(start, end) in &self.ranges {
            let first = PageNumber::checked(start)?;
            if end < start {
                let message = format!("a preload range must not end before it starts, got {start} to {end}");
                return Err(StoreError::OutOfRange(message));
            }
            if let Some(last) = PageNumber::new(end - 1).filter(|last| *last >= first) {
                ranges.push(PageRange { first, last });
            }
        }
        let Preload { ref pages, hints, bytes_max, .. } = *self;
        Ok(PreloadRequest { pages: pages.clone(), ranges, hints, bytes_max })
    }
}
