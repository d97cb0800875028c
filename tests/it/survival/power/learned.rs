//! A checkpoint that another process has written down: it may have been killed before it flushed that.

use std::path::Path;
use std::sync::Arc;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::embedded::{EmbeddedKv, EmbeddedOptions};
use batondb::types::Txid;

use crate::support::{child_arguments, commit, id, start};
use crate::survival::disk::record::{Marks, Op, Recording};
use crate::survival::disk::{Watched, is_here};
use crate::survival::note_again;

/// In the child: commits before and after another process has written a checkpoint down. Arguments: the disk, the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_learns_of_a_checkpoint() {
    let Some(arguments) = child_arguments() else { return };
    let (path, marks) = (Path::new(&arguments[0]).join("store"), Marks::to(Path::new(&arguments[1])));
    let kv = Arc::new(EmbeddedKv::open(&EmbeddedOptions::at(&path)).unwrap());
    let engine = Engine::open(Arc::clone(&kv) as Arc<dyn Kv>, Arc::new(SystemEnv)).await.unwrap();
    let generation = start(&engine, &id("a")).await.meta.generation;
    let head = commit(&engine, &id("a"), generation, Txid(0), [1], 1).await.unwrap();
    note_again(&path.join("checkpoint"), false);
    marks.say("noted");
    commit(&engine, &id("a"), generation, head, [1], 2).await.unwrap();
    marks.say("committed");
}

#[test]
fn a_checkpoint_of_another_process_is_flushed_before_anything_depends_on_it() {
    if !is_here(
        "survival::power::learned::a_checkpoint_of_another_process_is_flushed_before_anything_depends_on_it",
    ) {
        return;
    }
    let disk = Watched::new();
    disk.start("survival::power::learned::a_child_that_learns_of_a_checkpoint", true, &[]).finish();
    let Recording { ops, paths } = Recording::read(&disk.log());
    let at = |mark: &str| ops.iter().position(|op| *op == Op::Mark(mark.to_owned())).unwrap();
    let is_of = |file: &u64, name: &str| paths[file].file_name().unwrap().to_string_lossy().starts_with(name);
    let after = &ops[at("noted")..at("committed")];
    let written =
        after.iter().position(|op| matches!(op, Op::Write { file, .. } if is_of(file, "journal"))).unwrap();
    let is_flush =
        |op: &Op| matches!(op, Op::SyncEnd { file, flushed: true, .. } if is_of(file, "checkpoint"));
    assert!(after[..written].iter().any(is_flush), "its record comes before that flush: {after:?}");
}
