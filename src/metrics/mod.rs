//! What a store has done since it was opened, in numbers for those who run it.
//!
//! - `counting`: a counter and a histogram, each update one or two relaxed atomic additions
//! - `store`: the numbers of one store, and what the layers above call to count
//! - `families`: every metric with its name, its meaning and its place, from which all forms of output are made
//! - `now`: those of this moment
//! - `table`: what such an entry consists of
//!
//! Nothing here is of the process: two stores have numbers of their own. Nothing here reads a clock, locks or
//! allocates, but for the table, which is made when somebody asks for it.

mod build;
mod counting;
mod families;
mod now;
mod store;
mod table;

pub use counting::{Counter, Distribution, Histogram};
pub use store::{CommitKind, LostAnswer, Metrics, Migration, Retried, Started, Written};
pub use table::{Family, FileNow, Kind, Now, Series, SqlTotals, Value};
