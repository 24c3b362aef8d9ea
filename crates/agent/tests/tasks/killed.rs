//! kill -9 of the agent and of PostgreSQL at named points of backup, archiving, restore and recovery.
//!
//! A point is the n-th call of the store: its verb and object name what was going on. Afterwards every listed backup
//! restores, the next one succeeds, nothing is missing in the journal, and no recovery has promoted early. The agent that
//! dies is this test binary, run again for a single test that does nothing unless the variable is set.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farshore_engines::postgresql::wire::{Address, Settings};
use farshore_objects::layers::{Action, Verb};
use farshore_types::{Progress, Target, TargetKind};
use rustix::process::{Pid, Signal, getpid, kill_process};

use crate::support::cluster::{Cluster, directory};
use crate::support::forks::{Volume, fork, try_fork_at};
use crate::support::load::{self, Load, rows_of};
use crate::support::protection::Protection;
use crate::support::region::Region;
use crate::support::{installation, samples, seed};

const WORK: &str = "FARSHORE_TEST_DIES_DOING";

/// What the agent does when it dies, and at which of its store's calls.
#[derive(Debug, Clone)]
struct Death {
    work: &'static str,
    call: usize,
}

/// The other process.
#[test]
fn an_agent_that_dies() {
    let Ok(text) = std::env::var(WORK) else { return };
    let words: Vec<&str> = text.split('\n').collect();
    let [work, call, region, socket, port, volume] = words[..] else { panic!("{text}") };
    let region = Region::in_directory(Path::new(region));
    let call: usize = call.parse().unwrap();
    at_call(&region, call, relevant(work), || kill(getpid()));
    let server = Settings::new(Address::socket(socket, port.parse().unwrap()).unwrap(), "postgres");
    match work {
        "backup" => drop(region.task_of(server).run(&Progress::default())),
        "protect" => {
            let protection = Protection::begin(server, &region);
            crate::support::wait_until("death", || protection.has_ended());
        }
        "recover" => drop(try_fork_at(&region.vault, &installation(), Target::latest(), &PathBuf::from(volume))),
        other => panic!("{other}"),
    }
}

/// Which calls count: for a recovery only those that read log.
fn relevant(work: &str) -> fn(Verb, &str) -> bool {
    match work {
        "recover" => |verb, name| verb == Verb::Get && name.starts_with("journal/"),
        _ => |_, _| true,
    }
}

/// Does something when the n-th of the calls that count begins.
fn at_call(region: &Region, nth: usize, counts: fn(Verb, &str) -> bool, happens: impl Fn() + Send + Sync + 'static) {
    let calls = AtomicUsize::new(0);
    let hook = move |verb: Verb, name: &str| {
        if counts(verb, name) && calls.fetch_add(1, Ordering::SeqCst) == nth {
            let folder = name.split_inclusive('/').next().unwrap_or(name);
            eprintln!("point {nth}: {} {folder}", verb.word());
            happens();
        }
        Action::Go
    };
    region.faults.set_hook(Arc::new(hook));
}

fn kill(pid: Pid) {
    let _ = kill_process(pid, Signal::KILL);
}

/// Runs the other process until it is dead or done.
fn let_die(death: &Death, folder: &Path, cluster: &Cluster, volume: &Path) -> bool {
    let text = [
        death.work.to_string(),
        death.call.to_string(),
        folder.display().to_string(),
        cluster.base().display().to_string(),
        cluster.port.to_string(),
        volume.display().to_string(),
    ];
    let mut agent = Command::new(std::env::current_exe().unwrap());
    agent.args(["--exact", "killed::an_agent_that_dies", "--nocapture"]).env(WORK, text.join("\n"));
    let ended = agent.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    !ended.success()
}

/// Points spread over all calls of a piece of work: a few, or many.
fn points(calls: usize, few: usize, many: usize) -> BTreeSet<usize> {
    let wanted = samples(few, many).min(calls);
    (0..wanted)
        .map(|number| number * calls / wanted + usize::try_from(seed()).unwrap() % (calls / wanted).max(1))
        .collect()
}

fn churn(cluster: &Cluster) {
    cluster.sql("UPDATE t SET v = v + 1 WHERE id % 10 = 0");
}

fn world() -> (Cluster, tempfile::TempDir, Region) {
    let cluster = Cluster::start(&installation());
    cluster.sql("CREATE TABLE t AS SELECT i AS id, i AS v, md5(i::text) FROM generate_series(1, 50000) AS i");
    cluster.sql("CREATE INDEX ON t (id)");
    let folder = directory();
    let region = Region::in_directory(folder.path());
    (cluster, folder, region)
}

/// A fork to the newest moment holds what the server holds.
fn newest_is_whole(region: &Region, cluster: &Cluster) {
    let forked = fork(&region.reopened(), &cluster.installation, TargetKind::Latest);
    assert_eq!(forked.sql("SELECT sum(v) FROM t"), cluster.sql("SELECT sum(v) FROM t"));
    forked.check();
}

/// How many calls one backup makes; the backup stays as the parent of those that follow.
fn calls_of_a_backup(region: &Region, cluster: &Cluster) -> usize {
    let before = region.faults.calls().len();
    region.back_up(cluster);
    region.faults.calls().len() - before
}

#[test]
fn an_agent_killed_anywhere_in_a_backup_leaves_only_backups_that_restore() {
    let (cluster, folder, region) = world();
    let calls = calls_of_a_backup(&region, &cluster);
    for call in points(calls, 3, 24) {
        churn(&cluster);
        let_die(&Death { work: "backup", call }, folder.path(), &cluster, Path::new("-"));
        region.check_backups(&format!("killed at call {call}"));
    }
    churn(&cluster);
    region.back_up(&cluster);
    newest_is_whole(&region, &cluster);
}

#[test]
fn agents_killed_while_archiving_leave_no_gap() {
    let (cluster, folder, region) = world();
    load::prepare(&cluster);
    Protection::start(cluster.settings(), &region).stop().unwrap();
    let load = Load::start(&cluster.settings(), seed());
    for call in points(60, 3, 20) {
        load.advance(30);
        assert!(let_die(&Death { work: "protect", call }, folder.path(), &cluster, Path::new("-")), "{call}");
    }
    let protection = Protection::start(cluster.settings(), &region);
    load.advance(30);
    load.stop();
    let status = protection.await_archived_now();
    assert_eq!((status.breaks, status.trouble), (0, None));
    protection.stop().unwrap();
    let windows = farshore_agent::tasks::windows::Windows::read(&region.reopened()).unwrap().windows;
    assert!(windows.iter().all(|window| window.reach.to == windows[0].reach.to), "{windows:?}");
    let forked = fork(&region.reopened(), &cluster.installation, TargetKind::Latest);
    assert_eq!(rows_of(&forked.opened.server), rows_of(&cluster.settings()));
    forked.check();
}

/// A world with a journal of several objects, and the number of them.
fn journaled() -> (Cluster, tempfile::TempDir, Region) {
    let (cluster, folder, region) = world();
    let protection = Protection::start(cluster.settings(), &region);
    for _ in 0..samples(4, 24) {
        churn(&cluster);
        cluster.sql("SELECT pg_switch_wal()");
        protection.await_archived_now();
    }
    protection.stop().unwrap();
    (cluster, folder, region)
}

#[test]
fn an_agent_killed_in_a_recovery_stops_it_and_nothing_is_promoted() {
    let (cluster, folder, region) = journaled();
    let calls = region.names("journal/").len();
    for call in points(calls / 2, 2, 20) {
        let volume = Volume::new();
        if !let_die(&Death { work: "recover", call }, folder.path(), &cluster, &volume.path()) {
            continue;
        }
        volume.await_end();
        assert!(!volume.has_promoted(), "killed at {call}: {}", volume.log());
    }
    newest_is_whole(&region, &cluster);
}

#[test]
fn a_server_killed_anywhere_in_its_backup_leaves_only_backups_that_restore() {
    let (mut cluster, _folder, region) = world();
    let calls = calls_of_a_backup(&region, &cluster);
    for call in points(calls, 3, 24) {
        churn(&cluster);
        let pid = cluster.pid();
        at_call(&region, call, |_, _| true, move || kill(pid));
        let outcome = region.task(&cluster).run(&Progress::default());
        region.faults.clear();
        cluster.crash();
        cluster.run(&[]);
        let about = format!("server killed at call {call}, {:?}", outcome.map(|outcome| outcome.taken.name));
        region.check_backups(&about);
    }
    churn(&cluster);
    region.back_up(&cluster);
    newest_is_whole(&region, &cluster);
}

#[test]
fn a_recovering_server_that_is_killed_is_no_fork() {
    let (cluster, _folder, region) = journaled();
    let calls = region.names("journal/").len();
    for call in points(calls / 2, 2, 20) {
        let volume = Arc::new(Volume::new());
        let killed = volume.clone();
        at_call(&region, call, relevant("recover"), move || killed.server().into_iter().for_each(kill));
        let outcome = try_fork_at(&region.vault, &cluster.installation, Target::latest(), &volume.path());
        region.faults.clear();
        match outcome {
            // The call came before the server was there, or after it had all that it needed.
            Ok(_) => assert!(volume.has_promoted()),
            Err(error) => assert!(!volume.has_promoted(), "{error}"),
        }
    }
    fork(&region.vault, &cluster.installation, TargetKind::Latest).check();
}

#[test]
fn a_server_killed_under_load_while_its_log_is_archived_loses_nothing() {
    let (mut cluster, _folder, region) = world();
    load::prepare(&cluster);
    let protection = Protection::start(cluster.settings(), &region);
    let load = Load::start(&cluster.settings(), seed());
    for _ in 0..samples(2, 20) {
        load.advance(40);
        cluster.crash();
        cluster.run(&[]);
    }
    load.advance(20);
    load.stop();
    let status = protection.await_archived_now();
    assert_eq!((status.breaks, status.trouble), (0, None));
    protection.stop().unwrap();
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Latest);
    assert_eq!(rows_of(&forked.opened.server), rows_of(&cluster.settings()));
    forked.check();
}
