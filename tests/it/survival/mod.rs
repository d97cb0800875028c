//! What an acknowledged commit survives: kill -9, loss of power, failing disks, missing resources.

pub mod crash;
#[cfg(unix)]
pub mod disk;
#[cfg(unix)]
mod journal;
#[cfg(unix)]
mod power;
#[cfg(unix)]
mod resources;
