//! Copies from one region to another: what they need of both, and the bound on the bytes between them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use farshore_agent::copies::{CopyOrder, Known, Origin, Paths};
use farshore_objects::Throttle;
use farshore_objects::layers::Budget;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Result, ServiceId};
use farshore_vault::Identity;

use super::agents::Agents;

/// Regions copied from and to.
type Route = (String, String);

/// What every copy of this machine asks for.
pub struct Between {
    agents: Arc<Agents>,
    /// Bytes per second of routes that have a bound.
    rates: BTreeMap<Route, u64>,
    budgets: Mutex<BTreeMap<Route, Arc<Budget>>>,
    clock: Arc<dyn Clock>,
}

impl Between {
    /// Over these agents, with bounds in bytes per second.
    pub fn new(agents: Arc<Agents>, rates: BTreeMap<Route, u64>, clock: Arc<dyn Clock>) -> Between {
        Between { agents, rates, budgets: Mutex::default(), clock }
    }

    /// One for all copies of a route.
    fn budget(&self, order: &CopyOrder) -> Arc<Budget> {
        let route = (order.from.clone(), order.to.clone());
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = self.rates.get(&route).copied();
        budgets.entry(route).or_insert_with(|| Arc::new(Budget::new(self.clock.clone(), rate))).clone()
    }
}

impl Origin for Between {
    fn paths(&self, order: &CopyOrder) -> Result<Paths> {
        let (from, to) = (self.agents.of_region(&order.from)?, self.agents.of_region(&order.to)?);
        // Neither is retried here: a copy is tried again as a whole, and shows why it rests.
        let (source, clock) = (from.store()?, &self.clock);
        let budget = self.budget(order);
        Ok(Paths {
            log: Arc::new(Throttle::urgent(source.clone(), clock.clone(), budget.clone())),
            bulk: Arc::new(Throttle::sharing(source, clock.clone(), budget.clone())),
            target: to.store()?,
            budget: Some(budget),
        })
    }

    fn admit(&self, order: &CopyOrder) -> Result<()> {
        let (from, to) = (self.agents.of_region(&order.from)?, self.agents.of_region(&order.to)?);
        let path = &to.region().identity;
        let text = std::fs::read_to_string(path).doing("read key file", path.display())?;
        let recipients = Identity::parse(&text).doing("read key file", path.display())?.recipients();
        let recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
        from.fleet()?.admit(from.region(), &order.service, &recipients)
    }

    fn known(&self, service: &ServiceId) -> Option<Known> {
        self.agents.of_service(service).ok()?.known(service)
    }
}
