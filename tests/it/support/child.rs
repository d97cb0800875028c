//! Other processes: this test binary, started again to run one test as a child.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

const ARGUMENTS: &str = "BATON_TEST_CHILD";
/// Marks the lines that are meant for the parent among what the test runner prints.
const MARK: &str = "child> ";

/// A running child. It is killed when dropped.
pub struct Child {
    process: std::process::Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Runs the test `name`, which finds `arguments` in [`child_arguments`].
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, arguments, |_| {})
    }

    /// The same in a process that `prepare` has set up.
    pub fn start_with(name: &str, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(ARGUMENTS, arguments.join("\n"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        prepare(&mut command);
        let mut process = command.spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, input, output }
    }

    /// Sends the child a line.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
        self.input.flush().unwrap();
    }

    /// The child's next line; none once it has ended.
    pub fn hear(&mut self) -> Option<String> {
        // A line that a kill has cut in two has no mark, or is not UTF-8.
        self.output.by_ref().map_while(Result::ok).find_map(|line| Some(line.split_once(MARK)?.1.to_owned()))
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
        self.process.wait().unwrap().code()
    }
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
