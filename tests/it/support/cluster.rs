//! FoundationDB for the tests: the cluster that `FDB_CLUSTER_FILE` names, else one that the tests start themselves
//! where `fdbserver` is on the PATH, else none.
//!
//! A cluster that was started ends with this process, however it ends: a shell waits for the end of its input, which
//! comes when nobody holds the other end of the pipe any more, then kills the server and removes its directory.

use std::env;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};

/// Why a test that needs a cluster does not run.
const NO_CLUSTER: &str = "no FDB_CLUSTER_FILE and no fdbserver on PATH";
/// Why a test that stops and kills its cluster does not run.
const NO_SERVER: &str = "no fdbserver on PATH";

/// Kills the server whose number is in the directory `$0`, then removes the directory, once the input ends. It lives
/// on when the terminal interrupts the tests. A server that was just killed may still be writing.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
read -r server <"$0/pid" && kill -9 "$server"
for attempt in 1 2 3 4 5; do rm -rf "$0" && break; sleep 1; done
"#;
/// Ports that are tried: somebody else may take one between the choice and the start.
const PORTS_TRIED: usize = 5;
/// Questions to a cluster that starts, each of which waits a little by itself.
const QUESTIONS_MAX: usize = 60;

/// A server of its own process. It ends when this is dropped, or with this process.
pub struct Cluster {
    directory: PathBuf,
    address: String,
    server: Mutex<Option<Child>>,
    watchdog: Child,
}

/// The cluster file of the cluster that all tests of this process share. Where there is none, the test `test` says so.
pub fn shared(test: &str) -> Option<&'static Path> {
    enum Shared {
        Given(PathBuf),
        Started(Cluster),
    }
    static SHARED: OnceLock<Option<Shared>> = OnceLock::new();
    let shared =
        SHARED.get_or_init(|| match env::var_os("FDB_CLUSTER_FILE").filter(|file| !file.is_empty()) {
            Some(file) => Some(Shared::Given(file.into())),
            None => Some(Shared::Started(Cluster::start(&on_path("fdbserver")?, "memory"))),
        });
    match shared {
        Some(Shared::Given(file)) => Some(file),
        Some(Shared::Started(cluster)) => Some(Box::leak(cluster.file().into_boxed_path())),
        None => skipped(test, NO_CLUSTER),
    }
}

/// Says by name that a test does not run. Written past the test runner, which keeps what a test that passes prints.
pub fn skipped<T>(test: &str, reason: &str) -> Option<T> {
    // As the runner names it: the path of a module begins with the binary's name.
    let test = test.strip_prefix("it::").unwrap_or(test);
    // Without anybody to read it there is nobody to tell.
    let _ = std::io::stderr().write_all(format!("skipped: {test}: {reason}\n").as_bytes());
    None
}

impl Cluster {
    /// A cluster for the test `test` alone, which it may stop and kill. Its data survives both.
    pub fn private(test: &str) -> Option<Self> {
        match on_path("fdbserver") {
            Some(server) => Some(Self::start(&server, "ssd")),
            None => skipped(test, NO_SERVER),
        }
    }

    /// The cluster file.
    pub fn file(&self) -> PathBuf {
        self.directory.join("fdb.cluster")
    }

    /// SIGSTOP: the server keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// SIGKILL.
    pub fn kill(&self) {
        let mut server = self.server.lock().unwrap().take().expect("the server was killed before");
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// Starts the server again after [`Self::kill`], with its data at its address. Waits for nothing.
    pub fn restart(&self) {
        let mut server = self.server.lock().unwrap();
        assert!(server.is_none(), "the server was not killed");
        *server = Some(spawn(&on_path("fdbserver").unwrap(), &self.directory, &self.address));
    }

    fn signal(&self, signal: &str) {
        let server = self.server.lock().unwrap().as_ref().expect("the server was killed").id();
        let sent =
            Command::new("sh").args(["-c", "kill -$0 $1", signal, &server.to_string()]).status().unwrap();
        assert!(sent.success(), "the server {server} is not there");
    }

    fn start(server: &Path, engine: &str) -> Self {
        for _ in 0..PORTS_TRIED {
            let mut cluster = Self::spawn(server);
            if cluster.configure(&beside(server, "fdbcli"), engine) {
                return cluster;
            }
        }
        panic!("{} does not start on any of {PORTS_TRIED} ports", server.display());
    }

    fn spawn(server: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("baton-cluster-").tempdir().unwrap().keep();
        // First, so that nothing is ever left behind.
        let watchdog = in_group_of_its_own(Command::new("sh").args(["-c", WATCHDOG]).arg(&directory))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        for part in ["data", "logs"] {
            fs::create_dir(directory.join(part)).unwrap();
        }
        fs::write(directory.join("fdb.cluster"), format!("baton:tests@{address}\n")).unwrap();
        let server = Mutex::new(Some(spawn(server, &directory, &address)));
        Self { directory, address, server, watchdog }
    }

    /// Makes the database. False if the server has ended: it did not get its port.
    fn configure(&mut self, cli: &Path, engine: &str) -> bool {
        let mut said = String::new();
        let file = self.file();
        let configure = format!("configure new single {engine}");
        for question in
            [configure.as_str()].into_iter().chain(std::iter::repeat("status minimal")).take(QUESTIONS_MAX)
        {
            if self.server.get_mut().unwrap().as_mut().unwrap().try_wait().unwrap().is_some() {
                return false;
            }
            let answer = ask(cli, &file, question);
            said = String::from_utf8_lossy(&answer.stdout).into_owned();
            if said.contains("The database is available") {
                return true;
            }
        }
        panic!("the cluster of {} does not become available: {said}", file.display());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.get_mut().unwrap().take() {
            // It may have ended by itself.
            let _ = server.kill();
            let _ = server.wait();
        }
        // The end of its input; it removes the directory.
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

fn spawn(server: &Path, directory: &Path, address: &str) -> Child {
    let log = fs::File::options().create(true).append(true).open(directory.join("output")).unwrap();
    let server = in_group_of_its_own(&mut Command::new(server))
        .args(["--public-address", address, "--logsize", "10MiB", "--maxlogssize", "50MiB"])
        .arg("--cluster-file")
        .arg(directory.join("fdb.cluster"))
        .arg("--datadir")
        .arg(directory.join("data"))
        .arg("--logdir")
        .arg(directory.join("logs"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    fs::write(directory.join("pid"), format!("{}\n", server.id())).unwrap();
    server
}

/// Out of reach of the signals that a terminal sends to the tests.
fn in_group_of_its_own(command: &mut Command) -> &mut Command {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    command
}

/// Runs a command of `fdbcli`, which waits for the cluster by itself for a while.
fn ask(cli: &Path, cluster_file: &Path, command: &str) -> Output {
    Command::new(cli)
        .arg("-C")
        .arg(cluster_file)
        .args(["--timeout", "5", "--exec", command])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{} does not run: {error}", cli.display()))
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}

/// On the PATH, or where the other program lies.
fn beside(other: &Path, program: &str) -> PathBuf {
    on_path(program).unwrap_or_else(|| other.with_file_name(program))
}
