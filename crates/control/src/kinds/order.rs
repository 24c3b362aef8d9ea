//! What a host is told about a service's node, from the service's row.

use farshore_store::services::Service;
use farshore_types::{Error, Generation, Plan, Result, ServiceType};
use serde_json::Value;

use crate::hosts::{Home, NodeOrder};
use crate::policy::memory;
use crate::upkeep::config;
use crate::upkeep::schema;
use crate::{Control, catalog, pki};

/// From where one may connect unless the options say otherwise.
const EVERYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// Where a service lives.
pub fn home(control: &Control, service: &Service) -> Result<Home> {
    let region = |name: &str| control.settings.region(name).map(|region| region.name.clone());
    Ok(Home { region: region(&service.region)?, stored_in: region(service.stored_in())? })
}

/// The order for a service's node.
pub fn node_order(control: &Control, service: &Service, generation: Generation) -> Result<NodeOrder> {
    let service_type: ServiceType = service.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    let plan = Plan::find(&plans, service_type, &service.plan)?;
    let config = config(service)?;
    let issued = pki::server_certificate(control, &service.project_id, &service.id)?;
    let networks = config.texts("ip_filter").into_iter().map(str::to_string).collect::<Vec<_>>();
    let everywhere = || EVERYWHERE.map(str::to_string).to_vec();
    Ok(NodeOrder {
        service: service.id.clone(),
        generation,
        major: number(service, "major")?,
        home: home(control, service)?,
        port: number(service, "port").ok(),
        connections_max: memory::connections_max(plan),
        shared_buffers_mib: memory::shared_buffers_mib(plan, &config),
        disk_mib: service.disk_mb,
        // An empty list, which former builds took, means nobody.
        networks: if config.get("ip_filter").is_none() { everywhere() } else { networks },
        settings: schema(control, service_type).settings(&config),
        certificate: issued.certificate,
        key: issued.key,
    })
}

fn number<T: TryFrom<u64>>(service: &Service, fact: &str) -> Result<T> {
    let found = service.facts.get(fact).and_then(Value::as_u64).and_then(|number| T::try_from(number).ok());
    found.ok_or_else(|| Error::corrupt(format!("service {} has no {fact}", service.id)))
}
