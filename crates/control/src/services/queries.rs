//! What the sessions of a service do now, and what its server has counted of queries.

use farshore_types::Result;
use farshore_types::statistics::Page;

use super::back_up::must_run;
use super::read::get;
use crate::Control;
use crate::hosts::Query;

/// The longest first, at most `limit`. Refused where no server runs.
pub fn queries(control: &Control, project: &str, name: &str, limit: usize) -> Result<Vec<Query>> {
    let service = get(control, project, name)?;
    must_run(&service)?;
    control.hosts.queries(&service.id, limit)
}

/// Statistics of queries of all databases, a page of them. Refused where no server runs, or where it counts none.
pub fn statistics(control: &Control, project: &str, name: &str, page: &Page) -> Result<Vec<Query>> {
    let service = get(control, project, name)?;
    must_run(&service)?;
    control.hosts.statistics(&service.id, page)
}

/// Begins to count anew.
pub fn reset_statistics(control: &Control, project: &str, name: &str) -> Result<()> {
    let service = get(control, project, name)?;
    must_run(&service)?;
    control.hosts.reset_statistics(&service.id)
}
