//! Generations (who owns) and txids (what is committed).

use std::fmt;

/// Raised by each takeover that wins. 1 for an actor's first owner; 0 stands for "never owned".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(pub u64);

impl Generation {
    /// An actor that nobody ever owned.
    pub const NONE: Self = Self(0);

    /// The generation of the next owner. Saturates: 2^64 takeovers do not happen.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One a commit, rising, never reused. 0 stands for the state before the first commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Txid(pub u64);

impl Txid {
    /// The state before the first commit.
    pub const ZERO: Self = Self(0);

    /// The txid after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Txid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
