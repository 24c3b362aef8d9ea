//! The API over TLS: whom the client trusts, and that it tells nobody else who it is.

use std::path::Path;
use std::process::Command;

use crate::canned::Ended;
use crate::support::cluster::run;
use crate::up::{Up, folder};

/// An authority `ca.crt`, and the certificate `api.crt` of it for this machine.
fn certificates(folder: &Path) {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
        openssl req -newkey rsa:2048 -nodes -subj /CN=api -keyout api.key -out api.csr
        echo 'subjectAltName=IP:127.0.0.1' > names
        openssl x509 -req -days 1 -in api.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names -out api.crt";
    run(Command::new("sh").args(["-ec", script]).current_dir(folder));
}

#[test]
fn the_named_authority_is_trusted_and_no_other_one() {
    let (place, other) = (folder(), folder());
    certificates(place.path());
    certificates(other.path());
    let file = |name: &str| place.path().join(name).display().to_string();
    let up = Up::start_in(folder(), &format!("--tls-cert {} --tls-key {}", file("api.crt"), file("api.key")));
    for (authority, good) in [(place.path().join("ca.crt"), true), (other.path().join("ca.crt"), false)] {
        let ended = Ended::of(up.farshore("project list").env("AIVEN_CA_CERT", &authority));
        assert_eq!(ended.code == 0, good, "{ended:?}");
        assert!(good || ended.errors.contains("cannot be trusted"), "{ended:?}");
    }
    let ended = Ended::of(&mut up.farshore("project list"));
    assert!(ended.code == 1 && ended.errors.contains("AIVEN_CA_CERT"), "{ended:?}");
    for (content, expect) in [("no certificate", "holds no certificate"), ("", "holds no certificate")] {
        let wrong = other.path().join("wrong.pem");
        std::fs::write(&wrong, content).unwrap();
        let ended = Ended::of(up.farshore("project list").env("AIVEN_CA_CERT", &wrong));
        assert!(ended.code == 2 && ended.errors.contains(expect), "{ended:?}");
    }
}
