//! A data directory that came from elsewhere is taken over with this node's own settings.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use farshore_agent::postgres::{adopt, open};
use farshore_types::snapshot::ClosingFile;

use crate::common::{DEADLINE, host, node, query};

/// Copies as this user, with modes.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
    fs::set_permissions(to, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_restored_directory_gets_this_nodes_port_socket_owner_and_rules() {
    let mut source = node("source");
    source.sql("CREATE TABLE t AS SELECT 5 AS x");
    source.node.stop(DEADLINE).unwrap();
    let spec = source.place.spec("fork", &source.node.installation());
    let data = spec.volume.join("data");
    copy(&source.node.layout().data(), &data);
    fs::write(data.join("pg_hba.conf"), "local all all trust\n").unwrap();
    fs::write(data.join("postgresql.conf"), "port = 1\nunix_socket_directories = '/nonexistent'\n").unwrap();
    source.node.start(DEADLINE).unwrap();
    let mut fork = open(&spec, &host()).unwrap();
    let status = fs::metadata(&data).unwrap();
    assert_eq!((status.mode() & 0o777, status.uid()), (0o700, host().engines.user));
    fork.start(DEADLINE).unwrap();
    assert_eq!(query(&fork, "SELECT x FROM t"), "5");
    assert_ne!(fork.port(), source.node.port());
    assert_eq!(query(&fork, "SHOW port"), fork.port().to_string());
    assert_eq!(query(&fork, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'"), "0");
    assert_eq!(fork.password().unwrap(), None);
    let port = fork.port();
    drop(fork);
    let again = open(&spec, &host()).unwrap();
    assert_eq!((again.port(), again.is_alive().unwrap()), (port, true));
}

#[test]
fn files_are_put_as_the_servers_and_only_into_the_data_directory() {
    let mut test = node("n");
    let file = |path: &str, text: &str| ClosingFile { path: path.to_string(), mode: 0o600, content: text.into() };
    test.node.put_files(&[file("postgresql.auto.conf", "work_mem = '7MB'\n")]).unwrap();
    assert_eq!(
        fs::metadata(test.node.layout().data().join("postgresql.auto.conf")).unwrap().uid(),
        host().engines.user
    );
    test.node.reload().unwrap();
    crate::common::wait_until("the setting is there", || test.sql("SHOW work_mem") == "7MB");
    for path in ["../x", "/etc/x", "a/../../x", "./x"] {
        assert!(test.node.put_files(&[file(path, "")]).is_err(), "{path}");
    }
    let volume = test.node.layout().volume().to_path_buf();
    assert!(!volume.join("x").exists());
    drop(test.node);
    test.node = adopt(&volume, &host()).unwrap();
}
