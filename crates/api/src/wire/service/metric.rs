//! Series of measurements, each a table with the time in its first column.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which series.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct MetricRequest {
    /// How far back; an hour if it is absent.
    pub period: Option<Period>,
}

/// How far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

/// Series.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MetricsAnswer {
    /// Name to series.
    pub metrics: BTreeMap<String, Metric>,
}

/// A series.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Metric {
    /// The values.
    pub data: MetricData,
    /// How to draw them.
    pub hints: MetricHints,
}

/// A table: the first column is the time, the others are nodes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MetricData {
    /// The columns.
    pub cols: Vec<MetricColumn>,
    /// The rows, each with a value for each column; null where nothing was measured.
    pub rows: Vec<Vec<Value>>,
}

/// A column.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MetricColumn {
    /// What it is.
    pub label: String,
    /// `date` or `number`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// How to draw a series.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MetricHints {
    /// Its heading, with the unit.
    pub title: String,
}
