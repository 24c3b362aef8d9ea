//! Settings with which a server does not start: it runs on with those that it had.

use farshore_agent::fleet::Order;
use farshore_types::{ErrorKind, Generation, Progress, ServiceId};

use crate::support::{CERTIFICATE, Scene, sql};

#[test]
fn a_server_that_does_not_start_with_changed_settings_runs_with_the_former_ones_and_takes_a_correction() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    let service: ServiceId = "back-1".parse().unwrap();
    fleet.provision(&scene.order("back-1", 1), &CERTIFICATE).unwrap();
    sql(&fleet, "back-1", "CREATE TABLE t AS SELECT 1 AS i");
    let change = |generation: u64, settings: &[(&str, &str)]| {
        let mut order = scene.order("back-1", generation);
        order.settings = settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        fleet.provision(&order, &CERTIFICATE).unwrap();
        fleet.restart(&service, Generation(generation))
    };
    let work_mem = || sql(&fleet, "back-1", "SHOW work_mem");
    change(2, &[("work_mem", "8MB")]).unwrap();
    for generation in [3, 4] {
        let error = change(generation, &[("work_mem", "9MB"), ("shared_preload_libraries", "no_such")]).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("no_such"), "{error}");
        assert_eq!(work_mem(), "8MB");
        // As it is asked again where the answer was lost.
        assert_eq!(fleet.restart(&service, Generation(generation)).unwrap_err().kind(), ErrorKind::Invalid);
    }
    let told = fleet.told(&service);
    assert!(told.iter().any(|(_, text)| text.contains("no_such")), "{told:?}");
    change(5, &[("work_mem", "9MB")]).unwrap();
    assert_eq!((work_mem().as_str(), sql(&fleet, "back-1", "SELECT count(*)::text FROM t").as_str()), ("9MB", "1"));
    // It is found wrong only after a crash: the next start goes back as well.
    let mut order = scene.order("back-1", 6);
    order.settings = vec![("shared_preload_libraries".to_string(), "no_such".to_string())];
    fleet.provision(&order, &CERTIFICATE).unwrap();
    let pid = sql(&fleet, "back-1", "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)").parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
    crate::support::wait_until("it is back with what it had", || {
        fleet.tend();
        fleet.session(&service, "postgres").is_ok_and(|(mut session, _)| {
            session.one_value("SHOW work_mem").is_ok_and(|value| value.as_deref() == Some("9MB"))
        })
    });
    fleet.stop(&service, Generation(6)).unwrap();
    fleet.remove(&service, Generation(6)).unwrap();
}

#[test]
fn a_restored_server_that_does_not_start_with_what_was_ordered_runs_and_says_so_until_it_is_corrected() {
    let scene = Scene::new();
    let fleet = scene.fleet();
    let source: ServiceId = "source-1".parse().unwrap();
    fleet.provision(&scene.order("source-1", 1), &CERTIFICATE).unwrap();
    sql(&fleet, "source-1", "CREATE TABLE t AS SELECT 1 AS i");
    fleet.take_backup(&source, Generation(1), "run-1", &Progress::default()).unwrap();
    let again: ServiceId = "again-1".parse().unwrap();
    let mut order = scene.order("again-1", 1);
    order.settings = vec![("shared_preload_libraries".to_string(), "no_such".to_string())];
    fleet.restore(&order, &CERTIFICATE, &scene.latest("source-1"), &Progress::default()).unwrap();
    assert_eq!(sql(&fleet, "again-1", "SELECT count(*)::text FROM t"), "1");
    let trouble = fleet.observe(&again).unwrap().trouble.unwrap_or_default();
    assert!(trouble.contains("does not start with the changed settings") && trouble.contains("no_such"), "{trouble}");
    order = Order { generation: Generation(2), settings: vec![("work_mem".to_string(), "9MB".to_string())], ..order };
    fleet.provision(&order, &CERTIFICATE).unwrap();
    fleet.restart(&again, Generation(2)).unwrap();
    assert_eq!(sql(&fleet, "again-1", "SHOW work_mem"), "9MB");
    let trouble = fleet.observe(&again).unwrap().trouble.unwrap_or_default();
    assert!(!trouble.contains("changed settings"), "{trouble}");
    for service in [&source, &again] {
        fleet.stop(service, Generation(2)).unwrap();
        fleet.remove(service, Generation(2)).unwrap();
    }
}
