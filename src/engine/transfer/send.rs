//! exportTo and serialize without a file: returns the bytes of one committed head in pieces.

use std::sync::Arc;

use crate::engine::error::StoreError;
use crate::engine::read::slices::{BEGINNINGS_MAX, moved_too_often};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::metrics;
use crate::types::{ActorId, Meta};

use super::copy::piece::{Next, Part, Piece};
use super::copy::reading::Reading;

/// A database that is delivered in pieces. If the backend keeps a state as long as it is read, it keeps this
/// one.
pub struct Sending {
    core: Arc<Core>,
    actor: Actor,
    meta: Meta,
    reading: Reading,
    beginnings: u32,
    /// Whether something was delivered.
    has_sent: bool,
    /// Whether the caller can take back the bytes already delivered.
    may_begin_again: bool,
}

/// What comes next.
pub enum Sent {
    /// The next bytes.
    Bytes(Vec<u8>),
    /// The read starts again at another head: the bytes so far do not count.
    Again,
    /// No more.
    End,
}

impl Sending {
    /// Begins to read an actor's database.
    pub(crate) async fn begin(
        core: &Arc<Core>,
        id: &ActorId,
        may_begin_again: bool,
    ) -> Result<Self, StoreError> {
        let (core, actor) = (Arc::clone(core), Actor::new(id));
        let begun = if may_begin_again {
            Reading::begin(&core, &actor).await
        } else {
            Reading::begin_firmly(&core, &actor).await
        };
        match begun {
            Ok((reading, meta)) => {
                Ok(Self { core, actor, meta, reading, beginnings: 1, has_sent: false, may_begin_again })
            }
            Err(error) => metrics::exporting(&core, Err(error)),
        }
    }
}

impl Sending {
    /// The state that is read; it may change after [`Sent::Again`].
    pub fn meta(&self) -> Meta {
        self.meta
    }

    /// Returns the next piece, of bounded size.
    pub async fn next(&mut self) -> Result<Sent, StoreError> {
        let sent = self.step().await;
        match &sent {
            Ok(Sent::End) | Err(_) => metrics::exporting(&self.core, sent),
            Ok(Sent::Bytes(_) | Sent::Again) => sent,
        }
    }

    async fn step(&mut self) -> Result<Sent, StoreError> {
        match self.reading.next().await? {
            Next::Piece(piece) => {
                self.has_sent = true;
                Ok(Sent::Bytes(bytes(piece, self.meta.page_size.bytes())))
            }
            Next::End => Ok(Sent::End),
            Next::Moved if self.beginnings >= BEGINNINGS_MAX => Err(moved_too_often(&self.actor.id)),
            Next::Moved if self.has_sent && !self.may_begin_again => Err(StoreError::Unavailable(format!(
                "actor {:?} was committed to while it was read, and this backend keeps no older state; what the \
                 stream was given cannot be taken back: export to a file, or call again",
                self.actor.id
            ))),
            Next::Moved => {
                self.beginnings += 1;
                self.has_sent = false;
                (self.reading, self.meta) = Reading::begin_firmly(&self.core, &self.actor).await?;
                Ok(Sent::Again)
            }
        }
    }
}

/// The bytes of a piece; a page that was never written is zeros.
fn bytes(Piece { parts, .. }: Piece, page_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            Part::Page(_, data) => bytes.extend(data),
            Part::Never(gap) => {
                let count = usize::try_from(gap.count()).unwrap_or(usize::MAX);
                bytes.resize(bytes.len().saturating_add(count.saturating_mul(page_bytes)), 0);
            }
        }
    }
    bytes
}
