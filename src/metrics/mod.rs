//! What a store has done since it was opened, as numbers for operators.
//!
//! - `counting`: a counter and a histogram; each update is one or two relaxed atomic additions
//! - `store`: the numbers of one store, and the methods that the layers above call to count
//! - `history`: the same of history
//! - `families`: every metric with its name, meaning and place, from which all forms of output are built
//! - `now`: metrics of the current moment
//! - `table`: what the entry of a metric consists of
//!
//! Nothing here is global: two stores have separate numbers. Nothing here reads a clock, locks or allocates,
//! except for the table, which is built when somebody asks for it.

mod build;
mod counting;
mod families;
mod history;
mod now;
mod store;
mod table;

pub use counting::{Counter, Distribution, Histogram};
pub use history::{FlattenedBy, HistoryMetrics, PinKind};
pub use store::{CommitKind, LostAnswer, Metrics, Migration, Retried, Started, Written};
pub use table::{Family, FileNow, Kind, Now, Series, SqlTotals, Value};
