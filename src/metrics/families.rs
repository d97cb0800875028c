//! Every metric of a store: its name, its meaning, and its place in each form of output.
//!
//! Names follow Prometheus conventions: base units, and `_total` for counters. Users put a prefix in front,
//! by default `baton_`. `docs/observability.md` has the same list for operators, and a test compares the two.

use super::build::{counter, counters, histogram, several};
use super::now;
use super::store::{CommitCounters, Metrics};
use super::table::{Family, Kind, Now, SqlTotals, Value};

impl Metrics {
    /// All metrics with their current values, including those that are counted elsewhere.
    pub fn families(&self, sql: &SqlTotals, now: &Now) -> Vec<Family> {
        let mut families = self.of_starts();
        families.extend(self.of_commits());
        families.extend(self.of_reads());
        families.extend(self.of_attempts());
        families.extend(self.of_transfers());
        families.extend(self.history.families());
        families.extend(self.of_sql(sql));
        families.extend(now::of_now(now));
        families.extend(now::of_file(&now.file));
        families
    }

    /// Takeovers of actors.
    fn of_starts(&self) -> Vec<Family> {
        let Self { takeover, rare, .. } = self;
        vec![
            counters(
                "startups_total",
                "outcome",
                [
                    ("won", "startups.won", rare.startups_won.get()),
                    ("lost", "startups.lost", rare.startups_lost.get()),
                    ("failed", "startups.failed", rare.startups_failed.get()),
                ],
                "Starts of actors: won, lost against another start, or ended with an error.",
            ),
            counter(
                "startup_pages_total",
                "startups.pages",
                rare.startup_pages.get(),
                "Pages that starts brought along.",
            ),
            histogram(
                "takeover_duration_seconds",
                "startups.takeoverSeconds",
                takeover,
                "Time from the call of a start to its answer, of those that won.",
            ),
        ]
    }

    /// Writes.
    fn of_commits(&self) -> Vec<Family> {
        let Self { commit_small, commit_staged, commits, rare, .. } = self;
        let CommitCounters { pages, page_bytes, stored_bytes } = commits;
        vec![
            counters(
                "commits_total",
                "kind",
                [
                    ("small", "commits.small", commit_small.count()),
                    ("staged", "commits.staged", commit_staged.count()),
                ],
                "Commits that took place, in one transaction (small) or in parts (staged).",
            ),
            counter(
                "commits_failed_total",
                "commits.failed",
                rare.commits_failed.get(),
                "Commits that ended with an error.",
            ),
            counter("commit_pages_total", "commits.pages", pages.get(), "Pages in commits."),
            counter(
                "commit_page_bytes_total",
                "commits.pageBytes",
                page_bytes.get(),
                "Bytes of the pages in commits, as they were handed in.",
            ),
            counter(
                "commit_stored_bytes_total",
                "commits.storedBytes",
                stored_bytes.get(),
                "Bytes of the rows that these pages became, with their keys.",
            ),
            several(
                "commit_duration_seconds",
                Kind::Histogram,
                "kind",
                [
                    ("small", "commits.smallSeconds", Value::Distribution(commit_small.read())),
                    ("staged", "commits.stagedSeconds", Value::Distribution(commit_staged.read())),
                ],
                "Time of commits; of staged ones from opening the stage to its end.",
            ),
            counter(
                "stage_rollbacks_total",
                "commits.rollbacks",
                rare.stage_rollbacks.get(),
                "Staged commits that were given up, and whose rows are removed.",
            ),
        ]
    }

    /// Reads.
    fn of_reads(&self) -> Vec<Family> {
        let Self { read, read_pages, .. } = self;
        vec![
            counter("reads_total", "reads.answered", read.count(), "Reads of pages that were answered."),
            counter("read_pages_total", "reads.pages", read_pages.get(), "Pages in these answers."),
            histogram("read_duration_seconds", "reads.seconds", read, "Time of reads of pages."),
        ]
    }

    /// What did not succeed at once: conflicts, retries, lost answers.
    fn of_attempts(&self) -> Vec<Family> {
        let rare = &self.rare;
        vec![
            counter(
                "conflicts_total",
                "attempts.conflicts",
                rare.conflicts.get(),
                "Transactions that conflicted with another one.",
            ),
            counters(
                "retries_total",
                "reason",
                [
                    ("conflict", "attempts.retries.conflict", rare.retries_conflict.get()),
                    ("lost_answer", "attempts.retries.lostAnswer", rare.retries_lost_answer.get()),
                    ("too_old", "attempts.retries.tooOld", rare.retries_too_old.get()),
                    ("busy", "attempts.retries.busy", rare.retries_busy.get()),
                ],
                "Transactions and reads that were tried again.",
            ),
            counters(
                "lost_answers_total",
                "outcome",
                [
                    ("resolved", "attempts.lostAnswers.resolved", rare.lost_resolved.get()),
                    ("resolved_later", "attempts.lostAnswers.resolvedLater", rare.lost_resolved_later.get()),
                    ("unknown", "attempts.lostAnswers.unknown", rare.lost_unknown.get()),
                ],
                "Calls one of whose answers was lost: found out by the call, by a later call, or not by the call.",
            ),
            counter(
                "fence_mismatches_total",
                "fenceMismatches",
                rare.fence_mismatches.get(),
                "Calls that were refused because their actor has another owner or another head.",
            ),
        ]
    }

    /// Transfers of whole databases.
    fn of_transfers(&self) -> Vec<Family> {
        let rare = &self.rare;
        vec![
            counter("deletions_total", "deletions", rare.deletions.get(), "Actors that were deleted."),
            counters(
                "imports_total",
                "outcome",
                [
                    ("completed", "imports.completed", rare.imports_completed.get()),
                    ("failed", "imports.failed", rare.imports_failed.get()),
                ],
                "Imports of SQLite files.",
            ),
            counters(
                "exports_total",
                "outcome",
                [
                    ("completed", "exports.completed", rare.exports_completed.get()),
                    ("failed", "exports.failed", rare.exports_failed.get()),
                ],
                "Exports to SQLite files.",
            ),
            counters(
                "migrations_total",
                "outcome",
                [
                    ("completed", "migrations.completed", rare.migrations_completed.get()),
                    ("failed", "migrations.failed", rare.migrations_failed.get()),
                    ("invalidated", "migrations.invalidated", rare.migrations_invalidated.get()),
                ],
                "Imports of v1 data.",
            ),
        ]
    }

    /// The SQL databases.
    fn of_sql(&self, sql: &SqlTotals) -> Vec<Family> {
        let Self { sql_call, sql_call_round_trips, rare, .. } = self;
        vec![
            counter("sql_calls_total", "sql.calls", sql_call.count(), "Calls that ran SQL."),
            histogram(
                "sql_call_duration_seconds",
                "sql.callSeconds",
                sql_call,
                "Time of calls that ran SQL, without the wait for their turn.",
            ),
            histogram(
                "sql_call_round_trips",
                "sql.callRoundTrips",
                sql_call_round_trips,
                "Reads of the store that a call that ran SQL waited for.",
            ),
            counter(
                "sql_overloaded_total",
                "sql.overloaded",
                rare.sql_overloaded.get(),
                "SQL calls that were refused because too many waited.",
            ),
            counter(
                "sql_round_trips_total",
                "sql.roundTrips",
                sql.round_trips,
                "Reads of the store for SQL, starts not counted.",
            ),
            counter(
                "sql_pages_fetched_total",
                "sql.pagesFetched",
                sql.pages_fetched,
                "Pages that these reads brought.",
            ),
            counter(
                "sql_pages_read_ahead_total",
                "sql.pagesReadAhead",
                sql.pages_read_ahead,
                "Pages among them that nobody had asked for yet.",
            ),
            counter(
                "cache_hits_total",
                "cache.hits",
                sql.cache_hits,
                "Pages that SQLite asked for and the page cache had.",
            ),
            counter(
                "cache_misses_total",
                "cache.misses",
                sql.cache_misses,
                "Pages that SQLite asked for and that had to be read from the store.",
            ),
            counter(
                "preload_pages_total",
                "preload.pages",
                sql.preload_pages,
                "Pages that the starts of databases brought along.",
            ),
            counter(
                "preload_hits_total",
                "preload.hits",
                sql.preload_hits,
                "Preloaded pages that SQLite has asked for since.",
            ),
            counter(
                "preload_wasted_pages_total",
                "preload.wasted",
                sql.preload_wasted,
                "Preloaded pages that SQLite had not asked for when their database was closed.",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::metrics::table::Series;

    #[test]
    fn names_and_paths_are_unique_and_of_the_form_that_prometheus_expects() {
        let families = Metrics::default().families(&SqlTotals::default(), &Now::default());
        let (mut names, mut paths) = (HashSet::new(), HashSet::new());
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        };
        for Family { name, help, kind, label, series } in families {
            assert!(names.insert(name) && is_name(name), "{name}");
            assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
            assert!(help.ends_with('.') && !help.contains(['\n', '\\']), "{name}: {help}");
            assert!(label.is_none_or(is_name), "{name}");
            for Series { label: value, path, value: number } in series {
                assert_eq!(value.is_some(), label.is_some(), "{name}");
                assert!(value.is_none_or(is_name), "{name}: {value:?}");
                assert!(paths.insert(path), "{path}");
                assert_eq!(matches!(number, Value::Distribution(_)), kind == Kind::Histogram, "{name}");
            }
        }
    }
}
