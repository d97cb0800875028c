//! Random marks that let a caller recognise its own write after its answer was lost.

/// 16 random bytes: the owner token of a takeover, the commit token of a commit or stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Token(pub [u8; 16]);

impl Token {
    /// In place of an owner's: nobody owns the generation.
    pub const NOBODY: Self = Self([0; 16]);
}
