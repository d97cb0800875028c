//! History: points, pins, restores, forks, reads of the past, and what of it is dropped.

mod model;
mod oracle;
mod world;
