//! Options of the service types that cannot be created yet: versions, and what decides about backups and pairs.

use farshore_types::ServiceType;

use super::super::definition::{Definition, Fallback, Kind};
use super::super::pattern::Pattern;
use super::postgresql::ADMIN;

const fn version(name: &'static str, service_type: ServiceType) -> Definition {
    Definition::new(name, Kind::Version(service_type), "Version", "The version of the engine.").recorded()
}

/// MySQL.
pub const MYSQL: &[Definition] = &[
    version("mysql_version", ServiceType::Mysql),
    ADMIN[0],
    ADMIN[1],
    Definition::new(
        "binlog_retention_period",
        Kind::integer(600, 86_400),
        "Seconds that the log stays on the node",
        "The least time in seconds that the server keeps its binary log for replicas.",
    )
    .recorded(),
];

/// Apache Cassandra.
pub const CASSANDRA: &[Definition] = &[
    version("cassandra_version", ServiceType::Cassandra),
    Definition::new(
        "cassandra",
        Kind::Object(&[Definition::new(
            "datacenter",
            Kind::text(128, Pattern::starting("a-zA-Z0-9", "-a-zA-Z0-9_.")),
            "Datacenter",
            "The name of the datacenter that the service's nodes form; the service's name if it is left out.",
        )
        .create_only()
        .recorded()]),
        "Settings of Cassandra",
        "Settings of the server.",
    ),
    Definition::new(
        "service_to_join_with",
        Kind::text(64, Pattern::starting("a-z", "-a-z0-9")),
        "Service to join with",
        "The service of the same project with which the new one forms one cluster.",
    )
    .create_only()
    .recorded(),
];

/// Redis.
pub const REDIS: &[Definition] = &[
    version("redis_version", ServiceType::Redis),
    Definition::new(
        "redis_persistence",
        Kind::Choice(&["off", "rdb"]),
        "Persistence",
        "With rdb there are dumps and backups; with off there are none, and those that exist are deleted.",
    )
    .or(Fallback::Word("rdb"))
    .recorded(),
];

/// OpenSearch.
pub const OPENSEARCH: &[Definition] = &[version("opensearch_version", ServiceType::Opensearch)];

/// Apache Flink.
pub const FLINK: &[Definition] = &[version("flink_version", ServiceType::Flink)];

/// Apache Kafka.
pub const KAFKA: &[Definition] = &[version("kafka_version", ServiceType::Kafka)];

/// M3 Aggregator.
pub const M3AGGREGATOR: &[Definition] =
    &[version("m3aggregator_version", ServiceType::M3aggregator), version("m3_version", ServiceType::M3aggregator)];

/// M3 Coordinator.
pub const M3COORDINATOR: &[Definition] =
    &[version("m3coordinator_version", ServiceType::M3coordinator), version("m3_version", ServiceType::M3coordinator)];

/// Spans of time as M3 writes them.
const SPAN: Kind = Kind::text(16, Pattern::starting("0-9", "0-9dhms"));

/// M3DB.
pub const M3DB: &[Definition] = &[
    version("m3db_version", ServiceType::M3db),
    version("m3_version", ServiceType::M3db),
    Definition::new(
        "namespaces",
        Kind::List {
            items: &Kind::Object(&[
                Definition::new(
                    "name",
                    Kind::text(80, Pattern::of("-a-zA-Z0-9_")),
                    "Name",
                    "The name of the namespace.",
                )
                .recorded(),
                Definition::new(
                    "type",
                    Kind::Choice(&["aggregated", "unaggregated"]),
                    "Type",
                    "Whether it holds aggregated series.",
                )
                .recorded(),
                Definition::new("resolution", SPAN, "Resolution", "The resolution of aggregated series.").recorded(),
                Definition::new("retention", SPAN, "Retention", "How long series are kept.").recorded(),
                Definition::new("snapshot_enabled", Kind::Boolean, "Snapshots", "Whether snapshots are taken.")
                    .recorded(),
            ]),
            items_min: 0,
            items_max: 64,
        },
        "Namespaces",
        "Where series are kept, and for how long.",
    )
    .recorded(),
];
