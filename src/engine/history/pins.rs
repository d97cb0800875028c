//! Pins: what keeps a point, whatever the policy says.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt, try_join};

use crate::codec::{FenceState, Head, PIN_NAME_BYTES_MAX, Pin, PinKind, Point};
use crate::engine::commit::cleanup;
use crate::engine::commit::left::write_beginning;
use crate::engine::error::{Failure, StoreError};
use crate::engine::runtime::actor::{Actor, put_row};
use crate::engine::runtime::core::Core;
use crate::engine::runtime::metrics;
use crate::kv::{Decision, Isolation, Mutations, RoomUse, TransactionFn, View};
use crate::plan::{self, PendingCleanup, Unclean};
use crate::planted::{self, Bug};
use crate::types::{ActorId, Generation, PageCount, Token, Txid};

use super::api::{PinRequest, PointRef};
use super::resolve;
use crate::engine::retention::rows;

/// What has to be cleaned up first, and whose it is.
pub(super) type Pending = (Generation, PendingCleanup);

/// The point that is pinned, and what has to be written so that there is one.
pub(super) struct Held {
    pub(super) txid: Txid,
    pub(super) point: Point,
    pub(super) mutations: Mutations,
    pub(super) head: Head,
}

/// The point that the last attempt of an operation was about.
#[derive(Default)]
pub(super) struct Noted(Mutex<Option<Txid>>);

impl Noted {
    fn get(&self) -> Option<Txid> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, txid: Txid) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(txid);
    }
}

/// Finds the point that an operation is about, guarded against being dropped. The head of an actor without
/// history becomes one. `noted` remembers the txid for another attempt, so that one whose answer was lost does not pin
/// another point.
pub(super) async fn hold(
    view: &dyn View,
    actor: &Actor,
    at: &PointRef,
    noted: &Noted,
    now_ms: u64,
) -> Result<Result<Held, Pending>, Failure> {
    // The fence guards against a deletion, which does not look for points. The head is read without conflict
    // detection: commits go on meanwhile.
    let passes = planted::has(Bug::ForkPassesDeletion);
    let guarded = if passes { Isolation::Snapshot } else { Isolation::Serializable };
    let (fence, head) =
        try_join(actor.fence(view, guarded), actor.stored_head(view, Isolation::Snapshot)).await?;
    let head = head.unwrap_or_else(Head::empty);
    let mut mutations = Mutations::new();
    let is_live = fence.is_some_and(|fence| fence.state == FenceState::Live);
    if is_live {
        plan::check_readable(fence.as_ref()).map_err(|refusal| actor.refused(refusal))?;
    } else if fence.is_none() || *at == PointRef::Head {
        return Err(StoreError::NotFound { actor: actor.id.clone() }.into());
    }
    if *at == PointRef::Head && !head.has_commits() {
        return Err(is_empty(actor).into());
    }
    let txid = match noted.get() {
        // If it is gone, no earlier attempt has pinned it.
        Some(txid) if rows::point(view, actor, txid, Isolation::Serializable).await?.is_some() => txid,
        _ => resolve::resolve(view, actor, &head, at, now_ms).await?,
    };
    if is_live && txid == head.txid && !head.keeps() {
        let generation = fence.map_or(Generation::NONE, |fence| fence.generation);
        let head = actor.stored_head(view, Isolation::Serializable).await?.unwrap_or_else(Head::empty);
        match plan::keeps_from_here(&head, now_ms) {
            Err(Unclean(pending)) => return Ok(Err((generation, pending))),
            Ok(None) => {}
            Ok(Some(keeping)) => {
                let Some(point) = keeping.point.clone() else { return Err(is_empty(actor).into()) };
                write_beginning(&mut mutations, actor, head.txid, &keeping);
                actor.put_head(&mut mutations, &keeping.head);
                noted.set(txid);
                return Ok(Ok(Held { txid, point, mutations, head: keeping.head }));
            }
        }
    }
    if *at == PointRef::Head
        && head.size_pages == PageCount(0)
        && rows::point(view, actor, txid, Isolation::Serializable).await?.is_none()
    {
        return Err(is_empty(actor).into());
    }
    let point = resolve::kept_point(view, actor, &head, txid).await?;
    noted.set(txid);
    Ok(Ok(Held { txid, point, mutations, head }))
}

fn is_empty(actor: &Actor) -> StoreError {
    StoreError::InvalidArg(format!("actor {:?} has no pages, so there is no state to keep", actor.id))
}

/// A pin that is set.
struct Pinned {
    txid: Txid,
    point: Point,
    /// Whether it was not there before, with another time to expire.
    is_new: bool,
}

struct Set {
    actor: Actor,
    at: PointRef,
    pin: Pin,
    token: Token,
    noted: Noted,
}

impl TransactionFn for Set {
    type Output = Result<Pinned, Pending>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<Self::Output>, Failure>> {
        async move {
            let now_ms = self.pin.created_at_ms;
            // An earlier attempt whose answer was lost may have set it.
            let is_again = self.noted.get().is_some();
            let held = hold(view, &self.actor, &self.at, &self.noted, now_ms).await?;
            let Held { txid, point, mut mutations, .. } = match held {
                Ok(held) => held,
                Err(pending) => return Ok(Decision::answer(Err(pending))),
            };
            let key = self.actor.keys.pin(txid, self.token);
            let again = view.get(&key, Isolation::Snapshot).await?.is_some();
            if !self.pin.name.is_empty() && !again {
                let pins = rows::all_pins(view, &self.actor, Isolation::Snapshot).await?;
                if pins.iter().any(|(_, _, pin)| pin.name == self.pin.name && pin.holds_at(now_ms)) {
                    let (name, id) = (&self.pin.name, &self.actor.id);
                    let message = format!("actor {id:?} has a pin named {name:?} already; unpin it first");
                    return Err(StoreError::InvalidArg(message).into());
                }
            }
            // With conflict detection: whoever drops the point has read its pins.
            put_row(&mut mutations, key, &self.pin);
            Ok(Decision::write(mutations, Ok(Pinned { txid, point, is_new: is_again || !again })))
        }
        .boxed()
    }
}

/// Pins a point; an actor without history keeps it from then on.
pub(crate) async fn pin(
    core: &Core,
    id: &ActorId,
    at: PointRef,
    request: PinRequest,
) -> Result<(Txid, Point), StoreError> {
    let PinRequest { name, expires_at_ms } = request;
    if name.len() > PIN_NAME_BYTES_MAX {
        let bytes = name.len();
        let message = format!("a pin's name must be at most {PIN_NAME_BYTES_MAX} bytes, got {bytes}");
        return Err(StoreError::InvalidArg(message));
    }
    let pin = Pin { kind: PinKind::User, created_at_ms: core.env.now_ms(), expires_at_ms, name };
    set(core, id, at, pin, core.env.token()).await
}

pub(super) async fn set(
    core: &Core,
    id: &ActorId,
    at: PointRef,
    pin: Pin,
    token: Token,
) -> Result<(Txid, Point), StoreError> {
    let body = Arc::new(Set { actor: Actor::new(id), at, pin, token, noted: Noted::default() });
    loop {
        match core.decide(&body).await? {
            Ok(Pinned { txid, point, is_new }) => {
                if let Some(kind) = metrics::of_pin(&body.pin.kind).filter(|_| is_new) {
                    core.metrics.history.pinned(kind);
                }
                return Ok((txid, point));
            }
            Err((generation, pending)) => {
                cleanup::clean_up(core, &body.actor, generation, pending).await?;
            }
        }
    }
}

/// Which pins to remove.
#[derive(Debug, Clone)]
pub(crate) enum Unpin {
    /// The user's pins of this name.
    Name(String),
    /// The user's pins, and those of restores, of this point.
    Point(Txid),
    /// This very one.
    Token(Txid, Token),
}

struct Remove {
    actor: Actor,
    which: Unpin,
    /// The pins that were there at some attempt: one whose answer was lost may have removed them.
    met: Mutex<BTreeSet<Vec<u8>>>,
}

impl TransactionFn for Remove {
    type Output = usize;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Decision<usize>, Failure>> {
        async move {
            let pins = rows::all_pins(view, &self.actor, Isolation::Snapshot).await?;
            let mut mutations = Mutations::new();
            let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for (txid, token, pin) in pins {
                let is_users = matches!(pin.kind, PinKind::User | PinKind::Undo);
                let meant = match &self.which {
                    Unpin::Name(name) => is_users && pin.name == *name,
                    Unpin::Point(point) => is_users && txid == *point,
                    Unpin::Token(point, own) => txid == *point && token == *own,
                };
                if meant {
                    let key = self.actor.keys.pin(txid, token);
                    mutations.delete(key.clone());
                    met.insert(key);
                }
            }
            mutations.use_room(RoomUse::Frees);
            let count = met.len();
            *self.met.lock().unwrap_or_else(PoisonError::into_inner) = met;
            Ok(Decision::write(mutations, count))
        }
        .boxed()
    }
}

/// Removes pins; returns how many there were. What they kept is dropped in the background.
pub(crate) async fn unpin(core: &Arc<Core>, id: &ActorId, which: Unpin) -> Result<usize, StoreError> {
    let removed =
        core.decide(&Arc::new(Remove { actor: Actor::new(id), which, met: Mutex::default() })).await?;
    if removed > 0 {
        cleanup::thin_in_background(core, &Actor::new(id));
    }
    Ok(removed)
}
