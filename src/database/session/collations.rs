//! The collations of a session. They run on one thread, and SQLite has them only while a call runs there: a call on
//! another thread finds the database as a process does that has never defined them.

use crate::database::error::DatabaseError;
use crate::database::sqlite::{Collation, SqlError};

use super::Session;

/// How SQLite's message begins, wherever it stands in a longer one.
const MISSING: &str = "no such collation sequence: ";

/// The collations, and whether SQLite has them.
#[derive(Default)]
pub(super) struct Collations {
    defined: Vec<Collation>,
    are_in: bool,
}

impl Collations {
    /// SQLite has none of them: its connection is a new one.
    pub(super) fn are_out(&mut self) {
        self.are_in = false;
    }

    /// The one that an error is about, if that is only because this is another thread.
    pub(super) fn missed(&self, error: &SqlError) -> Option<String> {
        let (_, name) = error.message.split_once(MISSING).filter(|_| !self.are_in)?;
        let found = self.defined.iter().find(|collation| collation.name.eq_ignore_ascii_case(name))?;
        Some(found.name.clone())
    }
}

impl Session {
    /// Defines a collation, in place of one with the same name.
    pub(crate) fn collate(&mut self, collation: Collation) -> Result<(), DatabaseError> {
        self.enter()?;
        self.connection.collate(collation.clone()).map_err(|error| self.failed(error))?;
        let Collations { defined, are_in } = &mut self.collations;
        defined.retain(|other| !other.name.eq_ignore_ascii_case(&collation.name));
        defined.push(collation);
        *are_in = true;
        Ok(())
    }

    /// Removes a collation. One that was not defined is no error.
    pub(crate) fn drop_collation(&mut self, name: &str) -> Result<(), DatabaseError> {
        self.enter()?;
        let is_it = |collation: &Collation| collation.name.eq_ignore_ascii_case(name);
        if self.collations.defined.iter().any(is_it) {
            self.connection.drop_collation(name).map_err(|error| self.failed(error))?;
            self.collations.defined.retain(|collation| !is_it(collation));
        }
        Ok(())
    }

    /// Gives SQLite the collations if they can run on this thread, and takes them away otherwise.
    pub(super) fn place_collations(&mut self) -> Result<(), DatabaseError> {
        let Collations { defined, are_in } = &self.collations;
        let Some(first) = defined.first() else { return Ok(()) };
        self.connection.sort_here();
        let is_here = first.order.is_here();
        if is_here == *are_in {
            return Ok(());
        }
        for collation in defined {
            let placed = if is_here {
                self.connection.collate(collation.clone())
            } else {
                self.connection.drop_collation(&collation.name)
            };
            match placed {
                Ok(()) => {}
                // While an iteration is under way SQLite keeps them all. Each refuses to be run on another thread.
                Err(error) if error.name() == "SQLITE_BUSY" => return Ok(()),
                Err(error) => return Err(self.failed(error)),
            }
        }
        self.collations.are_in = is_here;
        Ok(())
    }
}
