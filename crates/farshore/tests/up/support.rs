//! A platform of the real program in a folder of its own, and a small HTTP client.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use farshore_types::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

const BINARY: &str = env!("CARGO_BIN_EXE_farshore");
/// What takes longer hangs, also on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(180);

/// The program.
pub fn program() -> Command {
    Command::new(BINARY)
}

/// A folder that engines' users can enter.
pub struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> World {
        World {
            folder: tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in("/tmp").unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The platform's folder.
    pub fn data(&self) -> PathBuf {
        self.path("d")
    }

    /// Starts the platform on a free port and waits until it says that it is ready.
    pub fn up(&self) -> Up {
        self.up_with(&[])
    }

    /// The same with further arguments.
    pub fn up_with(&self, args: &[&str]) -> Up {
        let mut command = self.up_command();
        command.args(args);
        Up::start(command)
    }

    pub fn up_command(&self) -> Command {
        let mut command = program();
        command.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(self.data());
        command
    }

    /// Another command on the platform's folder: `token create`, for example.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = program();
        command.args(words).arg("--data").arg(self.data());
        command
    }

    /// Stops what still runs when dropped, so that no test leaves a server behind.
    pub fn stopping_databases(&self) -> Stopping<'_> {
        Stopping(self)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// See [`World::stopping_databases`].
pub struct Stopping<'a>(&'a World);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        let _ = self.0.command(&["down", "--forget-users"]).output();
    }
}

/// Whether this machine has PostgreSQL; it must where `CI` is set.
pub fn installed() -> bool {
    let usable = program().arg("doctor").output().unwrap().status.success();
    assert!(usable || std::env::var_os("CI").is_none(), "no PostgreSQL is here");
    usable
}

/// Waits for a condition.
pub fn wait_until(what: &str, done: impl Fn() -> bool) {
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    while !done() {
        assert!(clock.monotonic().saturating_sub(begun) < PATIENCE, "{what}: not within {PATIENCE:?}");
        clock.pause(Duration::from_millis(100));
    }
}

/// A running platform; killed when dropped.
pub struct Up {
    child: Child,
    /// What it has printed.
    pub lines: Vec<String>,
}

impl Up {
    /// Starts a command that [`World::up_command`] began, and waits until it says that it is ready.
    pub fn start(mut command: Command) -> Up {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line| line.starts_with("Ctrl-C")) {
                return Up { child, lines };
            }
        }
        panic!("it ended with {}: {lines:?}", child.wait().unwrap());
    }

    /// Sends a signal, and does not wait for what it does.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The value of a printed `export` line, as a shell would see it.
    pub fn variable(&self, name: &str) -> String {
        let line = self.lines.iter().find(|line| line.trim().starts_with(&format!("export {name}=")));
        let line = line.unwrap_or_else(|| panic!("{name}: {:?}", self.lines));
        let output = Command::new("sh").arg("-c").arg(format!("{line}; printf %s \"${name}\"")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks as a client would that was told by the export lines; status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "")
    }

    /// The same with a body.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let url = self.variable("AIVEN_WEB_URL");
        let address = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let token = self.variable("AIVEN_AUTH_TOKEN");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: aivenv1 {token}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
    }

    /// Sends a signal and waits for the end; whether it was a success.
    pub fn end(mut self, signal: Signal) -> bool {
        self.signal(signal);
        self.child.wait().unwrap().success()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// What it says when it is refused. A panic is no refusal.
pub fn refused(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(matches!(status.code(), Some(1..=3)), "{command:?}: {status}");
    String::from_utf8_lossy(&stderr).into_owned()
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o7777
}
