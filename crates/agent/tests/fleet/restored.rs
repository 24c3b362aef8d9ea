//! What a node that was restored runs with: the sizes and settings of its order, wherever its agent died.

use std::sync::Arc;

use farshore_agent::fleet::{Fleet, Order};
use farshore_agent::host::Host;
use farshore_agent::tasks::fork::{Fork, Left};
use farshore_engines::postgresql::provision::{Installation, candidates, version_program};
use farshore_objects::{Scoped, open_or_create};
use farshore_types::{Generation, Progress, ServiceId, SystemEntropy, Target};
use farshore_vault::{Identity, Repository, Vault};

use crate::support::{CERTIFICATE, Scene, built_binary, clock, sql};

/// What differs from a server's own defaults, all of it read at a start only.
const SHOWN: &str = "SELECT concat_ws(' ', current_setting('shared_buffers'), current_setting('max_files_per_process'), \
                     current_setting('track_activity_query_size'), current_setting('max_worker_processes'), \
                     current_setting('max_connections'))";
const PENDING: &str = "SELECT count(*)::text FROM pg_settings WHERE pending_restart";

fn id(service: &str) -> ServiceId {
    service.parse().unwrap()
}

/// An order that asks for more than the defaults.
fn order(scene: &Scene, service: &str, generation: u64) -> Order {
    let mut order = scene.order(service, generation);
    (order.sizes.shared_buffers_mib, order.sizes.connections_max) = (24, 20);
    let settings =
        [("max_files_per_process", "1500"), ("track_activity_query_size", "2048"), ("max_worker_processes", "7")];
    order.settings = settings.map(|(name, value)| (name.to_string(), value.to_string())).to_vec();
    order
}

fn runs_as_ordered(fleet: &Fleet, service: &str) {
    assert_eq!(sql(fleet, service, SHOWN), "24MB 1500 2kB 7 20");
    assert_eq!(sql(fleet, service, PENDING), "0");
}

fn vault(scene: &Scene, service: &str) -> Vault {
    let store = Scoped::new(open_or_create(&scene.region.store).unwrap(), &format!("{service}/")).unwrap();
    let identity = std::fs::read_to_string(&scene.region.identity).unwrap();
    Repository::open(Arc::new(store)).unwrap().unlock(&Identity::parse(&identity).unwrap()).unwrap()
}

/// A restore whose agent dies as soon as its fork is done.
fn fork_and_die(scene: &Scene, service: &str) {
    let host = Host::new(rustix::process::geteuid().is_root().then_some("fs-own-1"), clock(), Arc::new(SystemEntropy));
    let host = host.unwrap();
    let installed = |directory: &std::path::PathBuf| {
        let printed = host.run(&version_program(directory)).unwrap().text();
        let found = Installation::parse(directory, &printed).unwrap();
        (found.major == 15).then_some(found)
    };
    let here = candidates(None, std::env::var_os("PATH").as_deref());
    let fork = Fork {
        vault: vault(scene, service),
        backup: None,
        target: Target::latest(),
        volume: scene.base.path().join("host/nodes").join(service),
        installation: here.iter().find_map(installed).unwrap(),
        port: farshore_agent::place::free_port(&Default::default(), &SystemEntropy).unwrap(),
        superuser: "postgres".to_string(),
        binary: built_binary(),
        workers: 1,
        left: Left::Stopped,
        host: &host,
    };
    fork.run(&Progress::default()).unwrap();
}

#[test]
fn a_restored_node_runs_with_the_sizes_and_settings_of_its_order_wherever_its_agent_died() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    let service = id("own-1");
    fleet.provision(&scene.order("own-1", 1), &CERTIFICATE).unwrap();
    sql(&fleet, "own-1", "CREATE TABLE t AS SELECT 1 AS i");
    fleet.take_backup(&service, Generation(1), "1", &Progress::default()).unwrap();
    fleet.restore(&order(&scene, "own-2", 1), &CERTIFICATE, &scene.latest("own-1"), &Progress::default()).unwrap();
    runs_as_ordered(&fleet, "own-2");
    fleet.stop(&service, Generation(1)).unwrap();

    // The recovery is over, and nothing has been started with the order's settings yet.
    fleet.discard(&service, Generation(1)).unwrap();
    drop(fleet);
    fork_and_die(&scene, "own-1");
    let fleet = scene.fleet();
    fleet.provision(&order(&scene, "own-1", 2), &CERTIFICATE).unwrap();
    runs_as_ordered(&fleet, "own-1");

    // The same, and not even that is recorded: what nobody has seen is made anew.
    fleet.stop(&service, Generation(2)).unwrap();
    fleet.discard(&service, Generation(2)).unwrap();
    drop(fleet);
    fork_and_die(&scene, "own-1");
    let marker = r#"{"version":1,"service":"own-1","backup":"any","target":"TARGET"}"#;
    let marker = marker.replace("TARGET", &Target::latest().to_string());
    std::fs::write(scene.base.path().join("host/nodes/own-1/fork.json"), marker).unwrap();
    let fleet = scene.fleet();
    fleet.restore(&order(&scene, "own-1", 3), &CERTIFICATE, &scene.latest("own-1"), &Progress::default()).unwrap();
    runs_as_ordered(&fleet, "own-1");
    assert_eq!(sql(&fleet, "own-1", "SELECT count(*)::text FROM t"), "1");
    for (name, generation) in [("own-1", 3), ("own-2", 1)] {
        fleet.stop(&id(name), Generation(generation)).unwrap();
        fleet.remove(&id(name), Generation(generation)).unwrap();
    }
}

#[test]
fn what_an_earlier_version_left_of_a_recovery_is_gone_after_the_next_start_and_nothing_else_is() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    fleet.provision(&scene.order("pin-1", 1), &CERTIFICATE).unwrap();
    let left = "# Made anew by Farshore when this cluster was restored.\nhot_standby = 'off'\nmax_connections = '33'\n\
        max_worker_processes = '9'\nmax_wal_senders = '10'\nmax_prepared_transactions = '3'\n\
        max_locks_per_transaction = '65'\nwork_mem = '7MB'\n";
    std::fs::write(scene.base.path().join("host/nodes/pin-1/data/postgresql.auto.conf"), left).unwrap();
    fleet.provision(&order(&scene, "pin-1", 2), &CERTIFICATE).unwrap();
    fleet.restart(&id("pin-1"), Generation(2)).unwrap();
    runs_as_ordered(&fleet, "pin-1");
    let rest = "SELECT concat_ws(' ', current_setting('work_mem'), current_setting('max_prepared_transactions'), \
                current_setting('max_locks_per_transaction'))";
    assert_eq!(sql(&fleet, "pin-1", rest), "7MB 0 64");
    fleet.stop(&id("pin-1"), Generation(2)).unwrap();
    fleet.remove(&id("pin-1"), Generation(2)).unwrap();
}
