//! `farshore log-fetch` as a server calls it: nothing that is wrong with the call may look like the end of the log, which is
//! every exit status from 1 to 125 (PostgreSQL documentation, "Archive Recovery", `restore_command`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "test helpers fail the test")]

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_farshore");

#[test]
fn no_wrong_call_is_taken_for_the_end_of_the_log() {
    let text = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let unreadable = OsString::from_vec(vec![b'0', 0xff]);
    let calls = [
        text(&[]),
        text(&["/no/socket"]),
        text(&["/no/socket", "000000010000000000000001"]),
        text(&["/no/socket", "000000010000000000000001", "to"]),
        text(&["/no socket", "unquoted", "000000010000000000000001", "to"]),
        text(&["--help"]),
        vec!["/no/socket".into(), unreadable.clone(), "to".into()],
        vec![unreadable, "000000010000000000000001".into(), "to".into()],
    ];
    for call in calls {
        for (about, stderr) in
            [("heard", Stdio::null()), ("unheard", File::options().read(true).open("/dev/null").unwrap().into())]
        {
            let status = Command::new(BINARY).arg("log-fetch").args(&call).stderr(stderr).status().unwrap();
            assert!(status.code().is_some_and(|code| code > 125), "{call:?}, {about}: {status}");
        }
    }
}

#[test]
fn an_argument_that_is_not_utf8_is_refused_in_words() {
    let output = Command::new(BINARY).arg(OsString::from_vec(vec![b'x', 0xff])).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && !said.contains("panicked"), "{}: {said}", output.status);
}
