//! Runs a program to its end: input given, output kept in part, stopped with its whole process group at its deadline.

use std::io::{ErrorKind as Io, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Program, Result};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::launch;
use super::output::{Tail, shown};
use crate::account::Account;

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// From SIGKILL until we give up on a process that the kernel does not let go.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// Longest single wait; the clock is looked at in between.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Bytes moved at once.
const PIECE_BYTES: usize = 16 << 10;
/// Pieces still read after the end, from children of the program that hold its output open.
const LAST_PIECES_MAX: usize = 64;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Exit status; 128 + number when a signal ended it.
    pub code: i32,
    /// The last 64 KiB of its standard output.
    pub stdout: Vec<u8>,
    /// The last 64 KiB of its standard error.
    pub stderr: Vec<u8>,
    program: String,
}

impl Outcome {
    /// Itself if the exit status is 0; otherwise an error with the end of what the program printed.
    pub fn checked(self) -> Result<Outcome> {
        if self.code == 0 {
            return Ok(self);
        }
        let printed = if self.stderr.is_empty() { &self.stdout } else { &self.stderr };
        let what = format!("{} ended with status {}: {}", self.program, self.code, shown(printed));
        Err(Error::transient(what))
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs a program as an account and waits for its end. Any exit status is `Ok`; see [`Outcome::checked`]. At the deadline
/// its process group gets SIGTERM, 5 s later SIGKILL, and the error (`Transient`) names the program. Arguments never
/// stand in errors.
pub fn run(program: &Program, account: &Account, clock: &dyn Clock) -> Result<Outcome> {
    let name = launch::name(program);
    let mut command = launch::command(&program.path, account)?;
    launch::environment(&mut command, program);
    command.args(&program.args).process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if program.stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
    let child = command.spawn().doing("start", program.path.display())?;
    let mut watched = Watched::new(child, &program.stdin).doing("watch", &name)?;
    let in_time = watched.until_end(program.deadline, clock).doing("run", &name)?;
    let status = watched.finish().doing("wait for", &name)?;
    let [stdout, stderr] = [watched.stdout.tail, watched.stderr.tail].map(Tail::finish);
    if !in_time {
        let seconds = program.deadline.as_secs_f64();
        return Err(Error::transient(format!(
            "{name} took longer than {seconds} s and was stopped: {}",
            shown(&stderr)
        )));
    }
    Ok(Outcome { code: code(status), stdout, stderr, program: name })
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A started child; killed with its group if it is dropped before its end.
struct Watched<'a> {
    group: Group,
    handle: OwnedFd,
    stdin: Option<ChildStdin>,
    input: &'a [u8],
    stdout: Output<ChildStdout>,
    stderr: Output<ChildStderr>,
}

impl<'a> Watched<'a> {
    fn new(mut child: Child, input: &'a [u8]) -> Result<Watched<'a>> {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Group { child: Some(child) };
        let handle = pidfd_open(group.leader()?, PidfdFlags::empty());
        let handle = handle.map_err(|error| Error::io(error.into(), "open a handle of", "the process"))?;
        if let Some(stdin) = &stdin {
            make_nonblocking(stdin)?;
        }
        Ok(Watched { group, handle, stdin, input, stdout: Output::new(stdout)?, stderr: Output::new(stderr)? })
    }

    /// Serves the pipes until the program has ended; false when that took our signals.
    fn until_end(&mut self, deadline: Duration, clock: &dyn Clock) -> Result<bool> {
        let phases = [(deadline, Signal::TERM), (GRACE, Signal::KILL)];
        for (length, signal) in phases {
            if self.serve(length, clock)? {
                let in_time = signal == Signal::TERM;
                if !in_time {
                    // Its children may have ignored what ended it.
                    self.group.signal(Signal::KILL);
                }
                return Ok(in_time);
            }
            self.group.signal(signal);
        }
        if self.serve(KILL_PATIENCE, clock)? {
            return Ok(false);
        }
        Err(Error::transient("it does not end, although it was killed"))
    }

    fn serve(&mut self, length: Duration, clock: &dyn Clock) -> Result<bool> {
        let until = clock.monotonic().saturating_add(length);
        loop {
            if launch::has_ended(&self.handle)? {
                return Ok(true);
            }
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return Ok(false);
            }
            self.wait(left.min(WAIT_MAX))?;
            self.feed()?;
            self.stdout.read_once()?;
            self.stderr.read_once()?;
        }
    }

    fn wait(&self, length: Duration) -> Result<()> {
        let mut descriptors = vec![PollFd::new(&self.handle, PollFlags::IN)];
        descriptors.extend(self.stdin.iter().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        descriptors.extend(self.stdout.pipe.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        descriptors.extend(self.stderr.pipe.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        launch::wait_ready(&mut descriptors, length)
    }

    fn feed(&mut self) -> Result<()> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        let piece = self.input.get(..self.input.len().min(PIECE_BYTES)).unwrap_or_default();
        match stdin.write(piece) {
            Ok(written) => self.input = self.input.get(written..).unwrap_or_default(),
            Err(error) if matches!(error.kind(), Io::WouldBlock | Io::Interrupted) => {}
            // It reads no more: not our business.
            Err(error) if error.kind() == Io::BrokenPipe => self.input = &[],
            Err(error) => return Err(Error::io(error, "write to", "its standard input")),
        }
        if self.input.is_empty() {
            self.stdin = None;
        }
        Ok(())
    }

    /// Reads what is left in the pipes and takes the exit status.
    fn finish(&mut self) -> Result<ExitStatus> {
        for _ in 0..LAST_PIECES_MAX {
            let (more_out, more_err) = (self.stdout.read_once()?, self.stderr.read_once()?);
            if !more_out && !more_err {
                break;
            }
        }
        self.group.wait()
    }
}

/// The child and all that it started and did not detach.
struct Group {
    child: Option<Child>,
}

impl Group {
    fn leader(&self) -> Result<Pid> {
        self.child.as_ref().map(Pid::from_child).ok_or_else(|| Error::bug("the process was waited for already"))
    }

    /// Sends a signal. The id of the group is not reused before [`Group::wait`].
    fn signal(&self, signal: Signal) {
        if let Ok(leader) = self.leader() {
            // The group may be gone already; then there is nothing to stop.
            let _ = kill_process_group(leader, signal);
        }
    }

    fn wait(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().ok_or_else(|| Error::bug("the process was waited for already"))?;
        child.wait().doing("wait for", "the process")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.signal(Signal::KILL);
            let _ = self.wait();
        }
    }
}

struct Output<P> {
    pipe: Option<P>,
    tail: Tail,
}

impl<P: Read + AsFd> Output<P> {
    fn new(pipe: Option<P>) -> Result<Self> {
        if let Some(pipe) = &pipe {
            make_nonblocking(pipe)?;
        }
        Ok(Output { pipe, tail: Tail::default() })
    }

    /// Whether anything was read.
    fn read_once(&mut self) -> Result<bool> {
        let Some(pipe) = &mut self.pipe else { return Ok(false) };
        let mut piece = [0; PIECE_BYTES];
        match pipe.read(&mut piece) {
            Ok(0) => self.pipe = None,
            Ok(length) => {
                self.tail.push(piece.get(..length).unwrap_or_default());
                return Ok(true);
            }
            Err(error) if matches!(error.kind(), Io::WouldBlock | Io::Interrupted) => {}
            Err(error) => return Err(Error::io(error, "read", "its output")),
        }
        Ok(false)
    }
}

fn make_nonblocking(pipe: impl AsFd) -> Result<()> {
    let flags = fcntl_getfl(&pipe).map_err(|error| Error::io(error.into(), "look at", "a pipe"))?;
    fcntl_setfl(&pipe, flags | OFlags::NONBLOCK).map_err(|error| Error::io(error.into(), "set up", "a pipe"))
}
