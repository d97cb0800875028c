//! importFrom without a file: the bytes of a SQLite database arrive in pieces and become the content of an
//! actor in one commit at the end.

use std::mem::take;
use std::sync::Arc;

use crate::codec::PreparedPage;
use crate::engine::commit::batch::{Batch, Room};
use crate::engine::commit::cleanup;
use crate::engine::commit::stage::{End, StageWriter};
use crate::engine::error::StoreError;
use crate::engine::runtime::blocking::blocking;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::metrics;
use crate::plan::{FILE_HEADER_BYTES, NotADatabase, SqliteHeader};
use crate::types::{ActorId, Meta, PageCount, PageNumber, PageSize};

use super::claim::{Claimed, claim, displaced};

/// A database that arrives in pieces. If it is dropped before its end, nothing of it remains. The actor is
/// not touched until the header shows that the bytes are a database.
pub struct Receiving {
    core: Arc<Core>,
    id: ActorId,
    replace: bool,
    /// How many bytes have arrived.
    bytes: u64,
    /// Bytes that have arrived and are not staged: less than a page, or than a header.
    waiting: Vec<u8>,
    begun: Option<Begun>,
}

/// The state after the header has arrived.
struct Begun {
    header: SqliteHeader,
    claimed: Claimed,
    stage: StageWriter,
    /// The next page; none if there is no page number left.
    next: Option<PageNumber>,
}

impl Receiving {
    /// Before any bytes have arrived.
    pub(crate) fn new(core: &Arc<Core>, id: &ActorId, replace: bool) -> Self {
        let (core, id) = (Arc::clone(core), id.clone());
        Self { core, id, replace, bytes: 0, waiting: Vec::new(), begun: None }
    }
}

fn refused(reason: &NotADatabase) -> StoreError {
    StoreError::InvalidArg(format!("what was given is not a SQLite database: {reason}"))
}

impl Receiving {
    /// Takes the next bytes.
    pub async fn take(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes += bytes.len() as u64;
        self.waiting.extend(bytes);
        if self.begun.is_none() {
            if self.waiting.len() < FILE_HEADER_BYTES {
                return Ok(());
            }
            let header = SqliteHeader::read(&self.waiting).map_err(|reason| refused(&reason))?;
            let claimed = claim(&self.core, &self.id, self.replace).await?;
            let stage = claimed.stage(header.size_pages).await.map_err(displaced)?;
            self.begun = Some(Begun { header, claimed, stage, next: Some(PageNumber::FIRST) });
        }
        let Some(begun) = &mut self.begun else { return Ok(()) };
        let whole = self.waiting.len() - self.waiting.len() % begun.header.page_size.bytes();
        if whole > 0 {
            let rest = self.waiting.split_off(whole);
            begun.write(take(&mut self.waiting)).await.map_err(displaced)?;
            self.waiting = rest;
        }
        Ok(())
    }

    /// Makes the received bytes the content of the actor.
    pub async fn finish(self) -> Result<Meta, StoreError> {
        let core = Arc::clone(&self.core);
        metrics::importing(&core, self.end().await)
    }

    async fn end(mut self) -> Result<Meta, StoreError> {
        let Some(mut begun) = self.begun.take() else {
            if self.bytes > 0 {
                return Err(refused(&NotADatabase::Magic));
            }
            return self.finish_empty().await.map_err(displaced);
        };
        let (size_pages, page_size) =
            (begun.header.size(self.bytes).map_err(|reason| refused(&reason))?, begun.header.page_size);
        if begun.header.size_pages.is_none() && !self.waiting.is_empty() {
            // The last page is short; the rest of it is zeros.
            self.waiting.resize(page_size.bytes(), 0);
            begun.write(take(&mut self.waiting)).await.map_err(displaced)?;
        }
        finish(&begun.claimed, begun.stage, (size_pages, page_size)).await.map_err(displaced)
    }

    /// No bytes mean an empty database.
    async fn finish_empty(self) -> Result<Meta, StoreError> {
        let claimed = claim(&self.core, &self.id, self.replace).await?;
        if claimed.meta.size_pages.0 == 0 && !claimed.is_new {
            return Ok(claimed.meta);
        }
        let stage = claimed.stage(Some(PageCount(0))).await?;
        finish(&claimed, stage, (PageCount(0), PageSize::DEFAULT)).await
    }
}

impl Begun {
    /// Stages whole pages, as far as they belong to the database.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (header, mut next) = (self.header, self.next);
        let prepare = move || {
            let mut pages = Vec::new();
            for data in bytes.chunks_exact(header.page_size.bytes()) {
                let Some(page) =
                    next.filter(|page| header.size_pages.is_none_or(|size| size.contains(*page)))
                else {
                    break;
                };
                pages.push(PreparedPage::new(page, header.page_size, data));
                next = page.next();
            }
            Ok((pages, next))
        };
        let core = &self.claimed.core;
        let (pages, next) = blocking(&*core.env, prepare).await?;
        self.next = next;
        let room = Room::new(&core.limits, &self.claimed.actor.keys);
        let mut pages = pages.into_iter();
        let mut batch = Batch::new(room);
        while let Some(overflow) = batch.fill(&mut pages) {
            self.stage.write(std::mem::replace(&mut batch, overflow).into_pages()).await?;
        }
        let last = batch.into_pages();
        if last.is_empty() { Ok(()) } else { self.stage.write(last).await }
    }
}

/// Makes a stage of all pages visible.
pub(crate) async fn finish(
    claimed: &Claimed,
    stage: StageWriter,
    (size_pages, page_size): (PageCount, PageSize),
) -> Result<Meta, StoreError> {
    let committed = stage.finalize(End { rewrites_all: true, ..End::new(size_pages, page_size) }).await?;
    cleanup::after_commit(&claimed.core, &claimed.actor, claimed.meta.generation, &committed.head);
    Ok(Meta { head_txid: committed.txid, size_pages, page_size, ..claimed.meta })
}
