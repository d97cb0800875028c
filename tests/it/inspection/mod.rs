//! What a store tells: checks, damage, health, metrics, events, and what operations cost.

mod costs;
mod damage;
mod health;
#[cfg(unix)]
mod journal;
pub mod metrics;
mod tracing;
mod verify;
