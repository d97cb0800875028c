//! Whether what a caller is told of the past is true.

use std::collections::BTreeSet;

use batondb::engine::{Forked, PageSet, PointInfo, PointRef, Restored, StoreError};
use batondb::types::Txid;

use crate::answers::pages_fit;
use crate::audit::ensure;
use crate::world::{Inner, OpId, What};

type Verdict = Result<(), String>;

impl Inner {
    /// While an operation runs.
    pub fn moments(&self, id: OpId) -> std::ops::RangeInclusive<u64> {
        self.ops[id].begun_at..=self.moment
    }

    /// A restore shows the state that its caller is told, and tells what it has ended.
    pub fn judge_restore(&mut self, id: OpId, answer: &Result<Restored, StoreError>) -> Verdict {
        let restored = match answer {
            Ok(restored) => restored,
            Err(error) => return self.refused(id, error),
        };
        let op = &self.ops[id];
        ensure!(
            op.committed.is_some() == op.raised.is_some(),
            "a restore is a takeover and a commit in one: {op:?}"
        );
        let What::Restore(at) = &op.what else { return Err("no restore".to_owned()) };
        let (generation, txid) = (Some(restored.generation.0), Some(restored.txid.0));
        let committed = op.committed.map(|(txid, _)| txid);
        ensure!((op.raised, committed) == (generation, txid), "told {restored:?}, took place as {op:?}");
        ensure!(
            restored.undo.0 == op.head_before,
            "undone by {}, the head before was {}",
            restored.undo,
            op.head_before
        );
        let time = self.actors[op.actor].lives.time_of(restored.to.0);
        ensure!(time == Some(restored.time_ms), "told {restored:?}, of {time:?}");
        self.shows(id, (op.actor, restored.txid), (op.actor, at, restored.to))
    }

    /// Where the store could be asked, an error says that nothing took place, and nothing will.
    fn refused(&mut self, id: OpId, error: &StoreError) -> Verdict {
        match error {
            StoreError::Unavailable(_) | StoreError::Closed | StoreError::Corrupt { .. } => {
                self.judge_failure(id, error)
            }
            _ => self.rule_out(id, error),
        }
    }

    /// A fork shows the state of its source that its caller is told.
    pub fn judge_fork(&mut self, id: OpId, answer: &Result<Forked, StoreError>) -> Verdict {
        let forked = match answer {
            Ok(forked) => forked,
            Err(error) => return self.refused(id, error),
        };
        let op = &self.ops[id];
        let What::Fork(source, at) = &op.what else { return Err("no fork".to_owned()) };
        ensure!(op.raised == Some(forked.generation.0), "told {forked:?}, took place as {op:?}");
        let Some((txid, _)) = op.committed else {
            return Err(format!("told {forked:?}, took place as {op:?}"));
        };
        self.shows(id, (op.actor, Txid(txid)), (*source, at, forked.at))
    }

    /// A new state shows the one that was named, and that one was meant.
    fn shows(
        &self,
        id: OpId,
        (actor, txid): (usize, Txid),
        (source, at, named): (usize, &PointRef, Txid),
    ) -> Verdict {
        let meant = self.meant(id, source, at);
        let lives = &self.actors[source].lives;
        // The head of an actor without history becomes a point only for a fork.
        let hidden = *at != PointRef::Head && !lives.was_shown(named.0, self.moments(id));
        ensure!(!hidden, "told {named}, which nobody was shown meanwhile");
        let named = meant.iter().find(|(txid, _)| *txid == named.0).map(|(_, version)| version);
        let (Some(named), Some(copy)) = (named, self.copy(actor, txid.0)) else {
            return Err(format!("told a state that was not meant: {named:?}"));
        };
        ensure!(named.pages == copy.pages, "told state {}, shows another one", named.txid);
        Ok(())
    }

    /// A pin keeps one of the states that may have been meant.
    pub fn judge_pin(&self, id: OpId, answer: &Result<Txid, StoreError>) -> Verdict {
        let txid = match answer {
            Ok(txid) => txid,
            Err(error) => return self.judge_failure(id, error),
        };
        let op = &self.ops[id];
        let What::Pin(at) = &op.what else { return Err("no pin".to_owned()) };
        ensure!(op.pinned.contains(&txid.0), "told {txid}, has pinned {:?}", op.pinned);
        let meant =
            self.meant(id, op.actor, at).iter().any(|(meant, version)| *meant == txid.0 && version.size > 0);
        // A database of no pages may have been the state of a commit.
        let empty = self.copy(op.actor, txid.0).is_some_and(|copy| copy.size == 0);
        ensure!(meant || empty, "told {txid}, which was not meant: {op:?}");
        Ok(())
    }

    /// How many pins are gone: those that the call has removed, and maybe some that others have removed first.
    pub fn judge_unpin(&self, id: OpId, answer: &Result<usize, StoreError>) -> Verdict {
        let unpinned = self.ops[id].unpinned;
        match answer {
            Ok(count) => ensure!(*count >= unpinned, "told {count}, has removed {unpinned}"),
            Err(error) => return self.judge_failure(id, error),
        }
        Ok(())
    }

    /// A list names the points of one moment.
    pub fn judge_points(&self, id: OpId, answer: &Result<Vec<PointInfo>, StoreError>) -> Verdict {
        let points = match answer {
            Ok(points) => points,
            Err(error) => return self.judge_failure(id, error),
        };
        let actor = self.ops[id].actor;
        let told: BTreeSet<u64> = points.iter().map(|point| point.txid.0).collect();
        let lives = &self.actors[actor].lives;
        let fits = self.moments(id).any(|moment| lives.shown_at(moment) == told);
        ensure!(fits, "told {told:?}, which were never the points: now {:?}", lives.shown_at(self.moment));
        for point in points {
            let size = self.copy(actor, point.txid.0).map(|copy| copy.size);
            ensure!(size == Some(point.size_pages.0), "told {point:?}, of {size:?} pages");
            ensure!(lives.time_of(point.txid.0) == Some(point.time_ms), "told {point:?} at another time");
        }
        Ok(())
    }

    /// Pages of a point are those that were committed then, and the point was kept meanwhile.
    pub fn judge_past(
        &self,
        id: OpId,
        txid: u64,
        answer: &Result<PageSet, StoreError>,
        wanted: &BTreeSet<u32>,
    ) -> Verdict {
        let actor = self.ops[id].actor;
        let pages = match answer {
            Ok(pages) => pages,
            Err(error @ StoreError::NotRetained { .. }) => {
                let missing = self.actors[actor].lives.was_missing(txid, self.moments(id));
                ensure!(missing, "{error}, and it was kept all the time");
                return Ok(());
            }
            Err(error) => return self.judge_failure(id, error),
        };
        let kept = self.actors[actor].lives.was_shown(txid, self.moments(id));
        let Some(copy) = self.copy(actor, txid).filter(|_| kept) else {
            return Err(format!("{txid} was read, and was never kept meanwhile"));
        };
        let given: BTreeSet<u32> = pages.pages.iter().map(|page| page.get()).collect();
        let expected: BTreeSet<u32> = wanted.iter().copied().filter(|page| *page <= copy.size).collect();
        ensure!(given == expected, "{txid} was read as {given:?} instead of {expected:?}");
        pages_fit(pages, copy)
    }

    /// An error of history is true at some moment of the call.
    pub fn is_history_so(&self, id: OpId, error: &StoreError) -> bool {
        let op = &self.ops[id];
        let (source, at) = match &op.what {
            What::Restore(at) | What::Pin(at) => (op.actor, at),
            What::Fork(source, at) => (*source, at),
            _ => return false,
        };
        let is_empty =
            || self.window_of(id, source).iter().any(|state| self.version(source, *state).size == 0);
        match error {
            StoreError::Exists { .. } => {
                matches!(op.what, What::Fork(..))
                    && (source == op.actor || self.window_of(id, op.actor).iter().any(|state| state.live))
            }
            StoreError::NotRetained { .. } => {
                let lives = &self.actors[source].lives;
                let expired = |name: &String| lives.may_have_expired(name);
                if matches!(at, PointRef::Name(name) if expired(name)) {
                    return true;
                }
                let nothing = |moment| {
                    let meant = lives.meant_at(at, moment);
                    meant.is_empty() || meant.iter().any(|txid| lives.was_missing(*txid, moment..=moment))
                };
                self.moments(id).any(nothing)
            }
            StoreError::InvalidArg(message) if message.contains("has a pin named") => true,
            StoreError::InvalidArg(message) => message.contains("has no pages") && is_empty(),
            _ => false,
        }
    }
}
