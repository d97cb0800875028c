//! The name of an actor.

use std::fmt;
use std::sync::Arc;

use super::ArgumentError;

/// The longest actor id, in bytes of UTF-8.
pub const ACTOR_ID_BYTES_MAX: usize = 256;

/// The unit of ownership: 1 to 256 bytes of UTF-8, any characters, NUL included.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(Arc<str>);

impl ActorId {
    /// Checks the length and takes the id.
    pub fn new(id: impl Into<Arc<str>>) -> Result<Self, ArgumentError> {
        let id = id.into();
        if id.is_empty() {
            return Err(ArgumentError::Invalid("actorId must not be empty".to_owned()));
        }
        if id.len() > ACTOR_ID_BYTES_MAX {
            let start: String = id.chars().take(32).collect();
            return Err(ArgumentError::Invalid(format!(
                "actorId must be at most {ACTOR_ID_BYTES_MAX} bytes of UTF-8, got {} bytes starting {start:?}",
                id.len()
            )));
        }
        Ok(Self(id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_bytes() {
        assert!(ActorId::new("").is_err());
        assert!(ActorId::new("\u{e9}".repeat(128)).is_ok());
        let refused = ActorId::new("\u{e9}".repeat(129)).unwrap_err();
        assert!(refused.to_string().contains("258 bytes"), "{refused}");
    }
}
