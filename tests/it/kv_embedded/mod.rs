//! The embedded backend: the contract, and what only it has.

mod conformance;
