//! What the machine runs out of: a typed error that names the cause, nothing that was acknowledged lost, and work that
//! goes on once the cause is gone. Each case has a process of its own, whose disk and threads fail on demand.

mod disk;
mod limits;
mod threads;

use std::path::Path;
use std::sync::Arc;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::KvError;
use batondb::kv::embedded::{Durability, EmbeddedKv, EmbeddedOptions};

use crate::support::child_arguments;
use crate::survival::disk::{Controls, Watched, is_here};

/// Runs a child on a disk that fails on demand, and expects it to end well.
fn run(test: &str, child: &str) {
    if is_here(test) {
        Watched::new().start(child, false, &[]).finish();
    }
}

/// In such a child: the directory of its store, and what fails. Nothing in the parent.
fn place() -> Option<(std::path::PathBuf, Controls)> {
    let arguments = child_arguments()?;
    Some((Path::new(&arguments[0]).join("store"), Controls::open(Path::new(&arguments[1]))))
}

fn open(path: &Path, size_bytes_max: Option<u64>) -> Result<EmbeddedKv, KvError> {
    EmbeddedKv::open(&EmbeddedOptions {
        path: path.to_owned(),
        durability: Durability::Strict,
        size_bytes_max,
        read_only: false,
        mode: None,
    })
}

async fn engine(path: &Path) -> Arc<Engine> {
    Arc::new(Engine::open(Arc::new(open(path, None).unwrap()), Arc::new(SystemEnv)).await.unwrap())
}

fn errno(number: i32) -> u32 {
    number.try_into().unwrap()
}
