//! Programs and servers as the agent starts them: as another user, bounded in time and output, found again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot go on fails its test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use farshore_agent::account::Account;
use farshore_agent::process::{Outcome, ProcessId, Running, run, working_in};
use farshore_types::{Clock, Error, Program, SystemClock};
use rustix::process::Signal;

fn shell(script: &str) -> Program {
    Program::new("/bin/sh", &["-c", script])
}

fn account() -> Account {
    Account::for_engines(None).unwrap()
}

fn outcome(program: &Program) -> Result<Outcome, Error> {
    run(program, &account(), &SystemClock::new())
}

/// A directory that every user can enter.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("fs-").tempdir_in("/tmp").unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

#[test]
fn a_program_gets_its_input_and_its_status_and_output_come_back() {
    let mut program = shell("cat; echo oops >&2; exit 7");
    program.stdin = vec![b'x'; 40_000];
    let ended = outcome(&program).unwrap();
    assert_eq!((ended.code, ended.stdout.len(), ended.stderr.as_slice()), (7, 40_000, b"oops\n".as_slice()));
    let error = ended.checked().unwrap_err().to_string();
    assert!(error.contains("sh ended with status 7: oops"), "{error}");
}

#[test]
fn a_program_runs_as_the_engines_user_without_our_groups_and_environment() {
    let mut program = shell("id -u; id -G; pwd; env | cut -d= -f1 | sort | tr '\\n' ' '");
    program.env = vec![("EXTRA".to_string(), "1".to_string())];
    let text = outcome(&program).unwrap().text();
    let lines: Vec<&str> = text.lines().collect();
    let account = account();
    assert_eq!(lines[0], account.user.to_string());
    if account.is_foreign() {
        assert_eq!(lines[1], account.group.to_string(), "further groups were kept");
    }
    assert_eq!(lines[2], "/");
    // PWD and _ are the shell's own.
    let names: Vec<&str> =
        lines[3].split(' ').filter(|name| !["", "PWD", "_", "OLDPWD", "SHLVL"].contains(name)).collect();
    assert_eq!(names, ["EXTRA", "HOME", "LANG", "PATH", "TZ"]);
}

#[test]
fn input_that_is_not_read_and_output_without_end_do_no_harm() {
    let mut program = shell("exec 0<&-; exit 0");
    program.stdin = vec![0; 1 << 20];
    assert_eq!(outcome(&program).unwrap().code, 0);
    let ended = outcome(&shell("head -c 3000000 /dev/zero; echo end; echo end >&2")).unwrap();
    assert_eq!(ended.stdout.len(), 64 << 10);
    assert!(ended.stdout.ends_with(b"\0end\n"));
}

#[test]
fn a_hanging_program_is_stopped_at_its_deadline_with_all_that_it_started() {
    let directory = directory();
    let pids = directory.path().join("pids");
    fs::write(&pids, "").unwrap();
    fs::set_permissions(&pids, fs::Permissions::from_mode(0o666)).unwrap();
    let clock = SystemClock::new();
    for (before, after, seconds) in [("", "", 3), ("trap '' TERM; ", "", 9), ("trap '' TERM; ", "trap - TERM; ", 3)] {
        // The child ignores what its parent ignored then; the argument is a secret that must not be told.
        let script =
            format!("{before}echo waiting >&2; sleep 600 & echo $! > {}; {after}sleep 601; sleep 602", pids.display());
        let started = clock.monotonic();
        let error = outcome(&shell(&script).within(Duration::from_millis(300))).unwrap_err().to_string();
        assert!(error.contains("sh took longer than 0.3 s") && error.contains("waiting"), "{error}");
        assert!(!error.contains("601"), "{error}");
        assert!(clock.monotonic() - started < Duration::from_secs(seconds));
        let child: i32 = fs::read_to_string(&pids).unwrap().trim().parse().unwrap();
        let left = ProcessId::of(child).unwrap().and_then(|child| Running::adopt(child).unwrap());
        let ended = left.is_none_or(|left| left.wait(Duration::from_secs(5), &clock).unwrap());
        assert!(ended, "{script} left {child} behind");
    }
}

#[test]
fn a_program_that_leaves_a_child_behind_does_not_hold_us() {
    let clock = SystemClock::new();
    let started = clock.monotonic();
    let text = outcome(&shell("sleep 20 & echo $!")).unwrap().text();
    assert!(clock.monotonic() - started < Duration::from_secs(10));
    let child = ProcessId::of(text.trim().parse().unwrap()).unwrap().unwrap();
    Running::adopt(child).unwrap().unwrap().signal(Signal::TERM).unwrap();
}

#[test]
fn a_missing_program_is_named() {
    let error = outcome(&Program::new("/nonexistent/initdb", &["secret"])).unwrap_err();
    assert_eq!(error.kind(), farshore_types::ErrorKind::Missing);
    assert!(error.to_string().contains("/nonexistent/initdb") && !error.to_string().contains("secret"), "{error}");
    assert!(outcome(&Program::new("sh", &[])).is_err());
}

fn start(script: &str, log: &Path) -> Running {
    Running::start(&shell(script), &account(), log).unwrap()
}

#[test]
fn a_server_has_its_own_session_logs_to_a_private_file_and_is_found_again() {
    let directory = directory();
    let (log, clock) = (directory.path().join("log"), SystemClock::new());
    let server = start("echo hello; echo world >&2; exec sleep 600", &log);
    assert!(server.is_alive().unwrap());
    let pid = server.id().pid;
    let until = clock.monotonic() + Duration::from_secs(10);
    while fs::read_to_string(&log).unwrap() != "hello\nworld\n" {
        assert!(clock.monotonic() < until, "{:?}", fs::read_to_string(&log));
        clock.pause(Duration::from_millis(5));
    }
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let session = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert_eq!(session.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap(), pid.to_string());
    let adopted = Running::adopt(server.id().clone()).unwrap().unwrap();
    drop(server);
    assert!(adopted.is_alive().unwrap());
    assert!(!adopted.wait(Duration::from_millis(50), &clock).unwrap());
    adopted.signal(Signal::TERM).unwrap();
    assert!(adopted.wait(Duration::from_secs(10), &clock).unwrap());
    assert!(!adopted.is_alive().unwrap());
    adopted.signal(Signal::TERM).unwrap();
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "nobody waited for it");
}

#[test]
fn another_process_with_the_same_id_is_never_adopted() {
    let directory = directory();
    let server = start("exec sleep 600", &directory.path().join("log"));
    let mut older = server.id().clone();
    older.started_ticks -= 1;
    assert!(Running::adopt(older).unwrap().is_none());
    server.signal(Signal::KILL).unwrap();
    assert!(server.wait(Duration::from_secs(10), &SystemClock::new()).unwrap());
    assert!(Running::adopt(server.id().clone()).unwrap().is_none());
}

#[test]
fn processes_are_found_by_their_working_directory() {
    let directory = directory();
    assert_eq!(working_in(directory.path()).unwrap(), [] as [i32; 0]);
    let script = format!("cd {} && exec sleep 600", directory.path().display());
    let server = start(&script, &directory.path().join("log"));
    let (clock, until) = (SystemClock::new(), Duration::from_secs(10));
    while working_in(directory.path()).unwrap() != [server.id().pid] {
        assert!(clock.monotonic() < until);
        clock.pause(Duration::from_millis(5));
    }
    server.signal(Signal::KILL).unwrap();
    assert!(server.wait(Duration::from_secs(10), &clock).unwrap());
    assert_eq!(working_in(&directory.path().join("missing")).unwrap(), [] as [i32; 0]);
}
