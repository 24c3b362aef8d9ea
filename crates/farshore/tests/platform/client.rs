//! A client of a service: psql, once or for as long as the server answers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A session that goes on until the server is gone.
pub struct Session {
    psql: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    pub fn begin(uri: &str) -> Session {
        let mut command = psql(uri);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut psql = command.spawn().unwrap();
        let (input, output) = (psql.stdin.take().unwrap(), BufReader::new(psql.stdout.take().unwrap()));
        Session { psql, input, output }
    }

    /// The one value of a statement that answers with one; none when the server did not acknowledge it.
    pub fn ask(&mut self, statement: &str) -> Option<String> {
        writeln!(self.input, "{statement};").ok()?;
        let mut line = String::new();
        (self.output.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_string())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}

fn psql(uri: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-d", uri]).env("PGCONNECT_TIMEOUT", "10");
    command
}

/// What a statement answers, or why it does not.
pub fn try_sql(uri: &str, statement: &str) -> Result<String, String> {
    let output = psql(uri).args(["-c", statement]).output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_string()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// What a statement answers.
pub fn sql(uri: &str, statement: &str) -> String {
    try_sql(uri, statement).unwrap_or_else(|error| panic!("{statement}: {error}"))
}
