//! Which thread commits for others: it *leads*.
//!
//! A backend that commits the transactions of many callers at once needs a thread for that. If a caller's own thread
//! may block, it is the nearest one: nobody has to be woken, neither to commit nor to hear of it.
//!
//! - A caller makes the first steps of its commit within [`allow`], where it holds no lock.
//! - The backend queues the transaction. If nobody leads, it finds out that this thread [may](is_allowed), and
//!   [hands](hand_over) it the lead, which it takes when those steps are done.
//! - Answers wake tasks. A task that is woken by who leads can be [kept](keep), and goes on on the same thread when
//!   the lead has been given up. So it delays nobody who waits for the lead.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::waiting;
use crate::sync::thread_local;

/// A task that goes on where it was woken. It does not block.
pub(crate) trait Woken: Send + Sync {
    /// Goes on.
    fn go_on(self: Arc<Self>);
}

type Lead = Box<dyn FnOnce()>;

thread_local! {
    static IS_ALLOWED: Cell<bool> = const { Cell::new(false) };
    static LEAD: RefCell<Option<Lead>> = const { RefCell::new(None) };
    /// `None` while nothing is kept.
    static KEPT: RefCell<Option<Vec<Arc<dyn Woken>>>> = const { RefCell::new(None) };
}

/// Takes some steps on a thread that may block and holds no lock, then the lead, if it was handed over meanwhile. It
/// leads once: what is queued later is for the next one, and this thread goes on with its own work.
pub(crate) fn allow(steps: impl FnOnce()) {
    /// Also after a panic, since the thread goes on.
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            IS_ALLOWED.with(|is_allowed| is_allowed.set(false));
            // Who has panicked does not lead. Dropping the lead passes it on.
            drop(LEAD.with(|lead| lead.borrow_mut().take()));
        }
    }
    let over = Over;
    IS_ALLOWED.with(|is_allowed| is_allowed.set(true));
    steps();
    IS_ALLOWED.with(|is_allowed| is_allowed.set(false));
    let lead = LEAD.with(|lead| lead.borrow_mut().take());
    drop(over);
    if let Some(lead) = lead {
        gather(lead);
    }
}

/// Whether this thread may lead.
pub(crate) fn is_allowed() -> bool {
    IS_ALLOWED.with(Cell::get)
}

/// Hands the lead over to this thread, which is [allowed](is_allowed) to lead.
pub(crate) fn hand_over(lead: impl FnOnce() + 'static) {
    IS_ALLOWED.with(|is_allowed| is_allowed.set(false));
    let before = LEAD.with(|kept| kept.borrow_mut().replace(Box::new(lead)));
    debug_assert!(before.is_none(), "a thread leads once");
}

/// Leads. Tasks that are woken meanwhile go on afterwards, on this thread.
pub(crate) fn gather(lead: impl FnOnce()) {
    KEPT.with(|kept| *kept.borrow_mut() = Some(Vec::new()));
    lead();
    let kept = KEPT.with(|kept| kept.borrow_mut().take()).unwrap_or_default();
    if kept.len() <= 1 {
        // Whom the answer makes call again finds this thread.
        waiting::has_time_soon();
    }
    for task in kept {
        task.go_on();
    }
}

/// Wakes tasks that cannot wait until the lead has been given up: they are not kept.
pub(crate) fn apart(wake: impl FnOnce()) {
    let kept = KEPT.with(|kept| kept.borrow_mut().take());
    wake();
    KEPT.with(|now| *now.borrow_mut() = kept);
}

/// Keeps a task that is woken on a thread that leads. Anywhere else it is returned.
pub(crate) fn keep(task: Arc<dyn Woken>) -> Result<(), Arc<dyn Woken>> {
    KEPT.with(|kept| match &mut *kept.borrow_mut() {
        Some(kept) => {
            kept.push(task);
            Ok(())
        }
        None => Err(task),
    })
}
