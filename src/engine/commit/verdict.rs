//! How a commit ends: what it writes to the head, and what a refusal or an error means after a lost answer.

use crate::codec::Head;
use crate::engine::error::StoreError;
use crate::engine::runtime::actor::Actor;
use crate::kv::Mutations;
use crate::plan::{self, Held, Landed, Refusal};
use crate::types::{PageNumber, Token, Txid};

/// A commit that took place.
pub(crate) struct Committed {
    pub(crate) txid: Txid,
    /// The head as last seen; it may be a later one.
    pub(crate) head: Head,
}

/// Writes the new head and clears what its size has cut off.
pub(crate) fn move_head(
    mutations: &mut Mutations,
    actor: &Actor,
    head: &Head,
    clear_from: Option<PageNumber>,
) {
    actor.put_head(mutations, head);
    if let Some(first) = clear_from {
        mutations.clear_range_guarded(actor.keys.pages_from(first));
    }
}

/// What a refusal means for the caller. After a lost answer, a refusal is final only if the head proves that
/// the lost attempt did not take effect.
pub(crate) fn refuse(
    actor: &Actor,
    head: &Head,
    held: Held,
    token: Token,
    refusal: Refusal,
    unknown: bool,
) -> StoreError {
    let base = held.head_txid.unwrap_or(head.txid);
    if unknown && plan::landed(head, base, token) == Landed::Unknown {
        let detail = format!("the head has moved from {base} to {} since", head.txid);
        return StoreError::CommitUnknown { actor: actor.id.clone(), detail, token: Some(token) };
    }
    actor.refused(refusal)
}

/// An error that ends a commit. After a lost answer, it is no longer possible to say what became of the
/// commit.
pub(crate) fn give_up(actor: &Actor, token: Token, error: StoreError, unknown: bool) -> StoreError {
    if unknown {
        let (actor, detail) = (actor.id.clone(), error.to_string());
        StoreError::CommitUnknown { actor, detail, token: Some(token) }
    } else {
        error
    }
}

/// An attempt's own error. A refusal has read the fence and the head, and has looked for the token of an
/// earlier attempt. Damage has kept this attempt from reading them.
pub(crate) fn conclude(actor: &Actor, token: Token, error: StoreError, unknown: bool) -> StoreError {
    match error {
        StoreError::Corrupt { .. } => give_up(actor, token, error, unknown),
        refusal => refusal,
    }
}
