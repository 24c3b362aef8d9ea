//! Series of figures as tables.

use std::collections::BTreeMap;

use farshore_control::metrics::{self, COPY_LAG, Series};
use serde_json::Value;

use crate::wire::service::metric::{Metric, MetricColumn, MetricData, MetricHints, MetricsAnswer, Period};

/// Figures with their documented names and headings; others are shown under their own names.
const KNOWN: [(&str, &str, &str); 6] = [
    ("cpu_percent", "cpu_usage", "CPU usage %"),
    ("memory_bytes", "mem_usage", "Memory usage, bytes"),
    ("disk_bytes", "disk_usage", "Disk usage, bytes"),
    ("load_average", "load_average", "Load average"),
    ("at_risk_s", "data_at_risk", "Age of the oldest work that no store holds, seconds"),
    ("connections", "connections", "Connections"),
];

/// Figures that every host gives of every node. Before they were measured their series are there and empty.
const EXPECTED: [&str; 5] = ["at_risk_s", "connections", "cpu_percent", "disk_bytes", "memory_bytes"];

/// The period as use cases call it.
pub(crate) fn period(period: Option<Period>) -> metrics::Period {
    match period.unwrap_or(Period::Hour) {
        Period::Hour => metrics::Period::Hour,
        Period::Day => metrics::Period::Day,
        Period::Week => metrics::Period::Week,
        Period::Month => metrics::Period::Month,
        Period::Year => metrics::Period::Year,
    }
}

/// All series of one node.
pub(crate) fn metrics(all: &[Series], node: &str) -> MetricsAnswer {
    let expected = EXPECTED.map(|figure| Series { figure: figure.to_string(), points: Vec::new() });
    // What was measured takes the place of what is expected.
    let of_node = all.iter().filter(|series| !series.figure.starts_with(COPY_LAG));
    let metrics: BTreeMap<String, Metric> = expected.iter().chain(of_node).map(|series| metric(series, node)).collect();
    MetricsAnswer { metrics }
}

/// How far each further region was behind. A region without a figure yet has an empty series.
pub(crate) fn report(all: &[Series], regions: &[String]) -> MetricsAnswer {
    let one = |region: &String| {
        let figure = format!("{COPY_LAG}{region}");
        let empty = || Series { figure: figure.clone(), points: Vec::new() };
        let (_, found) =
            metric(&all.iter().find(|series| series.figure == figure).cloned().unwrap_or_else(empty), region);
        let title = format!("Replication lag to {region}, seconds");
        (format!("replication_lag_{region}"), Metric { hints: MetricHints { title }, ..found })
    };
    MetricsAnswer { metrics: regions.iter().map(one).collect() }
}

fn metric(series: &Series, node: &str) -> (String, Metric) {
    let known = KNOWN.iter().find(|(figure, _, _)| *figure == series.figure);
    let (name, title) = match known {
        Some((_, name, title)) => ((*name).to_string(), (*title).to_string()),
        None => (series.figure.clone(), series.figure.replace('_', " ")),
    };
    let measured = series.points.iter().filter_map(|point| Some((point.at, point.value?)));
    let rows = measured.map(|(at, value)| vec![Value::from(at.to_string()), Value::from(value)]).collect();
    let column = |label: &str, kind: &str| MetricColumn { label: label.to_string(), kind: kind.to_string() };
    let cols = vec![column("time", "date"), column(node, "number")];
    (name, Metric { data: MetricData { cols, rows }, hints: MetricHints { title } })
}
