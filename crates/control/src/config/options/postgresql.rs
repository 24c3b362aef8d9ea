//! Options of PostgreSQL beside those that it shares with others.

use farshore_types::ServiceType;

use super::super::check::Check;
use super::super::definition::{Definition, Fallback, Kind, Text};
use super::super::pattern::Pattern;
use super::common::service_to_fork_from;
use super::server_settings::SERVER_SETTINGS;

/// The first account of a new service.
pub const ADMIN: [Definition; 2] = [
    Definition::new(
        "admin_username",
        Kind::checked(63, Pattern::starting("_A-Za-z0-9", "-._A-Za-z0-9"), Check::Account),
        "Name of the first account",
        "The account with which the service is handed over; avnadmin if it is left out.",
    )
    .create_only(),
    Definition::new(
        "admin_password",
        Kind::Text(Text { length_min: 8, length_max: 256, pattern: Pattern::of("-a-zA-Z0-9_"), check: None }),
        "Password of the first account",
        "A random one if it is left out.",
    )
    .create_only()
    .secret(),
];

/// PostgreSQL.
pub const OPTIONS: &[Definition] = &[
    Definition::new(
        "pg_version",
        Kind::Version(ServiceType::Pg),
        "Version",
        "The major version of the server; a fork has that of its source.",
    ),
    ADMIN[0],
    ADMIN[1],
    service_to_fork_from("pg_service_to_fork_from"),
    Definition::new(
        "pg_read_replica",
        Kind::Boolean,
        "Read replica",
        "Whether the new service follows the one that it is made from.",
    )
    .or(Fallback::Boolean(false))
    .not_yet("read replicas are not offered yet, make a fork instead"),
    Definition::new("pg", Kind::Object(SERVER_SETTINGS), "Settings of the server", "Settings of the server by name."),
    Definition::new(
        "shared_buffers_percentage",
        Kind::Number { min: 20.0, max: 60.0 },
        "Memory for pages, in percent",
        "The share of a node's memory that the server uses for pages (shared_buffers).",
    )
    .after_restart(),
    Definition::setting("work_mem", Kind::integer(1, 1024), "Memory of one sort or hash, in MiB").in_unit("MB"),
    Definition::new(
        "synchronous_replication",
        Kind::Choice(&["off", "quorum"]),
        "Synchronous replication",
        "Whether a commit waits for a standby.",
    )
    .or(Fallback::Word("off"))
    .not_yet("there are no standbys yet that could confirm a commit"),
    Definition::new(
        "pglookout",
        Kind::Object(&[Definition::new(
            "max_failover_replication_time_lag",
            Kind::integer(10, i64::MAX),
            "Lag before failover, in seconds",
            "Seconds that a primary may be silent before a standby takes over.",
        )
        .or(Fallback::Integer(60))
        .recorded()]),
        "Failover",
        "When a standby takes over.",
    ),
];
