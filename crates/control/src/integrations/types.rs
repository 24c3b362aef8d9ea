//! The kinds of links between services: one table. What a kind needs that cannot be done yet is said in its refusal.

use farshore_store::services::Service;
use farshore_types::ServiceType::{
    self, Cassandra, Clickhouse, Flink, Grafana, Influxdb, Kafka, KafkaConnect, KafkaMirrormaker, M3aggregator,
    M3coordinator, M3db, Mysql, Opensearch, Pg, Redis,
};
use farshore_types::{Error, Result};
use serde_json::{Map, Value};

/// Characters of the longest text that an option takes.
const TEXT_CHARS_MAX: usize = 128;

/// A kind of link.
#[derive(Debug, PartialEq, Eq)]
pub struct IntegrationType {
    /// Its word.
    pub name: &'static str,
    /// What can give.
    pub sources: &'static [ServiceType],
    /// What the source does.
    pub source_description: &'static str,
    /// What can take.
    pub dests: &'static [ServiceType],
    /// What the destination does.
    pub dest_description: &'static str,
    /// Its options.
    pub options: &'static [IntegrationOption],
    /// Why none can be made yet, in one sentence.
    pub refusal: Option<&'static str>,
}

/// An option of a link.
#[derive(Debug, PartialEq, Eq)]
pub struct IntegrationOption {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: OptionKind,
    /// One line for people.
    pub description: &'static str,
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// 1 to 128 letters, digits and `_.-`.
    Word,
    /// A whole number between two bounds.
    Integer(i64, i64),
}

const EVERY: &[ServiceType] = &ServiceType::ALL;

const NO_REPLICAS: Option<&str> = Some("read replicas cannot be created yet: fork the service instead");

const CLUSTER_ALIAS: IntegrationOption = IntegrationOption {
    name: "cluster_alias",
    kind: OptionKind::Word,
    description: "The name of the cluster in flows and in the names of topics",
};
const RETENTION_DAYS: IntegrationOption = IntegrationOption {
    name: "retention_days",
    kind: OptionKind::Integer(1, 10_000),
    description: "Days that figures are kept",
};

const fn link(
    name: &'static str,
    sources: &'static [ServiceType],
    source_description: &'static str,
    dests: &'static [ServiceType],
    dest_description: &'static str,
) -> IntegrationType {
    IntegrationType { name, sources, source_description, dests, dest_description, options: &[], refusal: None }
}

/// All kinds.
#[rustfmt::skip]
pub const ALL: &[IntegrationType] = &[
    link("cassandra_cross_service_cluster", &[Cassandra], "Shares a cluster", &[Cassandra], "Joins the cluster"),
    link("clickhouse_kafka", &[Kafka], "Gives messages", &[Clickhouse], "Reads them as tables"),
    link("clickhouse_postgresql", &[Pg], "Gives tables", &[Clickhouse], "Reads them as tables"),
    link("dashboard", &[Grafana], "Shows figures", &[Influxdb, M3db, M3coordinator, Pg], "Gives figures"),
    link("datasource", &[Grafana], "Shows data", &[Influxdb, M3db, M3coordinator, Opensearch, Pg, Redis], "Gives data"),
    link("flink", &[Kafka, Opensearch, Pg], "Gives and takes streams", &[Flink], "Processes streams"),
    link("kafka_connect", &[Kafka], "Gives and takes messages", &[KafkaConnect], "Runs connectors"),
    link("kafka_logs", EVERY, "Gives its log", &[Kafka], "Takes it as messages"),
    IntegrationType { options: &[CLUSTER_ALIAS],
        ..link("kafka_mirrormaker", &[Kafka], "A cluster of flows", &[KafkaMirrormaker], "Carries out flows") },
    link("logs", EVERY, "Gives its log", &[Opensearch], "Keeps and searches it"),
    link("m3aggregator", &[M3coordinator], "Gives figures", &[M3aggregator], "Sums them up"),
    link("m3coordinator", &[M3db], "Keeps figures", &[M3coordinator], "Gives access to them"),
    IntegrationType { options: &[RETENTION_DAYS],
        ..link("metrics", EVERY, "Gives its figures", &[Influxdb, M3coordinator, M3db, Pg], "Keeps them") },
    link("opensearch_cross_cluster_replication", &[Opensearch], "Gives indexes", &[Opensearch], "Follows them"),
    IntegrationType { refusal: NO_REPLICAS,
        ..link("read_replica", &[Mysql, Pg, Redis], "Gives its changes", &[Mysql, Pg, Redis], "Follows them") },
    link("schema_registry_proxy", &[Kafka], "Keeps schemas", &[Kafka], "Uses them"),
];

/// The kind of that name; the error lists them.
pub fn find(name: &str) -> Result<&'static IntegrationType> {
    ALL.iter().find(|kind| kind.name == name).ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|kind| kind.name).collect();
        let shown: String = name.chars().take(64).collect();
        Error::invalid(format!("{shown:?} is not a type of integration"))
            .hint(format!("use one of {}", names.join(", ")))
    })
}

impl IntegrationType {
    /// Refuses services that this kind does not link.
    pub fn must_link(&self, source: &Service, dest: &Service) -> Result<()> {
        for (service, types, end) in [(source, self.sources, "source"), (dest, self.dests, "destination")] {
            if !types.iter().any(|one| one.name() == service.service_type) {
                let names: Vec<&str> = types.iter().map(|one| one.name()).collect();
                let Service { name, service_type, .. } = service;
                let what = format!("service {name} is of type {service_type} and cannot be the {end} of {}", self.name);
                return Err(Error::invalid(what).hint(format!("it has to be one of {}", names.join(", "))));
            }
        }
        match self.refusal {
            None => Ok(()),
            Some(sentence) => Err(Error::invalid(sentence)),
        }
    }

    /// The options afterwards: those before, and those given; null removes one.
    pub fn options_of(&self, before: Map<String, Value>, given: &Map<String, Value>) -> Result<Map<String, Value>> {
        let mut after = before;
        for (name, value) in given {
            let shown: String = name.chars().take(64).collect();
            let Some(option) = self.options.iter().find(|option| option.name == name) else {
                let names: Vec<&str> = self.options.iter().map(|option| option.name).collect();
                let hint =
                    if names.is_empty() { "it has none".to_string() } else { format!("use {}", names.join(", ")) };
                return Err(Error::invalid(format!("{shown:?} is not an option of {}", self.name)).hint(hint));
            };
            if value.is_null() {
                after.remove(name);
            } else if option.kind.accepts(value) {
                after.insert(name.clone(), value.clone());
            } else {
                return Err(Error::invalid(format!("option {name} has a wrong value")).hint(option.kind.allowed()));
            }
        }
        Ok(after)
    }
}

impl OptionKind {
    fn accepts(self, value: &Value) -> bool {
        let in_word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        match self {
            OptionKind::Word => value
                .as_str()
                .is_some_and(|text| !text.is_empty() && text.len() <= TEXT_CHARS_MAX && text.chars().all(in_word)),
            OptionKind::Integer(least, most) => value.as_i64().is_some_and(|number| (least..=most).contains(&number)),
        }
    }

    fn allowed(self) -> String {
        match self {
            OptionKind::Word => format!("give 1 to {TEXT_CHARS_MAX} letters, digits and _.-"),
            OptionKind::Integer(least, most) => format!("give a whole number from {least} to {most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_once_in_order_and_links_something() {
        assert!(ALL.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(ALL.iter().all(|kind| !kind.sources.is_empty() && !kind.dests.is_empty()));
    }

    #[test]
    fn options_are_checked_kept_and_reset() {
        let kind = find("kafka_mirrormaker").unwrap();
        let map = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let before = map(r#"{"cluster_alias":"north"}"#);
        for (given, expect) in [
            ("{}", Some(r#"{"cluster_alias":"north"}"#)),
            (r#"{"cluster_alias":"south.1"}"#, Some(r#"{"cluster_alias":"south.1"}"#)),
            (r#"{"cluster_alias":null}"#, Some("{}")),
            (r#"{"cluster_alias":"a b"}"#, None),
            (r#"{"cluster_alias":7}"#, None),
            (r#"{"other":"x"}"#, None),
        ] {
            assert_eq!(kind.options_of(before.clone(), &map(given)).ok(), expect.map(map), "{given}");
        }
        assert!(find("metrics").unwrap().options_of(Map::new(), &map(r#"{"retention_days":0}"#)).is_err());
        assert!(find("telepathy").is_err());
    }
}
