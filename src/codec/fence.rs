//! FENCE: who owns an actor. Written by takeovers, deletion and migration, read by every operation.

use super::error::DecodeError;
use super::reader::Reader;
use super::row::Row;
use crate::types::{Generation, Origin, Token};

/// Whether the actor exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FenceState {
    /// It does.
    Live,
    /// It was deleted. The row stays, so that generations continue to rise and no owner from before the
    /// deletion can ever write again.
    Deleted,
}

/// The fence of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The generation of the current owner.
    pub generation: Generation,
    /// Written by the takeover that raised the generation; a retry of that takeover recognises itself by it. A
    /// restore and a fork leave [`Token::NOBODY`].
    pub owner_token: Token,
    /// Whether the actor exists.
    pub state: FenceState,
    /// Where its data came from.
    pub origin: Origin,
    /// When it was first owned, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: u64,
    /// The generation of the start that created the actor: distinguishes the lives of an id that was deleted
    /// and created again.
    pub first_generation: Generation,
    /// The time until which nobody else restarts the running import of v1 data, in milliseconds since
    /// 1970-01-01 UTC; 0 if there is none. Stored only while there is one.
    pub lease_until_ms: u64,
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
        if self.origin == Origin::MigratingFromV1 {
            body.extend(self.lease_until_ms.to_be_bytes());
        }
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let generation = Generation(body.u64()?);
        let owner_token = body.token()?;
        let state = match body.u8()? {
            0 => FenceState::Live,
            1 => FenceState::Deleted,
            other => return Err(body.field(format!("state {other}"))),
        };
        let origin = match body.u8()? {
            0 => Origin::Native,
            1 => Origin::MigratingFromV1,
            2 => Origin::MigratedFromV1,
            other => return Err(body.field(format!("origin {other}"))),
        };
        let created_at_ms = body.u64()?;
        let first_generation = Generation(body.u64()?);
        let lease_until_ms = if origin == Origin::MigratingFromV1 { body.u64()? } else { 0 };
        Ok(Self { generation, owner_token, state, origin, created_at_ms, first_generation, lease_until_ms })
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
            first: u64, lease: u64,
        ) {
            let origin = [Origin::Native, Origin::MigratingFromV1, Origin::MigratedFromV1][origin];
            check_row(&Fence {
                generation: Generation(generation),
                owner_token: Token(token),
                state: if deleted { FenceState::Deleted } else { FenceState::Live },
                origin,
                created_at_ms,
                first_generation: Generation(first),
                lease_until_ms: if origin == Origin::MigratingFromV1 { lease } else { 0 },
            });
        }
    }
}
