//! exportTo of a point of the past: nothing that is committed meanwhile disturbs it.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::engine::error::StoreError;
use crate::engine::history::{PointRef, past};
use crate::engine::runtime::blocking::blocking;
use crate::engine::runtime::core::Core;
use crate::types::{ActorId, Meta, PageNumber, Token, Txid};

use super::export::{Target, refuse_own_file};
use super::import::refuse_sidecars;
use super::partial::refuse_present;

/// The pages that are read at once.
const PAGES_AT_ONCE: u32 = 256;

/// Writes a point of an actor to `path`, like an export of its head. The point is kept until the file is
/// written.
pub(crate) async fn export_point(
    core: &Arc<Core>,
    id: &ActorId,
    at: PointRef,
    path: &Path,
    replaces: bool,
) -> Result<Meta, StoreError> {
    let (core, env) = (Arc::clone(core), Arc::clone(&core.env));
    let (id, path, runtime) = (id.clone(), path.to_owned(), Handle::current());
    let work = move || {
        if !replaces {
            refuse_present(&path)?;
        }
        refuse_sidecars(&path)?;
        refuse_own_file(&core, &path)?;
        let reader = core.env.token();
        let txid = runtime.block_on(past::hold_or_find(&core, &id, at, reader))?;
        let mut target = Target::create(&path)?;
        let written = runtime.block_on(write_pages(&core, (&id, txid, reader), &mut target));
        let released = runtime.block_on(past::release(&core, &id, txid, reader));
        let meta = written?;
        // The file is whole; the pin ends by itself.
        drop(released);
        target.finish(replaces)?;
        Ok(meta)
    };
    blocking(&*env, work).await
}

async fn write_pages(
    core: &Arc<Core>,
    (id, txid, reader): (&ActorId, Txid, Token),
    target: &mut Target,
) -> Result<Meta, StoreError> {
    let meta = past::read_point(core, id, txid, &[]).await?.meta;
    let mut held_ms = core.env.now_ms();
    let mut next = 1;
    while next <= meta.size_pages.0 {
        let last = meta.size_pages.0.min(next.saturating_add(PAGES_AT_ONCE - 1));
        let wanted: Vec<PageNumber> = (next..=last).filter_map(PageNumber::new).collect();
        let pages = past::get_pages_at(core, id, txid, &wanted).await?;
        target.write(&pages.data)?;
        if core.env.now_ms().saturating_sub(held_ms) > past::READER_PIN_MS / 2 {
            held_ms = core.env.now_ms();
            past::hold_or_find(core, id, PointRef::Txid(txid), reader).await?;
        }
        match last.checked_add(1) {
            Some(after) => next = after,
            None => break,
        }
    }
    Ok(meta)
}
