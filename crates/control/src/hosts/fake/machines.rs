//! Hosts that live in memory: their nodes, what their regions hold, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use farshore_types::{Error, ErrorKind, Generation, RegionName, Result, ServiceId, Timestamp};

use super::inside::Inside;
use crate::hosts::{CopyOrder, LogLine, NodeAddress, NodeOrder, NodeState, Stock};

/// The port of the first node; each further one has the next.
const FIRST_PORT: u16 = 20_000;

/// All hosts.
#[derive(Default)]
pub(super) struct Inner {
    pub(super) nodes: BTreeMap<ServiceId, Node>,
    pub(super) generations: BTreeMap<ServiceId, u64>,
    pub(super) stocks: BTreeMap<(RegionName, ServiceId), Kept>,
    pub(super) failing: BTreeMap<&'static str, ErrorKind>,
    pub(super) unanswered: BTreeSet<&'static str>,
    pub(super) ports: u16,
    pub(super) down: BTreeSet<RegionName>,
    pub(super) full: BTreeSet<ServiceId>,
    pub(super) crash_loops: BTreeMap<ServiceId, bool>,
    pub(super) copies: BTreeMap<(RegionName, ServiceId), CopyOrder>,
}

/// A node.
pub(super) struct Node {
    pub(super) order: NodeOrder,
    pub(super) port: u16,
    pub(super) state: NodeState,
    pub(super) breaks: u64,
    pub(super) inside: Inside,
    pub(super) log: Vec<LogLine>,
}

/// What a region's store holds of a service.
#[derive(Clone, Default)]
pub(super) struct Kept {
    pub(super) stock: Stock,
    pub(super) inside: Inside,
}

impl Inner {
    pub(super) fn must_be_up(&self, region: &RegionName) -> Result<()> {
        match self.down.contains(region) {
            true => Err(Error::transient(format!("region {region} is down"))),
            false => Ok(()),
        }
    }

    /// The end of a verb that did its work.
    pub(super) fn answer<T>(&self, verb: &'static str, answer: T) -> Result<T> {
        match self.unanswered.contains(verb) {
            true => Err(Error::transient(format!("the answer of {verb} is lost as a test asked"))),
            false => Ok(answer),
        }
    }

    pub(super) fn node_must_be_up(&self, service: &ServiceId) -> Result<()> {
        self.nodes.get(service).map_or(Ok(()), |node| self.must_be_up(&node.order.home.region))
    }

    pub(super) fn fence(&mut self, service: &ServiceId, generation: Generation) -> Result<()> {
        let seen = self.generations.entry(service.clone()).or_default();
        if generation.0 < *seen {
            return Err(Error::conflict(format!("generation {generation} of {service} was replaced")));
        }
        *seen = generation.0;
        Ok(())
    }

    pub(super) fn place(&mut self, order: &NodeOrder, inside: Option<Inside>, now: Timestamp) -> NodeAddress {
        self.ports += 1;
        let fresh = FIRST_PORT + self.ports;
        let known = self.nodes.remove(&order.service);
        let port = order.port.or(known.as_ref().map(|node| node.port)).unwrap_or(fresh);
        let (before, mut log) = known.map(|node| (node.inside, node.log)).unwrap_or_default();
        for (unit, text) in [("farshore-agent", "the server is started"), ("postgresql", "LOG:  ready")] {
            log.push(LogLine { at: now, unit: unit.to_string(), text: text.to_string() });
        }
        let inside = inside.unwrap_or(before);
        let node = Node { order: order.clone(), port, state: NodeState::Ready, breaks: 0, inside, log };
        self.nodes.insert(order.service.clone(), node);
        NodeAddress { host: "127.0.0.1".to_string(), port, version: format!("{}.0", order.major) }
    }

    pub(super) fn ready(&mut self, service: &ServiceId) -> Result<&mut Node> {
        let node = self.nodes.get_mut(service).filter(|node| node.state == NodeState::Ready);
        node.ok_or_else(|| Error::conflict(format!("the server of {service} does not run")))
    }
}
