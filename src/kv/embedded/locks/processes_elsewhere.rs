//! The notes about processes, for systems other than Unix: nothing is recorded there. See `processes.rs`.

use std::fmt;
use std::fs::File;
use std::io;
use std::time::SystemTime;

/// A process that has the directory open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kv::embedded) struct Process {
    pub id: u32,
    pub host: String,
    pub is_namespace_shared: bool,
    pub opened: SystemTime,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on host \"{}\"", self.id, self.host)
    }
}

/// This process, for people.
pub(super) fn own_name() -> String {
    format!("process {}", std::process::id())
}

/// No notes.
pub(in crate::kv::embedded) struct Processes;

#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Unix")]
impl Processes {
    pub(super) fn open(_: File, _: bool, _: u32, _: impl Fn(u32) -> bool) -> io::Result<Option<Self>> {
        Ok(Some(Self))
    }

    pub(in crate::kv::embedded) fn find(&self, _: u32) -> Option<Process> {
        None
    }

    pub(super) fn others(&self, _: impl Fn(u32) -> bool) -> Vec<Process> {
        Vec::new()
    }

    pub(in crate::kv::embedded) fn kept_since(&self, _: u64) -> SystemTime {
        crate::kv::embedded::clock::wall()
    }

    pub(super) fn note_pin(&self, _: u64) {}

    pub(super) fn is_pinned(&self, _: u32, _: u64) -> bool {
        false
    }

    pub(super) fn note_turn(&self) {}

    pub(super) fn note_turn_over(&self) {}

    pub(super) fn turn(&self) -> Option<(u32, SystemTime)> {
        None
    }
}
