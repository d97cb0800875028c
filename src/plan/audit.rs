//! Checks that the rows of an actor are consistent: every row against its own checksum, and all rows against
//! the fence and the head. Rows are passed in key order; only counts and problems are kept.

mod findings;
mod past;

pub use findings::{ActorRows, Audited, PastSummary, Problem, Problems, RowCount, RowKind, Seen, Severity};

use self::past::Past;
use super::shown::Shown;
use crate::codec::{
    self, ActorKeys, DecodeError, FenceState, Head, Hints, HistoryRow, OpenStage, Pin, PinKind, Place, Point,
    Row, StagePart,
};
use crate::types::{ActorId, Generation, PageBits, PageNumber, PageSize, Txid};

/// An audit of one actor in progress.
#[derive(Debug)]
pub struct Audit {
    actor: ActorId,
    keys: ActorKeys,
    seen: Audited,
    shown: Shown,
    /// Pages for which the open stage has rows, and pages that its manifests name.
    staged: PageBits,
    named: PageBits,
    past: Past,
    /// Whether the head has moved since the first row.
    has_moved: bool,
    scratch: Vec<u8>,
}

impl Audit {
    /// Begins with the stored fence and head.
    pub fn begin(actor: &ActorId, fence: Option<&[u8]>, head: Option<&[u8]>) -> Self {
        let keys = ActorKeys::new(actor);
        let seen = Audited {
            fence: Seen::Absent,
            head: Seen::Absent,
            rows: ActorRows::default(),
            never_written: 0,
            past: PastSummary::default(),
            problems: Problems::default(),
        };
        let (staged, named) = (PageBits::new(), PageBits::new());
        let mut audit = Self {
            actor: actor.clone(),
            keys,
            seen,
            shown: Shown::default(),
            staged,
            named,
            past: Past::default(),
            has_moved: false,
            scratch: Vec::new(),
        };
        if let Some(value) = fence {
            let key = audit.keys.fence();
            audit.seen.rows.fence.add(&key, value);
            audit.seen.fence = audit.decode(RowKind::Fence, &key, value);
        }
        if let Some(value) = head {
            let key = audit.keys.head();
            audit.seen.head = audit.decode(RowKind::Head, &key, value);
        }
        if let Seen::Found(head) = &audit.seen.head {
            audit.shown.at(actor, head);
        }
        audit.check_fence_and_head();
        audit
    }

    /// Goes on at a later head. Returns whether that is possible: an actor that keeps history clears no row that is
    /// still to be seen, so the rows that were checked need no second look. Each row is checked against the head of
    /// the read that has shown it.
    pub fn follow(&mut self, value: &[u8]) -> bool {
        let next = codec::decode::<Head>(&self.keys.head(), value).ok().filter(Head::keeps);
        let (Some(before), Some(next)) = (self.head().filter(|head| head.keeps()), next) else {
            return false;
        };
        if next.txid < before.txid {
            return false;
        }
        self.shown.at(&self.actor, &next);
        self.seen.head = Seen::Found(next);
        self.has_moved = true;
        true
    }

    /// Checks one row other than the fence.
    pub fn row(&mut self, key: &[u8], value: &[u8]) {
        match self.keys.place(key) {
            Ok(Place::Head) => self.seen.rows.head.add(key, value),
            Ok(Place::Page(page, txid)) => self.page(page, txid, (key, value)),
            Ok(Place::Stage(txid, _)) => self.manifest(txid, key, value),
            Ok(Place::Hints) => {
                self.seen.rows.hints.add(key, value);
                if let Err(error) = codec::decode::<Hints>(key, value) {
                    let detail = format!("{error}; a start ignores it, and the next hints replace it");
                    self.tell(RowKind::Hints, (None, None), Severity::Warning, detail);
                }
            }
            Ok(Place::History) => {
                self.of_history::<HistoryRow>(RowKind::History, None, key, value);
            }
            Ok(Place::Point(txid)) => {
                let point: Option<Point> = self.of_history(RowKind::Point, Some(txid), key, value);
                self.past.reached(self.seen.head.found());
                self.past.point(txid, point.as_ref());
            }
            Ok(Place::Pin(txid, _)) => {
                let pin: Option<Pin> = self.of_history(RowKind::Pin, Some(txid), key, value);
                let of_fork = pin.is_some_and(|pin| matches!(pin.kind, PinKind::Fork(_)));
                self.past.reached(self.seen.head.found());
                self.past.pin(txid, of_fork);
            }
            Ok(Place::Line(begin)) => {
                if let Some(line) = self.of_history(RowKind::Line, Some(begin), key, value) {
                    self.past.reached(self.seen.head.found());
                    self.past.line(begin, line, self.seen.head.found());
                }
            }
            Err(error) => self.stray(key, value, &error),
        }
    }

    fn of_history<R: Row>(
        &mut self,
        kind: RowKind,
        txid: Option<Txid>,
        key: &[u8],
        value: &[u8],
    ) -> Option<R> {
        self.seen.rows.history.add(key, value);
        let row = codec::decode(key, value);
        row.map_err(|error| self.tell(kind, (None, txid), Severity::Error, error.to_string())).ok()
    }

    /// Something is wrong with a row of another actor that this one needs.
    pub fn elsewhere(&mut self, txid: Txid, detail: String) {
        self.tell(RowKind::Line, (None, Some(txid)), Severity::Error, detail);
    }

    /// The head, if it was found.
    pub fn head(&self) -> Option<&Head> {
        self.seen.head.found()
    }

    fn check_past(&mut self) {
        let Seen::Found(head) = &self.seen.head else { return };
        let is_live = self.seen.fence.found().is_some_and(|fence| fence.state == FenceState::Live);
        for (kind, txid, detail) in self.past.problems(head, is_live) {
            self.tell(kind, (None, Some(txid)), Severity::Error, detail);
        }
    }

    /// A row among the actor's that no release writes.
    pub fn stray(&mut self, key: &[u8], value: &[u8], error: &DecodeError) {
        self.seen.rows.stray.add(key, value);
        self.tell(RowKind::Unknown, (None, None), Severity::Error, error.to_string());
    }

    /// Rows that could not be read.
    pub fn unreadable(&mut self, detail: String) {
        self.tell(RowKind::Unknown, (None, None), Severity::Error, detail);
    }

    /// The result, once every row was shown.
    pub fn finish(mut self) -> Audited {
        self.check_past();
        if self.has_moved {
            self.check_fence_and_head();
        }
        self.seen.past = self.past.summary(self.seen.head.found(), &self.seen.rows);
        if let Seen::Found(head) = &self.seen.head {
            let shares = head.history.as_ref().is_some_and(|history| !history.lineage.below.is_empty());
            let others = if shares { u32::MAX.into() } else { self.seen.rows.live.rows };
            self.seen.never_written = u64::from(head.size_pages.0).saturating_sub(others);
            // A stage that was opened or has ended meanwhile was seen in part.
            let open = head.open_stage.filter(|stage| !stage.aborted && !self.has_moved);
            let unnamed: Vec<PageNumber> = match open {
                Some(_) => self.staged.pages().filter(|page| !self.named.contains(*page)).collect(),
                // A stage that is being rolled back loses rows and manifests during the audit.
                None => Vec::new(),
            };
            for page in unnamed {
                let detail =
                    "the open stage has this page and no manifest names it: a rollback would leave it";
                let txid = open.map(|stage| stage.txid);
                self.tell(RowKind::Page, (Some(page), txid), Severity::Error, detail.to_owned());
            }
        }
        let ActorRows { fence, head, live, superseded, staged, beyond, manifests, hints, history, stray } =
            self.seen.rows;
        let others = [head, live, superseded, staged, beyond, manifests, hints, history, stray];
        let others: u64 = others.iter().map(|count| count.rows).sum();
        if fence.rows == 0 && others > 0 {
            let detail = format!("{others} rows of an actor that has no fence");
            self.tell(RowKind::Fence, (None, None), Severity::Error, detail);
        }
        self.seen
    }

    fn check_fence_and_head(&mut self) {
        let mut wrong = Vec::new();
        if let Seen::Found(fence) = &self.seen.fence
            && !(Generation::NONE < fence.first_generation && fence.first_generation <= fence.generation)
        {
            let (first, now) = (fence.first_generation, fence.generation);
            wrong.push((RowKind::Fence, format!("first generation {first}, generation {now}")));
        }
        if let Seen::Found(head) = &self.seen.head {
            let (txid, next) = (head.txid, head.next_txid);
            // A restore passes the stage of the owner that it ends: then the rows lie below the line.
            let is_out =
                |stage: &OpenStage| !(txid < stage.txid || stage.txid <= head.floor()) || stage.txid >= next;
            if let Some(stage) = head.open_stage.filter(is_out) {
                let detail = format!("an open stage {} between txid {txid} and next txid {next}", stage.txid);
                wrong.push((RowKind::Head, detail));
            }
            let marks: Vec<Txid> = head.recent.iter().map(|mark| mark.txid).collect();
            if !marks.is_sorted_by(|one, other| one < other) || marks.last().is_some_and(|last| *last > txid)
            {
                let marks: Vec<u64> = marks.iter().map(|mark| mark.0).collect();
                wrong.push((RowKind::Head, format!("recent commits {marks:?} at txid {txid}")));
            }
            if let Some(above) = head.untrimmed_above.filter(|above| head.size_pages > *above) {
                let size = head.size_pages.0;
                wrong.push((RowKind::Head, format!("{size} pages over rows left above page {}", above.0)));
            }
            let deleted = self.seen.fence.found().is_some_and(|fence| fence.state == FenceState::Deleted);
            if deleted && head.size_pages.0 > 0 {
                wrong.push((RowKind::Head, format!("a deleted actor of {} pages", head.size_pages.0)));
            }
        }
        for (kind, detail) in wrong {
            self.tell(kind, (None, None), Severity::Error, detail);
        }
    }

    fn page(&mut self, page: PageNumber, txid: Txid, (key, value): (&[u8], &[u8])) {
        let head = match &self.seen.head {
            Seen::Found(head) => Some(head.clone()),
            Seen::Absent => Some(Head::empty()),
            Seen::Damaged => None,
        };
        let at = (Some(page), Some(txid));
        let mut page_size = None;
        match head {
            // Without the head it is unknown which version counts.
            None => self.seen.rows.stray.add(key, value),
            Some(head) if head.open_stage.is_some_and(|stage| stage.txid == txid) => {
                self.seen.rows.staged.add(key, value);
                self.staged.insert(page);
            }
            Some(head) if txid > head.txid => {
                self.seen.rows.stray.add(key, value);
                let detail =
                    format!("above head {} and of no open stage: a later commit would show it", head.txid);
                self.tell(RowKind::Page, at, Severity::Error, detail);
            }
            Some(head) if !head.size_pages.contains(page) => {
                self.seen.rows.beyond.add(key, value);
                if head.history.is_none() && head.untrimmed_above.is_none_or(|above| above.contains(page)) {
                    let size = head.size_pages.0;
                    let detail =
                        format!("beyond the size of {size} pages: it would show when the database grows");
                    self.tell(RowKind::Page, at, Severity::Error, detail);
                }
            }
            Some(head) if !self.shown.shows(page, txid) => {
                self.seen.rows.superseded.add(key, value);
                if head.history.is_none() && !head.unswept {
                    let detail = "an older version that nothing is going to clear".to_owned();
                    self.tell(RowKind::Page, at, Severity::Warning, detail);
                }
            }
            Some(head) => {
                self.seen.rows.live.add(key, value);
                page_size = Some(head.page_size);
            }
        }
        // A version that the head does not show may have been written with another page size.
        let size = page_size.or_else(|| codec::stored_page_size(value)).unwrap_or(PageSize::DEFAULT);
        self.scratch.resize(size.bytes(), 0);
        if let Err(error) = codec::decode_page(key, value, size, &mut self.scratch) {
            self.tell(RowKind::Page, at, Severity::Error, error.to_string());
        }
    }

    fn manifest(&mut self, txid: Txid, key: &[u8], value: &[u8]) {
        self.seen.rows.manifests.add(key, value);
        let part = match codec::decode::<StagePart>(key, value) {
            Ok(part) => part,
            Err(error) => {
                return self.tell(RowKind::Stage, (None, Some(txid)), Severity::Error, error.to_string());
            }
        };
        let head = match &self.seen.head {
            Seen::Found(head) => head,
            Seen::Absent => &Head::empty(),
            Seen::Damaged => return,
        };
        if head.open_stage.is_some_and(|stage| stage.txid == txid) {
            for page in part.pages() {
                self.named.insert(page);
            }
        } else if txid > head.txid {
            let detail = format!("a manifest above head {} and of no open stage", head.txid);
            self.tell(RowKind::Stage, (None, Some(txid)), Severity::Error, detail);
        } else if head.history.is_none() && !head.unswept {
            let detail = "a manifest that nothing is going to sweep".to_owned();
            self.tell(RowKind::Stage, (None, Some(txid)), Severity::Warning, detail);
        } else if head.history.is_some() {
            self.past.manifest(key, value);
        }
    }

    fn decode<R: Row>(&mut self, kind: RowKind, key: &[u8], value: &[u8]) -> Seen<R> {
        match codec::decode(key, value) {
            Ok(row) => Seen::Found(row),
            Err(error) => {
                self.tell(kind, (None, None), Severity::Error, error.to_string());
                Seen::Damaged
            }
        }
    }

    fn tell(
        &mut self,
        kind: RowKind,
        (page, txid): (Option<PageNumber>, Option<Txid>),
        severity: Severity,
        detail: String,
    ) {
        let actor = Some(self.actor.clone());
        self.seen.problems.push(Problem { actor, kind, page, txid, severity, detail });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_problems_are_told_and_the_others_counted() {
        let mut audit = Audit::begin(&ActorId::new("a").unwrap(), None, None);
        (0..1_500).for_each(|number| audit.unreadable(format!("row {number}")));
        let Problems { told, omitted } = audit.finish().problems;
        assert_eq!((told.len(), omitted, told[999].detail.as_str()), (1_000, 500, "row 999"));
    }
}
