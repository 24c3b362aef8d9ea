//! What a start refuses, before anything is made or changed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rustix::process::{Signal, geteuid};

use super::support::{World, mode, program, refused};

#[test]
fn a_folder_that_is_too_long_is_refused_with_the_limit() {
    let world = World::new();
    let long = world.path(&"d".repeat(60));
    let error = refused(program().args(["up", "--data"]).arg(&long));
    assert!(error.contains("at most 40") && error.contains("--data"), "{error}");
    assert!(!long.exists());
}

#[test]
fn a_folder_that_holds_other_things_is_refused_and_keeps_its_rights() {
    let world = World::new();
    fs::create_dir(world.data()).unwrap();
    fs::set_permissions(world.data(), Permissions::from_mode(0o755)).unwrap();
    fs::write(world.data().join("thesis.txt"), "years of work").unwrap();
    let error = refused(&mut world.up_command());
    assert!(error.contains("holds thesis.txt"), "{error}");
    assert_eq!((mode(&world.data()), fs::read_dir(world.data()).unwrap().count()), (0o755, 1));
}

#[test]
fn a_folder_that_databases_cannot_enter_is_refused_naming_the_component() {
    if !geteuid().is_root() {
        return;
    }
    let world = World::new();
    let closed = world.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let error = refused(program().args(["up", "--data"]).arg(closed.join("d")));
    assert!(error.contains(&format!("{} is 0700", closed.display())), "{error}");
    assert_eq!(fs::read_dir(&closed).unwrap().count(), 0);
}

#[test]
fn an_address_beyond_this_machine_needs_encryption_or_a_word() {
    let world = World::new();
    let error = refused(program().args(["up", "--listen", "0.0.0.0:0", "--data"]).arg(world.data()));
    for flag in ["--tls-cert", "--tls-key", "--insecure"] {
        assert!(error.contains(flag), "{flag}: {error}");
    }
    assert!(!world.data().exists());
    let error = refused(world.up_command().args(["--tls-cert", "cert.pem"]));
    assert!(error.contains("--tls-key"), "{error}");
}

#[test]
fn a_taken_port_is_refused_and_the_folder_is_free_again() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = refused(program().args(["up", "--listen", &address, "--data"]).arg(world.data()));
    assert!(error.contains(&address) && error.contains("--listen"), "{error}");
    assert!(world.up().end(Signal::TERM));
}

#[test]
fn a_key_that_is_gone_is_not_made_anew() {
    let world = World::new();
    assert!(world.up().end(Signal::TERM));
    for name in ["master.key", "keys/recovery.pub"] {
        let (path, beside) = (world.data().join(name), world.path("beside"));
        fs::rename(&path, &beside).unwrap();
        let hidden =
            (name == "keys/recovery.pub").then(|| (world.data().join("keys/recovery.key"), world.path("moved.key")));
        if let Some((key, moved)) = &hidden {
            fs::rename(key, moved).unwrap();
        }
        let error = refused(&mut world.up_command());
        assert!(error.contains(name) && error.contains("is gone"), "{error}");
        assert!(!path.exists());
        fs::rename(&beside, &path).unwrap();
        // The recovery key itself may be moved away.
        assert!(world.up().end(Signal::TERM));
    }
}

#[test]
fn a_folder_without_a_platform_is_told_apart() {
    let world = World::new();
    for words in [&["token", "create"][..], &["doctor"]] {
        let error = refused(&mut world.command(words));
        assert!(error.contains("is not the folder of a platform"), "{error}");
    }
}
