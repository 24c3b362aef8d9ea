//! A recovery whose log fails in the middle stops. It never takes a failure for the end of the log, and never promotes early. The same
//! fork run again starts over. What is missing behind a hole is told.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farshore_agent::tasks::windows::Windows;
use farshore_objects::layers::{Action, Verb};
use farshore_types::{ErrorKind, Target, TargetKind};
use farshore_vault::names::JournalName;

use rustix::process::{Signal, getpid, kill_process};

use crate::support::cluster::{self, Cluster, directory};
use crate::support::forks::{Volume, fork, try_fork, try_fork_at};
use crate::support::protection::Protection;
use crate::support::region::Region;
use crate::support::{clock, installation};

/// A region with a backup and half a dozen segments of log after it.
fn world() -> (Cluster, Region) {
    world_in(Region::new())
}

fn world_in(region: Region) -> (Cluster, Region) {
    let cluster = Cluster::start(&installation());
    let protection = Protection::start(cluster.settings(), &region);
    cluster.sql("CREATE TABLE t (number int)");
    for number in 1..=6 {
        cluster.sql(&format!("INSERT INTO t VALUES ({number})"));
        cluster.sql("CREATE TABLE much AS SELECT repeat(md5(i::text), 20) FROM generate_series(1, 10000) AS i");
        cluster.sql("DROP TABLE much");
        cluster.sql("SELECT pg_switch_wal()");
    }
    protection.await_archived(clock().now());
    protection.stop().unwrap();
    (cluster, region)
}

/// Journal objects that are long after the backup, in order.
fn late_objects(region: &Region) -> Vec<String> {
    let mut ranges = Vec::new();
    for name in region.names("journal/") {
        if let Ok(JournalName::Range(range)) = JournalName::parse(&name)
            && range.from < range.to
        {
            ranges.push((range.from, name));
        }
    }
    ranges.sort();
    let half = ranges.len() / 2;
    ranges.into_iter().skip(half).map(|(_, name)| name).collect()
}

/// Forks, which must fail in this way without a promotion. Gives the error's text.
fn stopped(region: &Region, kind: ErrorKind) -> String {
    let volume = Volume::new();
    let error = try_fork(&region.vault, &installation(), Target::latest(), &volume).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(!volume.has_promoted(), "{error}\n{}", volume.log());
    assert!(volume.server().is_none(), "a server was left behind");
    error.to_string()
}

#[test]
fn a_damaged_journal_object_stops_the_recovery_and_is_named() {
    let (_cluster, region) = world();
    let damaged = late_objects(&region).swap_remove(1);
    region.damage(&damaged);
    let error = stopped(&region, ErrorKind::Corrupt);
    assert!(error.contains(&damaged), "{error} does not name {damaged}");
}

#[test]
fn a_store_that_dies_in_the_middle_stops_the_recovery_and_the_next_attempt_succeeds() {
    let (cluster, region) = world();
    let (gets, late) = (AtomicUsize::new(0), late_objects(&region));
    let first = late[1].clone();
    let hook = move |verb, name: &str| {
        let due = gets.load(Ordering::Relaxed) > 0 || (verb == Verb::Get && name == first);
        if !due {
            return Action::Go;
        }
        gets.fetch_add(1, Ordering::Relaxed);
        Action::FailBefore(ErrorKind::Transient)
    };
    region.faults.set_hook(Arc::new(hook));
    let error = stopped(&region, ErrorKind::Transient);
    assert!(error.contains("journal/"), "{error}");
    region.faults.clear();
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Latest);
    assert_eq!(forked.sql("SELECT max(number) FROM t"), "6");
    forked.check_pages();
}

#[test]
fn a_journal_object_that_is_gone_is_a_gap_and_refused_with_both_ends() {
    let (cluster, region) = world();
    let end = cluster.sql("SELECT pg_current_wal_lsn()::text");
    let gone = late_objects(&region).swap_remove(0);
    let Ok(JournalName::Range(range)) = JournalName::parse(&gone) else { panic!("{gone}") };
    region.inner.delete(&gone).unwrap();
    let target = Target { kind: TargetKind::Position(end.parse().unwrap()), inclusive: true };
    let volume = Volume::new();
    let error = try_fork(&region.vault, &cluster.installation, target, &volume).unwrap_err().to_string();
    assert!(error.contains(&range.from.to_string()), "{error} does not say where the window ends: {}", range.from);
    // What lies before the gap is as good as before.
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Position(range.from));
    let found: u32 = forked.sql("SELECT count(*) FROM t").parse().unwrap();
    assert!((1..6).contains(&found));
    forked.check_pages();
}

#[test]
fn a_fork_to_the_newest_moment_says_what_lies_behind_a_hole_and_so_do_the_windows() {
    let (cluster, region) = world();
    let whole = Windows::read(&region.reopened()).unwrap().windows.pop().unwrap();
    assert_eq!(whole.broken, None);
    let late = late_objects(&region);
    let Ok(JournalName::Range(range)) = JournalName::parse(&late[0]) else { panic!("{}", late[0]) };
    region.inner.delete(&late[0]).unwrap();
    let window = Windows::read(&region.reopened()).unwrap().windows.pop().unwrap();
    let broken = window.broken.unwrap();
    assert_eq!((broken.at, broken.resumes, broken.known_to), (range.from, Some(range.to), whole.reach.to));
    assert_eq!((broken.at_time, broken.known_to_time), (window.reach.to_time, whole.reach.to_time));
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Latest);
    assert_eq!(forked.opened.missing, Some(broken));
    let text = broken.to_string();
    assert!(text.contains(&format!("breaks at {}", range.from)) && text.contains(&range.to.to_string()), "{text}");
    let found: u32 = forked.sql("SELECT count(*) FROM t").parse().unwrap();
    assert!((1..6).contains(&found));
    forked.check_pages();
    // Nothing is missing from a fork to a moment that was chosen, nor where nothing is known to be missing.
    for name in &late {
        let _ = region.inner.delete(name);
    }
    assert_eq!(Windows::read(&region.reopened()).unwrap().windows.pop().unwrap().broken, None);
}

#[test]
fn a_backup_whose_log_is_gone_tells_that_the_log_went_on() {
    let cluster = Cluster::start(&installation());
    let region = Region::new();
    let protection = Protection::start(cluster.settings(), &region);
    cluster.sql("CREATE TABLE t AS SELECT 1 AS number");
    cluster.sql("SELECT pg_switch_wal()");
    protection.await_archived_now();
    let before = region.names("journal/");
    cluster.sql("INSERT INTO t VALUES (2)");
    protection.back_up();
    protection.stop().unwrap();
    for name in region.names("journal/").iter().filter(|name| !before.contains(name)) {
        region.inner.delete(name).unwrap();
    }
    let windows = Windows::read(&region.reopened()).unwrap();
    assert_eq!((windows.windows.len(), windows.logless.len()), (1, 1));
    let broken = windows.windows[0].broken.unwrap();
    assert_eq!((broken.resumes, broken.known_to), (None, windows.logless[0].stop.0));
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Latest);
    assert_eq!(forked.opened.missing, Some(broken));
    assert_eq!(forked.sql("SELECT count(*) FROM t"), "1");
}

const DIES: &str = "FARSHORE_TEST_FORK_DIES";

/// The other process: it is killed while it gets the object of this number whose name begins so.
#[test]
fn a_forker_that_dies() {
    let Ok(text) = std::env::var(DIES) else { return };
    let words: Vec<String> = text.split('\n').map(str::to_string).collect();
    let [region, volume, prefix, nth] = &words[..] else { panic!("{text}") };
    let (prefix, nth): (String, usize) = (prefix.clone(), nth.parse().unwrap());
    let (region, calls) = (Region::in_directory(Path::new(region)), AtomicUsize::new(0));
    let hook = move |verb, name: &str| {
        let counts = matches!(verb, Verb::Get | Verb::GetRange) && name.starts_with(&prefix);
        if counts && calls.fetch_add(1, Ordering::SeqCst) == nth {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        Action::Go
    };
    region.faults.set_hook(Arc::new(hook));
    drop(try_fork_at(&region.vault, &installation(), Target::latest(), Path::new(volume)));
}

#[test]
fn a_forker_that_was_killed_starts_over_in_the_same_folder() {
    let folder = directory();
    let (cluster, region) = world_in(Region::in_directory(folder.path()));
    let volume = Volume::new();
    // While files are written, while log is replayed, and nobody.
    for (prefix, nth) in [("packs/", "1"), ("journal/", "4"), ("journal/", "2")] {
        let words = [folder.path().to_str().unwrap(), volume.path().to_str().unwrap(), prefix, nth].map(str::to_string);
        let mut other = Command::new(std::env::current_exe().unwrap());
        other.args(["--exact", "recovery::a_forker_that_dies", "--nocapture"]).env(DIES, words.join("\n"));
        let ended = other.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
        assert!(!ended.success(), "nobody was killed at {prefix} {nth}");
        volume.await_end();
        assert!(volume.path().join("fork.json").exists());
        assert!(!volume.has_promoted(), "{}", volume.log());
    }
    let opened = try_fork(&region.vault, &cluster.installation, Target::latest(), &volume).unwrap();
    assert_eq!(cluster::query(&opened.server, "SELECT max(number) FROM t"), "6");
    assert!(!volume.path().join("fork.json").exists());
}

#[test]
fn a_fork_that_failed_starts_over_and_nothing_else_is_ever_cleared() {
    let (cluster, region) = world();
    let volume = Volume::new();
    let again = |target| try_fork(&region.vault, &cluster.installation, target, &volume);
    let refused = |target: Target, because: &str| {
        let before = names_below(&volume.path());
        let error = again(target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains(because), "{error}");
        assert_eq!(names_below(&volume.path()), before, "{because}: touched");
    };
    fs::create_dir_all(volume.path()).unwrap();
    fs::write(volume.path().join("mine"), "mine").unwrap();
    refused(Target::latest(), "not empty: it holds mine");
    fs::remove_file(volume.path().join("mine")).unwrap();
    let late = late_objects(&region).swap_remove(1);
    let whole = region.inner.get(&late).unwrap();
    region.damage(&late);
    assert!(again(Target::latest()).unwrap_err().to_string().contains(&late));
    assert!(!volume.has_promoted() && volume.server().is_none());
    region.inner.delete(&late).unwrap();
    region.inner.put_new(&late, whole).unwrap();
    refused(Target { kind: TargetKind::Immediate, inclusive: true }, "an unfinished fork of pg-1 to the newest");
    fs::write(volume.path().join("mine"), "mine").unwrap();
    refused(Target::latest(), "mine, which is no part of a fork");
    fs::remove_file(volume.path().join("mine")).unwrap();
    let marker = fs::read(volume.path().join("fork.json")).unwrap();
    // The number of the server that died has been given to another process since: to this one.
    let (pid_file, ourselves) = (volume.data().join("postmaster.pid"), std::process::id());
    let text = format!("{ourselves}\n{}\n1700000000\n5433\n/tmp\n\n0 0\nready\n", volume.data().display());
    fs::write(pid_file, text).unwrap();
    let opened = again(Target::latest()).unwrap();
    assert_eq!(cluster::query(&opened.server, "SELECT max(number) FROM t"), "6");
    // It runs; then the forker seems to have died just before it removed its marker; then the server is stopped.
    for told in [false, true] {
        if told {
            fs::write(volume.path().join("fork.json"), &marker).unwrap();
        }
        let error = again(Target::latest()).unwrap_err().to_string();
        assert!(error.contains("a server runs on"), "{error}");
        assert_eq!(cluster::query(&opened.server, "SELECT max(number) FROM t"), "6");
    }
    volume.kill(Signal::INT);
    refused(Target::latest(), "has been open");
}

/// All files below a folder with their sizes.
fn names_below(folder: &Path) -> Vec<(std::path::PathBuf, u64)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for item in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let status = item.metadata().unwrap();
            match status.is_dir() {
                true => folders.push(item.path()),
                false => found.push((item.path(), status.len())),
            }
        }
    }
    found.sort();
    found
}
