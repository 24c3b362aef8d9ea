//! Which regions answer: asked again and again, told when it changes. And what is found on hosts that came back: nodes that nobody wants.

use std::collections::BTreeSet;

use farshore_store::{runs, services};
use farshore_types::{Generation, RegionName, Result};

use super::{each_service, refresh, regions_of};
use crate::regions::Turn;
use crate::upkeep::keep_stock;
use crate::{Control, events, kinds};

/// Asks one region whether it answers.
pub fn probe(control: &Control, region: &RegionName) -> Result<()> {
    let outcome = control.hosts.probe(region);
    match control.regions.looked(region.as_str(), &outcome, control.clock.now()) {
        Turn::None => Ok(()),
        Turn::Down(down) => {
            tracing::warn!(%region, reason = %down.reason, "a region does not answer");
            let text = format!("Region {region} does not answer: {}", down.reason);
            let projects = projects_in(control, region)?;
            tell(control, &projects, "region_down", &text)?;
            control.regions.told(region.as_str(), &projects);
            look_elsewhere(control, region)
        }
        Turn::Up(since) => {
            tracing::info!(%region, "a region answers again");
            let text = format!("Region {region} answers again; it did not since {since}");
            let mut projects = projects_in(control, region)?;
            projects.extend(control.regions.take_told(region.as_str()));
            tell(control, &projects, "region_up", &text)?;
            // It may have come back with less than it had: nothing is promised that is not there any more.
            refresh(control, region)
        }
    }
}

/// What can be restored elsewhere is read at once: somebody will ask for it now.
fn look_elsewhere(control: &Control, lost: &RegionName) -> Result<()> {
    each_service(control, "reading the copies of a lost region", |service| {
        if !service.regions().any(|region| region == lost.as_str()) {
            return Ok(());
        }
        for region in regions_of(control, &service)? {
            let stock = control.hosts.stock(&region, &service.id)?;
            control.store.write(|tx| keep_stock(tx, &service.id, region.as_str(), &stock, tx.now()))?;
        }
        Ok(())
    })
}

/// Every project that has a service there, or the backups of one.
fn projects_in(control: &Control, region: &RegionName) -> Result<BTreeSet<String>> {
    let mut projects = BTreeSet::new();
    each_service(control, "telling of a region", |service| {
        if service.regions().any(|needed| needed == region.as_str()) {
            projects.insert(service.project_id);
        }
        Ok(())
    })?;
    Ok(projects)
}

/// An event in each of some projects.
fn tell(control: &Control, projects: &BTreeSet<String>, event: &str, text: &str) -> Result<()> {
    control.store.write(|tx| {
        projects.iter().try_for_each(|project| events::record(tx, control, project, "farshore", event, None, text))
    })
}

/// Gives up nodes that nobody wants: of services that were terminated, or went to another region, while their host could not be reached.
pub fn sweep_nodes(control: &Control) -> Result<()> {
    for (id, region) in control.hosts.nodes()? {
        let unwanted = control.store.write(|tx| {
            if !runs::unfinished_of_subject(tx, id.as_str(), 1)?.is_empty() {
                return Ok(None);
            }
            // One that is not known here is somebody else's.
            let row = services::get(tx, &id)?.filter(|row| row.deleted_at.is_some() || row.region != region.as_str());
            let Some(row) = row else { return Ok(None) };
            let generation = services::next_generation(tx, &row.id).map(Generation)?;
            Ok(Some((row, generation)))
        })?;
        let Some((row, generation)) = unwanted else { continue };
        tracing::info!(service = %id, %region, "a node that is no longer wanted is removed");
        let outcome = match row.deleted_at {
            Some(_) => control.hosts.remove(&id, generation),
            None => control.hosts.settle(&id, generation, &kinds::home(control, &row)?),
        };
        if let Err(error) = outcome {
            tracing::info!(service = %id, %error, "the node is removed later");
        }
    }
    Ok(())
}
