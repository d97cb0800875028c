//! A task that goes on where it is woken: mostly on the thread that has committed for it, which is awake already.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;

use crate::blocking::leading::{self, Woken};
use crate::engine::Engine;
use crate::sync::{Mutex, Runtime};

enum State {
    Waits(BoxFuture<'static, ()>),
    Moves {
        is_woken: bool,
    },
    /// It has ended, or the runtime has it.
    Gone,
}

/// A task.
pub(super) struct Way {
    engine: Arc<Engine>,
    /// Whose timers and tasks it uses, on whichever thread it goes on.
    runtime: Runtime,
    state: Mutex<State>,
}

impl Way {
    pub(super) fn new(engine: &Arc<Engine>, runtime: &Runtime, task: BoxFuture<'static, ()>) -> Arc<Self> {
        let state = Mutex::new(State::Waits(task));
        Arc::new(Self { engine: Arc::clone(engine), runtime: runtime.clone(), state })
    }

    fn change<T>(&self, body: impl FnOnce(&mut State) -> T) -> T {
        body(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, then: State) -> Option<BoxFuture<'static, ()>> {
        self.change(|state| match std::mem::replace(state, then) {
            State::Waits(task) => Some(task),
            before => {
                *state = before;
                None
            }
        })
    }
}

impl Woken for Way {
    fn go_on(self: Arc<Self>) {
        let _entered = self.runtime.enter();
        let waker = Waker::from(Arc::clone(&self));
        while let Some(mut task) = self.take(State::Moves { is_woken: false }) {
            let step = AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(&waker)));
            // As in a runtime, a task that panics is over. It tells those who wait for it when it is dropped.
            if !matches!(catch_unwind(step), Ok(Poll::Pending)) {
                self.change(|state| *state = State::Gone);
                return;
            }
            let again = self.change(|state| {
                let before = std::mem::replace(state, State::Waits(task));
                matches!(before, State::Moves { is_woken: true })
            });
            if !again {
                return;
            }
        }
    }
}

impl Wake for Way {
    fn wake(self: Arc<Self>) {
        let waits = self.change(|state| {
            if let State::Moves { is_woken } = state {
                *is_woken = true;
            }
            matches!(state, State::Waits(_))
        });
        if !waits || leading::keep(Arc::clone(&self) as Arc<dyn Woken>).is_ok() {
            return;
        }
        // Nobody leads here, so this is a thread that others need.
        if let Some(task) = self.take(State::Gone) {
            let _entered = self.runtime.enter();
            self.engine.spawn(task);
        }
    }
}
