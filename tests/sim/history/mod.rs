//! History in the simulation: what callers do about the past while owners commit, are taken over, killed and cut off,
//! and what must hold of it.

mod answers;
mod check;
mod client;
mod lives;
mod names;
mod rows;
mod setting;
pub mod stock;

pub use lives::Lives;
pub use rows::PastRows;
pub use setting::{Favourite, PastHabits, PastSetting};
