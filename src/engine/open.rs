//! Opening a store: checks that the key space is a Baton store, or marks an empty one as such.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use crate::codec::{self, StoreRow, key};
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::put_row;
use crate::engine::runtime::core::Core;
use crate::kv::{Decision, Isolation, Mutations, ReadFn, Scan, TransactionFn, View};

/// Checks for the mark without writing, so that merely opening a store does not wait for writers.
struct Look;

impl ReadFn for Look {
    type Output = bool;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<bool, Failure>> {
        is_marked(view, Isolation::Snapshot).boxed()
    }
}

/// Writes the mark.
struct Mark {
    created_at_ms: u64,
    /// Whether an empty key space becomes a store.
    create: bool,
}

impl TransactionFn for Mark {
    type Output = ();
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<()>, Failure>> {
        async move {
            if is_marked(view, Isolation::Serializable).await? {
                return Ok(Decision::answer(()));
            }
            let mut foreign = None;
            let mut visit = |key: &[u8], _: &[u8]| {
                foreign = Some(key.to_vec());
                ControlFlow::Break(())
            };
            view.scan(Scan::snapshot(key::everything()).rows(1), &mut visit).await?;
            if let Some(key) = foreign {
                return Err(not_ours(&format!("it has a key {key:02x?} and no store row")).into());
            }
            if !self.create {
                return Err(StoreError::InvalidArg("there is no store here".to_owned()).into());
            }
            let mut mutations = Mutations::with_capacity(1);
            put_row(&mut mutations, key::store(), &StoreRow { created_at_ms: self.created_at_ms });
            Ok(Decision::write(mutations, ()))
        }
        .boxed()
    }
}

async fn is_marked(view: &dyn View, isolation: Isolation) -> Result<bool, Failure> {
    let mark_key = key::store();
    let Some(value) = view.get(&mark_key, isolation).await? else { return Ok(false) };
    let row: Result<StoreRow, _> = codec::decode(&mark_key, &value);
    row.map(|_| true).map_err(|error| not_ours(&error.to_string()).into())
}

fn not_ours(detail: &str) -> StoreError {
    StoreError::InvalidArg(format!("this is not a Baton store that this release can open: {detail}"))
}

/// Checks the store's mark. Writes it if there is none and `create` is set.
pub(crate) async fn open(core: &Core, create: bool) -> Result<(), StoreError> {
    if core.read(&Arc::new(Look)).await? {
        return Ok(());
    }
    core.decide(&Arc::new(Mark { created_at_ms: core.env.now_ms(), create })).await
}
