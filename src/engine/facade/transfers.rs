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

    /// Writes an actor's database to a file, whole or not at all. On a backend that keeps states for a limited
    /// time, it begins again when the head moves, and ends as unavailable when that happens each time.
    pub async fn export_to(&self, actor: &ActorId, file: &Path) -> Result<Meta, StoreError> {
        metrics::exporting(&self.core, export::export_to(&self.core, actor, file, true).await)
    }

    /// As [`export_to`](Self::export_to), to a file that is not there yet; one that is there is refused.
    pub async fn export_to_new(&self, actor: &ActorId, file: &Path) -> Result<Meta, StoreError> {
        metrics::exporting(&self.core, export::export_to(&self.core, actor, file, false).await)
    }

    /// As [`import_from`](Self::import_from), from bytes that come in pieces.
    pub fn receive(&self, id: &ActorId, replace: bool) -> Receiving {
        Receiving::new(&self.core, id, replace)
    }

    /// Reads an actor's database in pieces, from one committed head. On a backend that keeps states for a limited time,
    /// it begins again when the head moves; a caller that cannot take back what it was handed over is told that as an
    /// error.
    pub async fn send(&self, id: &ActorId, may_begin_again: bool) -> Result<Sending, StoreError> {
        Sending::begin(&self.core, id, may_begin_again).await
    }

    /// Begins to copy an actor, which takes `to` of the target over; one that is not there yet is seen by nobody before
    /// all of it is. An actor that has pages there is refused unless `replace` is set, and so is the actor itself.
    /// Generations and txids begin anew.
    pub async fn begin_copy(
        &self,
        actor: &ActorId,
        (target, to): (&Engine, &ActorId),
        replace: bool,
    ) -> Result<Copying, StoreError> {
        copy::begin((&self.core, actor), (&target.core, to), replace).await
    }

    /// Reserves an actor for an import of v1 data, whose stage is open from then on. An actor that was started
    /// without one is refused, and so is one of which another import has a stage open inside its lease.
    pub async fn begin_v1_import(&self, actor: &ActorId) -> Result<V1Begun, StoreError> {
        v1::begin(&self.core, actor).await
    }

    /// Reserves an actor for an import of v1 data that is to come, with nothing staged.
    pub async fn prepare_v1_migration(&self, actor: &ActorId) -> Result<Meta, StoreError> {
        v1::prepare(&self.core, actor).await
    }

    /// Resets an unfinished import of v1 data that has a stage open, whatever its lease; `false`, and nothing is
    /// changed, if there is none.
    pub async fn invalidate_v1_migration(&self, actor: &ActorId) -> Result<bool, StoreError> {
        v1::invalidate(&self.core, actor).await
    }
}
