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

/// pgbench, which goes on until its server is gone or it is dropped: an account, a teller, a branch and a line of history in each
/// transaction.
pub struct Pgbench(Child);

impl Pgbench {
    pub fn begin(uri: &str) -> Pgbench {
        let made = pgbench(uri).args(["--initialize", "--quiet"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Pgbench(pgbench(uri).args(["--client=2", "--time=3600"]).spawn().unwrap())
    }

    /// How many transactions are there. Every one is there whole: money is only moved, so all sums are the same.
    pub fn counted(uri: &str) -> u64 {
        let sums = "SELECT concat_ws(' ', (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
                    (SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history))";
        let sums = sql(uri, sums);
        let sums: Vec<&str> = sums.split(' ').collect();
        assert!(sums.len() == 4 && sums.iter().all(|sum| *sum == sums[0]), "a transaction is there in part: {sums:?}");
        sql(uri, "SELECT count(*) FROM pgbench_history").parse().unwrap()
    }
}

impl Drop for Pgbench {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pgbench(uri: &str) -> Command {
    let mut command = Command::new("pgbench");
    command.arg(uri).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}
