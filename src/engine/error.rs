//! The errors of operations.

use crate::codec::DecodeError;
use crate::kv::{KvError, may_pass};
use crate::types::{ActorId, ArgumentError, Generation, PageNumber, PageSizeError, Token, Txid};

/// Why an operation has no result. [`StoreError::code`] is the stable name that users see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The caller's generation or head is not the current one. Nothing was written.
    #[error(
        "actor {actor:?}: held generation {held} at head {held_head_txid}, {}",
        instead((*held, *held_head_txid), (*current, *current_head_txid))
    )]
    FenceMismatch {
        /// The actor.
        actor: ActorId,
        /// The generation that the caller named.
        held: Generation,
        /// The generation of the store.
        current: Generation,
        /// The head that the caller named, or the head of the store if the caller named none.
        held_head_txid: Txid,
        /// The head of the store.
        current_head_txid: Txid,
    },
    /// Another takeover, or another holder of the same generation, has intervened.
    #[error("actor {actor:?}: another owner came between")]
    ConcurrentTakeover {
        /// The actor.
        actor: ActorId,
    },
    /// An import of v1 data was refused because of what the actor is. Retrying gives the same result.
    #[error("actor {actor:?} {why}, and v1 data is imported only into an actor that nobody has started")]
    Occupied {
        /// The actor.
        actor: ActorId,
        /// The reason, worded to follow the actor's name.
        why: &'static str,
    },
    /// An import of rivetkit v1 data is unfinished.
    #[error("actor {actor:?}: an import of v1 data is not finished")]
    MigrationIncomplete {
        /// The actor.
        actor: ActorId,
    },
    /// The actor was never started, or it was deleted.
    #[error("actor {actor:?} does not exist")]
    NotFound {
        /// The actor.
        actor: ActorId,
    },
    /// There is an actor of that name already.
    #[error("actor {actor:?} exists already")]
    Exists {
        /// The actor.
        actor: ActorId,
    },
    /// A state of the past that is not kept, or never was.
    #[error("actor {actor:?} keeps no state {wanted}; {}", oldest_kept(*oldest))]
    NotRetained {
        /// The actor.
        actor: ActorId,
        /// What was asked for, worded to follow "state".
        wanted: String,
        /// The oldest state that is kept.
        oldest: Option<Txid>,
    },
    /// A value of the wrong type or shape.
    #[error("{0}")]
    InvalidArg(String),
    /// A number outside its range.
    #[error("{0}")]
    OutOfRange(String),
    /// More than the store accepts.
    #[error("{0}")]
    TooLarge(String),
    /// No room left.
    #[error("{0}")]
    QuotaExceeded(String),
    /// The commit may or may not have taken place, and the store can no longer tell.
    #[error("actor {actor:?}: whether the commit took place cannot be found out: {detail}")]
    CommitUnknown {
        /// The actor.
        actor: ActorId,
        /// Why it is unknown.
        detail: String,
        /// The commit's token, with which [`super::Engine::resolve_commit`] can find out later.
        token: Option<Token>,
    },
    /// The store cannot be reached or used now, which may pass. The last attempt of this call wrote nothing.
    #[error("{0}")]
    Unavailable(String),
    /// The store, or something else that the call needs, cannot be used until somebody fixes it. Nothing was
    /// written.
    #[error("{0}")]
    Unusable(String),
    /// The store was opened read-only, and the call would write.
    #[error("the store was opened read-only, so nothing can be written")]
    ReadOnly,
    /// Stored bytes are damaged.
    #[error("damaged{}: {detail}", place(actor.as_ref(), *page, *txid))]
    Corrupt {
        /// The actor that the row belongs to, if any.
        actor: Option<ActorId>,
        /// The page, if the row is one.
        page: Option<PageNumber>,
        /// The commit that wrote the page.
        txid: Option<Txid>,
        /// What is wrong.
        detail: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

fn oldest_kept(oldest: Option<Txid>) -> String {
    oldest.map_or_else(|| "it keeps none".to_owned(), |oldest| format!("the oldest is {:016x}", oldest.0))
}

fn place(actor: Option<&ActorId>, page: Option<PageNumber>, txid: Option<Txid>) -> String {
    let actor = actor.map(|actor| format!(" in actor {actor:?}"));
    let page = page.map(|page| format!(", page {page}"));
    let txid = txid.map(|txid| format!(", txid {txid}"));
    [actor, page, txid].into_iter().flatten().collect()
}

impl StoreError {
    /// The stable name of the kind.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FenceMismatch { .. } => "ERR_FENCE_MISMATCH",
            Self::ConcurrentTakeover { .. } | Self::Occupied { .. } => "ERR_CONCURRENT_TAKEOVER",
            Self::MigrationIncomplete { .. } => "ERR_MIGRATION_INCOMPLETE",
            Self::NotFound { .. } => "ERR_NOT_FOUND",
            Self::Exists { .. } => "ERR_EXISTS",
            Self::NotRetained { .. } => "ERR_NOT_RETAINED",
            Self::InvalidArg(_) => "ERR_INVALID_ARG",
            Self::OutOfRange(_) => "ERR_OUT_OF_RANGE",
            Self::TooLarge(_) => "ERR_TOO_LARGE",
            Self::QuotaExceeded(_) => "ERR_QUOTA_EXCEEDED",
            Self::CommitUnknown { .. } => "ERR_COMMIT_UNKNOWN",
            Self::Unavailable(_) | Self::Unusable(_) => "ERR_UNAVAILABLE",
            Self::ReadOnly => "ERR_READ_ONLY",
            Self::Corrupt { .. } => "ERR_CORRUPT",
            Self::Closed => "ERR_CLOSED",
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::ConcurrentTakeover { .. } | Self::MigrationIncomplete { .. } | Self::Unavailable(_) => true,
            Self::FenceMismatch { .. }
            | Self::Occupied { .. }
            | Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::NotRetained { .. }
            | Self::InvalidArg(_)
            | Self::OutOfRange(_)
            | Self::TooLarge(_)
            | Self::QuotaExceeded(_)
            | Self::CommitUnknown { .. }
            | Self::Unusable(_)
            | Self::ReadOnly
            | Self::Corrupt { .. }
            | Self::Closed => false,
        }
    }

    /// The operating system refused something; `message` says what.
    pub fn of_system(message: String, error: &std::io::Error) -> Self {
        if may_pass(error) { Self::Unavailable(message) } else { Self::Unusable(message) }
    }
}

impl From<ArgumentError> for StoreError {
    fn from(error: ArgumentError) -> Self {
        match error {
            ArgumentError::Invalid(message) => Self::InvalidArg(message),
            ArgumentError::OutOfRange(message) => Self::OutOfRange(message),
        }
    }
}

impl From<PageSizeError> for StoreError {
    fn from(error: PageSizeError) -> Self {
        Self::InvalidArg(error.to_string())
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::of_system(error.to_string(), &error)
    }
}

/// A failure inside an operation, before the engine has decided what it means for the caller. A backend error
/// can be retried, resolved or reported; a store error is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// From the backend.
    Kv(KvError),
    /// For the caller.
    Store(StoreError),
}

impl From<KvError> for Failure {
    fn from(error: KvError) -> Self {
        Self::Kv(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// A row of `actor` that does not decode.
    pub(crate) fn corrupt(actor: &ActorId, error: &DecodeError) -> Self {
        Self::Store(corrupt(actor, error))
    }
}

/// A row of `actor` that does not decode, as an error for the caller.
pub(crate) fn corrupt(actor: &ActorId, error: &DecodeError) -> StoreError {
    StoreError::Corrupt { actor: Some(actor.clone()), page: None, txid: None, detail: error.to_string() }
}

/// A backend error as an error for the caller, once nothing more can be done about it.
pub fn surface(error: KvError) -> StoreError {
    match error {
        KvError::Conflict | KvError::TooOld | KvError::Busy { .. } | KvError::UnknownOutcome { .. } => {
            StoreError::Unavailable(format!("gave up: {error}"))
        }
        KvError::TooLarge { detail } => StoreError::TooLarge(detail),
        KvError::Full { detail } => StoreError::QuotaExceeded(detail),
        KvError::Unavailable { detail } => StoreError::Unavailable(detail),
        KvError::Unusable { detail } => StoreError::Unusable(detail),
        KvError::ReadOnly => StoreError::ReadOnly,
        KvError::Invalid { detail } => StoreError::InvalidArg(detail),
        KvError::Corrupt { detail } => StoreError::Corrupt { actor: None, page: None, txid: None, detail },
        KvError::Closed => StoreError::Closed,
    }
}

/// What the store has in place of what a caller holds.
fn instead(held: (Generation, Txid), current: (Generation, Txid)) -> String {
    if held == current {
        return "which another owner has: the store was set back to an older copy".to_owned();
    }
    format!("but the store is at generation {} and head {}", current.0, current.1)
}
