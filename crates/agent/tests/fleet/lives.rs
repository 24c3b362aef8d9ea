//! The life of a node, verb by verb.

use farshore_agent::fleet::Server;
use farshore_types::{ErrorKind, Generation, Progress, ServiceId};
use farshore_vault::care::retention::Keep;

use crate::support::{CERTIFICATE, Scene, sql, wait_until};

fn id(service: &str) -> ServiceId {
    service.parse().unwrap()
}

#[test]
fn a_stopped_and_removed_node_comes_back_with_its_last_commit_on_the_same_port() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    let mut order = scene.order("life-1", 1);
    let address = fleet.provision(&order, &CERTIFICATE).unwrap();
    assert_eq!(address, fleet.provision(&order, &CERTIFICATE).unwrap());
    sql(&fleet, "life-1", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i");
    let taken = fleet.take_backup(&id("life-1"), Generation(1), false, &Progress::default()).unwrap();
    assert!(taken.full_because.is_some() && taken.bad_pages == 0, "{taken:?}");
    sql(&fleet, "life-1", "INSERT INTO t VALUES (1001)");

    fleet.stop(&id("life-1"), Generation(1)).unwrap();
    fleet.stop(&id("life-1"), Generation(1)).unwrap();
    assert_eq!(fleet.observe(&id("life-1")).unwrap().server, Server::Stopped);
    fleet.remove(&id("life-1"), Generation(1)).unwrap();
    fleet.remove(&id("life-1"), Generation(1)).unwrap();
    assert!(fleet.services().is_empty() && !scene.base.path().join("host/nodes/life-1").exists());

    (order.generation, order.port) = (Generation(2), Some(address.port));
    let refused = fleet.provision(&order, &CERTIFICATE).unwrap_err();
    assert!(refused.kind() == ErrorKind::Conflict && refused.to_string().contains("its node is gone"), "{refused}");
    let recovered = fleet.restore(&order, &CERTIFICATE, &scene.latest("life-1"), &Progress::default()).unwrap();
    assert_eq!((recovered.address.port, recovered.backup), (address.port, taken.name));
    assert_eq!(sql(&fleet, "life-1", "SELECT count(*)::text FROM t"), "1001");
    assert_eq!(sql(&fleet, "life-1", "SELECT count(*)::text FROM pg_hba_file_rules WHERE error IS NOT NULL"), "0");
    let second = fleet.take_backup(&id("life-1"), Generation(2), false, &Progress::default()).unwrap();
    let stock = fleet.stock(&scene.region, &id("life-1")).unwrap();
    assert_eq!(stock.backups.len(), 2, "{stock:?}");
    assert!(stock.backups[1].name == second.name && stock.windows.len() == 1, "one unbroken window: {stock:?}");
    let stale = fleet.stop(&id("life-1"), Generation(1)).unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict);

    assert_eq!(fleet.expire(&scene.region, &id("life-1"), Keep::Count(1)).unwrap(), 1);
    fleet.stop(&id("life-1"), Generation(2)).unwrap();
    fleet.remove(&id("life-1"), Generation(2)).unwrap();
    fleet.shred(&scene.region, &id("life-1")).unwrap();
    assert_eq!(fleet.stock(&scene.region, &id("life-1")).unwrap().backups, []);
    assert_eq!(std::fs::read_dir(scene.base.path().join("north/life-1")).map_or(0, Iterator::count), 0);
}

#[test]
fn a_crashed_server_is_started_again_a_lost_node_is_said_and_a_new_agent_finds_both() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    fleet.provision(&scene.order("crash-1", 1), &CERTIFICATE).unwrap();
    sql(&fleet, "crash-1", "CREATE TABLE t (i int)");
    let pid: i32 =
        sql(&fleet, "crash-1", "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)").parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
    wait_until("the server is gone", || fleet.observe(&id("crash-1")).unwrap().server == Server::Crashed);
    fleet.tend();
    assert_eq!(fleet.observe(&id("crash-1")).unwrap().server, Server::Ready);
    assert_eq!(sql(&fleet, "crash-1", "SELECT count(*)::text FROM t"), "0");

    fleet.close();
    drop(fleet);
    let fleet = scene.fleet();
    assert_eq!(fleet.services(), [id("crash-1")]);
    assert_eq!(fleet.observe(&id("crash-1")).unwrap().server, Server::Ready);
    fleet.tend();
    sql(&fleet, "crash-1", "INSERT INTO t VALUES (1)");
    wait_until("the log is archived again", || fleet.observe(&id("crash-1")).unwrap().archived_to.is_some());

    std::fs::remove_dir_all(scene.base.path().join("host/nodes/crash-1/data")).unwrap();
    fleet.tend();
    let observed = fleet.observe(&id("crash-1")).unwrap();
    assert!(observed.server == Server::Lost && observed.trouble.unwrap().contains("is gone"));
    fleet.remove(&id("crash-1"), Generation(1)).unwrap();
    assert!(fleet.services().is_empty());
}

#[test]
fn others_reach_a_node_with_tls_and_a_password_only_and_its_files_not_at_all() {
    use std::os::unix::fs::MetadataExt;
    let scene = Scene::new();
    let fleet = scene.fleet();
    let address = fleet.provision(&scene.order("door-1", 1), &CERTIFICATE).unwrap();
    sql(&fleet, "door-1", "CREATE ROLE dora LOGIN PASSWORD 'w0rd'");
    let psql = |user: &str, mode: &str| {
        let target = format!("host=127.0.0.1 port={} user={user} dbname=postgres sslmode={mode}", address.port);
        let mut command = std::process::Command::new("psql");
        command.args([target.as_str(), "-Atc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]);
        command.env("PGPASSWORD", "w0rd").env("PGCONNECT_TIMEOUT", "10").output().unwrap()
    };
    assert_eq!(String::from_utf8_lossy(&psql("dora", "require").stdout), "t\n");
    for (user, mode) in [("dora", "disable"), ("postgres", "require")] {
        assert!(!psql(user, mode).status.success(), "{user} {mode}");
    }
    let volume = scene.base.path().join("host/nodes/door-1");
    let key = std::fs::metadata(volume.join("tls/server.key")).unwrap();
    assert_eq!(key.mode() & 0o777, 0o600);
    for name in ["data", "tls", "run", "log"] {
        assert_eq!(std::fs::metadata(volume.join(name)).unwrap().mode() & 0o777, 0o700, "{name}");
    }
    if rustix::process::geteuid().is_root() {
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let own = users.lines().find(|line| line.starts_with("fs-door-1:")).expect("a user of its own");
        assert!(own.contains("nologin") && own.split(':').nth(2) == Some(&key.uid().to_string()), "{own}");
    }
    fleet.stop(&id("door-1"), Generation(1)).unwrap();
    fleet.remove(&id("door-1"), Generation(1)).unwrap();
    assert!(!std::fs::read_to_string("/etc/passwd").unwrap().contains("fs-door-1:"));
}
