//! The backends below the engine, and how the embedded one uses its file.

mod embedded;
mod free_list;
mod full;
mod memory;
mod space;
