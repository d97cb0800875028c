//! PIN: keeps a point, and everything that it shows, from being dropped.

use super::error::DecodeError;
use super::reader::{Reader, write_text};
use super::row::Row;
use crate::types::ActorId;

/// The longest name of a pin, in bytes of UTF-8.
pub const PIN_NAME_BYTES_MAX: usize = 256;

/// What a pin is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinKind {
    /// Set by a user, and removed by one.
    User,
    /// The state before a restore.
    Undo,
    /// This actor, a fork, shows the point.
    Fork(ActorId),
    /// Somebody reads it.
    Reader,
}

/// A pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// What it is for.
    pub kind: PinKind,
    /// When it was set, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: u64,
    /// When it ends by itself, in milliseconds since 1970-01-01 UTC; 0: never.
    pub expires_at_ms: u64,
    /// Its name; empty if it has none.
    pub name: String,
}

impl Pin {
    /// Whether its point is shown to whoever asks for it: that of a fork keeps what the fork alone may show.
    pub fn shows(&self) -> bool {
        !matches!(self.kind, PinKind::Fork(_))
    }

    /// Whether it still keeps its point.
    pub fn holds_at(&self, now_ms: u64) -> bool {
        self.expires_at_ms == 0 || now_ms < self.expires_at_ms
    }
}

impl Row for Pin {
    const NAME: &'static str = "pin";

    fn write(&self, body: &mut Vec<u8>) {
        let (kind, child) = match &self.kind {
            PinKind::User => (0, ""),
            PinKind::Undo => (1, ""),
            PinKind::Fork(child) => (2, child.as_str()),
            PinKind::Reader => (3, ""),
        };
        body.push(kind);
        body.extend(self.created_at_ms.to_be_bytes());
        body.extend(self.expires_at_ms.to_be_bytes());
        write_text(&self.name, body);
        write_text(child, body);
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = body.u8()?;
        let (created_at_ms, expires_at_ms) = (body.u64()?, body.u64()?);
        let name = body.text()?.to_owned();
        let kind = match (kind, body.actor()?) {
            (0, None) => PinKind::User,
            (1, None) => PinKind::Undo,
            (2, Some(child)) => PinKind::Fork(child),
            (3, None) => PinKind::Reader,
            (other, child) => return Err(body.field(format!("kind {other}, child {child:?}"))),
        };
        if name.len() > PIN_NAME_BYTES_MAX {
            return Err(body.field(format!("a name of {} bytes", name.len())));
        }
        Ok(Self { kind, created_at_ms, expires_at_ms, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::check_row;

    #[test]
    fn a_pin_comes_back_and_damage_does_not_pass() {
        let child = ActorId::new("child").unwrap();
        for kind in [PinKind::User, PinKind::Undo, PinKind::Fork(child), PinKind::Reader] {
            for name in ["", "before the migration"] {
                check_row(&Pin {
                    kind: kind.clone(),
                    created_at_ms: 7,
                    expires_at_ms: 9,
                    name: name.to_owned(),
                });
            }
        }
    }
}
