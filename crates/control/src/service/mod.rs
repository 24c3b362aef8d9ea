//! What every use case and every run knows of a service: the words of its state, its first user and database, its secrets.

mod secrets;

pub use secrets::{Secrets, new_password};

use farshore_store::services::Service;
use farshore_types::RegionName;
use serde_json::Value;

/// The user that administers a service, unless another name was given when it was made.
const ADMINISTRATOR: &str = "avnadmin";
/// The fact of a service that holds the name.
pub const ADMINISTRATOR_FACT: &str = "administrator";
/// The database that a service starts with.
pub const FIRST_DATABASE: &str = "defaultdb";

/// The user that administers a service.
pub fn administrator(service: &Service) -> &str {
    service.facts.get(ADMINISTRATOR_FACT).and_then(Value::as_str).unwrap_or(ADMINISTRATOR)
}

/// The one of a service that is being made; `given` is what its options say.
pub fn administrator_of(given: Option<&str>) -> &str {
    given.unwrap_or(ADMINISTRATOR)
}

/// The node is to be in another region; what is stored stays. Its port is kept, so that on one machine its address stays, too.
pub fn relocate(service: &mut Service, to: &RegionName) {
    let stored_in = service.stored_in().to_string();
    service.region = to.to_string();
    service.backup_region = (stored_in != service.region).then_some(stored_in);
    if let Value::Object(facts) = &mut service.facts {
        ["host", "breaks"].iter().for_each(|fact| drop(facts.remove(*fact)));
    }
}

/// Words of a service's state.
pub mod state {
    /// It answers.
    pub const RUNNING: &str = "RUNNING";
    /// It is being made, restored or rebuilt.
    pub const REBUILDING: &str = "REBUILDING";
    /// It answers, and is being changed.
    pub const REBALANCING: &str = "REBALANCING";
    /// It is powered off.
    pub const POWEROFF: &str = "POWEROFF";
}
