//! SQLite databases on actors: against plain SQLite, under faults and kills, at sizes beyond memory, and when
//! they lose their actor.

mod costs;
mod crash;
mod deferred;
mod direct;
mod doubt;
mod faults;
mod fencing;
mod files;
mod group_commit;
mod hints;
mod hurry;
mod large;
mod leading;
mod line;
mod metrics;
mod model;
mod read_only;
mod sessions;
mod statements;
pub mod support;
mod values;
