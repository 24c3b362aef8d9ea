//! A session as any user opens one: psql with what `service_uri` says, encrypted, in its environment.
//!
//! A statement is acknowledged when psql goes on to the next line, which it does only after the server's answer. One that
//! fails ends psql, and with it the session. Nothing secret stands in arguments.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

/// What psql prints after an answer.
const END: &str = "farshore-demo-end";
/// Sessions connect within this many seconds, and their statements end within ten minutes.
const LIMITS: [(&str, &str); 2] = [("PGCONNECT_TIMEOUT", "10"), ("PGOPTIONS", "-c statement_timeout=600000")];

/// Who connects where, as the API says.
#[derive(Clone)]
pub struct Login {
    psql: PathBuf,
    log: PathBuf,
    variables: Vec<(String, String)>,
}

impl Login {
    /// From the parts of `service_uri`, to a database; what psql complains about is appended to `log`.
    pub fn new(parts: &BTreeMap<String, String>, database: &str, psql: PathBuf, log: PathBuf) -> Result<Login> {
        let mut variables = vec![("PGDATABASE".to_string(), database.to_string())];
        for (part, variable) in [
            ("host", "PGHOST"),
            ("port", "PGPORT"),
            ("user", "PGUSER"),
            ("password", "PGPASSWORD"),
            ("sslmode", "PGSSLMODE"),
        ] {
            let missing = || Error::bug(format!("the platform's answer does not say the {part} of the service"));
            variables.push((variable.to_string(), parts.get(part).ok_or_else(missing)?.clone()));
        }
        variables.extend(LIMITS.map(|(name, value)| (name.to_string(), value.to_string())));
        Ok(Login { psql, log, variables })
    }

    /// For a program that speaks to the service.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Opens a session.
    pub fn open(&self) -> Result<Session> {
        let log = OpenOptions::new().append(true).create(true).open(&self.log).doing("open", self.log.display())?;
        let mut command = Command::new(&self.psql);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        command.env_clear().env("HOME", "/nonexistent").envs(self.variables.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().doing("start", self.psql.display())?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::bug("psql was started without pipes"));
        };
        Ok(Session { child, input, output: BufReader::new(output), log: self.log.clone() })
    }
}

/// An open session; it ends when dropped.
pub struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Session {
    /// Runs a statement; several are one transaction if `\;` stands between them. Returns when the server has acknowledged it.
    pub fn run(&mut self, statement: &str) -> Result<()> {
        let sent = self.input.write_all(format!("{statement};\n\\echo {END}\n").as_bytes());
        sent.and_then(|()| self.input.flush()).map_err(|_| ended(&self.log))?;
        let mut line = String::new();
        while line.trim_end() != END {
            line.clear();
            if self.output.read_line(&mut line).map_err(|_| ended(&self.log))? == 0 {
                return Err(ended(&self.log));
            }
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With psql's last line.
fn ended(log: &Path) -> Error {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let said = said.lines().last().unwrap_or("it did not say why").to_string();
    Error::transient(format!("psql has ended: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(parts: &[&str]) -> Result<Login> {
        let parts = parts.iter().map(|part| (part.to_string(), format!("of {part}"))).collect();
        Login::new(&parts, "bank", "/bin/psql".into(), "/dev/null".into())
    }

    #[test]
    fn every_part_of_the_uri_is_used_and_one_that_is_missing_is_named() {
        let all = ["host", "port", "user", "password", "sslmode"];
        let login = login(&all).unwrap();
        for part in all {
            assert!(login.variables().iter().any(|(_, value)| *value == format!("of {part}")), "{part}");
        }
        let error = self::login(&["host", "port", "user", "sslmode"]).map(drop).unwrap_err();
        assert!(error.to_string().contains("the password of"), "{error}");
    }
}
