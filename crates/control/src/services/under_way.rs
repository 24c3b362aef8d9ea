//! What is being done with a service, or waits to be.

use farshore_store::Tx;
use farshore_store::runs::{self, Run};
use farshore_store::services::Service;
use farshore_types::Result;

/// Runs of one service that are under way or wait.
const RUNS_MAX: u32 = 1000;

/// Its runs that have not ended, in the order in which they will be carried out.
pub fn runs_of(tx: &mut Tx<'_>, service: &Service) -> Result<Vec<Run>> {
    runs::unfinished_of_subject(tx, service.id.as_str(), RUNS_MAX)
}

/// Asks those to end that are of one of these kinds.
pub fn give_up(tx: &mut Tx<'_>, service: &Service, is_given_up: impl Fn(&str) -> bool) -> Result<()> {
    for run in runs_of(tx, service)?.iter().filter(|run| is_given_up(&run.kind)) {
        runs::cancel(tx, &run.id)?;
    }
    Ok(())
}
