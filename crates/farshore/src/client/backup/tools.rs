//! The usual tools for a copy of a service's data that needs no Farshore, by type, as their makers document them. What the platform
//! itself keeps is encrypted and opened with `farshore vault`, not with these.

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// Its program.
    pub program: &'static str,
    /// Where its makers describe it.
    pub page: &'static str,
}

/// The tool of a type; `None` where there is no usual one.
pub fn tool(service_type: &str) -> Option<Tool> {
    let (program, page) = match service_type {
        "pg" => ("pg_dump", "https://www.postgresql.org/docs/current/app-pgdump.html"),
        "mysql" => ("mysqldump", "https://dev.mysql.com/doc/refman/8.0/en/mysqldump.html"),
        "redis" => ("redis-cli --rdb", "https://redis.io/docs/manual/cli/"),
        "cassandra" => ("cqlsh COPY", "https://cassandra.apache.org/doc/stable/cassandra/tools/cqlsh.html"),
        "opensearch" => ("elasticdump", "https://github.com/elasticsearch-dump/elasticsearch-dump"),
        "influxdb" => {
            ("influxd backup", "https://docs.influxdata.com/influxdb/v1.8/administration/backup_and_restore/")
        }
        _ => return None,
    };
    Some(Tool { program, page })
}

#[cfg(test)]
mod tests {
    use farshore_types::ServiceType;

    use super::*;

    #[test]
    fn each_type_has_the_tool_that_its_makers_recommend_or_none() {
        for (service_type, program) in [
            ("pg", Some("pg_dump")),
            ("mysql", Some("mysqldump")),
            ("redis", Some("redis-cli --rdb")),
            ("cassandra", Some("cqlsh COPY")),
            ("opensearch", Some("elasticdump")),
            ("influxdb", Some("influxd backup")),
            ("kafka", None),
            ("flink", None),
            ("grafana", None),
        ] {
            assert!(service_type.parse::<ServiceType>().is_ok(), "{service_type}");
            assert_eq!(tool(service_type).map(|tool| tool.program), program, "{service_type}");
        }
    }
}
