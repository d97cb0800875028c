//! When the commits of a database begin, and whether anybody still wants them.

use std::sync::{Arc, Weak};

use tracing::Span;

use crate::engine::Wanted;
use crate::sync::oneshot;

use super::{Flight, GroupCommit, State};
use crate::database::commits::hurry::Hurry;

impl GroupCommit {
    /// The caller of a call does not want it any more. Only a commit with this call alone can be given up.
    pub(crate) fn cancel(&self, job: u32) {
        let mut state = self.state();
        if job != 0 && state.gate.has(job) {
            state.cancelled = Some(job);
        }
    }

    /// Nobody wants any of the calls any more.
    pub(crate) fn abandon(&self) {
        let mut state = self.state();
        (state.abandoned, state.is_held) = (true, false);
    }

    /// From here on, what is sealed gathers for one commit, unless it needs more room or somebody has to wait for it.
    pub(crate) fn hold(&self) {
        self.state().is_held = self.is_deferred();
    }

    /// What was held may go, and does with the commit that is returned, or behind the one under way.
    pub(crate) fn release(&self) -> Option<Flight> {
        self.state().is_held = false;
        self.begin()
    }

    fn is_wanted(&self) -> bool {
        let state = self.state();
        let alone = |job: u32| !state.pending.gathers() && state.gate.has_only(job);
        !state.abandoned && !state.cancelled.is_some_and(alone)
    }

    pub(in crate::database::commits) fn wanted(&self) -> Wanted {
        let itself = Weak::clone(&self.itself);
        Arc::new(move |waited| {
            // Nobody waits for the commits of a deferred database, and they may have answered others.
            let stays = |commits: &Self| commits.is_deferred() || commits.hurry.stays(waited);
            itself.upgrade().is_none_or(|commits| commits.is_wanted() && stays(&commits))
        })
    }

    /// Whether a call waits for other processes.
    pub(crate) fn hurry(&self) -> &Hurry {
        &self.hurry
    }

    /// The next commit, if something has gathered and none is under way. Whoever asks sets it off.
    pub(crate) fn begin(&self) -> Option<Flight> {
        let itself = self.itself.upgrade()?;
        let mut state = self.state();
        Self::next(&mut state, itself)
    }

    /// The same, also of what is held: the caller cannot go on before it is durable.
    pub(crate) fn begin_now(&self) -> Option<Flight> {
        let itself = self.itself.upgrade()?;
        Self::next_of_all(&mut self.state(), itself)
    }

    pub(super) fn next(state: &mut State, itself: Arc<Self>) -> Option<Flight> {
        if state.is_held { None } else { Self::next_of_all(state, itself) }
    }

    fn next_of_all(state: &mut State, itself: Arc<Self>) -> Option<Flight> {
        let layer = state.pending.begin()?;
        let span = std::mem::replace(&mut state.span, Span::none());
        Some(Flight { commits: itself, layer: Some(layer), head: state.pending.head, span })
    }

    /// Somebody to wait for until the commit under way has ended; `None` if none is.
    pub(crate) fn end_of_flight(&self) -> Option<oneshot::Receiver<()>> {
        let mut state = self.state();
        if !state.pending.is_in_flight() {
            return None;
        }
        let (sender, ended) = oneshot::channel();
        state.waiting.push(sender);
        Some(ended)
    }
}
