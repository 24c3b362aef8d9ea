//! Which options each service type has. Types that cannot be created yet have those that decide about backups and forks,
//! so that their schema can be read before their engine arrives.

mod common;
mod others;
mod postgresql;
mod server_settings;
mod timezones;

use farshore_types::ServiceType;
use farshore_types::backup_policy::has_backups;

use super::definition::Definition;

/// The options of a type in the order in which they are listed.
pub fn of(service_type: ServiceType) -> Vec<Definition> {
    let mut groups: Vec<&[Definition]> = vec![common::ACCESS];
    if has_backups(service_type) {
        groups.extend([common::BACKUPS, common::FORKS]);
    }
    match service_type {
        ServiceType::Pg => groups.extend([common::HOUR, common::MOMENT, postgresql::OPTIONS]),
        ServiceType::Mysql => groups.extend([common::HOUR, common::MOMENT, others::MYSQL]),
        ServiceType::Cassandra => groups.extend([common::HOUR, others::CASSANDRA]),
        ServiceType::Redis => groups.extend([common::HOUR, others::REDIS]),
        ServiceType::Clickhouse => groups.push(common::HOUR),
        ServiceType::Opensearch => groups.push(others::OPENSEARCH),
        ServiceType::Flink => groups.push(others::FLINK),
        ServiceType::M3db => groups.push(others::M3DB),
        ServiceType::M3aggregator => groups.push(others::M3AGGREGATOR),
        ServiceType::M3coordinator => groups.push(others::M3COORDINATOR),
        ServiceType::Kafka => groups.push(others::KAFKA),
        ServiceType::Influxdb | ServiceType::Grafana => {}
        ServiceType::KafkaConnect | ServiceType::KafkaMirrormaker => {}
    }
    groups.concat()
}
