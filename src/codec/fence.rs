//! FENCE: who owns an actor. Written by takeovers, deletion and migration, read by every operation.

use super::{DecodeError, Reader, Row};
use crate::types::{Generation, Origin, Token};

/// Whether the actor exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FenceState {
    /// It does.
    Live,
    /// It was deleted. The row stays, so that generations go on rising and no owner from before the
    /// deletion can ever write again.
    Deleted,
}

/// The fence of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The generation of the current owner.
    pub generation: Generation,
    /// Written by the takeover that raised the generation; tells a retry of that takeover "that was me".
    pub owner_token: Token,
    /// Whether the actor exists.
    pub state: FenceState,
    /// Where its data came from.
    pub origin: Origin,
    /// When it was first owned, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: u64,
    /// The generation of the start that made the actor: tells its lives apart where an id was deleted and made
    /// again.
    pub first_generation: Generation,
}

impl Row for Fence {
    const NAME: &'static str = "fence";

    fn write(&self, body: &mut Vec<u8>) {
        body.extend(self.generation.0.to_be_bytes());
        body.extend(self.owner_token.0);
        body.push(match self.state {
            FenceState::Live => 0,
            FenceState::Deleted => 1,
        });
        body.push(match self.origin {
            Origin::Native => 0,
            Origin::MigratingFromV1 => 1,
            Origin::MigratedFromV1 => 2,
        });
        body.extend(self.created_at_ms.to_be_bytes());
        body.extend(self.first_generation.0.to_be_bytes());
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            generation: Generation(body.u64()?),
            owner_token: body.token()?,
            state: match body.u8()? {
                0 => FenceState::Live,
                1 => FenceState::Deleted,
                other => return Err(body.field(format!("state {other}"))),
            },
            origin: match body.u8()? {
                0 => Origin::Native,
                1 => Origin::MigratingFromV1,
                2 => Origin::MigratedFromV1,
                other => return Err(body.field(format!("origin {other}"))),
            },
            created_at_ms: body.u64()?,
            first_generation: Generation(body.u64()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::testing::check_row;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_fence_comes_back_and_damage_does_not_pass(
            generation: u64, token: [u8; 16], deleted: bool, origin in 0..3usize, created_at_ms: u64,
            first: u64,
        ) {
            check_row(&Fence {
                generation: Generation(generation),
                owner_token: Token(token),
                state: if deleted { FenceState::Deleted } else { FenceState::Live },
                origin: [Origin::Native, Origin::MigratingFromV1, Origin::MigratedFromV1][origin],
                created_at_ms,
                first_generation: Generation(first),
            });
        }
    }
}
