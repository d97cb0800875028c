//! The FoundationDB backend: the contract, and what only it has.

mod clusters;
mod conformance;
mod loading;
