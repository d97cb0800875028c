//! The FoundationDB backend: the contract, and what only it has.

mod clusters;
mod conformance;
mod exit;
mod large;
mod loading;
mod outage;
mod recent;
mod sql;
