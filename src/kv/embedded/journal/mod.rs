//! The journal: makes commits durable with one flush, before LMDB's tree follows.
//!
//! - `record`: what one transaction has written
//! - `position`: places in the journal, and headers of segments
//! - `slot`: what is written down about a checkpoint
//! - `machine`: whether the machine may have gone down since
//! - `files`: the files, `log`: records in them
//! - `state`: what a process knows about the journal
//! - `unsettled`: a commit that the disk does not have yet
//! - `signal`: wakes the thread that makes checkpoints
//! - `recovery`: after a loss of power
//! - `survey`: what the files hold, for those who only look
//!
//! LMDB commits without flushes, so between two flushes its file on the disk is *not* consistent. A
//! *checkpoint* is a state of the tree that is. The state stays whole on the disk because each process that
//! writes *pins* it, or an older one: LMDB reuses no page that a reader may still see. After a loss of power
//! the tree goes back to the checkpoint, and the journal behind it is applied again.
//! `durable` uses the journal; `docs/correctness/journal.md` has the argument.

mod files;
mod log;
mod machine;
mod position;
mod record;
pub(super) mod recovery;
mod signal;
mod slot;
mod state;
mod survey;
mod unsettled;

pub(super) use files::{CHECKPOINT_NAME, Files, SEGMENT_NAMES};
pub(super) use log::{AppendError, SEGMENT_BYTES_FIRST, SEGMENT_BYTES_MAX};
pub(super) use position::Position;
pub(super) use record::{BLOCK_BYTES, Record};
pub(super) use signal::{Asked, Checkpointer};
pub(super) use slot::{Checkpoint, Slots};
pub(super) use state::{Journal, JournalCounters, State};
pub(super) use survey::{Gap, Survey};
pub(super) use unsettled::Unsettled;
