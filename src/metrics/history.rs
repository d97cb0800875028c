//! What a store has done with the past of its actors.

use std::time::Duration;

use super::build::{counter, counters, histogram};
use super::counting::{Counter, Histogram};
use super::table::Family;

/// Who had an actor flattened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlattenedBy {
    /// A call: of flatten, or of a restore or fork that would have been too deep.
    Call,
    /// The background, because the actor was deep.
    Background,
}

/// What a pin is for. The pins that forks hold on their ancestors are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinKind {
    /// A user's.
    User,
    /// That of a restore, by which it can be undone.
    Undo,
    /// That of a reader of the past.
    Reader,
}

#[derive(Debug, Default)]
struct PinCounters {
    user: Counter,
    undo: Counter,
    reader: Counter,
}

impl PinCounters {
    fn of(&self, kind: PinKind) -> &Counter {
        match kind {
            PinKind::User => &self.user,
            PinKind::Undo => &self.undo,
            PinKind::Reader => &self.reader,
        }
    }
}

/// The numbers of history: events that are rare beside commits and reads.
#[derive(Debug)]
#[repr(align(128))]
pub struct HistoryMetrics {
    restores_completed: Counter,
    restores_failed: Counter,
    forks_completed: Counter,
    forks_failed: Counter,
    flattenings_call: Counter,
    flattenings_background: Counter,
    flattenings_failed: Counter,
    flattened_pages: Counter,
    flattened_bytes: Counter,
    thinning: Histogram,
    thinning_steps: Counter,
    points_dropped: Counter,
    pins_made: PinCounters,
    pins_expired: PinCounters,
}

impl Default for HistoryMetrics {
    fn default() -> Self {
        Self {
            restores_completed: Counter::default(),
            restores_failed: Counter::default(),
            forks_completed: Counter::default(),
            forks_failed: Counter::default(),
            flattenings_call: Counter::default(),
            flattenings_background: Counter::default(),
            flattenings_failed: Counter::default(),
            flattened_pages: Counter::default(),
            flattened_bytes: Counter::default(),
            thinning: Histogram::of_seconds(),
            thinning_steps: Counter::default(),
            points_dropped: Counter::default(),
            pins_made: PinCounters::default(),
            pins_expired: PinCounters::default(),
        }
    }
}

impl HistoryMetrics {
    /// A restore has ended.
    pub fn restored(&self, completed: bool) {
        if completed { &self.restores_completed } else { &self.restores_failed }.add(1);
    }

    /// A fork has ended.
    pub fn forked(&self, completed: bool) {
        if completed { &self.forks_completed } else { &self.forks_failed }.add(1);
    }

    /// An actor stands by itself.
    pub fn flattened(&self, by: FlattenedBy) {
        let counter = match by {
            FlattenedBy::Call => &self.flattenings_call,
            FlattenedBy::Background => &self.flattenings_background,
        };
        counter.add(1);
    }

    /// Flattening an actor has ended with an error.
    pub fn flattening_failed(&self) {
        self.flattenings_failed.add(1);
    }

    /// Flattening an actor has copied pages, whose rows have so many bytes.
    pub fn flatten_copied(&self, pages: usize, bytes: usize) {
        self.flattened_pages.add(pages);
        self.flattened_bytes.add(bytes);
    }

    /// A history was thinned.
    pub fn thinned(&self, took: Duration) {
        self.thinning.record_duration(took);
    }

    /// A transaction of a thinning has dropped so many points; none, if it has dropped a part of one.
    pub fn points_dropped(&self, points: usize) {
        self.thinning_steps.add(1);
        self.points_dropped.add(points);
    }

    /// A pin was set.
    pub fn pinned(&self, kind: PinKind) {
        self.pins_made.of(kind).add(1);
    }

    /// A pin was removed because its time was over.
    pub fn pin_expired(&self, kind: PinKind) {
        self.pins_expired.of(kind).add(1);
    }
}

impl HistoryMetrics {
    pub(super) fn families(&self) -> Vec<Family> {
        let mut families = self.of_calls();
        families.extend(self.of_dropping());
        families
    }

    /// What was restored, forked and copied.
    fn of_calls(&self) -> Vec<Family> {
        vec![
            counters(
                "restores_total",
                "outcome",
                [
                    ("completed", "history.restores.completed", self.restores_completed.get()),
                    ("failed", "history.restores.failed", self.restores_failed.get()),
                ],
                "Actors that were set back to a state of their past.",
            ),
            counters(
                "forks_total",
                "outcome",
                [
                    ("completed", "history.forks.completed", self.forks_completed.get()),
                    ("failed", "history.forks.failed", self.forks_failed.get()),
                ],
                "Actors that were made as forks of others.",
            ),
            counters(
                "flattenings_total",
                "kind",
                [
                    ("call", "history.flattenings.call", self.flattenings_call.get()),
                    ("background", "history.flattenings.background", self.flattenings_background.get()),
                ],
                "Actors that had shared pages and stand by themselves since.",
            ),
            counter(
                "flattenings_failed_total",
                "history.flattenings.failed",
                self.flattenings_failed.get(),
                "Flattenings that ended with an error.",
            ),
            counter(
                "flattened_pages_total",
                "history.flattenings.pages",
                self.flattened_pages.get(),
                "Pages that flattenings copied.",
            ),
            counter(
                "flattened_bytes_total",
                "history.flattenings.bytes",
                self.flattened_bytes.get(),
                "Bytes of the rows of these pages, with their keys.",
            ),
        ]
    }

    /// What is dropped, and what keeps it.
    fn of_dropping(&self) -> Vec<Family> {
        let pins = |made: &PinCounters| [made.user.get(), made.undo.get(), made.reader.get()];
        let [made, expired] = [pins(&self.pins_made), pins(&self.pins_expired)];
        vec![
            histogram(
                "thinning_duration_seconds",
                "history.thinnings.seconds",
                &self.thinning,
                "Time of thinnings, each of one actor's history.",
            ),
            counter(
                "thinning_steps_total",
                "history.thinnings.steps",
                self.thinning_steps.get(),
                "Transactions in which thinnings dropped points, or parts of a large one.",
            ),
            counter(
                "points_dropped_total",
                "history.thinnings.pointsDropped",
                self.points_dropped.get(),
                "Points that thinnings dropped.",
            ),
            counters(
                "pins_made_total",
                "kind",
                [
                    ("user", "history.pins.made.user", made[0]),
                    ("undo", "history.pins.made.undo", made[1]),
                    ("reader", "history.pins.made.reader", made[2]),
                ],
                "Pins that were set by users, by restores, and for readers of the past.",
            ),
            counters(
                "pins_expired_total",
                "kind",
                [
                    ("user", "history.pins.expired.user", expired[0]),
                    ("undo", "history.pins.expired.undo", expired[1]),
                    ("reader", "history.pins.expired.reader", expired[2]),
                ],
                "Pins that were removed because their time was over.",
            ),
        ]
    }
}
