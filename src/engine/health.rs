//! Whether a store can be reached, and how its backend says it is.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{self, StoreRow, key};
use crate::kv::{Isolation, ReadBody, Status, View};

use super::core::Core;
use super::error::{Failure, StoreError, surface};

/// Reads the row that marks a key space as a Baton store.
struct Ping;

impl ReadBody for Ping {
    type Output = ();
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let mark_key = key::store();
            let mark = view.get(&mark_key, Isolation::Snapshot).await?;
            let mark = mark.ok_or_else(|| damaged("the store's own row is gone: was its range cleared?"))?;
            let _: StoreRow = codec::decode(&mark_key, &mark).map_err(|error| damaged(&error.to_string()))?;
            Ok(())
        }
        .boxed()
    }
}

fn damaged(detail: &str) -> StoreError {
    StoreError::Corrupt { actor: None, page: None, txid: None, detail: detail.to_owned() }
}

/// How long a read took, attempts that failed included.
pub(crate) async fn ping(core: &Core) -> Result<Duration, StoreError> {
    let begun = core.env.elapsed();
    core.read(&Arc::new(Ping)).await?;
    Ok(core.env.elapsed().saturating_sub(begun))
}

/// What the backend says of itself.
pub(crate) async fn status(core: &Core) -> Result<Status, StoreError> {
    core.kv.status().await.map_err(surface)
}
