//! Reading an actor's rows through a view.

use std::ops::ControlFlow;

use futures::future::try_join;

use crate::codec::{self, ActorKeys, Fence, Head, Row};
use crate::kv::{Isolation, Mutations, Scan, View, Wanted};
use crate::plan::{Held, Refusal};
use crate::types::{ActorId, PageNumber, PageRange, PageSize, Txid};

use super::error::{Failure, StoreError, corrupt};

/// An actor and its keys, made once an operation.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) id: ActorId,
    pub(crate) keys: ActorKeys,
    wanted: Option<Wanted>,
}

impl Actor {
    pub(crate) fn new(id: &ActorId) -> Self {
        Self { id: id.clone(), keys: ActorKeys::new(id), wanted: None }
    }

    /// For an operation that its caller may call off.
    pub(crate) fn for_caller(id: &ActorId, wanted: Option<Wanted>) -> Self {
        Self { wanted, ..Self::new(id) }
    }

    /// Whether the operation is still wanted; see [`Body::is_wanted`](crate::kv::Body::is_wanted).
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted())
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

    async fn row<R: Row>(
        &self,
        view: &dyn View,
        key: Vec<u8>,
        isolation: Isolation,
    ) -> Result<Option<R>, Failure> {
        let Some(value) = view.get(&key, isolation).await? else { return Ok(None) };
        codec::decode(&key, &value).map(Some).map_err(|error| Failure::corrupt(&self.id, &error))
    }

    /// Fence and head, read side by side.
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

    /// What a refusal means for the caller. An unsettled debt is the engine's own business and never
    /// comes here.
    pub(crate) fn refused(&self, refusal: Refusal) -> StoreError {
        let actor = self.id.clone();
        match refusal {
            Refusal::NotFound => StoreError::NotFound { actor },
            Refusal::Fenced { held: Held { generation, head_txid }, current, current_head_txid } => {
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
            Refusal::StageGone => StoreError::ConcurrentTakeover { actor },
            Refusal::Migrating => StoreError::MigrationIncomplete { actor },
            Refusal::Unsettled(debt) => unreachable!("{debt:?} is settled by whoever asked for the plan"),
        }
    }
}

/// Writes a small row, with conflict detection.
pub(crate) fn put_row<R: Row>(mutations: &mut Mutations, key: Vec<u8>, row: &R) {
    let value = codec::encode(&key, row);
    mutations.put(key, value);
}

/// What a run of pages holds at a head, in ascending order.
pub(crate) enum Stored<'r> {
    /// Pages inside the size that were never written: they read as zeros.
    Never(PageRange),
    /// The newest version of a page at or below the head.
    Row { page: PageNumber, txid: Txid, key: &'r [u8], value: &'r [u8] },
}

/// Shows every page of `run` at head `head` to `show`, in one range read. The run lies inside the size.
pub(crate) async fn walk(
    view: &dyn View,
    actor: &Actor,
    run: PageRange,
    head: Txid,
    mut show: impl FnMut(Stored<'_>) -> Result<(), StoreError> + Send,
) -> Result<(), Failure> {
    // The next page to show; none when the last possible page was shown.
    let mut next = Some(run.first);
    let mut failed = None;
    let mut visit = |key: &[u8], value: &[u8]| {
        let shown = actor.keys.parse_page(key).map_err(|error| corrupt(&actor.id, &error));
        let shown = shown.and_then(|(page, txid)| match next {
            // Not yet visible, or older than what was shown.
            Some(expected) if txid <= head && page >= expected => {
                show_gap(expected, page, &mut show)?;
                next = page.next();
                show(Stored::Row { page, txid, key, value })
            }
            _ => Ok(()),
        });
        match shown {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    // The first row of a single page's range is the version wanted.
    let rows_max = usize::from(run.first == run.last);
    view.scan(Scan::snapshot(actor.keys.pages(run, head)).rows(rows_max), &mut visit).await?;
    if let Some(error) = failed {
        return Err(Failure::Store(error));
    }
    if let Some(first) = next.filter(|next| *next <= run.last) {
        show(Stored::Never(PageRange { first, last: run.last }))?;
    }
    Ok(())
}

fn show_gap(
    expected: PageNumber,
    page: PageNumber,
    show: &mut impl FnMut(Stored<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match PageNumber::new(page.get() - 1) {
        Some(last) if last >= expected => show(Stored::Never(PageRange { first: expected, last })),
        _ => Ok(()),
    }
}

/// Decodes a stored page into `out`, which is as long as a page, or says which one is damaged.
pub(crate) fn decode_page(
    actor: &Actor,
    (page, txid): (PageNumber, Txid),
    (key, value): (&[u8], &[u8]),
    size: PageSize,
    out: &mut [u8],
) -> Result<(), StoreError> {
    codec::decode_page(key, value, size, out).map_err(|error| StoreError::Corrupt {
        actor: Some(actor.id.clone()),
        page: Some(page),
        txid: Some(txid),
        detail: error.to_string(),
    })
}
