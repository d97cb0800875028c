//! An actor as an operation sees it: its keys, its fence and head, and what a refusal means for the caller.

use std::time::Duration;

use futures::future::try_join;

use crate::codec::{self, ActorKeys, Fence, Head, Row};
use crate::engine::error::{Failure, StoreError};
use crate::kv::{Isolation, Mutations, View, Wanted};
use crate::plan::{Held, Refusal};
use crate::types::{ActorId, Generation, Token, Txid};

/// An actor and its keys, built once per operation.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) id: ActorId,
    pub(crate) keys: ActorKeys,
    wanted: Option<Wanted>,
    owner: Option<Token>,
}

impl Actor {
    pub(crate) fn new(id: &ActorId) -> Self {
        Self { id: id.clone(), keys: ActorKeys::new(id), wanted: None, owner: None }
    }

    /// For an operation that its caller may cancel.
    pub(crate) fn for_caller(id: &ActorId, wanted: Option<Wanted>) -> Self {
        Self { wanted, ..Self::new(id) }
    }

    /// For an operation of the owner whose start has drawn this token, if that is known.
    pub(crate) fn owned_by(self, owner: Option<Token>) -> Self {
        Self { owner, ..self }
    }

    /// What the caller of an operation holds.
    pub(crate) fn held(&self, generation: Generation, head_txid: Option<Txid>) -> Held {
        Held { generation, head_txid, owner: self.owner }
    }

    /// Whether the operation is still wanted; see [`TransactionFn::is_wanted`](crate::kv::TransactionFn::is_wanted).
    pub(crate) fn is_wanted(&self, waited: Duration) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted(waited))
    }

    pub(crate) async fn fence(
        &self,
        view: &dyn View,
        isolation: Isolation,
    ) -> Result<Option<Fence>, Failure> {
        self.row(view, self.keys.fence(), isolation).await
    }

    /// The stored head, if a commit ever wrote one.
    pub(crate) async fn stored_head(
        &self,
        view: &dyn View,
        isolation: Isolation,
    ) -> Result<Option<Head>, Failure> {
        self.row(view, self.keys.head(), isolation).await
    }

    pub(crate) async fn row<R: Row>(
        &self,
        view: &dyn View,
        key: Vec<u8>,
        isolation: Isolation,
    ) -> Result<Option<R>, Failure> {
        let Some(value) = view.get(&key, isolation).await? else { return Ok(None) };
        codec::decode(&key, &value).map(Some).map_err(|error| Failure::corrupt(&self.id, &error))
    }

    /// The fence and the head, read in parallel.
    pub(crate) async fn fence_and_head(
        &self,
        view: &dyn View,
        isolation: Isolation,
    ) -> Result<(Option<Fence>, Head), Failure> {
        let (fence, head) = try_join(self.fence(view, isolation), self.stored_head(view, isolation)).await?;
        Ok((fence, head.unwrap_or_else(Head::empty)))
    }

    pub(crate) fn put_fence(&self, mutations: &mut Mutations, fence: &Fence) {
        put_row(mutations, self.keys.fence(), fence);
    }

    pub(crate) fn put_head(&self, mutations: &mut Mutations, head: &Head) {
        put_row(mutations, self.keys.head(), head);
    }

    /// What a refusal means for the caller. A pending cleanup is handled inside the engine and never gets
    /// here.
    pub(crate) fn refused(&self, refusal: Refusal) -> StoreError {
        let actor = self.id.clone();
        match refusal {
            Refusal::NotFound => StoreError::NotFound { actor },
            Refusal::Fenced { held: Held { generation, head_txid, .. }, current, current_head_txid } => {
                StoreError::FenceMismatch {
                    actor,
                    held: generation,
                    current,
                    held_head_txid: head_txid.unwrap_or(current_head_txid),
                    current_head_txid,
                }
            }
            Refusal::PageSize { given, current } => StoreError::InvalidArg(format!(
                "actor {actor:?} has pages of {current} bytes, got pages of {given} bytes"
            )),
            Refusal::TooManySegments => StoreError::Unusable(format!(
                "actor {actor:?} shows as many earlier lines as it can; flatten it, then it can commit again"
            )),
            Refusal::StageGone => StoreError::ConcurrentTakeover { actor },
            Refusal::Migrating => StoreError::MigrationIncomplete { actor },
            Refusal::CleanupPending(pending) => {
                unreachable!("{pending:?} is done by whoever asked for the plan")
            }
        }
    }
}

/// Writes a small row, with conflict detection.
pub(crate) fn put_row<R: Row>(mutations: &mut Mutations, key: Vec<u8>, row: &R) {
    let value = codec::encode(&key, row);
    mutations.put(key, value);
}
