//! Databases whose locales a host does not have, or has in another version, on a server that was restored there.

use farshore_types::{Generation, Progress, ServiceId};

use crate::support::{CERTIFICATE, Scene, sql};

#[test]
fn a_restored_server_runs_and_says_which_databases_its_host_has_no_locale_for() {
    let (scene, id) = (Scene::new(), |text: &str| text.parse::<ServiceId>().unwrap());
    let fleet = scene.fleet();
    fleet.provision(&scene.order("words-1", 1), &CERTIFICATE).unwrap();
    for statement in [
        "CREATE TABLE t AS SELECT 5 AS x",
        "CREATE DATABASE usual",
        "CREATE DATABASE elsewhere",
        // As if both were made on a host that has this locale in another version of its library.
        "UPDATE pg_database SET datcollate = 'xx_XX.UTF-8', datctype = 'xx_XX.UTF-8', datcollversion = '0.1' \
         WHERE datname = 'elsewhere'",
    ] {
        sql(&fleet, "words-1", statement);
    }
    fleet.take_backup(&id("words-1"), Generation(1), "1", &Progress::default()).unwrap();
    let told =
        |service: &str| fleet.told(&id(service)).into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n");
    assert!(!told("words-1").contains("elsewhere"));
    fleet.restore(&scene.order("words-2", 1), &CERTIFICATE, &scene.latest("words-1"), &Progress::default()).unwrap();
    assert_eq!(sql(&fleet, "words-2", "SELECT x::text FROM t"), "5");
    let told = told("words-2");
    for part in ["database elsewhere cannot be used", "xx_XX.UTF-8", "locale -a", "version 0.1 of the host's library"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("usual"), "{told}");
    for service in ["words-1", "words-2"] {
        fleet.remove(&id(service), Generation(1)).unwrap();
    }
}
