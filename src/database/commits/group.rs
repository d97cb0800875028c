//! What the turns of a database, its file and its flights share: the layers and the gate, under one lock that is
//! never held while somebody waits or is answered.

mod begin;

use std::sync::{Arc, PoisonError, Weak};

use tracing::Span;

use crate::database::call::Answer;
use crate::database::stats::Counters;
use crate::engine::{Engine, StoreError};
use crate::planted::{self, Bug};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, oneshot};
use crate::types::{ActorId, Generation, PageCount, PageNumber, PageSize, Token, Txid};

use super::gate::{Gate, Gated, Ready, verdict};
use super::hurry::Hurry;
use super::layer::Layer;
use super::loss::{Lost, for_good};
use super::pending::{Found, Landed, Mark, Pending};

/// Hears how commits end. Called from any thread, without a lock.
pub(crate) trait Outcomes: Send + Sync + 'static {
    /// One has taken place.
    fn landed(&self);

    /// One has failed, and what was sealed is lost.
    fn lost(&self);
}

#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
struct State {
    pending: Pending,
    gate: Gate,
    /// How often something was lost.
    losses: u64,
    lost: Option<Lost>,
    /// Whether somebody was told of the last loss.
    is_told: bool,
    /// Until SQLite has forgotten what is lost, nothing is sealed.
    is_open: bool,
    /// The call whose caller does not want it any more.
    cancelled: Option<u32>,
    abandoned: bool,
    /// Whether the caller is going to write more, so that no commit begins by itself.
    is_held: bool,
    /// Where the first transaction that gathers was sealed.
    span: Span,
    /// Who waits for the end of the commit in flight.
    waiting: Vec<oneshot::Sender<()>>,
}

/// The commits of one database.
pub(crate) struct GroupCommit {
    pub(super) engine: Arc<Engine>,
    pub(super) actor: ActorId,
    pub(super) generation: Generation,
    /// The token of the start, if it won.
    pub(super) owner: Option<Token>,
    counters: Arc<Counters>,
    state: Mutex<State>,
    /// Whether answers do not wait for what they have seen: `Call::Flush` does.
    is_deferred: AtomicBool,
    hurry: Hurry,
    /// Counts ends of commits, for those who only want to know whether there is something new.
    ends: AtomicU64,
    outcomes: Mutex<Option<Weak<dyn Outcomes>>>,
    itself: Weak<Self>,
}

impl GroupCommit {
    pub(crate) fn new(
        engine: Arc<Engine>,
        counters: Arc<Counters>,
        (actor, (generation, owner), head): (ActorId, (Generation, Option<Token>), Txid),
    ) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            engine,
            actor,
            generation,
            owner,
            counters,
            state: Mutex::new(State {
                pending: Pending::new(head),
                gate: Gate::default(),
                losses: 0,
                lost: None,
                is_told: true,
                is_open: true,
                cancelled: None,
                abandoned: false,
                is_held: false,
                span: Span::none(),
                waiting: Vec::new(),
            }),
            is_deferred: AtomicBool::new(false),
            hurry: Hurry::default(),
            ends: AtomicU64::new(0),
            outcomes: Mutex::new(None),
            itself: Weak::clone(itself),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on, `outcomes` hears how commits end.
    pub(crate) fn tell(&self, outcomes: Weak<dyn Outcomes>) {
        *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcomes);
    }

    /// From here on, answers leave before what they have seen is durable.
    pub(crate) fn defer(&self) {
        self.is_deferred.store(true, Ordering::Release);
        self.state().pending.defer();
    }

    /// Whether answers leave before what they have seen is durable.
    pub(crate) fn is_deferred(&self) -> bool {
        self.is_deferred.load(Ordering::Acquire)
    }

    /// Whether something is sealed and not durable.
    pub(crate) fn is_pending(&self) -> bool {
        let state = self.state();
        state.pending.sealed() > state.pending.durable()
    }

    /// How many commits have ended.
    pub(crate) fn ends(&self) -> u64 {
        self.ends.load(Ordering::Acquire)
    }

    /// The newest image of a page that is not durable, or not in the cache yet.
    pub(crate) fn find(&self, page: PageNumber) -> Found {
        self.state().pending.find(page)
    }

    /// The size of the database after what was sealed, and that of its pages.
    pub(crate) fn size(&self) -> Option<(PageCount, PageSize)> {
        self.state().pending.size()
    }

    /// Whether the head may be another one than the last that was learned here.
    pub(crate) fn may_have_moved(&self) -> bool {
        self.state().pending.may_have_moved()
    }

    /// Whether one of the commits that nobody has learned of yet has made this head.
    pub(crate) fn has_made(&self, head: Txid) -> bool {
        self.state().pending.has_made(head)
    }

    /// What has landed, and what is lost and not forgotten.
    pub(crate) fn news(&self) -> (Option<Landed>, Option<Lost>) {
        let mut state = self.state();
        let lost = if state.is_open { None } else { state.lost.clone() };
        (state.pending.take_landed(), lost)
    }

    /// Somebody is told that something is lost.
    pub(crate) fn loss_is_told(&self) {
        self.state().is_told = true;
    }

    /// The error of a call that has seen what is lost, and sealed none of it. Where answers have left before, it is
    /// that of every later call, too.
    pub(crate) fn why(&self, lost: &Lost) -> StoreError {
        if self.is_deferred() { lost.for_good() } else { lost.for_others() }
    }

    /// The last loss, if nobody was told of it.
    pub(crate) fn untold_loss(&self) -> Option<Lost> {
        let state = self.state();
        state.lost.clone().filter(|_| !state.is_told && !planted::has(Bug::LossUntold))
    }

    /// SQLite has forgotten what was lost.
    pub(crate) fn forget_lost(&self) {
        let mut state = self.state();
        state.pending.forget_lost();
        state.is_open = true;
    }

    /// The durable head has moved by something else than one of these commits.
    pub(crate) fn moved(&self, head: Txid) {
        self.state().pending.head = head;
    }

    /// Seals a transaction, or returns it because it has to wait for room.
    pub(crate) fn try_seal(&self, layer: Layer) -> Result<(), Layer> {
        let mut state = self.state();
        if !state.is_open || !state.pending.has_room_for(&layer) {
            return Err(layer);
        }
        if !state.pending.gathers() {
            state.span = Span::current();
        }
        state.pending.seal(layer);
        Ok(())
    }

    /// What a call finds that begins now.
    pub(crate) fn mark(&self) -> Mark {
        let state = self.state();
        Mark { sealed: state.pending.sealed(), losses: state.losses }
    }

    /// Whether the answer of a call that has found `mark` may leave without a look at the gate, and then the next
    /// commit, if one can begin.
    pub(crate) fn pass(&self, mark: Mark) -> (bool, Option<Flight>) {
        let mut state = self.state();
        let sealed = state.pending.sealed();
        if state.losses != mark.losses || (sealed > state.pending.durable() && !self.is_deferred()) {
            return (false, None);
        }
        let itself = self.itself.upgrade().filter(|_| sealed > mark.sealed);
        (true, itself.and_then(|itself| Self::next(&mut state, itself)))
    }

    /// The answer of a call that has found `mark` when it began: it is returned if it may leave at once.
    pub(crate) fn gate(&self, mark: Mark, gated: Gated) -> Option<Ready> {
        let mut state = self.state();
        let (sealed, durable) = (state.pending.sealed(), state.pending.durable());
        let first_own = (sealed > mark.sealed).then_some(mark.sealed + 1);
        if matches!(gated.answer, Ok(Answer::Scope(_))) {
            return Some((gated.reply, gated.answer));
        }
        if state.losses != mark.losses && !gated.is_lasting {
            let error = state.lost.as_ref().map(|lost| {
                if self.is_deferred() {
                    lost.for_good()
                } else {
                    verdict(&lost.error, first_own, lost.last_sent)
                }
            });
            state.is_told |= error.is_some();
            let answer = error.map_or(gated.answer, |error| Err(error.into()));
            return Some((gated.reply, answer));
        }
        let is_deferred = self.is_deferred() && !gated.waits_for_all;
        let misses_last = planted::has(Bug::GateMissesLast) && gated.waits_for_all;
        let sealed = sealed.saturating_sub(u64::from(misses_last));
        let passes = is_deferred
            || planted::has(Bug::AnsweredBeforeDurable) && first_own.is_some()
            || planted::has(Bug::ReadsPassTheGate) && first_own.is_none();
        if sealed <= durable || passes {
            return Some((gated.reply, gated.answer));
        }
        state.gate.push(sealed, first_own, gated);
        None
    }

    /// How many answers wait at the gate.
    pub(crate) fn waiting(&self) -> usize {
        self.state().gate.len()
    }

    /// A commit has ended. Delivers the answers that it makes true or false, and returns the next commit.
    pub(super) fn ended(
        self: &Arc<Self>,
        (pages, transactions): (usize, u64),
        outcome: Result<Txid, StoreError>,
    ) -> Option<Flight> {
        let mut state = self.state();
        state.cancelled = None;
        let landed = outcome.is_ok();
        let (ready, next) = match outcome {
            Ok(head) => {
                state.pending.land(head);
                self.counters.commits.add(1);
                self.counters.pages_committed.add(pages);
                self.counters.transactions.add(usize::try_from(transactions).unwrap_or(0));
                let durable = state.pending.durable();
                (state.gate.release(durable), Self::next(&mut state, Arc::clone(self)))
            }
            Err(error) => (state.lose(error, self.is_deferred()), None),
        };
        let waiting = std::mem::take(&mut state.waiting);
        self.ends.fetch_add(1, Ordering::Release);
        drop(state);
        for waiting in waiting {
            // Who waited may have gone.
            let _gone = waiting.send(());
        }
        deliver(ready);
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(outcomes) = outcomes.and_then(|outcomes| outcomes.upgrade()) {
            if landed { outcomes.landed() } else { outcomes.lost() }
        }
        next
    }
}

impl State {
    fn lose(&mut self, error: StoreError, is_deferred: bool) -> Vec<Ready> {
        let last_sent = self.pending.last_sent();
        self.pending.lose();
        self.losses += 1;
        self.is_open = planted::has(Bug::LostLayersKept);
        let why =
            |first_own| if is_deferred { for_good(&error) } else { verdict(&error, first_own, last_sent) };
        let ready = self.gate.refuse(why);
        self.is_told = ready.iter().any(|(_, answer)| answer.is_err());
        self.lost = Some(Lost { error, last_sent });
        ready
    }
}

/// A commit that has begun for its database. It ends for it, too, when it is dropped: whoever waits for it is
/// told that nobody knows.
pub(crate) struct Flight {
    pub(super) commits: Arc<GroupCommit>,
    pub(super) layer: Option<Arc<Layer>>,
    pub(super) head: Txid,
    pub(super) span: Span,
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.layer.take().is_some() {
            let detail = "the work of this process has ended before its answer came".to_owned();
            let actor = self.commits.actor.clone();
            self.commits.ended((0, 0), Err(StoreError::CommitUnknown { actor, detail, token: None }));
        }
    }
}

/// Gives answers to those who wait for them.
pub(crate) fn deliver(ready: impl IntoIterator<Item = Ready>) {
    for (reply, answer) in ready {
        reply(answer);
    }
}
