//! list: the actors of a store. The fences of all actors are adjacent, so this is one range scan.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{self, Fence, FenceState};
use crate::engine::api::ListRequest;
use crate::engine::error::{Failure, StoreError, corrupt};
use crate::engine::runtime::core::Core;
use crate::kv::{KeyRange, ReadFn, Scan, View};
use crate::types::ActorId;

/// Rows per read, so that a long listing does not hold a state of the store for long.
const CHUNK_ROWS: usize = 1_000;

struct Chunk {
    range: KeyRange,
    rows_max: usize,
}

/// The live actors of a chunk, and the last key seen if there may be more.
type Seen = (Vec<ActorId>, Option<Vec<u8>>);

impl ReadFn for Chunk {
    type Output = Seen;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Seen, Failure>> {
        async move {
            let mut actors = Vec::new();
            let mut damage = None;
            let mut rows = 0;
            let mut last = None;
            let mut visit = |key: &[u8], value: &[u8]| {
                rows += 1;
                last = Some(key.to_vec());
                match live_actor(key, value) {
                    Ok(Some(actor)) => actors.push(actor),
                    Ok(None) => {}
                    Err(error) => {
                        damage = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            };
            view.scan(Scan::snapshot(self.range.clone()).rows(self.rows_max), &mut visit).await?;
            match damage {
                Some(error) => Err(Failure::Store(error)),
                None => Ok((actors, last.filter(|_| rows == self.rows_max))),
            }
        }
        .boxed()
    }
}

fn live_actor(key: &[u8], value: &[u8]) -> Result<Option<ActorId>, StoreError> {
    let actor = codec::fence_actor(key).map_err(|error| StoreError::Corrupt {
        actor: None,
        page: None,
        txid: None,
        detail: error.to_string(),
    })?;
    let fence: Fence = codec::decode(key, value).map_err(|error| corrupt(&actor, &error))?;
    Ok((fence.state == FenceState::Live).then_some(actor))
}

/// Lists actors, in the byte order of their ids. Each chunk is consistent in itself.
pub(crate) async fn list(core: &Core, request: &ListRequest) -> Result<Vec<ActorId>, StoreError> {
    let limit = request.limit.unwrap_or(usize::MAX);
    let mut range = codec::fences(&request.prefix, request.after.as_deref());
    let mut actors = Vec::new();
    while actors.len() < limit && !range.is_empty() {
        let chunk = Chunk { range: range.clone(), rows_max: CHUNK_ROWS };
        let (found, last) = core.read(&Arc::new(chunk)).await?;
        actors.extend(found);
        let Some(last) = last else { break };
        range = KeyRange::new(KeyRange::single(last).end(), range.end());
    }
    actors.truncate(limit);
    Ok(actors)
}
