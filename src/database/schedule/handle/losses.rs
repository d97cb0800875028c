//! What the end of a commit means for the calls of a database.

use std::sync::PoisonError;

use crate::database::commits::Outcomes;
use crate::database::session::Session;

use super::Database;

impl Outcomes for Database {
    fn landed(&self) {
        // Whoever is in a turn does it at its end.
        if let Ok(session) = self.session.try_lock()
            && let Some(open) = session.as_ref()
        {
            open.catch_up();
        }
    }

    fn lost(&self) {
        let mut state = self.state();
        state.has_lost = true;
        self.schedule(state);
    }
}

impl Database {
    /// Undoes what is open above transactions that are lost: what calls of it have seen is not so, and those that
    /// still come would run outside of it.
    pub(super) fn undo_lost(&self) {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let why = session.as_mut().and_then(Session::undo_lost);
        drop(session);
        if let Some(why) = why {
            self.close_scopes(0, &why.into());
        }
    }
}
