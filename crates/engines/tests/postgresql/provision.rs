//! Making, starting, finding again and stopping clusters, with programs run as the agent would run them.

use std::path::Path;
use std::time::Duration;

use farshore_engines::postgresql::provision::{
    self, Configuration, Installation, Postmaster, Probe, Readiness, Statistics, candidates, initdb, readiness,
    version_program,
};
use farshore_engines::postgresql::replication::Replication;
use farshore_engines::postgresql::wire::{Address, Connection, Settings};
use farshore_types::snapshot::ClosingFile;
use farshore_types::{ErrorKind, Program};

use crate::support::{clock, command, directory, free_port, give, installations, run};

const WAIT: Duration = Duration::from_secs(60);

/// Runs a program of the engine; its output.
pub fn execute(program: &Program) -> String {
    let mut command = command(&program.path);
    command.args(&program.args).envs(program.env.iter().cloned());
    run(command)
}

/// The installation in a directory of binaries.
pub fn installation(bin: &Path) -> Installation {
    Installation::parse(bin, &execute(&version_program(bin))).unwrap()
}

/// Writes files into a data directory as its owner's.
pub fn write_files(data: &Path, files: &[ClosingFile]) {
    for file in files {
        let path = data.join(&file.path);
        std::fs::write(&path, &file.content).unwrap();
        give(&path);
    }
}

/// A configuration for tests, with `postgres` as superuser for whoever runs them.
pub fn configuration(base: &Path) -> Configuration {
    Configuration {
        port: free_port(),
        socket_directory: base.to_path_buf(),
        superuser: "postgres".to_string(),
        system_users: vec![
            "root".to_string(),
            "postgres".to_string(),
            run(std::process::Command::new("whoami")).trim().to_string(),
        ],
        connections_max: 20,
        shared_buffers_mib: 16,
        slot_keep_mib: 64,
        door: None,
        statistics: Statistics::Unavailable,
        extra: vec![("work_mem".to_string(), "5MB".to_string())],
    }
}

#[test]
fn a_cluster_is_made_started_found_again_and_stopped() {
    for bin in installations() {
        assert!(candidates(Some(&bin), None).contains(&bin));
        let (found, base) = (installation(&bin), directory());
        let (data, password, log) = (base.path().join("data"), base.path().join("password"), base.path().join("log"));
        std::fs::write(&password, "it's 'secret'").unwrap();
        give(&password);
        execute(&initdb(&found, &data, "postgres", &password).unwrap());
        let configuration = configuration(base.path());
        write_files(&data, &configuration.files().unwrap());
        let settings = Settings::new(Address::socket(base.path(), configuration.port).unwrap(), "postgres");
        assert_eq!(readiness(&settings, clock()).unwrap(), Readiness::Absent);
        assert_eq!(Postmaster::read(&data).unwrap(), None);

        execute(&provision::start(&found, &data, &log, WAIT).unwrap());
        assert_eq!(readiness(&settings, clock()).unwrap(), Readiness::Ready { in_recovery: false });
        let postmaster = Postmaster::read(&data).unwrap().unwrap();
        assert_eq!((postmaster.port, postmaster.status.as_str()), (configuration.port, "ready"));
        assert!(postmaster.is_alive() && postmaster.socket_directory.as_deref() == Some(base.path()));
        execute(&provision::status(&found, &data).unwrap());

        let mut session = Connection::connect(&settings, clock()).unwrap();
        let mut probe = Probe::default();
        let mut asked_by = || {
            assert_eq!(probe.ask(&settings, clock()).unwrap(), Readiness::Ready { in_recovery: false });
            session.one_value("SELECT min(pid)::text FROM pg_stat_activity WHERE query LIKE '%AS recovers'").unwrap()
        };
        let first = asked_by().unwrap();
        assert_eq!(asked_by(), Some(first.clone()), "one session asks again and again");
        let cut = format!("SELECT pg_terminate_backend({first}, 10000)::text");
        let mut other = Connection::connect(&settings, clock()).unwrap();
        assert_eq!(other.one_value(&cut).unwrap().as_deref(), Some("true"));
        assert_ne!(asked_by().unwrap(), first, "and another one after it has ended");
        for (name, value) in [
            ("data_checksums", "on"),
            ("work_mem", "5MB"),
            ("server_encoding", "UTF8"),
            ("max_slot_wal_keep_size", "64MB"),
        ] {
            assert_eq!(session.one_value(&format!("SHOW {name}")).unwrap().unwrap(), value, "{name}");
        }
        assert_eq!(session.query("SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL").unwrap().rows.len(), 0);
        Replication::connect(&settings, clock()).unwrap().identify().unwrap();
        let loopback = Settings::new(Address::loopback(configuration.port), "postgres");
        Connection::connect(&loopback.clone().with_password("it's 'secret'"), clock()).unwrap();
        let refused = Connection::connect(&loopback.with_password("postgres"), clock()).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::Denied);
        execute(&provision::reload(&found, &data).unwrap());

        execute(&provision::stop(&found, &data, WAIT).unwrap());
        assert!(Postmaster::read(&data).unwrap().is_none());
        // The file goes first, the process a moment later.
        let wait = clock();
        while postmaster.is_alive() {
            assert!(wait.monotonic() < WAIT, "the server has removed its file and does not end");
            wait.pause(std::time::Duration::from_millis(20));
        }
        assert!(std::fs::read_to_string(&log).unwrap().contains("database system is shut down"));
    }
}
