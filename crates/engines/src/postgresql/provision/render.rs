//! The configuration files of a cluster that Farshore makes: rendered whole, never edited. `postgresql.conf` only
//! includes `farshore.conf`; what an operator sets with ALTER SYSTEM stands in `postgresql.auto.conf` and wins.

use std::net::IpAddr;
use std::path::PathBuf;

use farshore_types::snapshot::ClosingFile;
use farshore_types::{Error, Result};
use serde::{Deserialize, Serialize};

use super::super::{conf, statements, wire};

/// Permission bits of the files.
const FILE_MODE: u32 = 0o600;
/// The map of `pg_ident.conf`.
const MAP: &str = "farshore";
/// Walsenders and slots: the agent's stream, its successor while the old one breaks off, and some for the operator.
const SENDERS: u32 = 10;
/// Operator's settings accepted at most.
const EXTRA_MAX: usize = 200;

/// How a cluster is reached over TCP when it is offered to others: with TLS and a password, never as the superuser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// Server certificate with its chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM; the server's user alone may read it.
    pub key: PathBuf,
    /// From where one may connect: `ADDRESS/PREFIX`, at most 200.
    pub networks: Vec<String>,
}

/// Networks of a door.
const NETWORKS_MAX: usize = 200;

impl Door {
    fn settings(&self) -> Result<[(&'static str, String); 4]> {
        Ok([
            ("ssl", "on".to_string()),
            ("ssl_cert_file", conf::path(&self.certificate)?.to_string()),
            ("ssl_key_file", conf::path(&self.key)?.to_string()),
            ("ssl_min_protocol_version", "TLSv1.2".to_string()),
        ])
    }

    fn rules(&self, superuser: &str) -> Result<String> {
        if self.networks.len() > NETWORKS_MAX {
            let what = format!("{} networks given, at most {NETWORKS_MAX} are taken", self.networks.len());
            return Err(Error::invalid(what));
        }
        let mut text = format!("host all {superuser} all reject\n");
        for network in &self.networks {
            let (address, prefix) = parse_network(network)?;
            text.push_str(&format!("hostssl all all {address}/{prefix} scram-sha-256\n"));
        }
        Ok(text)
    }
}

/// `ADDRESS/PREFIX`, or an address alone.
fn parse_network(text: &str) -> Result<(IpAddr, u8)> {
    let wrong =
        || Error::invalid(format!("{text:?} is not a network")).hint("write ADDRESS/PREFIX, for example 10.0.0.0/8");
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Ok(longest), |prefix| prefix.parse::<u8>().map_err(|_| wrong()))?;
    if prefix > longest {
        return Err(wrong());
    }
    Ok((address, prefix))
}

/// Whether a server counts the queries that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// It loads the library for that, which must be there: it does not start otherwise.
    Kept,
    /// Its installation lacks the library.
    Unavailable,
}

/// What a cluster's configuration depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// TCP port on 127.0.0.1, and part of the socket's name.
    pub port: u16,
    /// Directory of the socket.
    pub socket_directory: PathBuf,
    /// The superuser that initdb made.
    pub superuser: String,
    /// Operating system users that may be the superuser on the socket: the agent's and the server's.
    pub system_users: Vec<String>,
    /// `max_connections`.
    pub connections_max: u32,
    /// `shared_buffers` in MiB.
    pub shared_buffers_mib: u32,
    /// `max_slot_wal_keep_size` in MiB: how much log a slot may hold back while the store is away. At least 64.
    pub slot_keep_mib: u32,
    /// How others reach it; `None`: only this host may, without TLS.
    pub door: Option<Door>,
    /// Statistics of queries.
    pub statistics: Statistics,
    /// Further settings by name; they come last and win, except for those that Farshore must own.
    pub extra: Vec<(String, String)>,
}

/// Settings that an operator cannot change here: without them the agent would lose its cluster or its backups.
const OWNED: [&str; 18] = [
    "port",
    "listen_addresses",
    "unix_socket_directories",
    "data_directory",
    "hba_file",
    "ident_file",
    "config_file",
    "external_pid_file",
    "wal_level",
    "full_page_writes",
    "fsync",
    "max_slot_wal_keep_size",
    "archive_mode",
    "restore_command",
    "ssl",
    "ssl_cert_file",
    "ssl_key_file",
    "ssl_min_protocol_version",
];

impl Configuration {
    /// All configuration files, to be written into the data directory over those of initdb or of a restored backup.
    pub fn files(&self) -> Result<Vec<ClosingFile>> {
        let file = |path: &str, content: String| ClosingFile {
            path: path.to_string(),
            mode: FILE_MODE,
            content: content.into_bytes(),
        };
        Ok(vec![
            file("farshore.conf", self.settings()?),
            file("pg_hba.conf", self.host_rules()?),
            file("pg_ident.conf", self.account_map()?),
            file("postgresql.conf", format!("{HEAD}include 'farshore.conf'\n")),
        ])
    }

    /// `farshore.conf`.
    pub fn settings(&self) -> Result<String> {
        wire::socket_path(&self.socket_directory, self.port)?;
        // The server splits the list at commas.
        let socket_directory = conf::path(&self.socket_directory)?;
        if socket_directory.contains([',', '@']) {
            return Err(Error::invalid(format!("socket directory {socket_directory} holds ',' or '@'")));
        }
        let senders = SENDERS.to_string();
        let table = [
            ("port", self.port.to_string()),
            ("listen_addresses", "127.0.0.1".to_string()),
            ("unix_socket_directories", socket_directory.to_string()),
            ("unix_socket_permissions", "0777".to_string()),
            ("max_connections", self.connections_max.to_string()),
            ("shared_buffers", format!("{}MB", self.shared_buffers_mib)),
            ("wal_level", "replica".to_string()),
            ("full_page_writes", "on".to_string()),
            ("max_wal_senders", senders.clone()),
            ("max_replication_slots", senders),
            ("max_slot_wal_keep_size", format!("{}MB", self.slot_keep_mib.max(64))),
            ("wal_sender_timeout", "60s".to_string()),
            ("password_encryption", "scram-sha-256".to_string()),
            // Standard error is the file that pg_ctl was given: one place for all that the server says.
            ("logging_collector", "off".to_string()),
            ("log_destination", "stderr".to_string()),
            ("log_line_prefix", "%m [%p] ".to_string()),
            ("log_timezone", "UTC".to_string()),
            ("timezone", "UTC".to_string()),
            ("lc_messages", "C".to_string()),
            ("cluster_name", "farshore".to_string()),
        ];
        let mut text = HEAD.to_string();
        for (name, value) in table {
            text.push_str(&conf::line(name, &value)?);
        }
        for (name, value) in self.door.iter().map(Door::settings).collect::<Result<Vec<_>>>()?.into_iter().flatten() {
            text.push_str(&conf::line(name, &value)?);
        }
        let statistics = (self.statistics == Statistics::Kept).then(statements::settings);
        for (name, value) in statistics.into_iter().flatten() {
            text.push_str(&conf::line(name, &value)?);
        }
        text.push_str(&self.operators_settings()?);
        Ok(text)
    }

    fn operators_settings(&self) -> Result<String> {
        if self.extra.len() > EXTRA_MAX {
            return Err(Error::invalid(format!("{} settings given, at most {EXTRA_MAX} are taken", self.extra.len())));
        }
        let mut text = String::new();
        for (name, value) in &self.extra {
            if OWNED.iter().any(|owned| owned.eq_ignore_ascii_case(name)) {
                return Err(Error::invalid(format!("setting {name} belongs to Farshore")).hint("leave it out"));
            }
            text.push_str(&conf::line(name, value)?);
        }
        Ok(text)
    }

    /// `pg_hba.conf`: the superuser only on the socket and only from known system users, everybody else by password.
    pub fn host_rules(&self) -> Result<String> {
        let superuser = conf::account(&self.superuser)?;
        let mut text = HEAD.to_string();
        for database in ["all", "replication"] {
            text.push_str(&format!("local {database} {superuser} peer map={MAP}\n"));
        }
        text.push_str("local all all scram-sha-256\n");
        match &self.door {
            Some(door) => text.push_str(&door.rules(&superuser)?),
            None => text.push_str("host all all 127.0.0.1/32 scram-sha-256\n"),
        }
        Ok(text)
    }

    /// `pg_ident.conf`.
    pub fn account_map(&self) -> Result<String> {
        let mut text = HEAD.to_string();
        for user in &self.system_users {
            text.push_str(&format!("{MAP} {} {}\n", conf::account(user)?, conf::account(&self.superuser)?));
        }
        Ok(text)
    }
}

const HEAD: &str = "# Made by Farshore; changes here are lost. Use ALTER SYSTEM, or the settings of the service.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration() -> Configuration {
        Configuration {
            port: 5433,
            socket_directory: PathBuf::from("/run/farshore"),
            superuser: "farshore".to_string(),
            system_users: vec!["root".to_string(), "postgres".to_string()],
            connections_max: 100,
            shared_buffers_mib: 128,
            slot_keep_mib: 4096,
            door: None,
            statistics: Statistics::Unavailable,
            extra: vec![("work_mem".to_string(), "8MB".to_string())],
        }
    }

    #[test]
    fn a_door_is_open_with_tls_and_a_password_only_and_never_for_the_superuser() {
        let mut offered = configuration();
        let file = |name: &str| PathBuf::from(format!("/srv/tls/{name}"));
        let networks = vec!["127.0.0.1/32".to_string(), "10.1.0.0/16".to_string(), "2001:db8::1".to_string()];
        offered.door = Some(Door { certificate: file("server.crt"), key: file("server.key"), networks });
        let rules = offered.host_rules().unwrap();
        let tcp: Vec<&str> = rules.lines().filter(|line| line.starts_with("host")).collect();
        assert_eq!(
            tcp,
            [
                "host all \"farshore\" all reject",
                "hostssl all all 127.0.0.1/32 scram-sha-256",
                "hostssl all all 10.1.0.0/16 scram-sha-256",
                "hostssl all all 2001:db8::1/128 scram-sha-256",
            ]
        );
        assert!(offered.settings().unwrap().contains("ssl = 'on'\n"));
        for network in ["", "all", "10.0.0.0/33", "10.0.0.0/8 trust", "0.0.0.0/0\nhost all all all trust", "a.b"] {
            offered.door.as_mut().unwrap().networks = vec![network.to_string()];
            assert!(offered.host_rules().is_err(), "{network:?}");
        }
    }

    #[test]
    fn no_rule_trusts_anybody_and_nobody_listens_outside() {
        for file in configuration().files().unwrap() {
            let text = String::from_utf8(file.content).unwrap();
            assert!(
                !text.contains("trust") && !text.contains("0.0.0.0") && !text.contains('*'),
                "{}: {text}",
                file.path
            );
        }
        let text = configuration().settings().unwrap();
        assert!(text.contains("listen_addresses = '127.0.0.1'\n") && text.ends_with("work_mem = '8MB'\n"), "{text}");
    }

    #[test]
    fn a_library_is_loaded_only_where_it_is_known_to_be_there() {
        let mut counting = configuration();
        assert!(!counting.settings().unwrap().contains("pg_stat_statements"));
        counting.statistics = Statistics::Kept;
        let text = counting.settings().unwrap();
        for line in ["shared_preload_libraries = 'pg_stat_statements'", "pg_stat_statements.max = '5000'"] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
        assert!(text.ends_with("work_mem = '8MB'\n"), "{text}");
    }

    #[test]
    fn no_value_adds_a_line_or_takes_what_farshore_owns() {
        let lines = configuration().settings().unwrap().lines().count();
        let mut sly = configuration();
        sly.extra = vec![("work_mem".to_string(), "8MB'\nfsync = 'off".to_string())];
        assert_eq!(sly.settings().unwrap().lines().count(), lines);
        for name in ["fsync", "FSYNC", "Port", "include", "a = b\nfsync"] {
            sly.extra = vec![(name.to_string(), "off".to_string())];
            assert!(sly.settings().is_err(), "{name:?}");
        }
        sly = configuration();
        sly.superuser = "x\" trust\nlocal all all trust #".to_string();
        assert!(sly.host_rules().is_err() && sly.account_map().is_err());
        for directory in ["/run/a,b", "/run/a'b", "relative", &format!("/{}", "x".repeat(100))] {
            sly.socket_directory = PathBuf::from(directory);
            assert!(sly.settings().is_err(), "{directory}");
        }
    }
}
