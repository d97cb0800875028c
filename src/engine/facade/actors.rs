//! The operations of an owner: a start, reads, commits, hints, and deletion.

use crate::engine::api::{Caller, Commit, PageSet, Preload, Startup};
use crate::engine::commit::large::{self, LargeCommit, LargeCommitWriter};
use crate::engine::commit::{self, resolve};
use crate::engine::error::StoreError;
use crate::engine::ownership::{delete, hints, startup};
use crate::engine::read::committed;
use crate::engine::read::peek::{self, Peek};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::{events, metrics};
use crate::kv::Wanted;
use crate::plan::Held;
use crate::types::{ActorId, Generation, Meta, PageNumber, PageRange, Token, Txid};

use super::Engine;

impl Engine {
    /// Takes an actor over and returns its first pages. A call that lost the race against another one gets
    /// the current state and no pages.
    pub async fn load_startup(&self, actor: &ActorId, preload: &Preload) -> Result<Startup, StoreError> {
        // Boxed, as in `commit`.
        let started = Box::pin(startup::load_startup(&self.core, actor, preload.request()?));
        events::startup(&self.core, actor, started).await
    }

    /// Reads pages of one committed head as the holder of `generation`; pages beyond the size are left out.
    /// `head_txid` is the head that the pages must come from; `None` means the current one. On a backend that
    /// keeps states for a limited time, a read that takes longer starts again when the head moves. If that
    /// happens each time, it fails as unavailable.
    pub async fn get_pages(
        &self,
        actor: &ActorId,
        generation: Generation,
        head_txid: Option<Txid>,
        pages: &[PageNumber],
    ) -> Result<PageSet, StoreError> {
        self.get_pages_as(actor, Held::numbers(generation, head_txid), pages).await
    }

    /// Like [`get_pages`](Self::get_pages), as the owner whose start has drawn a token.
    pub async fn get_pages_as(
        &self,
        actor: &ActorId,
        held: Held,
        pages: &[PageNumber],
    ) -> Result<PageSet, StoreError> {
        let generation = held.generation;
        let read = committed::get_pages(&self.core, actor, held, pages);
        events::read(&self.core, actor, generation, metrics::reading(&self.core, read)).await
    }

    /// Commits changes of any size atomically. The pages are copied before the first wait.
    pub async fn commit(&self, actor: &ActorId, commit: Commit<'_>) -> Result<Txid, StoreError> {
        self.commit_as(Caller::default(), actor, commit).await
    }

    /// Like [`commit`](Self::commit), but can be cancelled by the caller. If it is cancelled while it is
    /// queued, it fails with [`StoreError::Unavailable`], and nothing was written.
    pub async fn commit_while(
        &self,
        wanted: Option<Wanted>,
        actor: &ActorId,
        commit: Commit<'_>,
    ) -> Result<Txid, StoreError> {
        self.commit_as(Caller { wanted, owner: None }, actor, commit).await
    }

    /// Like [`commit_while`](Self::commit_while), as the owner whose start has drawn a token.
    pub async fn commit_as(
        &self,
        caller: Caller,
        actor: &ActorId,
        commit: Commit<'_>,
    ) -> Result<Txid, StoreError> {
        let bytes = commit.pages.iter().map(|write| write.data.len()).sum();
        let request = (commit.generation, commit.pages.len(), bytes);
        // Boxed, because otherwise the surrounding futures would hold it by value.
        let of_caller = Actor::for_caller(actor, caller.wanted).owned_by(caller.owner);
        let committed = Box::pin(commit::commit(&self.core, of_caller, commit));
        metrics::committing(&self.core, events::commit(&self.core, actor, request, committed).await)
    }

    /// Finds out what became of a commit that failed with [`StoreError::CommitUnknown`] and returned its
    /// token there. Returns the state that it created, or `None` if it did not take place and never will.
    /// `generation` and `head_txid` are the ones that the commit named.
    pub async fn resolve_commit(
        &self,
        actor: &ActorId,
        generation: Generation,
        head_txid: Txid,
        token: Token,
    ) -> Result<Option<Meta>, StoreError> {
        let held = Held::numbers(generation, Some(head_txid));
        let resolved = resolve::resolve_commit(&self.core, actor, held, token);
        metrics::resolving(&self.core, events::resolve(&self.core, actor, generation, resolved).await)
    }

    /// Begins a commit whose pages come in pieces and whose size is known only at its end: for transactions
    /// that outgrow memory.
    pub async fn begin_large_commit(
        &self,
        actor: &ActorId,
        request: LargeCommit,
    ) -> Result<LargeCommitWriter, StoreError> {
        self.begin_large_commit_as(Caller::default(), actor, request).await
    }

    /// Like [`begin_large_commit`](Self::begin_large_commit), but can be cancelled by the caller; see
    /// [`commit_while`](Self::commit_while).
    pub async fn begin_large_commit_while(
        &self,
        wanted: Option<Wanted>,
        actor: &ActorId,
        request: LargeCommit,
    ) -> Result<LargeCommitWriter, StoreError> {
        self.begin_large_commit_as(Caller { wanted, owner: None }, actor, request).await
    }

    /// Like [`begin_large_commit_while`](Self::begin_large_commit_while), as the owner whose start has drawn a token.
    pub async fn begin_large_commit_as(
        &self,
        caller: Caller,
        actor: &ActorId,
        request: LargeCommit,
    ) -> Result<LargeCommitWriter, StoreError> {
        let actor = Actor::for_caller(actor, caller.wanted).owned_by(caller.owner);
        metrics::told(&self.core, large::begin(&self.core, &actor, request).await)
    }

    /// Stores the pages that the next start should return, as the holder of `generation`: at most 256 runs,
    /// ascending without overlap. They replace the stored hints; an empty list removes them.
    pub async fn store_hints(
        &self,
        actor: &ActorId,
        generation: Generation,
        hints: &[PageRange],
    ) -> Result<(), StoreError> {
        metrics::told(&self.core, hints::store(&self.core, actor, generation, hints).await)
    }

    /// Looks at an actor that somebody else may own, and changes nothing. Returns its state and those of
    /// `pages` that lie inside its size, as many of the first ones as fit one read. Returns no pages if the
    /// generation and the head are those in `known`.
    pub async fn peek(
        &self,
        actor: &ActorId,
        known: Option<(Generation, Txid)>,
        pages: &[PageNumber],
    ) -> Result<Peek, StoreError> {
        peek::peek(&self.core, actor, known, pages).await
    }

    /// Deletes an actor; `false` if there is none. Generations continue to rise if the actor is created
    /// again.
    pub async fn delete(&self, actor: &ActorId) -> Result<bool, StoreError> {
        metrics::deleting(&self.core, delete::delete(&self.core, actor, None).await)
    }

    /// Deletes an actor as its owner: fenced like a commit.
    pub async fn delete_held(&self, actor: &ActorId, held: Held) -> Result<bool, StoreError> {
        metrics::deleting(&self.core, delete::delete(&self.core, actor, Some(held)).await)
    }
}
