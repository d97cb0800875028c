//! What a session adds to SQLite: functions, collations and extensions.

use crate::database::sqlite::{Collation, Extension, Function, SqlError};

/// How SQLite's message begins, wherever it stands in a longer one.
const MISSING: &str = "no such collation sequence: ";

/// What SQLite says of a table WITHOUT ROWID whose key is in an order that is missing.
const UNREADABLE: &str = "no query solution";

/// All of it, for the connection that may take the place of the first.
#[derive(Default)]
pub(super) struct Definitions {
    pub(super) functions: Vec<Function>,
    pub(super) extensions: Vec<Extension>,
    pub(super) collations: Vec<Collation>,
    /// Whether SQLite has the collations.
    pub(super) are_in: bool,
}

impl Definitions {
    pub(super) fn keep_function(&mut self, function: Function) {
        self.functions.retain(|other| {
            !other.name.eq_ignore_ascii_case(&function.name) || other.arguments != function.arguments
        });
        self.functions.push(function);
    }

    pub(super) fn keep_collation(&mut self, collation: Collation) {
        self.forget_collation(&collation.name);
        self.collations.push(collation);
        self.are_in = true;
    }

    pub(super) fn forget_collation(&mut self, name: &str) {
        self.collations.retain(|collation| !collation.name.eq_ignore_ascii_case(name));
    }

    pub(super) fn has_collation(&self, name: &str) -> bool {
        self.collations.iter().any(|collation| collation.name.eq_ignore_ascii_case(name))
    }

    /// The collation that an error is about, if that is only because this is another thread.
    pub(super) fn missed_collation(&self, error: &SqlError) -> Option<String> {
        if self.are_in {
            return None;
        }
        if error.message == UNREADABLE {
            let names: Vec<_> = self.collations.iter().map(|collation| collation.name.as_str()).collect();
            return (!names.is_empty()).then(|| names.join(" or "));
        }
        let (_, name) = error.message.split_once(MISSING)?;
        let found = self.collations.iter().find(|collation| collation.name.eq_ignore_ascii_case(name))?;
        Some(found.name.clone())
    }
}
