//! What is refused before anything is made.

use farshore_agent::postgres::{Spec, open, provision};
use farshore_types::ErrorKind;

use crate::common::{host, installations, place};

#[test]
fn a_directory_that_the_servers_user_cannot_enter_is_refused_by_name() {
    let host = host();
    if !host.engines.is_foreign() {
        return;
    }
    let home = std::path::Path::new("/root").join("farshore-test-never-made");
    let error = provision(&Spec::new(home.join("n"), installations().swap_remove(0)), &host).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let text = error.to_string();
    assert!(text.contains("/root is 0700") && text.contains("user postgres can enter"), "{text}");
    assert!(!home.exists());
}

#[test]
fn a_path_too_long_for_the_socket_is_refused_with_its_length() {
    let place = place();
    let name = "x".repeat(107);
    let error = provision(&place.spec(&name, &installations().swap_remove(0)), &host()).err().unwrap();
    assert!(error.to_string().contains("bytes, the limit is 107"), "{error}");
    assert!(!place.path().join(name).exists());
}

#[test]
fn paths_that_a_shell_could_misread_and_foreign_directories_are_refused() {
    let (place, installation) = (place(), installations().swap_remove(0));
    for name in ["a'b", "a$b", "a\nb"] {
        assert_eq!(provision(&place.spec(name, &installation), &host()).err().unwrap().kind(), ErrorKind::Invalid);
    }
    std::fs::create_dir_all(place.path().join("n/data")).unwrap();
    std::fs::write(place.path().join("n/data/precious"), "").unwrap();
    let error = provision(&place.spec("n", &installation), &host()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(place.path().join("n/data/precious").exists());
}

#[test]
fn opening_needs_a_restored_cluster_of_the_same_major_version() {
    let (place, installation) = (place(), installations().swap_remove(0));
    let spec = place.spec("n", &installation);
    assert_eq!(open(&spec, &host()).err().unwrap().kind(), ErrorKind::Missing);
    std::fs::create_dir_all(spec.volume.join("data")).unwrap();
    std::fs::write(spec.volume.join("data/PG_VERSION"), "9\n").unwrap();
    let error = open(&spec, &host()).err().unwrap().to_string();
    assert!(error.contains("PostgreSQL 9") && error.contains(&installation.major.to_string()), "{error}");
}
