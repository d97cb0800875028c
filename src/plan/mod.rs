//! Decisions as pure functions: from the rows that a transaction read and the request, to the rows to write
//! or a [`Refusal`]. No I/O, no clock, no randomness, no async; every rule about who may write lives here.

mod audit;
mod claim;
mod cleanup;
mod commit;
mod content;
mod delete;
mod early;
mod fence;
mod history;
mod marks;
mod migrate;
mod preload;
mod shown;
mod sqlite_file;
mod stage;
mod takeover;
mod usage;
mod v1_data;

pub use audit::{
    ActorRows, Audit, Audited, PastSummary, Problem, Problems, RowCount, RowKind, Seen, Severity,
};
pub use claim::{ClaimPlan, ClaimRequest, arrived, claim};
pub use cleanup::{PendingCleanup, aborted, pending_cleanups, rolled_back, swept, trimmed};
pub use commit::{CommitPlan, CommitRequest, Landed, Resolution, commit, landed, resolve};
pub use content::Content;
pub use delete::{DeletePlan, DeleteRequest, delete};
pub use early::{EARLY_PAGES_MAX, Visible, first_early, preload_early, visible};
pub use fence::{Held, Refusal, check_fence, check_readable, check_writer, meta};
pub use history::{
    ABSENT_PAGES_MAX, Dropped, ForkPlan, ForkRequest, Keeping, Left, RestorePlan, RestoreRequest, Thinning,
    UNDO_PIN_MS, Unclean, Versions, drop_points, fork, is_deep, is_unsettled, keeps_from_here, restore,
    settled,
};
pub use migrate::{
    IMPORT_LEASE_MS, ImportPlan, ImportRequest, ResetPlan, begin_import, given_up, is_of_an_import, migrated,
    renewed, reset_import,
};
pub use preload::{PreloadRequest, preload};
pub use sqlite_file::{
    FILE_HEADER_BYTES, NotADatabase, SQLITE_MAGIC, SqliteFile, SqliteHeader, is_hot_journal, sqlite_file,
};
pub use stage::{FinalizeRequest, StagePlan, StageRequest, check_part, finalize, open_stage};
pub use takeover::{TakeoverPlan, TakeoverRequest, is_owned, takeover};
pub use usage::{HistoryTally, HistoryUsage};
pub use v1_data::{V1_BYTES_MAX, V1_CHUNK_BYTES, V1Error, V1File, V1Layout, V1Place, V1Sizes};
