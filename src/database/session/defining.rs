//! Adds functions, collations and extensions to SQLite.
//!
//! Collations run on one thread, and SQLite has them only while a call runs there: a call on another thread finds the
//! database as a process does that has never defined them.

use crate::database::error::DatabaseError;
use crate::database::sqlite::{Collation, Extension, Function};

use super::Session;
use super::definitions::Definitions;

impl Session {
    /// Defines a function that SQL can call, in place of one with the same name and number of arguments.
    pub(crate) fn define(&mut self, function: Function) -> Result<(), DatabaseError> {
        self.enter()?;
        self.connection.define(function.clone()).map_err(|error| self.failed(error))?;
        self.definitions.keep_function(function);
        Ok(())
    }

    /// Adds an extension of SQLite.
    pub(crate) fn extend(&mut self, extension: Extension) -> Result<(), DatabaseError> {
        self.enter()?;
        self.connection.extend(&extension).map_err(|error| self.failed(error))?;
        self.definitions.extensions.push(extension);
        Ok(())
    }

    /// Adds to a new connection what the last one had.
    pub(super) fn define_again(&mut self) -> Result<(), DatabaseError> {
        let Definitions { functions, extensions, are_in, .. } = &mut self.definitions;
        *are_in = false;
        let connection = &self.connection;
        extensions
            .iter()
            .try_for_each(|extension| connection.extend(extension))
            .and_then(|()| functions.iter().try_for_each(|function| connection.define(function.clone())))
            .map_err(|error| self.failed(error))?;
        self.place_collations()
    }

    /// Defines a collation, in place of one with the same name.
    pub(crate) fn collate(&mut self, collation: Collation) -> Result<(), DatabaseError> {
        self.enter()?;
        self.connection.collate(collation.clone()).map_err(|error| self.failed(error))?;
        self.definitions.keep_collation(collation);
        Ok(())
    }

    /// Removes a collation. One that was not defined is no error.
    pub(crate) fn drop_collation(&mut self, name: &str) -> Result<(), DatabaseError> {
        self.enter()?;
        if self.definitions.has_collation(name) {
            self.connection.drop_collation(name).map_err(|error| self.failed(error))?;
            self.definitions.forget_collation(name);
        }
        Ok(())
    }

    /// Gives SQLite the collations if they can run on this thread, and takes them away otherwise.
    pub(super) fn place_collations(&mut self) -> Result<(), DatabaseError> {
        let Definitions { collations, are_in, .. } = &self.definitions;
        let Some(first) = collations.first() else { return Ok(()) };
        self.connection.sort_here();
        let is_here = first.order.is_here();
        if is_here == *are_in {
            return Ok(());
        }
        for collation in collations {
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
        self.definitions.are_in = is_here;
        Ok(())
    }
}
