//! The kinds of services, their versions, and which of them can be created now. Facts only: a kind that cannot be created
//! says so in one sentence and is listed all the same, so that plans and policies can be read before the engine arrives.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What kind of database a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceType {
    /// PostgreSQL.
    Pg,
    /// MySQL.
    Mysql,
    /// OpenSearch.
    Opensearch,
    /// Apache Cassandra.
    Cassandra,
    /// Redis.
    Redis,
    /// InfluxDB.
    Influxdb,
    /// Apache Flink.
    Flink,
    /// M3DB.
    M3db,
    /// M3 Aggregator.
    M3aggregator,
    /// M3 Coordinator.
    M3coordinator,
    /// Grafana.
    Grafana,
    /// ClickHouse.
    Clickhouse,
    /// Apache Kafka.
    Kafka,
    /// Apache Kafka Connect.
    KafkaConnect,
    /// Apache Kafka MirrorMaker 2.
    KafkaMirrormaker,
}

/// A version that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// As it is written in `<type>_version`.
    pub name: &'static str,
    /// Whether it should still be chosen.
    pub state: VersionState,
    /// The day after which its makers fix nothing any more, `YYYY-MM-DD`, where they have said so.
    pub end_of_life: Option<&'static str>,
}

/// Whether a version should still be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// Its makers maintain it.
    Available,
    /// It works, and nobody should start with it.
    EndOfLife,
}

impl VersionState {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            VersionState::Available => "available",
            VersionState::EndOfLife => "eol",
        }
    }
}

const fn available(name: &'static str) -> Version {
    Version { name, state: VersionState::Available, end_of_life: None }
}

const fn ended(name: &'static str) -> Version {
    Version { name, state: VersionState::EndOfLife, end_of_life: None }
}

impl Version {
    const fn until(mut self, day: &'static str) -> Version {
        self.end_of_life = Some(day);
        self
    }
}

/// The last days are those of the PostgreSQL project, "Versioning Policy", heading "Releases".
const PG: &[Version] = &[
    ended("13").until("2025-11-13"),
    ended("14").until("2026-11-12"),
    available("15").until("2027-11-11"),
    available("16").until("2028-11-09"),
    available("17").until("2029-11-08"),
    available("18").until("2030-11-14"),
];
const MYSQL: &[Version] = &[available("8")];
const OPENSEARCH: &[Version] = &[ended("1"), available("2")];
const CASSANDRA: &[Version] = &[ended("3"), available("4"), available("4.1")];
const REDIS: &[Version] = &[available("7.0")];
const FLINK: &[Version] = &[available("1.16")];
const M3: &[Version] = &[ended("1.1"), ended("1.2"), available("1.5")];
const KAFKA: &[Version] = &[ended("3.1"), ended("3.2"), ended("3.3"), ended("3.4"), available("3.5"), available("3.6")];

impl ServiceType {
    /// All of them, in the order in which they are listed.
    pub const ALL: [ServiceType; 15] = [
        ServiceType::Pg,
        ServiceType::Mysql,
        ServiceType::Opensearch,
        ServiceType::Cassandra,
        ServiceType::Redis,
        ServiceType::Influxdb,
        ServiceType::Flink,
        ServiceType::M3db,
        ServiceType::M3aggregator,
        ServiceType::M3coordinator,
        ServiceType::Grafana,
        ServiceType::Clickhouse,
        ServiceType::Kafka,
        ServiceType::KafkaConnect,
        ServiceType::KafkaMirrormaker,
    ];

    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            ServiceType::Pg => "pg",
            ServiceType::Mysql => "mysql",
            ServiceType::Opensearch => "opensearch",
            ServiceType::Cassandra => "cassandra",
            ServiceType::Redis => "redis",
            ServiceType::Influxdb => "influxdb",
            ServiceType::Flink => "flink",
            ServiceType::M3db => "m3db",
            ServiceType::M3aggregator => "m3aggregator",
            ServiceType::M3coordinator => "m3coordinator",
            ServiceType::Grafana => "grafana",
            ServiceType::Clickhouse => "clickhouse",
            ServiceType::Kafka => "kafka",
            ServiceType::KafkaConnect => "kafka_connect",
            ServiceType::KafkaMirrormaker => "kafka_mirrormaker",
        }
    }

    /// What its makers call it.
    pub fn product(self) -> &'static str {
        match self {
            ServiceType::Pg => "PostgreSQL",
            ServiceType::Mysql => "MySQL",
            ServiceType::Opensearch => "OpenSearch",
            ServiceType::Cassandra => "Apache Cassandra",
            ServiceType::Redis => "Redis",
            ServiceType::Influxdb => "InfluxDB",
            ServiceType::Flink => "Apache Flink",
            ServiceType::M3db => "M3DB",
            ServiceType::M3aggregator => "M3 Aggregator",
            ServiceType::M3coordinator => "M3 Coordinator",
            ServiceType::Grafana => "Grafana",
            ServiceType::Clickhouse => "ClickHouse",
            ServiceType::Kafka => "Apache Kafka",
            ServiceType::KafkaConnect => "Apache Kafka Connect",
            ServiceType::KafkaMirrormaker => "Apache Kafka MirrorMaker 2",
        }
    }

    /// One line for lists.
    pub fn description(self) -> &'static str {
        match self {
            ServiceType::Pg => "PostgreSQL - relational database",
            ServiceType::Mysql => "MySQL - relational database",
            ServiceType::Opensearch => "OpenSearch - search and analysis of documents",
            ServiceType::Cassandra => "Apache Cassandra - wide-column database",
            ServiceType::Redis => "Redis - data structures in memory",
            ServiceType::Influxdb => "InfluxDB - time series database",
            ServiceType::Flink => "Apache Flink - processing of streams",
            ServiceType::M3db => "M3DB - distributed time series database",
            ServiceType::M3aggregator => "M3 Aggregator - aggregation of time series",
            ServiceType::M3coordinator => "M3 Coordinator - access to time series",
            ServiceType::Grafana => "Grafana - dashboards",
            ServiceType::Clickhouse => "ClickHouse - column database for analysis",
            ServiceType::Kafka => "Apache Kafka - log of messages",
            ServiceType::KafkaConnect => "Apache Kafka Connect - connectors for Apache Kafka",
            ServiceType::KafkaMirrormaker => "Apache Kafka MirrorMaker 2 - replication between Kafka clusters",
        }
    }

    /// The versions that can be asked for, oldest first; none for the types that come in one version only.
    pub fn versions(self) -> &'static [Version] {
        match self {
            ServiceType::Pg => PG,
            ServiceType::Mysql => MYSQL,
            ServiceType::Opensearch => OPENSEARCH,
            ServiceType::Cassandra => CASSANDRA,
            ServiceType::Redis => REDIS,
            ServiceType::Flink => FLINK,
            ServiceType::M3db | ServiceType::M3aggregator | ServiceType::M3coordinator => M3,
            ServiceType::Kafka => KAFKA,
            ServiceType::Influxdb | ServiceType::Grafana | ServiceType::Clickhouse => &[],
            ServiceType::KafkaConnect | ServiceType::KafkaMirrormaker => &[],
        }
    }

    /// Why no service of this type can be created, if so.
    pub fn refusal(self) -> Option<String> {
        match self {
            ServiceType::Pg => None,
            other => Some(format!("{} services cannot be created yet, only their plans are listed", other.product())),
        }
    }

    /// Refuses a type of which no service can be created.
    pub fn must_be_creatable(self) -> Result<()> {
        match self.refusal() {
            None => Ok(()),
            Some(sentence) => {
                Err(Error::invalid(sentence).hint(format!("service type pg can be created, {self} is only listed")))
            }
        }
    }
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ServiceType {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        ServiceType::ALL.into_iter().find(|service_type| service_type.name() == text).ok_or_else(|| {
            let names: Vec<&str> = ServiceType::ALL.iter().map(|service_type| service_type.name()).collect();
            let shown: String = text.chars().take(64).collect();
            Error::invalid(format!("{shown:?} is not a service type")).hint(format!("use one of {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_back_from_its_name_and_listed_once() {
        for (at, service_type) in ServiceType::ALL.into_iter().enumerate() {
            assert_eq!(service_type.name().parse::<ServiceType>().unwrap(), service_type);
            assert!(service_type.description().starts_with(service_type.product()), "{service_type}");
            assert!(!ServiceType::ALL[..at].contains(&service_type), "{service_type} is listed twice");
        }
        let error = "postgres".parse::<ServiceType>().unwrap_err().to_string();
        assert!(error.starts_with("\"postgres\" is not a service type (use one of pg, mysql, "), "{error}");
        assert!("PG".parse::<ServiceType>().is_err());
    }

    #[test]
    fn postgresql_13_to_18_can_be_asked_for_and_those_after_their_last_day_are_said_to_be_at_their_end() {
        let found: Vec<(&str, &str)> = PG.iter().map(|version| (version.name, version.state.word())).collect();
        let expect = [
            ("13", "eol"),
            ("14", "eol"),
            ("15", "available"),
            ("16", "available"),
            ("17", "available"),
            ("18", "available"),
        ];
        assert_eq!(found, expect);
    }

    #[test]
    fn no_type_names_a_version_twice() {
        for service_type in ServiceType::ALL {
            let names: std::collections::BTreeSet<&str> = service_type.versions().iter().map(|v| v.name).collect();
            assert_eq!(names.len(), service_type.versions().len(), "{service_type}");
        }
    }

    #[test]
    fn only_postgresql_can_be_created_and_the_others_say_why() {
        for service_type in ServiceType::ALL {
            let result = service_type.must_be_creatable();
            assert_eq!(result.is_ok(), service_type == ServiceType::Pg, "{service_type}");
            assert_eq!(service_type.refusal().is_none(), result.is_ok());
        }
        let error = ServiceType::Kafka.must_be_creatable().unwrap_err();
        assert_eq!(error.what(), "Apache Kafka services cannot be created yet, only their plans are listed");
    }
}
