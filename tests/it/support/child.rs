//! Other processes: this test binary, started again to run one test as a child.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const ARGUMENTS: &str = "BATON_TEST_CHILD";
/// Marks the lines that are meant for the parent among what the test runner prints.
const MARK: &str = "child> ";
/// What the test runner says where no test has the name that was asked for. Such a process ends well.
const NO_TEST: &str = "running 0 tests";

/// A child that is there and says nothing.
#[derive(Debug)]
pub struct Silent;

/// A running child. It is killed when dropped.
pub struct Child {
    name: String,
    process: std::process::Child,
    input: ChildStdin,
    lines: Receiver<String>,
    reader: JoinHandle<()>,
    is_missing: Arc<AtomicBool>,
}

impl Child {
    /// Runs the test `name`, which finds `arguments` in [`child_arguments`].
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, arguments, |_| {})
    }

    /// The same in a process that `prepare` has set up.
    pub fn start_with(name: &str, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        Self::start_command(Command::new(std::env::current_exe().unwrap()), name, arguments, prepare)
    }

    /// The same by way of a program, which runs what is appended to its arguments.
    pub fn start_by(by: &[&str], name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(by[0]);
        command.args(&by[1..]).arg(std::env::current_exe().unwrap());
        Self::start_command(command, name, arguments, |_| {})
    }

    fn start_command(
        mut command: Command,
        name: &str,
        arguments: &[&str],
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        command
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(ARGUMENTS, arguments.join("\n"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        prepare(&mut command);
        let mut process = command.spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let is_missing = Arc::new(AtomicBool::new(false));
        let (lines, reader) = lines_for_the_parent(process.stdout.take().unwrap(), &is_missing);
        Self { name: name.to_owned(), process, input, lines, reader, is_missing }
    }

    /// The process that was started: the child, or the program that runs it.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends the child a line.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
        self.input.flush().unwrap();
    }

    /// The child's next line; none once it has ended.
    pub fn hear(&mut self) -> Option<String> {
        let line = self.lines.recv().ok();
        if line.is_none() {
            self.assert_that_it_ran();
        }
        line
    }

    /// The same, but fails where the child says nothing for so long.
    pub fn hear_within(&mut self, patience: Duration) -> Result<Option<String>, Silent> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => {
                self.assert_that_it_ran();
                Ok(None)
            }
            Err(RecvTimeoutError::Timeout) => Err(Silent),
        }
    }

    /// SIGKILL: the child gets no chance to tidy up.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits for the child's end and expects it to have gone well.
    pub fn finish(self) {
        assert_eq!(self.code(), Some(0), "a child failed");
    }

    /// Waits for the child's end. None if a signal ended it.
    pub fn code(mut self) -> Option<i32> {
        let code = self.process.wait().unwrap().code();
        // Not for ever: what the child has started may still have its output.
        for _ in 0..100 {
            if self.reader.is_finished() {
                break;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        self.assert_that_it_ran();
        code
    }

    /// A test that was renamed would otherwise be a child that does nothing, and succeeds.
    #[track_caller]
    fn assert_that_it_ran(&self) {
        assert!(!self.is_missing.load(Ordering::Acquire), "there is no test {}", self.name);
    }
}

/// Reads on a thread of its own, so that one can stop waiting for a line.
fn lines_for_the_parent(
    output: ChildStdout,
    is_missing: &Arc<AtomicBool>,
) -> (Receiver<String>, JoinHandle<()>) {
    let (sender, lines) = channel();
    let is_missing = Arc::clone(is_missing);
    let reader = std::thread::spawn(move || {
        // A line that a kill has cut in two has no mark, or is not UTF-8.
        let said = BufReader::new(output).lines().map_while(Result::ok);
        for line in said {
            if line == NO_TEST {
                is_missing.store(true, Ordering::Release);
            }
            let Some((_, line)) = line.split_once(MARK) else { continue };
            if sender.send(line.to_owned()).is_err() {
                return;
            }
        }
    });
    (lines, reader)
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The arguments of this process if it is a child; none in the parent, where such a test has nothing to do.
pub fn child_arguments() -> Option<Vec<String>> {
    let arguments = std::env::var(ARGUMENTS).ok()?;
    Some(arguments.split('\n').map(str::to_owned).collect())
}

/// Says a line to the parent.
pub fn tell_parent(line: &str) {
    let mut output = std::io::stdout().lock();
    // The parent may have gone; then there is nobody to tell.
    let _ = writeln!(output, "{MARK}{line}").and_then(|()| output.flush());
}
