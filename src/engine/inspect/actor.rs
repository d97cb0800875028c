//! inspect: everything stored for one actor, by row kind, whether the actor is usable or not.

use std::sync::Arc;

use crate::engine::error::StoreError;
use crate::engine::read::slices::moved_too_often;
use crate::engine::runtime::core::Core;
use crate::plan::{Audited, Seen};
use crate::types::ActorId;

use super::walk::{ActorWalk, End};

/// The most that one step reads; no progress is reported here.
const STEP_BYTES_MAX: usize = 64 << 20;

/// Inspects every row of an actor; `None` if it has no rows, not even a tombstone.
pub(crate) async fn inspect(core: &Arc<Core>, id: &ActorId) -> Result<Option<Audited>, StoreError> {
    let walk = ActorWalk::new(id);
    loop {
        match walk.step(core, STEP_BYTES_MAX).await? {
            None => {}
            Some(End::Busy) => return Err(moved_too_often(id)),
            Some(End::Audited(audited)) => {
                let nothing = audited.fence == Seen::Absent && audited.problems.told.is_empty();
                return Ok((!nothing).then_some(*audited));
            }
        }
    }
}
