//! What must hold of everybody's history after every transaction: each state that is kept shows what was committed,
//! what is held is there, and nobody takes away what others hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use batondb::codec::{FenceState, Head, PinKind};
use batondb::engine::PointRef;

use crate::audit::ensure;
use crate::process::EPOCH_MS;
use crate::shadow::Changes;
use crate::world::{Inner, OpId, State, Version, What};

/// Clocks of processes are ahead by less than this.
pub const SKEW_MS_MAX: u64 = 60_000;

impl Inner {
    pub fn now_ms(&self) -> u64 {
        EPOCH_MS + u64::try_from(self.scheduler.now().as_millis()).unwrap()
    }

    /// The content of a restored actor or a fork: that of a state that may have been meant.
    pub fn taken_from_the_past(
        &self,
        id: OpId,
        actor: usize,
        state: State,
        head: &Head,
    ) -> Result<Version, String> {
        let op = &self.ops[id];
        ensure!(state.live && op.raised == Some(state.generation), "set back without a takeover: {op:?}");
        let (source, at) = match &op.what {
            What::Restore(at) => (actor, at),
            What::Fork(source, at) => (*source, at),
            other => return Err(format!("{other:?} takes no state of the past")),
        };
        let (txid, size, page_size) = (head.txid.0, head.size_pages.0, head.page_size);
        let pages = self.shadow.visible(actor);
        let meant = self.meant(id, source, at);
        let same = meant
            .iter()
            .map(|(_, copy)| copy)
            .find(|copy| (copy.size, copy.page_size) == (size, page_size) && *copy.pages == pages);
        let Some(same) = same else {
            let meant: Vec<u64> = meant.iter().map(|(txid, _)| *txid).collect();
            return Err(format!(
                "operation {id} shows no state that was meant, {meant:?}: {pages:?}, {head:?}"
            ));
        };
        Ok(Version { txid, size, page_size, pages: Arc::new(pages), table: same.table.clone() })
    }

    /// The state that a commit of an actor has made.
    pub fn copy(&self, actor: usize, txid: u64) -> Option<&Version> {
        let log = &self.actors[actor];
        log.copies.get(&txid).map(|version| &log.versions[*version])
    }

    /// The states that a reference may mean while an operation runs. The head of an actor that was deleted and made
    /// again is empty, whatever there is of its earlier life at the same txid.
    pub fn meant(&self, id: OpId, source: usize, at: &PointRef) -> Vec<(u64, &Version)> {
        if *at == PointRef::Head {
            let heads = self.window_of(id, source).iter().map(|state| self.version(source, *state));
            return heads.map(|version| (version.txid, version)).collect();
        }
        let moments = self.ops[id].begun_at..=self.moment;
        let meant: BTreeSet<u64> =
            moments.flat_map(|moment| self.actors[source].lives.meant_at(at, moment)).collect();
        meant.into_iter().filter_map(|txid| Some((txid, self.copy(source, txid)?))).collect()
    }

    /// A transaction has taken place.
    pub fn check_past(&mut self, op: Option<OpId>, changes: &Changes) -> Result<(), String> {
        let mut fresh: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        for &actor in &changes.actors {
            let rows = &self.shadow.actors[actor];
            let head = rows.head();
            let kept = rows.past.points.iter().filter(|(_, point)| head.keeps() && !point.dropped);
            let kept: BTreeMap<u64, u64> = kept.map(|(txid, point)| (*txid, point.time_ms)).collect();
            ensure!(kept.values().is_sorted(), "the times of actor {actor} fall: {kept:?}");
            let is_live = rows.fence.is_some_and(|fence| fence.state == FenceState::Live);
            let beyond = kept.keys().any(|txid| *txid > head.txid.0);
            ensure!(!beyond, "actor {actor} keeps a state above its head {}: {kept:?}", head.txid);
            let next = head.next_txid.0;
            let (fresh_points, gone) = self.actors[actor].lives.keep(&kept, self.moment);
            *self.tally.entry("points dropped").or_default() += gone.len() as u64;
            let pins = self.shadow.actors[actor].past.pins.clone();
            let is_pinned = |txid: u64| {
                pins.range((txid, [0; 16])..=(txid, [255; 16]))
                    .any(|(_, pin)| !matches!(pin.kind, PinKind::Fork(_)))
            };
            let born = self.actors[actor].lives.born(is_live, next);
            let shown = kept.keys().copied().filter(|txid| *txid > born || is_pinned(*txid)).collect();
            self.actors[actor].lives.show(&shown, self.moment);
            self.actors[actor].lives.hold(&pins, self.moment);
            let state = *self.actors[actor].states.last().unwrap();
            let version = self.version(actor, state);
            let head = (version.size > 0 && state.live).then_some(version.txid);
            self.actors[actor].lives.lead(head, self.moment);
            fresh.insert(actor, fresh_points);
        }
        if let Some(op) = op {
            self.ops[op].unpinned += changes.pins_gone.len();
        }
        for (actor, txid, token) in &changes.pins_set {
            if let Some(op) = self.tokens.get(token).copied()
                && matches!(self.ops[op].what, What::Pin(_))
                && self.ops[op].actor == *actor
            {
                self.ops[op].pinned.insert(*txid);
            }
        }
        self.check_what_is_held(changes)?;
        if !changes.old_pages.is_empty() {
            changes.actors.iter().try_for_each(|actor| self.check_names(*actor))?;
        }
        self.check_who_let_go(op, changes)?;
        self.check_what_shows(&fresh, changes)
    }

    /// What is pinned, and what lines build on, is there, and forks are known to those whose rows they show.
    fn check_what_is_held(&self, changes: &Changes) -> Result<(), String> {
        let soon = self.now_ms() + SKEW_MS_MAX;
        for &actor in &changes.actors {
            let rows = &self.shadow.actors[actor];
            let head = rows.head();
            let kept =
                |txid: u64| head.keeps() && rows.past.points.get(&txid).is_some_and(|point| !point.dropped);
            // Of an actor that did not keep history when it began a line, the states before are no points.
            let lives = &self.actors[actor].lives;
            let never = |txid: u64| !lives.was_kept(txid, 0..=self.moment);
            for ((txid, _), pin) in rows.past.pins.iter().filter(|(_, pin)| pin.holds_at(soon)) {
                let is_known = kept(*txid) || (matches!(pin.kind, PinKind::Fork(_)) && never(*txid));
                ensure!(is_known, "actor {actor}: {txid} is pinned and gone ({pin:?}): {}", rows.past);
            }
            if head.keeps() {
                let gone = rows.past.line_ends().find(|txid| !kept(*txid) && !never(*txid));
                ensure!(
                    gone.is_none(),
                    "actor {actor}: a line builds on {gone:?}, which is gone: {}",
                    rows.past
                );
            }
        }
        if changes.lines.is_empty() && changes.pins_gone.is_empty() {
            return Ok(());
        }
        for (actor, rows) in self.shadow.actors.iter().enumerate() {
            for line in rows.past.lines.values() {
                for segment in &line.below {
                    let Some(ancestor) = &segment.actor else { continue };
                    let Some(whose) = self.shadow.index_of(ancestor) else { continue };
                    let key = (segment.to.0, line.pins.0);
                    let known = self.shadow.actors[whose].past.pins.contains_key(&key);
                    ensure!(
                        known,
                        "actor {actor} shows {ancestor:?} at {}, which does not know: {line:?}",
                        segment.to
                    );
                }
            }
        }
        Ok(())
    }

    /// Pins of users end when a user says so, with the actor, or by themselves.
    fn check_who_let_go(&self, op: Option<OpId>, changes: &Changes) -> Result<(), String> {
        let soon = self.now_ms() + SKEW_MS_MAX;
        for (actor, txid, token, pin) in changes.pins_gone.iter().filter(|(_, _, _, pin)| pin.holds_at(soon))
        {
            let may = op.is_some_and(|op| match self.ops[op].what {
                What::Unpin | What::Delete => self.ops[op].actor == *actor,
                _ => false,
            });
            let of_fork = matches!(pin.kind, PinKind::Fork(_));
            let lets_go = self.tokens.get(token).is_some_and(|reader| self.ops[*reader].lets_go);
            ensure!(
                may || of_fork || lets_go,
                "operation {op:?} has removed the pin {pin:?} of {txid} of actor {actor}"
            );
        }
        Ok(())
    }

    /// Every state that is kept shows what was committed: all of those that are new or whose lines have changed, and of
    /// the others the pages that have lost or got a version.
    fn check_what_shows(
        &self,
        fresh: &BTreeMap<usize, BTreeSet<u64>>,
        changes: &Changes,
    ) -> Result<(), String> {
        let none = BTreeSet::new();
        for (actor, rows) in self.shadow.actors.iter().enumerate() {
            if !rows.head().keeps() {
                self.check_head(actor, changes)?;
                continue;
            }
            let fresh = fresh.get(&actor).unwrap_or(&none);
            let relined = changes.lines.contains(&actor);
            for (&txid, point) in rows.past.points.iter().filter(|(_, point)| !point.dropped) {
                let whole = relined || fresh.contains(&txid);
                if !whole && changes.old_pages.is_empty() {
                    continue;
                }
                let copy = self.copy(actor, txid);
                let Some(copy) = copy else { return Err(format!("actor {actor} never was at {txid}")) };
                ensure!(
                    copy.size == point.size_pages.0 && (copy.size == 0 || copy.page_size == point.page_size),
                    "actor {actor} keeps {txid} as {point:?} instead of {copy:?}"
                );
                let line = rows.past.line(txid);
                let changed = changes.old_pages.iter().copied().filter(|page| *page <= copy.size);
                let pages: Vec<u32> = if whole { (1..=copy.size).collect() } else { changed.collect() };
                for page in pages {
                    let shown = self.shadow.shown(actor, (txid, &line), page);
                    let expected = copy.pages.get(&page).copied();
                    ensure!(
                        shown == expected,
                        "actor {actor} at {txid} shows {shown:?} as page {page} instead of {expected:?}: {}",
                        rows.past
                    );
                }
            }
            self.check_head(actor, changes)?;
        }
        Ok(())
    }

    /// The head of an actor whose own rows may be as before, but not those of others.
    fn check_head(&self, actor: usize, changes: &Changes) -> Result<(), String> {
        let head = self.shadow.actors[actor].head();
        let Some(history) = head.history.filter(|history| !history.lineage.below.is_empty()) else {
            return Ok(());
        };
        let state = self.actors[actor].states.last().unwrap();
        let version = self.version(actor, *state);
        for page in changes.old_pages.iter().copied().filter(|page| *page <= head.size_pages.0) {
            let shown = self.shadow.shown(actor, (head.txid.0, &history.lineage), page);
            let expected = version.pages.get(&page).copied();
            ensure!(
                shown == expected,
                "the head of actor {actor} shows {shown:?} as page {page} instead of {expected:?}"
            );
        }
        Ok(())
    }
}
