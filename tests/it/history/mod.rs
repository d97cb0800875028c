//! History: points, pins, restores, forks, reads of the past, and what of it is dropped.

mod at_once;
mod costs;
mod counted;
mod damage;
mod depth;
mod lives;
mod model;
mod oracle;
mod readers;
mod usage;
mod world;
