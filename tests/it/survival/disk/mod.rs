//! A disk for tests: it records what a process writes and flushes, fails or delays it on demand, and shows what a loss
//! of power could have left. Linux only: it stands between a process and the kernel as a library that is loaded
//! first, compiled from `shim.c` with the machine's C compiler.

pub mod control;
pub mod record;
pub mod states;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub use control::{ALWAYS, Control, Controls};

use crate::support::Child;

/// Whether the tests of this disk can run here; says so if not.
pub fn is_here(test: &str) -> bool {
    if !cfg!(target_os = "linux") {
        println!("skipped: {test}: a process's disk can be watched on Linux only");
    }
    cfg!(target_os = "linux")
}

/// The library, compiled once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let scratch = tempfile::tempdir_in(directory).unwrap();
        let (source, made) = (scratch.path().join("shim.c"), scratch.path().join("shim.so"));
        std::fs::write(&source, include_str!("shim.c")).unwrap();
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(compiler);
        command
            .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
            .arg(&made)
            .arg(&source)
            .args(["-ldl", "-pthread"]);
        assert!(command.status().expect("there is a C compiler").success());
        // In one step, for the same tests may run twice at once.
        let library = directory.join("disk-shim.so");
        std::fs::rename(made, &library).unwrap();
        library
    })
}

/// A directory whose disk is watched.
pub struct Watched {
    scratch: tempfile::TempDir,
    controls: Controls,
}

impl Watched {
    pub fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("disk")).unwrap();
        let controls = scratch.path().join("control");
        Controls::create(&controls);
        Self { controls: Controls::open(&controls), scratch }
    }

    /// The directory, without links in its path.
    pub fn root(&self) -> PathBuf {
        self.scratch.path().join("disk").canonicalize().unwrap()
    }

    pub fn log(&self) -> PathBuf {
        self.scratch.path().join("log")
    }

    pub fn controls(&self) -> &Controls {
        &self.controls
    }

    /// A child whose files below the directory are on this disk. Its first arguments are the directory, and the file
    /// of the controls or of the log.
    pub fn start(&self, test: &str, is_recorded: bool, arguments: &[&str]) -> Child {
        let (root, log, control) = (self.root(), self.log(), self.scratch.path().join("control"));
        let second = if is_recorded { &log } else { &control };
        let mut all = vec![root.to_str().unwrap(), second.to_str().unwrap()];
        all.extend(arguments);
        Child::start_with(test, &all, |command| {
            command.env("LD_PRELOAD", shim()).env("BATON_DISK_ROOT", &root);
            command.env("BATON_DISK_CONTROL", &control);
            if is_recorded {
                command.env("BATON_DISK_LOG", &log);
            }
        })
    }
}
