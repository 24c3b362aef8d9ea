//! `farshore backup access`: the printed commands, executed as they are, give the data back.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::canned::{Canned, service};
use crate::support::cluster::{Cluster, directory, give, run};
use crate::support::installation;

/// Holds what password files and shells treat in ways of their own.
const PASSWORD: &str = "it's:a \\ pass$word";

/// A server that wants a password over TLS, and whose certificate is of an authority of its own.
struct World {
    cluster: Cluster,
    folder: tempfile::TempDir,
    authority: String,
}

impl World {
    fn new() -> World {
        let folder = directory();
        let mut cluster = Cluster::make(&installation(), true);
        let authority = certificates(folder.path(), &cluster);
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(cluster.data.join("pg_hba.conf"), rules).unwrap();
        cluster.run(&["listen_addresses=127.0.0.1", "ssl=on"]);
        let password = PASSWORD.replace('\'', "''");
        cluster.sql(&format!("CREATE ROLE avnadmin LOGIN CREATEDB PASSWORD '{password}'"));
        cluster.sql("CREATE DATABASE defaultdb OWNER avnadmin");
        cluster.sql_in(
            "defaultdb",
            "CREATE TABLE notes AS SELECT n, md5(n::text) AS text FROM generate_series(1, 1000) n",
        );
        cluster.sql_in("defaultdb", "ALTER TABLE notes OWNER TO avnadmin");
        World { cluster, folder, authority }
    }

    fn platform(&self) -> Canned {
        let mut known = service("RUNNING");
        known["service_uri_params"] = json!({"host": "127.0.0.1", "port": self.cluster.port.to_string(),
            "user": "avnadmin", "password": PASSWORD, "dbname": "defaultdb", "sslmode": "require"});
        let authority = self.authority.clone();
        Canned::start(move |asked| match asked.path.as_str() {
            "/project/main/kms/ca" => (200, json!({"certificate": authority})),
            _ => (200, json!({"service": known})),
        })
    }

    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        let bin = self.cluster.installation.program("psql").unwrap();
        let path = format!("{}:{}", bin.parent().unwrap().display(), std::env::var("PATH").unwrap());
        command.args(["-ec", line]).current_dir(self.folder.path()).env("PATH", path).env_remove("PGPASSWORD");
        command
    }
}

/// An authority, and a certificate of it for the server; the authority is returned.
fn certificates(folder: &std::path::Path, cluster: &Cluster) -> String {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
        openssl req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr
        openssl x509 -req -days 1 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt";
    run(Command::new("sh").args(["-ec", script]).current_dir(folder));
    for name in ["server.key", "server.crt"] {
        let file = cluster.data.join(name);
        std::fs::copy(folder.join(name), &file).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        give(&file);
    }
    std::fs::read_to_string(folder.join("ca.crt")).unwrap()
}

#[test]
fn the_printed_command_dumps_the_service_and_its_dump_restores() {
    let (world, place) = (World::new(), "keys of dora's");
    let platform = world.platform();
    let mut access = platform.farshore("--json backup access pg-1 --to");
    let answer: Value = serde_json::from_str(&run(access.arg(world.folder.path().join(place)))).unwrap();
    let command = answer["command"].as_str().unwrap();
    assert!(!command.contains("pass$word") && command.contains("sslmode=verify-ca"), "{command}");
    run(&mut world.shell(command));
    world.cluster.sql("CREATE DATABASE again");
    let (base, port) = (world.cluster.base().display(), world.cluster.port);
    let restore = answer["restore"].as_str().unwrap().replace("DATABASE", "again");
    run(&mut world.shell(&format!("PGHOST={base} PGPORT={port} PGUSER=postgres {restore}")));
    let sum = "SELECT count(*) || md5(string_agg(text, ',' ORDER BY n)) FROM notes";
    assert_eq!(world.cluster.sql_in("again", sum), world.cluster.sql_in("defaultdb", sum));

    for key in ["ca_file", "password_file"] {
        let mode = std::fs::metadata(answer[key].as_str().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    // A server of another authority gets no password.
    let other = world.folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    certificates(&other, &world.cluster);
    std::fs::copy(other.join("ca.crt"), answer["ca_file"].as_str().unwrap()).unwrap();
    let refused = world.shell(command).output().unwrap();
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && errors.contains("SSL error"), "{errors}");
}

#[test]
fn people_read_the_tool_the_files_and_the_commands() {
    let platform = Canned::start(|asked| match asked.path.as_str() {
        "/project/main/kms/ca" => (200, json!({"certificate": "authority"})),
        _ => (200, json!({"service": service("RUNNING")})),
    });
    let home = tempfile::tempdir().unwrap();
    let out = run(platform.farshore("backup access pg-1").env("HOME", home.path()));
    let place = home.path().join(".config/farshore/access/main/pg-1");
    for expect in ["The usual tool for PostgreSQL is pg_dump", "  PGPASSFILE=", "--file='pg-1.dump'", "  pg_restore "] {
        assert!(out.contains(expect), "{expect}: {out}");
    }
    assert!(out.contains(&place.join("pgpass").display().to_string()) && !out.contains("hush"), "{out}");
    assert_eq!(std::fs::read_to_string(place.join("ca.pem")).unwrap(), "authority");
}

#[test]
fn other_types_are_answered_with_the_name_of_their_tool_or_that_there_is_none() {
    for (kind, code, expect) in
        [("mysql", 0, "mysqldump"), ("opensearch", 0, "elasticdump"), ("kafka", 2, "no usual tool")]
    {
        let mut known = service("RUNNING");
        known["service_type"] = json!(kind);
        let platform = Canned::start(move |_| (200, json!({"service": known})));
        let ended = platform.run("backup access pg-1");
        assert!(ended.code == code && format!("{}{}", ended.out, ended.errors).contains(expect), "{kind}: {ended:?}");
    }
}
