//! Keeps a point of the past as long as a database reads it: by a pin that expires, and is renewed until then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::{FutureExt, select};
use futures::lock::Mutex;

use crate::engine::PointRef;
use crate::planted::{self, Bug};
use crate::sync::oneshot;
use crate::types::{ActorId, Token, Txid};

use super::shared::Shared;

/// How often a reader of the past renews what keeps its point.
const RENEWAL: Duration = Duration::from_secs(20);
/// How long closing waits for the pin to be removed: where the store does not answer, it ends by itself.
const RELEASE_MAX: Duration = Duration::from_secs(5);

/// A reader of the past. Its pin goes with it.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    /// `None` once its removal is under way.
    pin: Option<Arc<ReaderPin>>,
}

struct ReaderPin {
    actor: ActorId,
    point: Txid,
    token: Token,
    /// Whether it is removed, or about to be. Locked while it is renewed or removed, so that no renewal comes after
    /// the removal.
    is_over: Mutex<bool>,
}

impl Reader {
    /// Keeps a point that the store has pinned under this token.
    pub(crate) fn keep(shared: &Arc<Shared>, actor: &ActorId, (point, token): (Txid, Token)) -> Self {
        let pin = Arc::new(ReaderPin { actor: actor.clone(), point, token, is_over: Mutex::new(false) });
        shared.env.spawn(renew(Arc::clone(shared), Arc::downgrade(&pin)).boxed());
        Self { shared: Arc::clone(shared), pin: Some(pin) }
    }

    /// Removes the pin, and waits for that, on a thread that may block.
    pub(crate) fn release(mut self) {
        let Some(removed) = self.remove() else { return };
        let patience = self.shared.env.sleep(RELEASE_MAX);
        self.shared.engine.wait(select(removed, patience).map(|_| ()));
    }

    fn remove(&mut self) -> Option<oneshot::Receiver<()>> {
        let pin = self.pin.take().filter(|_| !planted::has(Bug::ReaderStays))?;
        let (tell, told) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let task = async move {
            let ReaderPin { actor, point, token, is_over } = &*pin;
            *is_over.lock().await = true;
            // It ends by itself if this fails.
            let _ = shared.engine.release_reader(actor, *point, *token).await;
            let _ = tell.send(());
        };
        self.shared.env.spawn(task.boxed());
        Some(told)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.remove());
    }
}

async fn renew(shared: Arc<Shared>, pin: Weak<ReaderPin>) {
    loop {
        shared.env.sleep(RENEWAL).await;
        let Some(pin) = pin.upgrade() else { return };
        let is_over = pin.is_over.lock().await;
        if *is_over {
            return;
        }
        // If the store is away for a minute, the point may go; a read then says so.
        let _ = shared.engine.hold_for_reader(&pin.actor, PointRef::Txid(pin.point), pin.token).await;
    }
}
