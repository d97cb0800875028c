//! Processes with namespaces of their own, made by `unshare`, as containers are. Where the system does not allow them, a
//! test says so by its name.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::{Child, Silent};

/// No machine is so busy that a process says nothing for longer, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a process has of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Nothing: it is a process like any other.
    Nothing,
    /// Its process ids. It is number 1 there, or runs below a shell that is, with this number.
    Pids(u32),
    /// What is mounted where. Its mounts go with it.
    Mounts,
}

impl Own {
    /// How a process with it is started.
    fn program(self) -> Vec<String> {
        let mut program: Vec<String> = self.unshare().into_iter().map(str::to_owned).collect();
        if let Self::Pids(number @ 2..) = self {
            let last = number - 1;
            // Not in place of the shell, which is number 1, and silently when it is killed.
            let run = "\"$0\" \"$@\" <&3 3<&- 2>&4 4>&- & wait $!";
            let line = format!("echo {last} >{LAST_PID}; exec 3<&0 4>&2 2>/dev/null; {run}");
            program.extend(["sh".to_owned(), "-c".to_owned(), line]);
        }
        program
    }

    fn unshare(self) -> Vec<&'static str> {
        let flags: &[&str] = match self {
            Self::Nothing => return Vec::new(),
            Self::Pids(_) => &["--pid", "--fork", "--mount-proc", "--kill-child=KILL"],
            Self::Mounts => &["--mount", "--propagation", "private"],
        };
        let mut program = vec!["unshare"];
        if !is_root() {
            program.extend(["--user", "--map-root-user"]);
        }
        program.extend(flags);
        program
    }

    /// Why there are no such processes here.
    fn refusal(self) -> Option<&'static str> {
        static PIDS: OnceLock<Option<String>> = OnceLock::new();
        static MOUNTS: OnceLock<Option<String>> = OnceLock::new();
        match self {
            Self::Nothing => None,
            Self::Pids(_) => PIDS.get_or_init(|| attempt(self, "exec true")).as_deref(),
            Self::Mounts => MOUNTS.get_or_init(|| attempt(self, "exec mount -t tmpfs none /tmp")).as_deref(),
        }
    }
}

/// Where the number of the next process or thread is decided, for each namespace.
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

/// Lets the next thread of this process, which is alone in its namespace, have this number, where the system can do it.
pub fn number_next_thread(number: u32) {
    let _ = std::fs::write(LAST_PID, (number - 1).to_string());
}

/// Whether this process may do everything. In a namespace of its user's it looks as if.
pub fn is_root() -> bool {
    // SAFETY: asks for who this process acts for.
    unsafe { libc::geteuid() == 0 }
}

/// What stands in the way of a process with something of its own that runs a line of shell.
fn attempt(own: Own, line: &str) -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("there are namespaces on Linux only".to_owned());
    }
    let program = own.unshare();
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).args(["sh", "-c", line]).stdin(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return Some(format!("unshare cannot be run: {error}")),
    };
    let mut why = format!("{} is refused: ", program.join(" "));
    let _ = write!(why, "{}", String::from_utf8_lossy(&output.stderr).trim());
    (!output.status.success()).then_some(why)
}

/// Whether processes can have that of their own here; says so if not.
pub fn is_here(test: &str, own: Own) -> bool {
    if let Some(why) = own.refusal() {
        println!("skipped: {test}: {why}");
    }
    own.refusal().is_none()
}

/// A running child. It is killed when dropped.
pub struct Process {
    child: Child,
    own: Own,
}

impl Process {
    /// Runs the test `name` as a child, as [`Child::start`] does.
    pub fn start(own: Own, name: &str, arguments: &[&str]) -> Self {
        let child = match own.program().as_slice() {
            [] => Child::start(name, arguments),
            program => {
                let program: Vec<&str> = program.iter().map(String::as_str).collect();
                Child::start_by(&program, name, arguments)
            }
        };
        Self { child, own }
    }

    pub fn tell(&mut self, line: &str) {
        self.child.tell(line);
    }

    /// The next line; none once it has ended. Fails where it hangs.
    pub fn hear(&mut self) -> Option<String> {
        let heard = self.child.hear_within(PATIENCE);
        heard.unwrap_or_else(|_| panic!("process {} hangs", self.child.id()))
    }

    /// The same, or nothing at all after so long.
    pub fn hear_within(&mut self, patience: Duration) -> Result<Option<String>, Silent> {
        self.child.hear_within(patience)
    }

    /// The number of the process among those of the test. It has said something already.
    pub fn pid(&self) -> i32 {
        let mut pid = self.child.id();
        let below = match self.own {
            Own::Nothing | Own::Mounts => 0,
            Own::Pids(1) => 1,
            Own::Pids(_) => 2,
        };
        for _ in 0..below {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            pid = children.trim().parse().unwrap_or_else(|_| panic!("{pid} has the children {children:?}"));
        }
        pid.try_into().unwrap()
    }

    /// SIGSTOP: it stands still.
    pub fn stop(&self) {
        signal(self.pid(), libc::SIGSTOP);
        // A stop takes a moment to arrive at all threads.
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        while !state().contains(") T ") {
            std::thread::yield_now();
        }
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        signal(self.pid(), libc::SIGCONT);
    }

    /// SIGKILL: it gets no chance to tidy up. What it had said can still be heard.
    pub fn kill(&mut self) {
        // Of what `unshare` runs, too.
        self.child.kill();
        while self.child.hear().is_some() {}
    }

    /// Waits for its end. None if a signal ended it.
    pub fn code(self) -> Option<i32> {
        self.child.code()
    }
}

fn signal(pid: i32, signal: i32) {
    assert!(try_signal(pid, signal), "{pid}: {}", std::io::Error::last_os_error());
}

/// Sends a signal to a process that a test has started, if it is still there.
pub fn try_signal(pid: i32, signal: i32) -> bool {
    // SAFETY: sends a signal.
    unsafe { libc::kill(pid, signal) == 0 }
}
