//! Metrics of the current moment.

use super::build::{counter, gauge, several};
use super::table::{Family, FileNow, Kind, Now, Value};

/// The current state of this process.
pub(super) fn of_now(now: &Now) -> Vec<Family> {
    vec![
        gauge("open_databases", "sql.openDatabases", now.open_databases, "Databases that are open."),
        several(
            "sql_queue_calls",
            Kind::Gauge,
            "state",
            [
                ("waiting", "sql.waiting", Value::Number(now.sql_waiting)),
                ("running", "sql.running", Value::Number(now.sql_running)),
            ],
            "SQL calls that wait for their turn, and those that run.",
        ),
        gauge(
            "sql_memory_bytes",
            "sql.memoryBytes",
            now.sql_memory_bytes,
            "Bytes of the page caches of SQLite's connections.",
        ),
        gauge("cache_bytes", "cache.bytes", now.cache_bytes, "Bytes of the page cache that databases share."),
        gauge(
            "commit_queue_transactions",
            "queues.commit",
            now.commit_queue,
            "Transactions that wait to be committed; of all stores on the same directory.",
        ),
        gauge(
            "background_actors",
            "queues.background",
            now.background_actors,
            "Actors that are being tidied up after.",
        ),
    ]
}

/// What a store in a directory uses, and whom it waits for; zeros for other stores.
pub(super) fn of_file(file: &FileNow) -> Vec<Family> {
    vec![
        gauge("store_file_bytes", "file.bytes", file.bytes, "Bytes of the store's file."),
        gauge(
            "store_free_bytes",
            "file.freeBytes",
            file.free_bytes,
            "Bytes in it that later writes can use.",
        ),
        gauge("store_reads", "file.reads", file.reads, "Reads that keep a state now, of all processes."),
        gauge(
            "store_oldest_read_seconds",
            "file.oldestReadSeconds",
            file.oldest_read_seconds,
            "How long the oldest state has been kept that is not the newest one.",
        ),
        gauge(
            "store_oldest_read_commits",
            "file.oldestReadCommits",
            file.oldest_read_commits,
            "How many commits came after that state.",
        ),
        gauge(
            "store_write_turn_seconds",
            "file.writeTurnSeconds",
            file.write_turn_seconds,
            "How long the process that may write now has had its turn.",
        ),
        gauge(
            "store_write_turn_waiting",
            "file.writeTurnWaiting",
            u64::from(file.waits_for_turn),
            "Whether this process waits for its turn to write (1) or not (0).",
        ),
        counter(
            "store_dead_readers_total",
            "file.deadReaders",
            file.dead_readers,
            "Places of readers that died, which this process has freed.",
        ),
    ]
    .into_iter()
    .chain(of_journal(file))
    .collect()
}

/// What durable commits cost; zeros for stores without a journal.
fn of_journal(file: &FileNow) -> [Family; 5] {
    [
        counter(
            "store_journal_records_total",
            "file.journalRecords",
            file.journal_records,
            "Commits through the journal, each of which may carry many transactions.",
        ),
        counter(
            "store_journal_bytes_total",
            "file.journalBytes",
            file.journal_bytes,
            "Bytes written to the journal.",
        ),
        counter(
            "store_journal_flushes_total",
            "file.journalFlushes",
            file.journal_flushes,
            "Flushes of the journal, of the data and of checkpoints.",
        ),
        counter("store_checkpoints_total", "file.checkpoints", file.checkpoints, "Checkpoints."),
        counter(
            "store_checkpoint_milliseconds_total",
            "file.checkpointMs",
            file.checkpoint_ms,
            "How long checkpoints took, most of it in the background.",
        ),
    ]
}
