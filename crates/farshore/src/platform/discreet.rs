//! Hosts that tell users nothing of where this machine keeps what: errors stand in events, letters, runs and answers. Whoever looks after
//! the machine knows its folders, and finds the rest of each path in the text.

use std::sync::Arc;

use farshore_control::hosts::{
    BackupReport, Change, CopyOrder, CopyView, Extension, Home, Hosts, Inhabitants, Keep, LogLine, NodeAddress,
    NodeOrder, NodeView, Query, RestoreOrder, RestoreReport, Stock,
};
use farshore_types::statistics::Page;
use farshore_types::{Generation, Progress, RegionName, Result, ServiceId};

use super::agents::Agents;

/// Hosts, and those who know the paths.
pub struct Discreet<H> {
    hosts: H,
    agents: Arc<Agents>,
}

impl<H: Hosts> Discreet<H> {
    /// Of hosts on this machine.
    pub fn new(hosts: H, agents: Arc<Agents>) -> Discreet<H> {
        Discreet { hosts, agents }
    }

    fn told<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.reworded(|text| self.agents.without_paths(text)))
    }
}

impl<H: Hosts> Hosts for Discreet<H> {
    fn versions(&self, region: &RegionName, service_type: &str) -> Result<Vec<u32>> {
        self.told(self.hosts.versions(region, service_type))
    }

    fn extensions(&self, region: &RegionName, service_type: &str) -> Result<Vec<(u32, Vec<Extension>)>> {
        self.told(self.hosts.extensions(region, service_type))
    }

    fn provision(&self, order: &NodeOrder) -> Result<NodeAddress> {
        self.told(self.hosts.provision(order))
    }

    fn restore(&self, order: &NodeOrder, restore: &RestoreOrder, progress: &Progress) -> Result<RestoreReport> {
        self.told(self.hosts.restore(order, restore, progress))
    }

    fn check_restore(&self, restore: &RestoreOrder) -> Result<()> {
        self.told(self.hosts.check_restore(restore))
    }

    fn back_up(
        &self,
        service: &ServiceId,
        generation: Generation,
        request: &str,
        progress: &Progress,
    ) -> Result<BackupReport> {
        self.told(self.hosts.back_up(service, generation, request, progress))
    }

    fn stop(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        self.told(self.hosts.stop(service, generation))
    }

    fn restart(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        self.told(self.hosts.restart(service, generation))
    }

    fn remove(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        self.told(self.hosts.remove(service, generation))
    }

    fn catch_up(&self, service: &ServiceId) -> Result<()> {
        self.told(self.hosts.catch_up(service))
    }

    fn view(&self, service: &ServiceId) -> Result<NodeView> {
        let mut view = self.told(self.hosts.view(service))?;
        view.trouble = view.trouble.map(|trouble| self.agents.without_paths(&trouble));
        Ok(view)
    }

    fn change(&self, service: &ServiceId, change: &Change) -> Result<()> {
        self.told(self.hosts.change(service, change))
    }

    fn inhabitants(&self, service: &ServiceId) -> Result<Inhabitants> {
        self.told(self.hosts.inhabitants(service))
    }

    fn queries(&self, service: &ServiceId, limit: usize) -> Result<Vec<Query>> {
        self.told(self.hosts.queries(service, limit))
    }

    fn statistics(&self, service: &ServiceId, page: &Page) -> Result<Vec<Query>> {
        self.told(self.hosts.statistics(service, page))
    }

    fn reset_statistics(&self, service: &ServiceId) -> Result<()> {
        self.told(self.hosts.reset_statistics(service))
    }

    fn log(&self, service: &ServiceId, limit: usize) -> Result<Vec<LogLine>> {
        self.told(self.hosts.log(service, limit))
    }

    fn stock(&self, region: &RegionName, service: &ServiceId) -> Result<Stock> {
        self.told(self.hosts.stock(region, service))
    }

    fn expire(&self, region: &RegionName, service: &ServiceId, keep: Keep) -> Result<u64> {
        self.told(self.hosts.expire(region, service, keep))
    }

    fn shred(&self, region: &RegionName, service: &ServiceId) -> Result<()> {
        self.told(self.hosts.shred(region, service))
    }

    fn probe(&self, region: &RegionName) -> Result<()> {
        self.told(self.hosts.probe(region))
    }

    fn settle(&self, service: &ServiceId, generation: Generation, home: &Home) -> Result<()> {
        self.told(self.hosts.settle(service, generation, home))
    }

    fn nodes(&self) -> Result<Vec<(ServiceId, RegionName)>> {
        self.told(self.hosts.nodes())
    }

    fn copy(&self, order: &CopyOrder) -> Result<()> {
        self.told(self.hosts.copy(order))
    }

    fn end_copy(&self, service: &ServiceId, region: &RegionName) -> Result<()> {
        self.told(self.hosts.end_copy(service, region))
    }

    fn copy_view(&self, service: &ServiceId, region: &RegionName) -> Result<Option<CopyView>> {
        let view = self.told(self.hosts.copy_view(service, region))?;
        Ok(view.map(|view| CopyView { paused: view.paused.map(|why| self.agents.without_paths(&why)), ..view }))
    }
}
