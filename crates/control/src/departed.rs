//! Further regions that a service had a short while ago, and whose copy is destroyed: a change of regions is remembered for longer than
//! what it left behind. Kept among the facts of the service.

use farshore_store::services::Service;
use farshore_types::{Error, Result};
use serde_json::Value;

use crate::policy::copies::Departed;

/// The fact.
const GONE: &str = "departed_copies";
/// So many are remembered, the newest ones.
const GONE_MAX: usize = 16;

/// Those of a service, oldest first.
pub fn of(service: &Service) -> Result<Vec<Departed>> {
    let kept = service.facts.get(GONE).cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    serde_json::from_value(kept)
        .map_err(|error| Error::corrupt(format!("{GONE} of service {} cannot be read: {error}", service.id)))
}

/// Remembers one more. The caller writes the row.
pub fn note(service: &mut Service, one: Departed) -> Result<()> {
    let mut kept = of(service)?;
    kept.push(one);
    let kept = kept.split_off(kept.len().saturating_sub(GONE_MAX));
    let kept = serde_json::to_value(kept).map_err(|error| Error::bug(format!("{GONE} is no JSON: {error}")))?;
    if let Value::Object(facts) = &mut service.facts {
        facts.insert(GONE.to_string(), kept);
    }
    Ok(())
}
