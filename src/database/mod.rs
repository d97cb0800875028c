//! A SQLite database for each actor, on the pages that the engine keeps.

pub mod hints;
pub mod interior;
pub mod pace;
pub mod read_ahead;
pub mod walks;
