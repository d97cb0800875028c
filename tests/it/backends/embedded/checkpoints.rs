//! How often checkpoints are made.

use batondb::kv::embedded::Durability;

use crate::backends::embedded::support::{MIB, open, put};

/// What one small commit takes in the journal.
const RECORD_BYTES: u64 = 4_096;
const COMMITS: u64 = 3_000;

/// One for each MiB of the journal, since the file stays small, and a few at the beginning, while the segments grow.
/// Commits that come during a checkpoint do not ask for another one.
#[tokio::test]
async fn a_checkpoint_is_made_for_each_mebibyte_and_not_more_often() {
    let directory = tempfile::tempdir().unwrap();
    let kv = open(directory.path(), Durability::Strict);
    for number in 0..COMMITS {
        put(&kv, b"key", number.to_be_bytes().to_vec()).await.unwrap();
    }
    let (records, checkpoints) = kv.journal_counts().unwrap();
    assert_eq!(records, COMMITS);
    let mebibytes = COMMITS * RECORD_BYTES / MIB;
    assert!((mebibytes / 2..=mebibytes + 4).contains(&checkpoints), "{checkpoints} for {mebibytes} MiB");
}
