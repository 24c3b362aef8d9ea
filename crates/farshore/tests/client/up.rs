//! A platform of the real program, and its user at a shell.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::canned::{Ended, bare};
use crate::support::cluster::run;
use crate::support::installation;

/// A platform of the real program; stopped, with its databases, when dropped.
pub struct Up {
    child: Child,
    pub folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Up {
    /// On a free port.
    pub fn start() -> Up {
        Up::start_in(folder(), "")
    }

    /// The same with further arguments.
    pub fn start_in(folder: tempfile::TempDir, args: &str) -> Up {
        let mut up = bare(&format!("--json up --listen 127.0.0.1:0 {args} --data"));
        let mut child = up.arg(folder.path().join("d")).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            said.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        let text = |key: &str| said[key].as_str().unwrap().to_string();
        let token = std::fs::read_to_string(text("token_file")).unwrap().trim().to_string();
        let variables =
            vec![("AIVEN_WEB_URL", text("url")), ("AIVEN_AUTH_TOKEN", token), ("AIVEN_PROJECT", text("project"))];
        Up { child, folder, variables }
    }

    pub fn farshore(&self, line: &str) -> Command {
        let mut command = bare(line);
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    pub fn good(&self, line: &str) -> String {
        Ended::of(&mut self.farshore(line)).good()
    }

    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.good(&format!("{line} --json"))).unwrap()
    }

    pub fn sql(&self, service: &str, sql: &str) -> String {
        let uri = self.good(&format!("service get {service} --uri"));
        let psql = installation().program("psql").unwrap();
        run(Command::new(psql).args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, uri.trim()])).trim().to_string()
    }
}

/// A folder that servers' users can enter.
pub fn folder() -> tempfile::TempDir {
    let readable = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(readable).tempdir_in("/tmp").unwrap()
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let down: PathBuf = self.folder.path().join("d");
        let _ = bare("down --forget-users --data").arg(down).output();
    }
}
