//! What is going on in a service: lines of its log, figures, queries.

use farshore_control::services;
use farshore_types::Result;
use farshore_types::access::Permission;
use farshore_types::statistics::{Order, Page, rows};

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::service::log::{LogAnswer, LogRequest};
use crate::wire::service::metric::{MetricRequest, MetricsAnswer};
use crate::wire::service::query::{QueriesAnswer, QueryRequest, StatisticsRequest};

const LOGS: &str = "/v1/project/{project}/service/{service}/logs";
const METRICS: &str = "/v1/project/{project}/service/{service}/metrics";
const ACTIVITY: &str = "/v1/project/{project}/service/{service}/query/activity";
const STATISTICS: &str = "/v1/project/{project}/service/{service}/pg/query/stats";
const RESET: &str = "/v1/project/{project}/service/{service}/query/stats/reset";
/// Lines of a log that are looked at: older ones are in the file on the host.
const LINES_READ_MAX: usize = 10_000;

pub(super) fn routes() -> Vec<Route> {
    let data = Access::Project(Permission::DataWrite);
    vec![
        route(
            Method::Post,
            LOGS,
            "ServiceGetLogs",
            Access::Project(Permission::LogsRead),
            "Lines that engine and agent wrote",
        )
        .taking(logs),
        route(
            Method::Post,
            METRICS,
            "ServiceMetricsFetch",
            Access::Project(Permission::ServicesRead),
            "Figures over a period",
        )
        .taking(metrics),
        route(Method::Post, ACTIVITY, "ServiceQueryActivity", data, "What the sessions do now").taking(activity),
        route(
            Method::Post,
            STATISTICS,
            "PGServiceQueryStatistics",
            data,
            "Statistics of queries, times in milliseconds",
        )
        .taking(statistics),
        route(Method::Put, RESET, "ServiceQueryStatisticsReset", data, "Begins the statistics of queries anew")
            .answered_by(reset),
    ]
}

fn logs(call: &Call, asked: LogRequest) -> Result<LogAnswer> {
    let (control, project, name) = (call.control()?, call.project()?, call.service()?);
    let row = services::get(control, project, name)?;
    let lines = services::log(control, project, name, LINES_READ_MAX)?;
    shape::log::page(lines, &shape::node::name(&row), &asked)
}

fn metrics(call: &Call, asked: MetricRequest) -> Result<MetricsAnswer> {
    let control = call.control()?;
    let row = services::get(control, call.project()?, call.service()?)?;
    let period = shape::metric::period(asked.period);
    let series = call.app().samples()?.series(row.id.as_str(), period, control.clock.now());
    Ok(shape::metric::metrics(&series, &shape::node::name(&row)))
}

fn activity(call: &Call, asked: QueryRequest) -> Result<QueriesAnswer> {
    let limit = usize::try_from(rows(asked.limit)).unwrap_or_default();
    Ok(QueriesAnswer { queries: services::queries(call.control()?, call.project()?, call.service()?, limit)? })
}

fn statistics(call: &Call, asked: StatisticsRequest) -> Result<QueriesAnswer> {
    let order = asked.order_by.as_deref().map(str::parse::<Order>).transpose()?.unwrap_or_default();
    let page = Page::new(asked.limit, asked.offset, order);
    Ok(QueriesAnswer { queries: services::statistics(call.control()?, call.project()?, call.service()?, &page)? })
}

/// There are none left to be shown: clients look for the key.
fn reset(call: &Call) -> Result<QueriesAnswer> {
    services::reset_statistics(call.control()?, call.project()?, call.service()?)?;
    Ok(QueriesAnswer { queries: Vec::new() })
}
