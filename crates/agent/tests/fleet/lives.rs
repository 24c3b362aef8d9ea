//! The life of a node, verb by verb.

use std::sync::Arc;
use std::time::Duration;

use farshore_agent::fleet::{Fleet, Restore, Server};
use farshore_agent::host::Host;
use farshore_agent::postgres;
use farshore_engines::postgresql::wire::Connection;
use farshore_objects::Scoped;
use farshore_types::{ErrorKind, Generation, Progress, ServiceId, SystemEntropy, Target, TargetKind};
use farshore_vault::Repository;
use farshore_vault::care::retention::Keep;

use crate::support::{CERTIFICATE, Scene, clock, sql, wait_until};

fn id(service: &str) -> ServiceId {
    service.parse().unwrap()
}

fn repository(scene: &Scene, service: &str) -> Repository {
    let store = farshore_objects::open_or_create(&scene.region.store).unwrap();
    Repository::open(Arc::new(Scoped::new(store, &format!("{service}/")).unwrap())).unwrap()
}

/// Takes away a pack that the newest backup alone needs; gives its name and its bytes.
fn take_a_pack(scene: &Scene, service: &str) -> (String, bytes::Bytes) {
    let repository = repository(scene, service);
    let backups = repository.backups().unwrap();
    let packs = |name| repository.custody(name).unwrap().1.packs().unwrap();
    let shared = packs(&backups[0]);
    let own = packs(&backups[1]).into_iter().find(|(pack, _)| !shared.iter().any(|(other, _)| other == pack));
    let name = own.unwrap().0.to_string();
    let bytes = repository.store().get(&name).unwrap();
    repository.store().delete(&name).unwrap();
    (name, bytes)
}

#[test]
fn a_stopped_and_removed_node_comes_back_with_its_last_commit_on_the_same_port() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    let mut order = scene.order("life-1", 1);
    let address = fleet.provision(&order, &CERTIFICATE).unwrap();
    assert_eq!(address, fleet.provision(&order, &CERTIFICATE).unwrap());
    sql(&fleet, "life-1", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i");
    let taken = fleet.take_backup(&id("life-1"), Generation(1), "1", &Progress::default()).unwrap();
    assert!(taken.full_because.is_some() && taken.bad_pages == 0, "{taken:?}");
    sql(&fleet, "life-1", "INSERT INTO t VALUES (1001)");

    fleet.stop(&id("life-1"), Generation(1)).unwrap();
    fleet.stop(&id("life-1"), Generation(1)).unwrap();
    assert_eq!(fleet.observe(&id("life-1")).unwrap().server, Server::Stopped);
    fleet.remove(&id("life-1"), Generation(1)).unwrap();
    drop(fleet);
    let fleet = scene.fleet();
    fleet.remove(&id("life-1"), Generation(1)).unwrap();
    assert!(fleet.services().is_empty() && !scene.base.path().join("host/nodes/life-1").exists());

    assert_eq!(fleet.provision(&scene.order("life-1", 0), &CERTIFICATE).unwrap_err().kind(), ErrorKind::Conflict);
    (order.generation, order.port) = (Generation(2), Some(address.port));
    let refused = fleet.provision(&order, &CERTIFICATE).unwrap_err();
    assert!(refused.kind() == ErrorKind::Conflict && refused.to_string().contains("its node is gone"), "{refused}");
    let recovered = fleet.restore(&order, &CERTIFICATE, &scene.latest("life-1"), &Progress::default()).unwrap();
    assert_eq!((recovered.address.port, recovered.backup), (address.port, taken.name));
    assert_eq!(sql(&fleet, "life-1", "SELECT count(*)::text FROM t"), "1001");
    assert_eq!(sql(&fleet, "life-1", "SELECT count(*)::text FROM pg_hba_file_rules WHERE error IS NOT NULL"), "0");
    let second = fleet.take_backup(&id("life-1"), Generation(2), "2", &Progress::default()).unwrap();
    let stock = fleet.stock(&scene.region, &id("life-1")).unwrap();
    assert_eq!(stock.backups.len(), 2, "{stock:?}");
    assert!(stock.backups[1].name == second.name && stock.windows.len() == 1, "one unbroken window: {stock:?}");
    let stale = fleet.stop(&id("life-1"), Generation(1)).unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict);

    let early = Target { kind: TargetKind::Time(stock.windows[0].0.plus_micros(-1_000_000)), inclusive: true };
    let named = Restore { target: early, backup: Some(stock.backups[0].name.clone()), ..scene.latest("life-1") };
    let error = fleet.check_restore(&named).unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("lies before it"), "{error}");
    // A database that was idle has no log that says so; whoever followed it knows.
    let later = stock.windows[0].1.plus_micros(3_600_000_000);
    let target = Target { kind: TargetKind::Time(later), inclusive: true };
    let behind = |assured| Restore { target: target.clone(), assured, ..scene.latest("life-1") };
    for assured in [None, Some(later.plus_micros(-1))] {
        assert_eq!(fleet.check_restore(&behind(assured)).unwrap_err().kind(), ErrorKind::Invalid, "{assured:?}");
    }
    fleet.check_restore(&behind(Some(later))).unwrap();

    // The older one stays for as long as the newer one is damaged.
    let (pack, whole) = take_a_pack(&scene, "life-1");
    assert_eq!(fleet.expire(&scene.region, &id("life-1"), Keep::Count(1)).unwrap(), 0);
    repository(&scene, "life-1").store().put_new(&pack, whole).unwrap();
    assert_eq!(fleet.expire(&scene.region, &id("life-1"), Keep::Count(1)).unwrap(), 1);
    fleet.stop(&id("life-1"), Generation(2)).unwrap();
    fleet.remove(&id("life-1"), Generation(2)).unwrap();
    fleet.shred(&scene.region, &id("life-1")).unwrap();
    assert_eq!(fleet.stock(&scene.region, &id("life-1")).unwrap().backups, []);
    let (store, mut left) = (farshore_objects::open_or_create(&scene.region.store).unwrap(), Vec::new());
    let mut each = |info: farshore_objects::ObjectInfo| {
        left.push(info.name);
        Ok(())
    };
    store.list("", &mut each).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

/// Kills the server, and waits until that is seen.
fn crash(fleet: &Fleet, service: &str) {
    let pid = sql(fleet, service, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)").parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
    wait_until("the server is gone", || fleet.observe(&id(service)).unwrap().server == Server::Crashed);
}

#[test]
fn a_crashed_server_is_started_again_a_lost_node_is_said_and_a_new_agent_finds_both() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    fleet.provision(&scene.order("crash-1", 1), &CERTIFICATE).unwrap();
    sql(&fleet, "crash-1", "CREATE TABLE t (i int)");
    for said in [None, None, None, Some(true)] {
        assert_eq!(fleet.observe(&id("crash-1")).unwrap().crash_loop, None);
        crash(&fleet, "crash-1");
        wait_until("the server is back", || {
            fleet.tend();
            fleet.observe(&id("crash-1")).unwrap().server == Server::Ready
        });
        assert_eq!(fleet.observe(&id("crash-1")).unwrap().crash_loop, said);
    }
    assert_eq!(sql(&fleet, "crash-1", "SELECT count(*)::text FROM t"), "0");

    fleet.close();
    drop(fleet);
    let fleet = scene.fleet();
    assert_eq!(fleet.services(), [id("crash-1")]);
    assert_eq!(fleet.observe(&id("crash-1")).unwrap().server, Server::Ready);
    sql(&fleet, "crash-1", "INSERT INTO t VALUES (1)");
    wait_until("the log is archived again", || {
        fleet.tend();
        fleet.observe(&id("crash-1")).unwrap().archived_to.is_some()
    });

    std::fs::remove_dir_all(scene.base.path().join("host/nodes/crash-1/data")).unwrap();
    wait_until("the loss is said", || {
        fleet.tend();
        let observed = fleet.observe(&id("crash-1")).unwrap();
        observed.server == Server::Lost && observed.trouble.is_some_and(|trouble| trouble.contains("is gone"))
    });
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

#[test]
fn a_full_disk_closes_a_server_for_writing_and_more_disk_opens_it_again() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    let mut order = scene.order("full-1", 1);
    order.disk_mib = 30;
    fleet.provision(&order, &CERTIFICATE).unwrap();
    wait_until("the disk is found full", || {
        fleet.tend();
        fleet.observe(&id("full-1")).unwrap().trouble.is_some()
    });
    let observed = fleet.observe(&id("full-1")).unwrap();
    assert!(observed.trouble.clone().unwrap().contains("the disk of service full-1 is full"), "{observed:?}");
    assert!(observed.disk_bytes.unwrap() > 30 << 20 && observed.figures.contains_key("connections"), "{observed:?}");
    wait_until("new transactions may only read", || sql(&fleet, "full-1", "SHOW transaction_read_only") == "on");
    let taken = fleet.take_backup(&id("full-1"), Generation(1), "3", &Progress::default()).unwrap();
    assert_eq!(taken.bad_pages, 0);

    (order.generation, order.disk_mib) = (Generation(2), 10_000);
    fleet.provision(&order, &CERTIFICATE).unwrap();
    wait_until("writing is allowed again", || {
        fleet.tend();
        sql(&fleet, "full-1", "SHOW transaction_read_only") == "off"
    });
    assert_eq!(fleet.observe(&id("full-1")).unwrap().trouble, None);
    let said = fleet.told(&id("full-1"));
    assert!(said.iter().any(|(_, text)| text.contains("disk is full")), "{said:?}");
    fleet.stop(&id("full-1"), Generation(2)).unwrap();
    fleet.remove(&id("full-1"), Generation(2)).unwrap();
}

#[test]
fn a_restore_starts_from_the_backup_that_was_named_and_stands_as_in_it() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    fleet.provision(&scene.order("named-1", 1), &CERTIFICATE).unwrap();
    let service = id("named-1");
    sql(&fleet, "named-1", "CREATE TABLE t (i int)");
    let first = fleet.take_backup(&service, Generation(1), "4", &Progress::default()).unwrap();
    sql(&fleet, "named-1", "INSERT INTO t VALUES (1)");
    fleet.take_backup(&service, Generation(1), "5", &Progress::default()).unwrap();
    let mut restore = scene.latest("named-1");
    restore.backup = Some(first.name.clone());
    fleet.check_restore(&restore).unwrap();
    let recovered = fleet.restore(&scene.order("named-2", 1), &CERTIFICATE, &restore, &Progress::default()).unwrap();
    assert_eq!(
        (recovered.backup, sql(&fleet, "named-2", "SELECT count(*)::text FROM t")),
        (first.name, "0".to_string())
    );
    restore.backup = Some("nothing".to_string());
    let error = fleet.check_restore(&restore).unwrap_err();
    assert!(error.kind() == ErrorKind::Missing && error.to_string().contains("backup nothing"), "{error}");
    for name in ["named-1", "named-2"] {
        fleet.stop(&id(name), Generation(1)).unwrap();
        fleet.remove(&id(name), Generation(1)).unwrap();
    }
}

#[test]
fn a_server_that_went_down_while_nobody_received_its_log_is_shipped_to_the_end_by_the_next_agent() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    let service = id("dead-1");
    fleet.provision(&scene.order("dead-1", 1), &CERTIFICATE).unwrap();
    sql(&fleet, "dead-1", "CREATE TABLE t AS SELECT 1 AS i");
    fleet.take_backup(&service, Generation(1), "6", &Progress::default()).unwrap();
    fleet.close();
    drop(fleet);

    // The agent is gone; what is committed now waits in the slot, and the server goes down as one does that was told to stop.
    let volume = scene.base.path().join("host/nodes/dead-1");
    let user = rustix::process::geteuid().is_root().then_some("fs-dead-1");
    let host = Host::new(user, clock(), Arc::new(SystemEntropy)).unwrap();
    let mut node = postgres::adopt(&volume, &host).unwrap();
    let mut session = Connection::connect(&node.settings().unwrap(), clock()).unwrap();
    session.one_value("INSERT INTO t VALUES (2)").unwrap();
    session.close();
    node.stop(Duration::from_secs(60)).unwrap();
    drop(node);

    let fleet = scene.fleet();
    fleet.stop(&service, Generation(1)).unwrap();
    let told = fleet.told(&service);
    assert!(told.iter().any(|(_, text)| text.contains("once more")), "{told:?}");
    fleet.stop(&service, Generation(1)).unwrap();
    let again = fleet.told(&service).iter().filter(|(_, text)| text.contains("once more")).count();
    assert_eq!(again, 1, "what is in the store is not shipped again");
    fleet.remove(&service, Generation(1)).unwrap();
    let (order, latest) = (scene.order("dead-1", 2), scene.latest("dead-1"));
    fleet.restore(&order, &CERTIFICATE, &latest, &Progress::default()).unwrap();
    assert_eq!(sql(&fleet, "dead-1", "SELECT string_agg(i::text, ',' ORDER BY i) FROM t"), "1,2");
    fleet.stop(&service, Generation(2)).unwrap();
    fleet.remove(&service, Generation(2)).unwrap();
}

#[test]
fn a_store_that_was_lost_is_not_taken_for_an_empty_one_and_what_waited_is_in_it_once_it_is_back() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    let service = id("mount-1");
    fleet.provision(&scene.order("mount-1", 1), &CERTIFICATE).unwrap();
    sql(&fleet, "mount-1", "CREATE TABLE t AS SELECT 1 AS i");
    fleet.take_backup(&service, Generation(1), "back", &Progress::default()).unwrap();
    fleet.close();
    drop(fleet);

    // The next agent finds the folder that the store was mounted on.
    let (store, aside) = (scene.base.path().join("north"), scene.base.path().join("aside"));
    std::fs::rename(&store, &aside).unwrap();
    std::fs::create_dir(&store).unwrap();
    let fleet = scene.fleet();
    wait_until("it says what is missing", || {
        fleet.tend();
        let trouble = fleet.observe(&service).unwrap().trouble;
        trouble.is_some_and(|trouble| trouble.contains("region north holds nothing of service mount-1"))
    });
    sql(&fleet, "mount-1", "INSERT INTO t VALUES (2)");
    let refused = fleet.stop(&service, Generation(1)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Transient, "{refused}");
    assert_eq!(std::fs::read_dir(&store).unwrap().count(), 0, "nothing was put there");
    std::fs::remove_dir(&store).unwrap();
    std::fs::rename(&aside, &store).unwrap();
    fleet.stop(&service, Generation(1)).unwrap();
    fleet.remove(&service, Generation(1)).unwrap();
    fleet.restore(&scene.order("mount-1", 2), &CERTIFICATE, &scene.latest("mount-1"), &Progress::default()).unwrap();
    assert_eq!(sql(&fleet, "mount-1", "SELECT string_agg(i::text, ',' ORDER BY i) FROM t"), "1,2");

    fleet.stop(&service, Generation(2)).unwrap();
    fleet.remove(&service, Generation(2)).unwrap();
    fleet.shred(&scene.region, &service).unwrap();
    fleet.forget(&service).unwrap();
    assert_eq!(std::fs::read_dir(scene.base.path().join("host/orders")).unwrap().count(), 0);
}
