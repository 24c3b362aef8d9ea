//! A program to run: engines say what, only the agent runs it.

use std::path::PathBuf;
use std::time::Duration;

/// One external command. Arguments are visible in process lists, so no secret may stand in them.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment on top of a minimal one (PATH, LANG=C, TZ=UTC).
    pub env: Vec<(String, String)>,
    /// Bytes for its standard input (for what must not stand in arguments), then end of file.
    pub stdin: Vec<u8>,
    /// Killed and reported as an error after this long.
    pub deadline: Duration,
}

impl Program {
    /// A program with arguments, an empty environment and input, and a deadline of one minute.
    pub fn new(path: impl Into<PathBuf>, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| arg.to_string()).collect();
        Program { path: path.into(), args, env: Vec::new(), stdin: Vec::new(), deadline: Duration::from_secs(60) }
    }

    /// Sets the deadline.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}
