//! The client of a recovery: this test binary, started by the server through a small script, plays the part of
//! `farshore log-fetch`. It runs the same function as the real program.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use farshore_agent::tasks::fetch_log::client;

const REQUEST: &str = "FARSHORE_TEST_LOG_FETCH";
/// Exit status of the test harness when its test fails; the script turns everything else but 0 into itself.
const OUTCOME: &str = "FARSHORE_TEST_LOG_FETCH_STATUS";

/// What the script starts: one request, whose exit status goes into a file. Nothing in an ordinary run.
#[test]
fn a_server_asks_for_log() {
    let Ok(request) = std::env::var(REQUEST) else { return };
    let words: Vec<&str> = request.split('\n').collect();
    let (status, text) = client(Path::new(words[0]), words[1], Path::new(words[2]));
    if let Some(text) = text {
        eprintln!("farshore: {text}");
    }
    fs::write(std::env::var(OUTCOME).unwrap(), status.to_string()).unwrap();
}

/// Writes the script that stands for the binary; it takes `log-fetch SOCKET NAME PATH`.
pub fn write(folder: &Path) -> PathBuf {
    let path = folder.join("farshore-stub");
    let test = std::env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\nset -e\ntest \"$1\" = log-fetch\n{OUTCOME}=\"$2.$$\"; export {OUTCOME}\n\
         {REQUEST}=\"$2\n$3\n$4\"; export {REQUEST}\n\
         '{}' --exact support::client::a_server_asks_for_log --nocapture >/dev/null || exit 201\n\
         status=$(cat \"${OUTCOME}\") || exit 202\nrm \"${OUTCOME}\"\nexit \"$status\"\n",
        test.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}
