//! What the sessions of a service do now.

use farshore_types::Result;

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
