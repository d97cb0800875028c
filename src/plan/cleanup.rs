//! Cleanups: what a head records as pending, and the head after a cleanup is done.

use crate::codec::{Head, OpenStage};
use crate::planted::{self, Bug};

/// A cleanup to do, in bounded steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingCleanup {
    /// Roll back this open stage, which nobody will finalize: its rows must go before the head can pass its
    /// txid.
    Rollback(OpenStage),
    /// Trim rows of pages beyond the size: they must go before the database grows over them again.
    Trim,
    /// Sweep older versions of pages that a finalized stage wrote: harmless garbage, to be cleared at any
    /// time.
    Sweep,
}

/// The pending cleanups of a head, the most urgent first. An open stage counts only if its owner is gone,
/// which the caller knows.
pub fn pending_cleanups(head: &Head) -> impl Iterator<Item = PendingCleanup> {
    let rollback = head.open_stage.map(PendingCleanup::Rollback);
    let trim = head.untrimmed_above.map(|_| PendingCleanup::Trim);
    let sweep = head.unswept.then_some(PendingCleanup::Sweep);
    [rollback, trim, sweep].into_iter().flatten()
}

/// The head from the first step of a rollback on: the stage can neither grow nor be finalized any more.
/// Without this, a finalizing owner could slip in between two steps and make a stage with missing rows
/// visible.
pub fn aborted(head: &Head) -> Head {
    Head { open_stage: head.open_stage.map(|stage| OpenStage { aborted: true, ..stage }), ..head.clone() }
}

/// The head once no row of the open stage is left. Its txid stays used.
pub fn rolled_back(head: &Head) -> Head {
    let next_txid = match head.open_stage {
        Some(stage) if planted::has(Bug::TxidReused) => stage.txid,
        _ => head.next_txid,
    };
    Head { open_stage: None, next_txid, ..head.clone() }
}

/// The head once no page row beyond the recorded size is left.
pub fn trimmed(head: &Head) -> Head {
    Head { untrimmed_above: None, ..head.clone() }
}

/// The head once no manifest of a finalized stage is left.
pub fn swept(head: &Head) -> Head {
    Head { unswept: false, ..head.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PageCount, Token, Txid};

    #[test]
    fn a_head_names_its_pending_cleanups_and_doing_them_all_leaves_none() {
        let stage = OpenStage { txid: Txid(4), token: Token([1; 16]), aborted: false };
        let head = Head {
            open_stage: Some(stage),
            next_txid: Txid(5),
            unswept: true,
            untrimmed_above: Some(PageCount(3)),
            ..Head::empty()
        };
        assert_eq!(
            pending_cleanups(&head).collect::<Vec<_>>(),
            [PendingCleanup::Rollback(stage), PendingCleanup::Trim, PendingCleanup::Sweep]
        );
        let settled = swept(&trimmed(&rolled_back(&head)));
        assert_eq!(pending_cleanups(&settled).count(), 0);
        assert_eq!((settled.txid, settled.next_txid), (head.txid, head.next_txid));
    }
}
