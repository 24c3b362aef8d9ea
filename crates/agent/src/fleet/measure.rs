//! What is measured of a node from time to time, and what follows: a server is closed for writing before its disk is full.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use farshore_engines::postgresql::wire::Connection;
use farshore_types::{Clock, Result};

use super::certificate::door;
use super::figures::{self, Counted};
use super::observe::disk_bytes;
use super::order::Order;
use crate::postgres::Node;

/// Between two measurements of a node.
const MEASURE_PAUSE: Duration = Duration::from_secs(10);
/// Part of its disk at which a server is closed for writing, and below which it is opened again.
const FULL_PERCENT: u64 = 97;
const OPEN_PERCENT: u64 = 90;

/// The last measurement.
#[derive(Default)]
pub struct Measured {
    at: Option<Duration>,
    counted: Option<Counted>,
    /// Figures by name.
    pub figures: BTreeMap<String, f64>,
    /// Bytes of the volume.
    pub disk_bytes: Option<u64>,
    /// Whether the server is closed for writing because its disk is full.
    pub full: bool,
}

impl Measured {
    /// Measures, if it is time again. Open transactions of a server that is closed for writing go on to their end. Gives a sentence when
    /// that changed.
    pub fn look(&mut self, order: &Order, node: &mut Node, clock: &Arc<dyn Clock>) -> Result<Option<&'static str>> {
        let now = clock.monotonic();
        if self.at.is_some_and(|at| now.saturating_sub(at) < MEASURE_PAUSE) {
            return Ok(None);
        }
        self.at = Some(now);
        let mut session = Connection::connect(&node.settings()?, clock.clone())?;
        let mut figures = figures::read(&node.layout().data(), &mut session, now, &mut self.counted)?;
        session.close();
        let disk = disk_bytes(node.layout().volume());
        figures.insert("disk_bytes".to_string(), disk as f64);
        (self.figures, self.disk_bytes) = (figures, Some(disk));
        let percent = disk.saturating_mul(100) / (order.disk_mib << 20).max(1);
        let full = percent >= if self.full { OPEN_PERCENT } else { FULL_PERCENT };
        if full == self.full {
            return Ok(None);
        }
        let mut settings = order.settings.clone();
        if full {
            settings.push(("default_transaction_read_only".to_string(), "on".to_string()));
        }
        let door = door(node.layout().volume(), &order.networks);
        node.reconfigure(order.sizes.clone(), Some(door), settings)?;
        self.full = full;
        Ok(Some(if full { "the disk is full: new transactions may only read" } else { "the disk has room again" }))
    }
}
