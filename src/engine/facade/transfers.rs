//! Operations that move a whole database into the store, out of it, or to another store.

use std::path::Path;

use crate::engine::error::StoreError;
use crate::engine::runtime::metrics;
use crate::engine::transfer::copy::{self, Copying};
use crate::engine::transfer::receive::Receiving;
use crate::engine::transfer::send::Sending;
use crate::engine::transfer::v1::{self, V1Begun};
use crate::engine::transfer::{export, import};
use crate::types::{ActorId, Meta};

use super::Engine;

impl Engine {
    /// Takes an actor over and makes a SQLite file its content. An actor that has pages is refused unless
    /// `replace` is set.
    pub async fn import_from(&self, actor: &ActorId, file: &Path, replace: bool) -> Result<Meta, StoreError> {
        metrics::importing(&self.core, import::import_from(&self.core, actor, file, replace).await)
    }

    /// Writes an actor's database to a file, completely or not at all. On a backend that keeps states for a
    /// limited time, a point is exported if the actor keeps history. Otherwise it starts again when the head moves; if
    /// that happens each time, it fails as unavailable.
    pub async fn export_to(&self, actor: &ActorId, file: &Path) -> Result<Meta, StoreError> {
        metrics::exporting(&self.core, export::export_to(&self.core, actor, file, true).await)
    }

    /// Like [`export_to`](Self::export_to), to a new file; an existing file is refused.
    pub async fn export_to_new(&self, actor: &ActorId, file: &Path) -> Result<Meta, StoreError> {
        metrics::exporting(&self.core, export::export_to(&self.core, actor, file, false).await)
    }

    /// Like [`import_from`](Self::import_from), from bytes that come in pieces.
    pub fn receive(&self, id: &ActorId, replace: bool) -> Receiving {
        Receiving::new(&self.core, id, replace)
    }

    /// Reads an actor's database in pieces, from one committed head. On a backend that keeps states for a
    /// limited time, it starts again when the head moves. If the caller cannot take back the bytes already
    /// delivered, that is an error instead.
    pub async fn send(&self, id: &ActorId, may_begin_again: bool) -> Result<Sending, StoreError> {
        Sending::begin(&self.core, id, may_begin_again).await
    }

    /// Begins a copy of an actor. This takes over `to` in the target; if `to` does not exist yet, nobody sees
    /// it before it is complete. A target that has pages is refused unless `replace` is set. Copying an actor
    /// to itself is refused. Generations and txids start anew.
    pub async fn begin_copy(
        &self,
        actor: &ActorId,
        (target, to): (&Engine, &ActorId),
        replace: bool,
    ) -> Result<Copying, StoreError> {
        copy::begin((&self.core, actor), (&target.core, to), replace).await
    }

    /// Reserves an actor for an import of v1 data, whose stage is open from then on. An actor that was
    /// started without an import is refused, and so is one for which another import has a stage open within
    /// its lease.
    pub async fn begin_v1_import(&self, actor: &ActorId) -> Result<V1Begun, StoreError> {
        v1::begin(&self.core, actor).await
    }

    /// Reserves an actor for a later import of v1 data, with nothing staged.
    pub async fn prepare_v1_migration(&self, actor: &ActorId) -> Result<Meta, StoreError> {
        v1::prepare(&self.core, actor).await
    }

    /// Resets an unfinished import of v1 data that has a stage open, regardless of its lease. If there is
    /// none, it returns `false` and changes nothing.
    pub async fn invalidate_v1_migration(&self, actor: &ActorId) -> Result<bool, StoreError> {
        v1::invalidate(&self.core, actor).await
    }
}
