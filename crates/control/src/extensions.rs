//! Extensions that the owner of a database may make: what the hosts have installed.

use std::collections::BTreeMap;

use farshore_types::{ErrorKind, Result};

use crate::Control;
use crate::hosts::Extension;
use crate::services;

/// By major version of a type, the oldest first: what the hosts of some region offer. Regions without that type are left out.
pub fn of_type(control: &Control, service_type: &str) -> Result<BTreeMap<u32, Vec<Extension>>> {
    let mut found = BTreeMap::new();
    for region in &control.settings.regions {
        let there = match control.hosts.extensions(&region.name, service_type) {
            Err(error) if error.kind() == ErrorKind::Missing => continue,
            there => there?,
        };
        for (major, extensions) in there {
            found.entry(major).or_insert(extensions);
        }
    }
    Ok(found)
}

/// Of a service: what the hosts of its region offer for its version.
pub fn of_service(control: &Control, project: &str, name: &str) -> Result<Vec<Extension>> {
    let service = services::get(control, project, name)?;
    let there = control.hosts.extensions(&service.region.parse()?, &service.service_type)?;
    let major = service.facts["major"].as_u64();
    Ok(there
        .into_iter()
        .find(|(known, _)| major == Some(u64::from(*known)))
        .map(|(_, found)| found)
        .unwrap_or_default())
}
